# SPDX-License-Identifier: Apache-2.0
"""Whose an identity of another issuer is.

It is linked to a user by `iss` and `sub` alone. An e-mail address in a token is not even read: an
issuer may let anybody write any address, and who gets another's account by it has it for good.
Every refusal has the same answer. Rules: ID75, ID76.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request

from legato.api.log_ins import entry
from legato.auth.foreign_tokens import ForeignTokens
from legato.auth.issuers import Subject, is_foreign
from legato.auth.names import clean_display_name
from legato.errors import InvalidInput, Unauthenticated
from legato.model.ids import UserId
from legato.ports.accounts import Accounts, ExternalIdentity, Principal, User

DOMAIN: Final = "identity.invalid"
"""Of the address that a provisioned user gets, because each has one: no mail reaches it (RFC 2606),
nobody is invited or logs in by it, and it claims nobody's name."""
NAMELESS: Final = "External user"


class LinkedIdentities:
    """Keeps `authenticator.Identities`."""

    def __init__(
        self, tokens: ForeignTokens, accounts: Accounts, new_id: Callable[[], str]
    ) -> None:
        """Make it.

        Args:
            tokens: Verify what is sent.
            accounts: Say whose it is now.
            new_id: Makes the ids of users.
        """
        self._tokens = tokens
        self._accounts = accounts
        self._new_id = new_id

    def takes(self, text: str) -> bool:
        """Keep `Identities.takes`."""
        return is_foreign(text)

    async def principal(self, request: Request, text: str, workspace: str | None) -> Principal:
        """Keep `Identities.principal`."""
        subject = await self._tokens.verify(text)
        identity = ExternalIdentity(issuer=subject.issuer.url, subject=subject.id)
        found = await self._accounts.principal_of_identity(identity, workspace)
        if found is None and subject.issuer.auto_provision:
            # Not for who has an account that is disabled.
            if await self._accounts.user_of_identity(identity) is None:
                await self._provision(request, identity, subject)
            # Of several at once one has made it, before or after this looked; the others find it.
            found = await self._accounts.principal_of_identity(identity, workspace)
        if found is None:
            raise Unauthenticated
        return found

    async def _provision(
        self, request: Request, identity: ExternalIdentity, subject: Subject
    ) -> None:
        user = UserId(self._new_id())
        try:
            name = clean_display_name(subject.name)
        except InvalidInput:
            name = NAMELESS
        made = User(id=user, email=f"{user}@{DOMAIN}", display_name=name)
        data = {"issuer": identity.issuer, "subject": identity.subject}
        target = ("user", str(user))
        audit = [entry(request, "auth.identity_provision", user=user, target=target, data=data)]
        await self._accounts.provision(identity, made, audit)
