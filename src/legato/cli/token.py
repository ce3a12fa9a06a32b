# SPDX-License-Identifier: Apache-2.0
"""`legato token`: API keys, with which programs use the API. A key is shown once.

Rules: CL65, CL66.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.main import LazyGroup

if TYPE_CHECKING:
    from legato.app import App
    from legato.ports.accounts import ApiKey, User

PAGE = 200

token = LazyGroup(
    name="token",
    help="Administer API keys, on the database of the settings; a server may run or not.\n\n"
    "A key acts for an account in one workspace, within its scopes and the account's role.",
    table={
        "list": (f"{__name__}:list_keys", "List the API keys that live."),
        "create": (f"{__name__}:create", "Make an API key, and print it once."),
        "enable": (f"{__name__}:enable", "Enable a key again that a restore has disabled."),
        "revoke": (f"{__name__}:revoke", "End an API key at once."),
    },
    epilog=examples(
        "legato token create --user ann@example.org --name ci --scope execution:run",
        "legato token list",
        "legato token revoke abcd2345efgh",
    ),
)


@click.command("list", epilog=examples("legato token list", "legato token list --user ann@x.org"))
@click.option("--user", "email", metavar="EMAIL", help="Only of this account.")
@click.option("--workspace", metavar="SLUG", help="Only of this workspace.")
@command_options
def list_keys(invocation: Invocation, email: str | None, workspace: str | None) -> int:
    """List the API keys that live, by account; their secrets are stored nowhere."""
    from legato.app import run
    from legato.cli.people import administration, find_workspace

    async def work() -> None:
        async with administration(invocation) as app:
            place = None if workspace is None else (await find_workspace(app, workspace)).id
            found = [
                (key, user)
                for user in await _users(app, email)
                for key in await app.stores.accounts.keys(user.id, place)
            ]
            _say_keys(invocation, found)

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato token create --user ann@example.org --name ci --scope execution:run",
        "legato token create --user ann@example.org --name prometheus --scope metrics:read "
        "--expires 90d",
    )
)
@click.option("--user", "email", metavar="EMAIL", required=True, help="Whose role bounds it.")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="Repeatable.")
@click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")
@click.option("--expires", metavar="TIME", help="In how long: 90d. Default never.")
@command_options
def create(invocation: Invocation, **asked: Any) -> int:
    """Make an API key, and print it on stdout: it is shown this once.

    A scope is RESOURCE:read, RESOURCE:write or RESOURCE:run; one that is not known prints them all.
    """
    from legato.app import run
    from legato.cli.people import administration, find_user, key_json

    async def work() -> None:
        async with administration(invocation) as app:
            user = await find_user(app, asked["email"])
            text, key = await _create(app, user, asked)
            terminal = invocation.terminal
            terminal.json({**key_json(key, user), "key": text})
            terminal.line(text)
            terminal.note(f"key {key.id} of {user.email}; it is shown this once")

    run(work())
    return OK


@click.command(epilog=examples("legato token revoke abcd2345efgh --yes"))
@click.argument("key", metavar="ID")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@command_options
def revoke(invocation: Invocation, key: str, *, yes: bool) -> int:
    """End an API key at once, for good. ID is what stands after `lgt_`."""
    from legato.app import run
    from legato.cli.people import administration, confirm, entry
    from legato.errors import NotFound

    named = _id_of(key)

    async def work() -> None:
        async with administration(invocation) as app:
            place = None
            for user in await _users(app, None):
                of_user = await app.stores.accounts.keys(user.id)
                place = next((each.workspace for each in of_user if each.id == named), place)
            if place is None:
                raise NotFound(
                    "there is no such key that lives.", hint="legato token list shows them."
                )
            confirm(invocation, f"End the key {named}? What uses it fails from now on.", yes=yes)
            audit = entry("auth.api_key_revoke", ("api_key", named), workspace=place)
            await app.stores.accounts.revoke_key(named, audit)
            invocation.terminal.json({"id": named, "is_revoked": True})
            invocation.terminal.line(f"key {named} is revoked")

    run(work())
    return OK


@click.command(epilog=examples("legato token enable abcd2345efgh"))
@click.argument("key", metavar="ID")
@command_options
def enable(invocation: Invocation, key: str) -> int:
    """Enable an API key again that a restore has disabled. ID is what stands after `lgt_`.

    It may have been revoked after the backup was made: enable what you know to be in use.
    """
    from legato.app import run
    from legato.cli.people import administration, entry
    from legato.errors import NotFound

    named = _id_of(key)

    async def work() -> None:
        async with administration(invocation) as app:
            audit = entry("auth.api_key_enable", ("api_key", named))
            if not await app.stores.accounts.enable_key(named, audit):
                raise NotFound(
                    "there is no such key that a restore has disabled.",
                    hint="legato token list shows them.",
                )
            invocation.terminal.json({"id": named, "is_disabled": False})
            invocation.terminal.line(f"key {named} is enabled")

    run(work())
    return OK


def _id_of(text: str) -> str:
    """Return the id in what was typed: it, or a whole key; what is neither is not repeated."""
    import re

    from legato.errors import InvalidInput

    found = re.fullmatch(r"(?:lgt_)?([a-z2-7]{12})(?:_[A-Za-z0-9_-]*)?", text)
    if found is None:
        raise InvalidInput("an API key's id has 12 of a-z and 2-7", hint="See legato token list.")
    return found[1]


async def _users(app: App, email: str | None) -> list[User]:
    from legato.cli.people import find_user

    if email is not None:
        return [await find_user(app, email)]
    found: list[User] = []
    after: str | None = None
    while page := await app.stores.accounts.users(after=after, limit=PAGE):
        found += page
        after = page[-1].id
    return found


async def _create(app: App, user: User, asked: dict[str, Any]) -> tuple[str, ApiKey]:
    from legato.auth.names import clean_display_name
    from legato.auth.refresh import new_api_key
    from legato.auth.roles import check_scopes
    from legato.cli.people import entry, find_workspace, role_of
    from legato.errors import Conflict
    from legato.model.durations import parse_duration
    from legato.ports.accounts import ApiKey

    name = clean_display_name(asked["name"])
    life_ms = None if asked["expires"] is None else parse_duration(asked["expires"])
    place = await find_workspace(app, asked["workspace"])
    role = await role_of(app, user, place)
    if user.is_disabled or role is None:
        state = "disabled" if user.is_disabled else f"no member of {place.slug}"
        raise Conflict(f"{user.email} is {state}")
    scopes = check_scopes(list(asked["scopes"]), role)
    now = (await app.stores.lifecycle.look()).now
    fresh = new_api_key()
    key = ApiKey(
        id=fresh.parts.id,
        secret_hash=fresh.parts.secret_hash,
        workspace=place.id,
        user=user.id,
        name=name,
        scopes=scopes,
        expires_at=None if life_ms is None else now + life_ms,
    )
    audit = entry(
        "auth.api_key_create", ("api_key", key.id), workspace=place.id,
        data={"user": user.id, "scopes": list(scopes)},
    )  # fmt: skip
    return fresh.text, await app.stores.accounts.add_key(key, audit)


def _say_keys(invocation: Invocation, found: list[tuple[ApiKey, User]]) -> None:
    from legato.cli.people import key_json
    from legato.cli.text import local_time, table

    terminal = invocation.terminal
    rows = [("ID", "NAME", "ACCOUNT", "EXPIRES", "LAST USED", "SCOPES")]
    for key, user in found:
        terminal.json(key_json(key, user))
        times = (local_time(key.expires_at), local_time(key.last_used))
        scopes = " ".join(key.scopes)
        shown = scopes if key.disabled_at is None else f"disabled by a restore; {scopes}"
        rows.append((key.id, key.name, user.email, *times, shown))
    terminal.lines(table(rows) if found else ["no keys"])
