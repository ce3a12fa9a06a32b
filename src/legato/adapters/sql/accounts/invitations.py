# SPDX-License-Identifier: Apache-2.0
"""Invitations to workspaces. They are consumed by `Users.add_user` and `Members.put_member`.

Rules: AC2, AC4, AC5.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.accounts.part import Part
from legato.adapters.sql.accounts.rows import invitation_of, invitation_values
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, step
from legato.errors import LimitExceeded, NotFound
from legato.model.ids import WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.memberships import Invitation


class Invitations(Part):
    """Invitations."""

    async def invite(
        self, invitation: Invitation, audit: Sequence[AuditEntry], *, ttl_ms: int, open_max: int
    ) -> Invitation:
        """Keep `Memberships.invite`."""
        place = {"workspace": invitation.workspace}

        def script() -> Script[Invitation]:
            # Of two for one address at once, the later shall see the earlier.
            if not (yield from step("accounts.workspace_lock", **place)):
                raise NotFound(f"there is no workspace {invitation.workspace}")
            yield from step("accounts.invitations_void", **place, email=invitation.email)
            if len((yield from step("accounts.invitations", **place))) >= open_max:
                raise LimitExceeded(f"a workspace may have {open_max} open invitations")
            values = invitation_values(invitation)
            (made,) = yield from step("accounts.invitation_add", **values, ttl_ms=ttl_ms)
            yield from record(audit)
            return msgspec.structs.replace(invitation, expires_at=made["expires_at"])

        return await self._driver.run(script)

    async def invitation(self, token_hash: bytes) -> Invitation | None:
        """Keep `Memberships.invitation`."""
        rows = await self._driver.fetch("accounts.invitation", token=token_hash)
        return invitation_of(rows[0]) if rows else None

    async def invitations(self, workspace: WorkspaceId) -> list[Invitation]:
        """Keep `Memberships.invitations`."""
        rows = await self._driver.fetch("accounts.invitations", workspace=workspace)
        return [invitation_of(row) for row in rows]

    async def revoke_invitation(
        self, workspace: WorkspaceId, invitation: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Memberships.revoke_invitation`."""

        def script() -> Script[bool]:
            revoked = yield from step(
                "accounts.invitation_revoke", workspace=workspace, id=invitation
            )
            if revoked:
                yield from record(audit)
            return bool(revoked)

        return await self._driver.run(script)
