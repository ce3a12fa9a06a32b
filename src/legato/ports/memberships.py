# SPDX-License-Identifier: Apache-2.0
"""Workspaces, who is what in them, and who is invited. A part of `ports.accounts`: its rules hold.

Rules: AC.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.model.ids import UserId, WorkspaceId
from legato.ports.audit import AuditEntry

Role = Literal["viewer", "operator", "editor", "admin", "owner"]
Change = Literal["done", "unknown", "last_owner", "token", "changed"]
"""What came of a change of a member: only with `done` is anything written."""
ALL: Final = 2**31 - 1
"""A limit that leaves nothing out, for lists that are short by nature."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace; `slug` is unique."""

    id: WorkspaceId
    slug: str
    name: str
    created_at: int = 0


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user's role in a workspace, with what a list of members shows."""

    workspace: WorkspaceId
    user: UserId
    role: Role
    email: str = ""
    display_name: str = ""
    since: int = 0


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A token of kind `invitation` that is good now. `id` is shown in lists, `hash` is a SHA-256.

    `by` is who made it.
    """

    id: str
    hash: bytes
    workspace: WorkspaceId
    role: Role
    email: str
    by: UserId | None = None
    expires_at: int = 0


class Memberships(Protocol):
    """Keep workspaces, members and invitations."""

    async def members(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = ALL
    ) -> list[Member]:
        """Return members of a workspace, user ids descending; only those less than `after`."""
        ...

    async def member(self, workspace: WorkspaceId, user: UserId) -> Member | None:
        """Return what a user is in a workspace."""
        ...

    async def workspace(self, named: str) -> Workspace | None:
        """Return a workspace by its id, or by its slug."""
        ...

    async def memberships(self, user: UserId) -> list[tuple[Workspace, Role]]:
        """Return the workspaces of a user."""
        ...

    async def put_member(
        self,
        member: Member,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        was: Role | Literal["none"] | None = None,
    ) -> Change:
        """Add a member or change a role; the last owner who is enabled cannot be lowered.

        A user without a default workspace, or with one that is no longer theirs, gets this one.

        Args:
            member: What the user shall be where.
            audit: Written with it.
            token_hash: An invitation that is consumed with it; not good any more: `token`.
            was: The role that was read before; `none` for no member. Another one now: `changed`.

        Raises:
            NotFound: There is no such workspace.
        """
        ...

    async def remove_member(
        self,
        workspace: WorkspaceId,
        user: UserId,
        audit: Sequence[AuditEntry],
        *,
        was: Role | None = None,
    ) -> Change:
        """Take a member out with their keys of the workspace; not the last owner who is enabled.

        Whose default it was gets another one of theirs.

        Args:
            workspace: Where.
            user: Whom; somebody who is no member: `unknown`.
            audit: Written with it.
            was: The role that was read before, as for `put_member`.
        """
        ...

    async def add_workspace(
        self, workspace: Workspace, owner: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Add a workspace with its owner; False if the slug is taken."""
        ...

    async def change_workspace(self, workspace: Workspace, audit: Sequence[AuditEntry]) -> bool:
        """Write slug and name of a workspace; False if the slug is taken, or nobody has the id."""
        ...

    async def invite(
        self, invitation: Invitation, audit: Sequence[AuditEntry], *, ttl_ms: int, open_max: int
    ) -> Invitation:
        """Store an invitation; one of the same address to the same workspace becomes void.

        Args:
            invitation: What to store; the store sets when it expires.
            audit: Written with it.
            ttl_ms: For how long it is good.
            open_max: Invitations that a workspace may have, this one among them.

        Raises:
            LimitExceeded: It has so many.
            NotFound: There is no such workspace.
        """
        ...

    async def invitation(self, token_hash: bytes) -> Invitation | None:
        """Return an invitation that is good now; None if unknown, used, void or expired."""
        ...

    async def invitations(self, workspace: WorkspaceId) -> list[Invitation]:
        """Return the invitations to a workspace that are good now, ids descending."""
        ...

    async def revoke_invitation(
        self, workspace: WorkspaceId, invitation: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Make an invitation void; False if the workspace has no such open one."""
        ...
