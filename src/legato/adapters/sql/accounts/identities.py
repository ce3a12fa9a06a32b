# SPDX-License-Identifier: Apache-2.0
"""Identities of other issuers, and whose they are.

Rules: AC2, AC3, AU109.
"""

from collections.abc import Sequence

from legato.adapters.sql.accounts.part import Part
from legato.adapters.sql.accounts.rows import principal_of, user_of, user_values
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, Undo, step
from legato.model.ids import UserId
from legato.ports.accounts import ExternalIdentity, Principal, User
from legato.ports.audit import AuditEntry


class Identities(Part):
    """Identities."""

    async def principal_of_identity(
        self, identity: ExternalIdentity, workspace: str | None
    ) -> Principal | None:
        """Keep `Accounts.principal_of_identity`."""
        rows = await self._driver.fetch(
            "accounts.principal_of_identity", **_values(identity), workspace=workspace
        )
        return principal_of(rows[0], identity=identity, at=rows[0]["at"]) if rows else None

    async def user_of_identity(self, identity: ExternalIdentity) -> User | None:
        """Keep `Accounts.user_of_identity`."""
        rows = await self._driver.fetch("accounts.user_of_identity", **_values(identity))
        return user_of(rows[0]) if rows else None

    async def add_identity(
        self, identity: ExternalIdentity, user: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Accounts.add_identity`."""

        def script() -> Script[bool]:
            if not (yield from step("accounts.user_lock", id=user)):
                return False
            added = yield from _add(identity, user)
            if added:
                yield from record(audit)
            return added

        return await self._driver.run(script)

    async def provision(
        self, identity: ExternalIdentity, user: User, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Accounts.provision`."""

        def script() -> Script[bool]:
            if not (yield from step("accounts.user_add", **user_values(user))):
                return False
            if not (yield from _add(identity, user.id)):
                raise Undo(result=False)
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def remove_identity(
        self, identity: ExternalIdentity, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Accounts.remove_identity`."""

        def script() -> Script[bool]:
            dropped = yield from step("accounts.identity_drop", **_values(identity))
            if dropped:
                yield from record(audit)
            return bool(dropped)

        return await self._driver.run(script)


def _add(identity: ExternalIdentity, user: UserId) -> Script[bool]:
    added = yield from step("accounts.identity_add", **_values(identity), user_id=user)
    return bool(added)


def _values(identity: ExternalIdentity) -> dict[str, str]:
    return {"issuer": identity.issuer, "subject": identity.subject}
