# SPDX-License-Identifier: Apache-2.0
"""What commands about accounts and keys share: finding people, asking before a loss, the audit.

They work on the database of the settings, whether a server runs or not: who can write it needs no
account. Rules: CL60, CL67, AD16.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from legato.cli.person import person
from legato.cli.terminal import read_line
from legato.cli.text import escape
from legato.errors import InvalidInput, LegatoError, NotAllowed, NotFound
from legato.model.instants import iso

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.invocation import Invocation
    from legato.ports.accounts import ApiKey, Role, User, Workspace
    from legato.ports.audit import AuditEntry
    from legato.settings import Settings

ROLES = ("viewer", "operator", "editor", "admin", "owner")


@contextlib.asynccontextmanager
async def administration(invocation: Invocation) -> AsyncIterator[App]:
    """Open the store; what was written to the audit is sealed at the end."""
    from legato.app import build

    async with build(invocation.settings(), role="reader") as app:
        yield app
        with contextlib.suppress(LegatoError):  # a server does it, too
            await app.stores.audit.seal()


def entry(
    action: str,
    target: tuple[str, str],
    *,
    workspace: Any = None,
    data: Mapping[str, Any] | None = None,
) -> list[AuditEntry]:
    """Return the audit entry of a deed from the command line, with the login name of who did it."""
    from legato.ports.audit import AuditEntry

    return [
        AuditEntry(
            action=action,
            actor_kind="system",
            actor="cli",
            target_kind=target[0],
            target=target[1],
            workspace=workspace,
            data={"person": person(), **(data or {})},
        )
    ]


async def find_user(app: App, named: str) -> User:
    """Return a user by address or id.

    Raises:
        NotFound: There is none.
    """
    from legato.auth.names import fold_email
    from legato.model.ids import UserId

    accounts = app.stores.accounts
    with contextlib.suppress(InvalidInput):
        found = await accounts.user_by_email(fold_email(named))
        if found is not None:
            return found
    found = await accounts.user(UserId(named))
    if found is None:
        raise NotFound(f"there is no account {named}", hint="legato user list shows all of them.")
    return found


async def find_workspace(app: App, named: str | None) -> Workspace:
    """Return a workspace by slug or id; the first one of the installation unless one is named.

    Raises:
        NotFound: There is none.
    """
    from legato.model.ids import LOCAL_WORKSPACE

    found = await app.stores.accounts.workspace(named or LOCAL_WORKSPACE)
    if found is not None:
        return found
    if named is not None:
        raise NotFound(f"there is no workspace {named}")
    raise NotFound(
        "nobody has set this installation up.",
        hint="Open the set-up link that legato up or legato serve prints.",
    )


async def role_of(app: App, user: User, workspace: Workspace) -> Role | None:
    """Return what a user is in a workspace."""
    places = await app.stores.accounts.memberships(user.id)
    return next((role for place, role in places if place.id == workspace.id), None)


def confirm(invocation: Invocation, question: str, *, yes: bool) -> None:
    """Ask before something is lost.

    Raises:
        NotAllowed: Nobody can be asked, and `yes` was not given.
        click.Abort: The answer was no.
    """
    if yes:
        return
    if not invocation.terminal.can_ask:
        raise NotAllowed(f"{question} Nobody can be asked here.", hint="Say --yes.")
    answer = read_line(f"{escape(question)} [y/N]: ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise click.Abort


def server_url(settings: Settings, given: str | None) -> str:
    """Return the address under which people reach the server, without a slash at the end.

    `legato up` has noted it: the port of the settings may have been taken.
    """
    from legato.cli.places import noted_url

    server = settings.server
    said = given or server.public_url or noted_url(settings.home)
    if said:
        return said.rstrip("/")
    host = f"[{server.host}]" if ":" in server.host else server.host
    scheme = "https" if server.tls_certificate is not None else "http"
    return f"{scheme}://{host}:{server.port}"


def instant(text: str, now_ms: int) -> int:
    """Return a moment in ms: written as RFC 3339, as a day, or as how long ago (`7d`).

    Raises:
        InvalidInput: It is none of them.
    """
    from legato.model.durations import parse_duration

    with contextlib.suppress(InvalidInput):
        return now_ms - parse_duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r:.40} is no time; write 7d, 2026-11-30 or 2026-11-30T09:00:00+01:00"
        ) from None
    return int((found if found.tzinfo else found.astimezone()).astimezone(UTC).timestamp() * 1000)


def user_json(user: User) -> dict[str, Any]:
    """Return an account as commands print it: nothing that lets anybody in."""
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "is_disabled": user.is_disabled,
        "is_instance_admin": user.is_instance_admin,
        "has_password": user.password_hash is not None,
        "has_totp": user.totp is not None,
        "created_at": iso(user.created_at),
    }


def key_json(key: ApiKey, user: User) -> dict[str, Any]:
    """Return an API key as commands print it, without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "user": {"id": user.id, "email": user.email},
        "workspace_id": key.workspace,
        "scopes": list(key.scopes),
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "last_used": iso(key.last_used),
        "is_disabled": key.disabled_at is not None,
    }
