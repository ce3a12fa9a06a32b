# SPDX-License-Identifier: Apache-2.0
"""Workspaces, and who is what in them.

Rules: AC1, AC2, AC5, AC10.
"""

from collections.abc import Sequence
from typing import Literal

from legato.adapters.sql.accounts.part import Part, use_token
from legato.adapters.sql.accounts.rows import member_of, workspace_of, workspace_values
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, step
from legato.errors import NotFound
from legato.model.ids import UserId, WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.memberships import ALL, Change, Member, Role, Workspace


class Members(Part):
    """Workspaces and members."""

    async def members(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = ALL
    ) -> list[Member]:
        """Keep `Memberships.members`."""
        rows = await self._driver.fetch(
            "accounts.members", workspace=workspace, after=after, limit=limit
        )
        return [member_of(row) for row in rows]

    async def member(self, workspace: WorkspaceId, user: UserId) -> Member | None:
        """Keep `Memberships.member`."""
        rows = await self._driver.fetch("accounts.member", workspace=workspace, user_id=user)
        return member_of(rows[0]) if rows else None

    async def workspace(self, named: str) -> Workspace | None:
        """Keep `Memberships.workspace`."""
        rows = await self._driver.fetch("accounts.workspace", named=named)
        return workspace_of(rows[0]) if rows else None

    async def memberships(self, user: UserId) -> list[tuple[Workspace, Role]]:
        """Keep `Memberships.memberships`."""
        rows = await self._driver.fetch("accounts.memberships", user_id=user)
        return [(workspace_of(row), row["role"]) for row in rows]

    async def put_member(
        self,
        member: Member,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        was: Role | Literal["none"] | None = None,
    ) -> Change:
        """Keep `Memberships.put_member`."""
        place = {"workspace": member.workspace, "user_id": member.user}

        def script() -> Script[Change]:
            if not (yield from step("accounts.workspace_lock", workspace=member.workspace)):
                raise NotFound(f"there is no workspace {member.workspace}")
            role = yield from _role(**place)
            if was not in {None, role or "none"}:
                return "changed"
            if member.role != "owner" and (yield from _is_last_owner(role, **place)):
                return "last_owner"
            yield from use_token(
                token_hash, refused="token", user=member.user, workspace=member.workspace
            )
            yield from step("accounts.member_put", **place, role=member.role)
            yield from step("accounts.default_set", **place)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def remove_member(
        self,
        workspace: WorkspaceId,
        user: UserId,
        audit: Sequence[AuditEntry],
        *,
        was: Role | None = None,
    ) -> Change:
        """Keep `Memberships.remove_member`."""
        place = {"workspace": workspace, "user_id": user}

        def script() -> Script[Change]:
            yield from step("accounts.workspace_lock", workspace=workspace)
            role = yield from _role(**place)
            if role is None:
                return "unknown"
            if was not in {None, role}:
                return "changed"
            if (yield from _is_last_owner(role, **place)):
                return "last_owner"
            yield from step("accounts.member_drop", **place)
            yield from step("accounts.default_leave", **place)
            # Somebody who comes back later does not find old keys good again.
            yield from step("accounts.keys_revoke", **place)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def add_workspace(
        self, workspace: Workspace, owner: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Memberships.add_workspace`."""
        place = {"workspace": workspace.id, "user_id": owner}

        def script() -> Script[bool]:
            if not (yield from step("accounts.workspace_add", **workspace_values(workspace))):
                return False
            yield from step("accounts.member_put", **place, role="owner")
            yield from step("accounts.default_set", **place)
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def change_workspace(self, workspace: Workspace, audit: Sequence[AuditEntry]) -> bool:
        """Keep `Memberships.change_workspace`."""

        def script() -> Script[bool]:
            values = workspace_values(workspace)
            if not (yield from step("accounts.workspace_change", **values)):
                return False
            yield from record(audit)
            return True

        return await self._driver.run(script)


def _role(workspace: str, user_id: str) -> Script[Role | None]:
    found = yield from step("accounts.member_role", workspace=workspace, user_id=user_id)
    return found[0]["role"] if found else None


def _is_last_owner(role: Role | None, workspace: str, user_id: str) -> Script[bool]:
    """Tell whether a workspace would be left without an owner; its row must be locked."""
    if role != "owner":
        return False
    others = yield from step("accounts.other_owner", workspace=workspace, user_id=user_id)
    return not others
