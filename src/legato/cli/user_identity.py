# SPDX-License-Identifier: Apache-2.0
"""`legato user identity add` and `remove`: whose account somebody at another issuer has.

Only who runs the installation links an account: what an issuer says of an e-mail address is no
proof of whose account it is. Rules: AU111.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.main import LazyGroup

if TYPE_CHECKING:
    from legato.ports.accounts import Accounts, ExternalIdentity
    from legato.ports.audit import AuditEntry
    from legato.settings import Settings

_THIS = "legato.cli.user_identity"

identity = LazyGroup(
    name="identity",
    help="Link accounts to identities of the issuers in the settings.",
    table={
        "add": (f"{_THIS}:add", "Let somebody at an issuer into an account."),
        "remove": (f"{_THIS}:remove", "Let them in no more."),
    },
    epilog=examples(
        "legato user identity add ada@example.org --issuer https://id.example.org --subject 8e1c",
    ),
)


def _of_issuer(function: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options that name an identity."""
    function = click.option("--subject", required=True, help="What its tokens say in sub.")(
        function
    )
    return click.option("--issuer", required=True, help="As in [[auth.issuers]].")(function)


@click.command(
    epilog=examples(
        "legato user identity add ada@example.org \\",
        "    --issuer https://id.example.org/realms/staff --subject 8e1c0b5e",
    )
)
@click.argument("email", metavar="EMAIL")
@_of_issuer
@command_options
def add(invocation: Invocation, email: str, issuer: str, subject: str) -> None:
    """Let somebody at an issuer into the account EMAIL, with the role that it has."""
    from legato.app import build, run

    async def work() -> None:
        settings = invocation.settings()
        identity = _identity(settings, issuer, subject)
        async with build(settings, role="reader") as app:
            await link(app.stores.accounts, email, identity)

    run(work())
    _say(invocation, "linked", issuer, subject)


@click.command(
    epilog=examples(
        "legato user identity remove \\",
        "    --issuer https://id.example.org/realms/staff --subject 8e1c0b5e",
    )
)
@_of_issuer
@command_options
def remove(invocation: Invocation, issuer: str, subject: str) -> None:
    """Let somebody at an issuer in no more. With auto_provision, disable the user instead."""
    from legato.app import build, run
    from legato.errors import NotFound
    from legato.ports.accounts import ExternalIdentity

    async def work() -> None:
        identity = ExternalIdentity(issuer=issuer, subject=subject)
        async with build(invocation.settings(), role="reader") as app:
            accounts = app.stores.accounts
            user = await accounts.user_of_identity(identity)
            audit = _entries("auth.identity_remove", identity, user.id if user else "")
            if not await accounts.remove_identity(identity, audit):
                raise NotFound("that identity is nobody's")

    run(work())
    _say(invocation, "removed", issuer, subject)


async def link(accounts: Accounts, email: str, identity: ExternalIdentity) -> None:
    """Link an identity to the account with an address.

    Raises:
        InvalidInput: That is no address.
        NotFound: Nobody has it.
        Conflict: The identity is somebody's, or the user is disabled.
    """
    from legato.auth.names import fold_email
    from legato.errors import Conflict, NotFound

    user = await accounts.user_by_email(fold_email(email))
    if user is None:
        raise NotFound("there is no user with that address")
    if not await accounts.add_identity(
        identity, user.id, _entries("auth.identity_add", identity, user.id)
    ):
        raise Conflict("that identity is somebody's already, or the user is disabled")


def _identity(settings: Settings, issuer: str, subject: str) -> ExternalIdentity:
    """Return an identity of an issuer in the settings: a misspelt one would let nobody in.

    Raises:
        InvalidInput: The settings do not name it, or no token can have that subject.
    """
    from legato.auth.issuers import is_subject
    from legato.errors import InvalidInput
    from legato.ports.accounts import ExternalIdentity

    known = [each.issuer for each in settings.auth.issuers]
    if issuer not in known:
        raise InvalidInput(
            "--issuer: is none of the settings", hint=f"They name: {', '.join(known) or 'none'}."
        )
    if not is_subject(subject):
        raise InvalidInput("--subject: should have 1 to 255 characters of ASCII")
    return ExternalIdentity(issuer=issuer, subject=subject)


def _entries(action: str, identity: ExternalIdentity, user: str) -> tuple[AuditEntry]:
    from legato.ports.audit import AuditEntry

    data = {"issuer": identity.issuer, "subject": identity.subject}
    return (AuditEntry(action=action, target_kind="user", target=user, data=data),)


def _say(invocation: Invocation, what: str, issuer: str, subject: str) -> None:
    invocation.terminal.json({"identity": what, "issuer": issuer, "subject": subject})
    invocation.terminal.line(f"{what} {subject} of {issuer}")
