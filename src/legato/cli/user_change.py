# SPDX-License-Identifier: Apache-2.0
"""`legato user add`, `role`, `disable`, `enable`, `reset`, `link`: each is one row of the audit.

Rules: CL61-CL64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.people import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from legato.app import App
    from legato.ports.accounts import Role, User

_yes = click.option("--yes", is_flag=True, help="Do it without a question.")
_url = click.option("--url", help="Address of the server; default public_url, or the port.")
_where = click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")


@click.command(
    epilog=examples(
        "legato user add ann@example.org",
        "legato user add ann@example.org --role editor --name 'Ann Lee'",
    )
)
@click.argument("email", metavar="EMAIL")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@_where
@click.option("--name", help="Shown to others; default what is before the @.")
@_url
@command_options
def add(
    invocation: Invocation, email: str, role: Role, workspace: str | None, name: str | None,
    url: str | None,
) -> int:  # fmt: skip
    """Add an account without a password, and print a link with which its owner sets one."""
    from legato.app import run
    from legato.cli.people import administration

    async def work() -> None:
        async with administration(invocation) as app:
            user, place = await _add(app, email, name, (role, workspace))
            invocation.terminal.note(f"added {user.email}, {role} in {place}")
            await _say_link(invocation, app, user, "reset", url)

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato user role ann@example.org admin",
        "legato user role ann@example.org viewer --workspace lab",
    )
)
@click.argument("email", metavar="EMAIL")
@click.argument("role", type=click.Choice(ROLES))
@_where
@_yes
@command_options
def role(
    invocation: Invocation, email: str, role: Role, workspace: str | None, *, yes: bool
) -> int:
    """Give an account a role in a workspace; it counts within a second."""
    from legato.app import run
    from legato.cli.people import (
        administration,
        confirm,
        entry,
        find_user,
        find_workspace,
        role_of,
    )
    from legato.errors import Conflict
    from legato.ports.accounts import Member

    async def work() -> None:
        async with administration(invocation) as app:
            user = await find_user(app, email)
            place = await find_workspace(app, workspace)
            was = await role_of(app, user, place)
            if was is not None and ROLES.index(role) < ROLES.index(was):
                confirm(invocation, f"{user.email} is {was} in {place.slug}. Lower it?", yes=yes)
            audit = entry(
                "member.role", ("user", user.id), workspace=place.id,
                data={"role": role, "was": was},
            )  # fmt: skip
            member = Member(workspace=place.id, user=user.id, role=role)
            done = "done"
            if was != role:
                done = await app.stores.accounts.put_member(member, audit, was=was or "none")
            if done == "changed":
                raise Conflict("the role was changed at the same time; try again")
            if done != "done":
                raise Conflict(
                    f"{user.email} is the last owner of {place.slug}.",
                    hint="Give it another owner first.",
                )
            told = {"id": user.id, "email": user.email, "workspace": place.slug, "role": role}
            invocation.terminal.json({**told, "was": was})
            invocation.terminal.line(f"{user.email} is {role} in {place.slug}")

    run(work())
    return OK


@click.command(epilog=examples("legato user disable ann@example.org --yes"))
@click.argument("email", metavar="EMAIL")
@_yes
@command_options
def disable(invocation: Invocation, email: str, *, yes: bool) -> int:
    """Close an account: its log-ins, API keys and links end at once, for good."""
    from legato.app import run
    from legato.cli.people import administration, confirm, find_user

    async def work() -> None:
        async with administration(invocation) as app:
            user = await find_user(app, email)
            await _refuse_last_owner(app, user)
            question = f"Close the account {user.email}? Its log-ins and API keys end for good."
            confirm(invocation, question, yes=yes or user.is_disabled)
            await _set_disabled(invocation, app, user, is_disabled=True)

    run(work())
    return OK


@click.command(epilog=examples("legato user enable ann@example.org"))
@click.argument("email", metavar="EMAIL")
@command_options
def enable(invocation: Invocation, email: str) -> int:
    """Open an account again; it logs in anew, and makes new API keys."""
    from legato.app import run
    from legato.cli.people import administration, find_user

    async def work() -> None:
        async with administration(invocation) as app:
            await _set_disabled(invocation, app, await find_user(app, email), is_disabled=False)

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato user reset ann@example.org",
        "legato user reset ann@example.org --drop-second-factor",
    )
)
@click.argument("email", metavar="EMAIL")
@click.option(
    "--drop-second-factor", "drops", is_flag=True,
    help="Also for somebody who has lost it: it goes with the password, and log-ins end.",
)  # fmt: skip
@_url
@_yes
@command_options
def reset(invocation: Invocation, email: str, url: str | None, *, drops: bool, yes: bool) -> int:
    """Print a link with which the owner of an account sets a new password; good once, for an hour.

    The password of now stays until it is used. Whoever has the link has the account: give it to
    nobody else.
    """
    from legato.app import run
    from legato.cli.people import administration, confirm, find_user

    async def work() -> None:
        async with administration(invocation) as app:
            user = await find_user(app, email)
            if drops and user.totp is not None:
                confirm(invocation, f"Take away the second factor of {user.email}?", yes=yes)
                user = await _without_factor(app, user)
            await _say_link(invocation, app, user, "reset", url)

    run(work())
    return OK


@click.command(epilog=examples("legato user link owner@localhost"))
@click.argument("email", metavar="EMAIL")
@_url
@command_options
def link(invocation: Invocation, email: str, url: str | None) -> int:
    """Print a link that logs the owner of an account in; good once, for 10 minutes."""
    from legato.app import run
    from legato.cli.people import administration, find_user

    async def work() -> None:
        async with administration(invocation) as app:
            await _say_link(invocation, app, await find_user(app, email), "link", url)

    run(work())
    return OK


async def _add(
    app: App, email: str, name: str | None, what: tuple[Role, str | None]
) -> tuple[User, str]:
    from legato.auth.names import clean_display_name, fold_email
    from legato.cli.people import entry, find_workspace
    from legato.errors import Conflict
    from legato.model.ids import UserId
    from legato.ports.accounts import Member, User

    role, workspace = what
    address = fold_email(email)
    shown = clean_display_name(name if name is not None else address.partition("@")[0])
    place = await find_workspace(app, workspace)
    user = User(id=UserId(app.clock.new_id()), email=address, display_name=shown)
    member = Member(workspace=place.id, user=user.id, role=role)
    audit = entry("user.create", ("user", user.id), workspace=place.id, data={"role": role})
    if not await app.stores.accounts.add_user(user, audit, member=member):
        raise Conflict(
            f"there is an account {address} already.", hint="legato user role gives it a role."
        )
    return user, place.slug


async def _say_link(
    invocation: Invocation, app: App, user: User, kind: str, url: str | None
) -> None:
    """Print a link on stdout: it is the result, and stands nowhere else."""
    from legato.api.links import LOGIN_MS, RESET_MS, new_login_link, new_reset_link
    from legato.cli.people import server_url
    from legato.cli.person import person
    from legato.model.durations import format_duration
    from legato.model.instants import iso

    make: Callable[..., Any] = new_login_link if kind == "link" else new_reset_link
    ttl_ms = LOGIN_MS if kind == "link" else RESET_MS
    ends_at = (await app.stores.lifecycle.look()).now + ttl_ms
    base = server_url(app.settings, url)
    made = await make(app.stores.accounts, user, base, person=person())
    terminal = invocation.terminal
    terminal.json({"id": user.id, "email": user.email, "url": made, "expires_at": iso(ends_at)})
    terminal.line(made)
    terminal.note(f"good once, for {format_duration(ttl_ms)}; it is for {user.email} alone")


async def _refuse_last_owner(app: App, user: User) -> None:
    """Refuse to close the account of somebody without whom a workspace has no owner.

    Raises:
        Conflict: It is the last one who is not disabled.
    """
    from legato.errors import Conflict

    accounts = app.stores.accounts
    for place, role in await accounts.memberships(user.id):
        if role != "owner" or user.is_disabled:
            continue
        others = [each for each in await accounts.members(place.id) if each.role == "owner"]
        found = [await accounts.user(each.user) for each in others if each.user != user.id]
        if not any(each is not None and not each.is_disabled for each in found):
            raise Conflict(
                f"{user.email} is the last owner of {place.slug}.",
                hint="Give it another owner first.",
            )


async def _set_disabled(invocation: Invocation, app: App, user: User, *, is_disabled: bool) -> None:
    from legato.cli.people import entry
    from legato.errors import Conflict

    action, word = ("user.disable", "disabled") if is_disabled else ("user.enable", "enabled")
    done = await app.stores.accounts.disable_user(
        user.id, entry(action, ("user", user.id)), is_disabled=is_disabled
    )
    if done != "done":
        raise Conflict(f"{user.email} is the last administrator of this installation.")
    invocation.terminal.json({"id": user.id, "email": user.email, "is_disabled": is_disabled})
    invocation.terminal.line(f"{user.email} is {word}")


async def _without_factor(app: App, user: User) -> User:
    """Take away a second factor that is lost, and end the log-ins.

    The password goes with it: beside the factor it may have been too weak to stand alone.

    Raises:
        Conflict: The account was changed at the same time.
    """
    import msgspec

    from legato.cli.people import entry, find_user
    from legato.errors import Conflict

    changed = msgspec.structs.replace(user, totp=None, totp_step=0, recovery=(), password_hash=None)
    done = await app.stores.accounts.change_user(
        changed, entry("auth.mfa_off", ("user", user.id)), ends_sessions_but="none"
    )
    if not done:
        raise Conflict("the account was changed at the same time; try again")
    return await find_user(app, user.id)
