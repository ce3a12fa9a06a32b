# SPDX-License-Identifier: Apache-2.0
"""`legato user list` and `show`: accounts as they are stored, without what lets anybody in.

Rules: CL60.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.terminal import Terminal
    from legato.ports.accounts import ApiKey, Session, User

PAGE_MAX = 1_000


@click.command(
    "list", epilog=examples("legato user list", "legato user list --limit 20 --before LAST_ID")
)
@click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=100, show_default=True)
@click.option("--before", metavar="ID", help="The page after this id: older accounts.")
@command_options
def list_users(invocation: Invocation, limit: int, before: str | None) -> int:
    """List accounts, the newest first."""
    from legato.app import run
    from legato.cli.people import administration

    async def work() -> None:
        async with administration(invocation) as app:
            found = await app.stores.accounts.users(after=before, limit=limit + 1)
            await _list(app, invocation.terminal, found[:limit], has_more=len(found) > limit)

    run(work())
    return OK


@click.command(
    epilog=examples("legato user show ann@example.org", "legato user show ann@example.org --json")
)
@click.argument("email", metavar="EMAIL")
@command_options
def show(invocation: Invocation, email: str) -> int:
    """Show one account: its roles, log-ins and keys."""
    from legato.app import run
    from legato.cli.people import administration, find_user

    async def work() -> None:
        async with administration(invocation) as app:
            await _show(app, invocation.terminal, await find_user(app, email))

    run(work())
    return OK


async def _list(app: App, terminal: Terminal, users: list[User], *, has_more: bool) -> None:
    from legato.cli.people import user_json
    from legato.cli.text import local_time, table

    rows = [("EMAIL", "NAME", "STATE", "ROLES", "SINCE", "ID")]
    for each in users:
        places = await app.stores.accounts.memberships(each.id)
        roles = [{"id": place.id, "slug": place.slug, "role": role} for place, role in places]
        terminal.json({**user_json(each), "workspaces": roles})
        rows.append(
            (
                each.email,
                each.display_name,
                _state(each),
                ", ".join(f"{place.slug}: {role}" for place, role in places) or "-",
                local_time(each.created_at),
                each.id,
            )
        )
    if users:
        terminal.lines(table(rows))
    else:
        terminal.line("no accounts")
    if has_more:
        terminal.note(f"more: legato user list --before {users[-1].id}")


def _state(user: User) -> str:
    words = ["disabled" if user.is_disabled else "active"]
    words += ["administrator"] if user.is_instance_admin else []
    words += [] if user.password_hash is not None else ["no password"]
    words += ["second factor"] if user.totp is not None else []
    return ", ".join(words)


async def _show(app: App, terminal: Terminal, user: User) -> None:
    from legato.cli.people import key_json, user_json
    from legato.model.instants import iso

    accounts = app.stores.accounts
    places = await accounts.memberships(user.id)
    sessions, keys = await accounts.sessions(user.id), await accounts.keys(user.id)
    shown: dict[str, Any] = {
        **user_json(user),
        "workspaces": [{"id": at.id, "slug": at.slug, "role": role} for at, role in places],
        "sessions": [
            {
                "id": each.id,
                "created_at": iso(each.created_at),
                "last_active": iso(each.last_active),
                "ip": each.ip,
                "user_agent": each.user_agent,
            }
            for each in sessions
        ],
        "api_keys": [key_json(each, user) for each in keys],
    }
    terminal.json(shown)
    terminal.line(f"{user.email}  {user.display_name}")
    terminal.line(f"  {user.id}, {_state(user)}")
    for at, role in places:
        terminal.line(f"  {role} in {at.slug}")
    _say_log_ins(terminal, sessions, keys)


def _say_log_ins(terminal: Terminal, sessions: list[Session], keys: list[ApiKey]) -> None:
    from legato.cli.text import fit, local_time, table

    if sessions:
        terminal.line("log-ins:")
        rows = [
            (f"  {local_time(each.last_active)}", each.ip, fit(each.user_agent, 60))
            for each in sessions
        ]
        terminal.lines(table(rows))
    if keys:
        terminal.line("API keys:")
        shown = [
            (f"  {each.id}", each.name, local_time(each.last_used), " ".join(each.scopes))
            for each in keys
        ]
        terminal.lines(table(shown))
