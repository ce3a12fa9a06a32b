# SPDX-License-Identifier: Apache-2.0
"""Users, workspaces and who is what in them.

Rules: AC1, AC2, AC5, AC10.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from legato.adapters.sql.accounts.part import Part, use_token
from legato.adapters.sql.accounts.rows import (
    member_of,
    user_of,
    user_values,
    workspace_of,
    workspace_values,
)
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, step
from legato.errors import NotFound
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import ALL, Member, Role, User, Workspace
from legato.ports.audit import AuditEntry


class Users(Part):
    """Users, workspaces and members."""

    async def user(self, user: UserId) -> User | None:
        """Keep `Accounts.user`."""
        rows = await self._driver.fetch("accounts.user", id=user)
        return user_of(rows[0]) if rows else None

    async def user_by_email(self, email: str) -> User | None:
        """Keep `Accounts.user_by_email`."""
        rows = await self._driver.fetch("accounts.user_by_email", email=email)
        return user_of(rows[0]) if rows else None

    async def users(self, *, after: str | None = None, limit: int = ALL) -> list[User]:
        """Keep `Accounts.users`."""
        rows = await self._driver.fetch("accounts.users", after=after, limit=limit)
        return [user_of(row) for row in rows]

    async def disable_user(
        self, user: UserId, audit: Sequence[AuditEntry], *, is_disabled: bool = True
    ) -> Literal["done", "unknown", "last_admin"]:
        """Keep `Accounts.disable_user`."""

        def script() -> Script[Literal["done", "unknown", "last_admin"]]:
            admins = yield from step("accounts.instance_admins_lock")
            if is_disabled and [each["id"] for each in admins] == [user]:
                return "last_admin"
            if not (
                yield from step("accounts.user_disable", user_id=user, is_disabled=is_disabled)
            ):
                found = yield from step("accounts.user", id=user)
                return "done" if found else "unknown"
            if is_disabled:
                yield from step("accounts.sessions_end", user_id=user, only=None, but=None)
                yield from step("accounts.keys_revoke", user_id=user, workspace=None)
                yield from step("accounts.tokens_void_of", user_id=user)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def add_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        member: Member | None = None,
        token_hash: bytes | None = None,
    ) -> bool:
        """Keep `Accounts.add_user`."""
        if member is not None and user.default_workspace is None:
            user = msgspec.structs.replace(user, default_workspace=member.workspace)

        def script() -> Script[bool]:
            if not (yield from step("accounts.user_add", **user_values(user))):
                return False
            where = None if member is None else member.workspace
            yield from use_token(token_hash, refused=False, user=user.id, workspace=where)
            if member is not None:
                yield from step(
                    "accounts.member_put",
                    workspace=member.workspace,
                    user_id=user.id,
                    role=member.role,
                )
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def change_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        ends_sessions_but: SessionId | Literal["none"] | None = None,
    ) -> bool:
        """Keep `Accounts.change_user`."""

        def script() -> Script[bool]:
            values = user_values(user)
            if not (yield from step("accounts.user_change", **values, was=user.version)):
                return False
            yield from use_token(token_hash, refused=False, user=user.id)
            if ends_sessions_but is not None:
                but = None if ends_sessions_but == "none" else ends_sessions_but
                yield from step("accounts.sessions_end", user_id=user.id, only=None, but=but)
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def members(self, workspace: WorkspaceId) -> list[Member]:
        """Keep `Accounts.members`."""
        rows = await self._driver.fetch("accounts.members", workspace=workspace)
        # Databases put names in orders of their own.
        return sorted(
            map(member_of, rows), key=lambda each: (each.display_name.casefold(), each.email)
        )

    async def workspace(self, named: str) -> Workspace | None:
        """Keep `Accounts.workspace`."""
        rows = await self._driver.fetch("accounts.workspace", named=named)
        return workspace_of(rows[0]) if rows else None

    async def memberships(self, user: UserId) -> list[tuple[Workspace, Role]]:
        """Keep `Accounts.memberships`."""
        rows = await self._driver.fetch("accounts.memberships", user_id=user)
        return [(workspace_of(row), row["role"]) for row in rows]

    async def put_member(
        self, member: Member, audit: Sequence[AuditEntry], *, token_hash: bytes | None = None
    ) -> Literal["done", "last_owner", "token"]:
        """Keep `Accounts.put_member`."""
        place = {"workspace": member.workspace, "user_id": member.user}

        def script() -> Script[Literal["done", "last_owner", "token"]]:
            if not (yield from step("accounts.workspace_lock", workspace=member.workspace)):
                raise NotFound(f"there is no workspace {member.workspace}")
            if member.role != "owner" and (yield from _is_last_owner(**place)):
                return "last_owner"
            yield from use_token(
                token_hash, refused="token", user=member.user, workspace=member.workspace
            )
            yield from step("accounts.member_put", **place, role=member.role)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def remove_member(
        self, workspace: WorkspaceId, user: UserId, audit: Sequence[AuditEntry]
    ) -> Literal["done", "unknown", "last_owner"]:
        """Keep `Accounts.remove_member`."""

        def script() -> Script[Literal["done", "unknown", "last_owner"]]:
            yield from step("accounts.workspace_lock", workspace=workspace)
            place = {"workspace": workspace, "user_id": user}
            if not (yield from step("accounts.member_role", **place)):
                return "unknown"
            if (yield from _is_last_owner(**place)):
                return "last_owner"
            yield from step("accounts.member_drop", **place)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def add_workspace(
        self, workspace: Workspace, owner: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Accounts.add_workspace`."""

        def script() -> Script[bool]:
            if not (yield from step("accounts.workspace_add", **workspace_values(workspace))):
                return False
            yield from step(
                "accounts.member_put", workspace=workspace.id, user_id=owner, role="owner"
            )
            yield from record(audit)
            return True

        return await self._driver.run(script)


def _is_last_owner(workspace: str, user_id: str) -> Script[bool]:
    """Tell whether a workspace would be left without an owner; its row must be locked."""
    role = yield from step("accounts.member_role", workspace=workspace, user_id=user_id)
    if not role or role[0]["role"] != "owner":
        return False
    others = yield from step("accounts.other_owner", workspace=workspace, user_id=user_id)
    return not others
