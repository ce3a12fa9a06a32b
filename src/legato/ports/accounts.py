# SPDX-License-Identifier: Apache-2.0
"""Users, workspaces, members, log-ins and what stands for them. No secret is stored: hashes only.

Every method is one transaction, and takes the audit entries that are written in it. Times are ms of
the database's clock, lives are given in ms; what decides about time decides in the database.

Rules: AC.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.audit import AuditEntry

Role = Literal["viewer", "operator", "editor", "admin", "owner"]
TokenKind = Literal["setup", "link", "reset", "invitation", "mfa"]
Refusal = Literal["unknown", "expired", "used", "claimed"]
ALL: Final = 2**31 - 1
"""A limit that leaves nothing out, for lists that are short by nature."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `email` is folded (NFKC, casefold) and unique; `version` grows with each change.

    `totp` is the sealed secret of a confirmed second factor, `totp_step` the last time step that
    was accepted, `recovery` the hashes of the codes that are left.
    """

    id: UserId
    email: str
    display_name: str
    password_hash: str | None = None
    is_disabled: bool = False
    is_instance_admin: bool = False
    totp: bytes | None = None
    totp_step: int = 0
    recovery: tuple[str, ...] = ()
    default_workspace: WorkspaceId | None = None
    created_at: int = 0
    version: int = 1


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


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in. `id` is shown in lists, `sid_hash` is the SHA-256 of what the access token carries.

    `authenticated_at` is when a password or link was last given. Ended, expired and idle sessions
    are never returned.
    """

    id: SessionId
    sid_hash: bytes
    user: UserId
    created_at: int
    authenticated_at: int
    expires_at: int
    last_active: int
    ip: str = ""
    user_agent: str = ""
    version: int = 1


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session to make: hashes of its id and of its first refresh token, lives in ms."""

    id: SessionId
    sid_hash: bytes
    refresh_hash: bytes
    user: UserId
    ttl_ms: int
    idle_ms: int
    ip: str = ""
    user_agent: str = ""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as one read finds it: the live session or key, its user, and the role where asked.

    `role` is None for somebody who is no member there. `scopes` is None for a session.
    """

    user: User
    session: Session | None = None
    key: str | None = None
    workspace: Workspace | None = None
    role: Role | None = None
    scopes: tuple[str, ...] | None = None
    at: int = 0
    """When it was read, by the database's clock."""


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is good once. `hash` is its SHA-256; what it is for depends on its kind."""

    hash: bytes
    kind: TokenKind
    ttl_ms: int
    user: UserId | None = None
    workspace: WorkspaceId | None = None
    role: Role | None = None
    email: str = ""
    by: UserId | None = None


class Token(NewToken, frozen=True, kw_only=True):
    """The same as it was found; `tries` are those that failed."""

    expires_at: int
    tries: int = 0


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a program. `id` is the 12 characters in the key, `secret_hash` a SHA-256."""

    id: str
    secret_hash: bytes
    workspace: WorkspaceId
    user: UserId
    name: str
    scopes: tuple[str, ...]
    created_at: int = 0
    expires_at: int | None = None
    last_used: int | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a refresh token; `session` is set for `rotated` and `again`.

    `rotated`: the child is new. `again`: the parent within its grace, the same child. `reused`: the
    session has been ended now. `unknown`: never seen, void, or of a session that ended before.
    """

    outcome: Literal["rotated", "again", "reused", "unknown"]
    session: Session | None = None


class Accounts(Protocol):
    """Keep accounts. `audit` is written in the same transaction, only if something was done."""

    # --- set-up ---------------------------------------------------------------------------------

    async def is_set_up(self) -> bool:
        """Tell whether the installation has an owner."""
        ...

    async def set_up(
        self,
        token_hash: bytes,
        user: User,
        workspace: Workspace,
        session: NewSession,
        audit: Sequence[AuditEntry],
    ) -> Session | Refusal:
        """Make the first owner with a workspace and a session, by the set-up token.

        The workspace is the owner's default, unless `user` names another.

        Of any number at once exactly one succeeds; the others get `claimed`.
        """
        ...

    # --- tokens that are good once ---------------------------------------------------------------

    async def add_token(self, token: NewToken, audit: Sequence[AuditEntry]) -> None:
        """Store a token; those of the same kind for the same user, or any `setup`, become void."""
        ...

    async def token(self, token_hash: bytes, kind: TokenKind) -> Token | None:
        """Return a token that is good now; None if unknown, used, void or expired."""
        ...

    async def fail_token(self, token_hash: bytes, *, tries_max: int) -> None:
        """Count a try that failed; the token is void after `tries_max`."""
        ...

    # --- users and members ------------------------------------------------------------------------

    async def user(self, user: UserId) -> User | None:
        """Return a user."""
        ...

    async def user_by_email(self, email: str) -> User | None:
        """Return a user by the folded address."""
        ...

    async def users(self, *, after: str | None = None, limit: int = ALL) -> list[User]:
        """Return users, ids descending; only those whose id is less than `after`."""
        ...

    async def disable_user(
        self, user: UserId, audit: Sequence[AuditEntry], *, is_disabled: bool = True
    ) -> Literal["done", "unknown", "last_admin"]:
        """Disable a user or enable one again; never the last instance admin who is enabled.

        Who is disabled loses every session, key and open token, and every invitation that they
        made, for good. What is so already is done, without an audit.
        """
        ...

    async def add_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        member: Member | None = None,
        token_hash: bytes | None = None,
    ) -> bool:
        """Add a user, with a role, consuming an invitation.

        Without a default workspace the user gets the one of the role.

        Returns:
            False if the address is taken or the token is not good any more; nothing is done then.
        """
        ...

    async def change_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        ends_sessions_but: SessionId | Literal["none"] | None = None,
    ) -> bool:
        """Write a user over its version.

        Args:
            user: As it shall be; `version` is the one that was read.
            audit: Written with it.
            token_hash: A token that is consumed with it.
            ends_sessions_but: End the user's sessions: all (`none`), or all but one.

        Returns:
            False if the user has changed meanwhile, the token is not good any more or another user
            has the address; nothing is done then.
        """
        ...

    async def members(self, workspace: WorkspaceId) -> list[Member]:
        """Return the members of a workspace, by name."""
        ...

    async def workspace(self, named: str) -> Workspace | None:
        """Return a workspace by its id, or by its slug."""
        ...

    async def memberships(self, user: UserId) -> list[tuple[Workspace, Role]]:
        """Return the workspaces of a user."""
        ...

    async def put_member(
        self, member: Member, audit: Sequence[AuditEntry], *, token_hash: bytes | None = None
    ) -> Literal["done", "last_owner", "token"]:
        """Add a member or change a role; the last owner cannot be lowered.

        Raises:
            NotFound: There is no such workspace.
        """
        ...

    async def remove_member(
        self, workspace: WorkspaceId, user: UserId, audit: Sequence[AuditEntry]
    ) -> Literal["done", "unknown", "last_owner"]:
        """Take a member out; not the last owner."""
        ...

    async def add_workspace(
        self, workspace: Workspace, owner: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Add a workspace with its owner; False if the slug is taken."""
        ...

    # --- log-ins ----------------------------------------------------------------------------------

    async def add_session(
        self,
        session: NewSession,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        user_version: int | None = None,
    ) -> Session | None:
        """Make a session, consuming a token.

        Args:
            session: What to make.
            audit: Written with it.
            token_hash: A token that is consumed with it.
            user_version: The version of the user whose password was checked: a password that was
                changed or a user who was closed meanwhile makes no session.

        Returns:
            None if the token is not good any more, the user has another version, or is disabled.
        """
        ...

    async def principal_of_session(
        self, sid_hash: bytes, workspace: str | None
    ) -> Principal | None:
        """Return who has a live session, and the role in a workspace (id, slug, or the default).

        Nobody while the user is disabled.
        """
        ...

    async def principal_of_key(self, key_id: str, secret_hash: bytes) -> Principal | None:
        """Return who made a live key, with the role in its workspace now; notes its use.

        Nobody while the user is disabled.
        """
        ...

    async def touch_session(self, session: SessionId, *, idle_ms: int) -> None:
        """Note that a session is used: moves its idle end; its version stays."""
        ...

    async def rotate(
        self,
        parent_hash: bytes,
        child_hash: bytes,
        *,
        grace_ms: int,
        idle_ms: int,
        audit_reuse: Sequence[AuditEntry],
    ) -> Rotation:
        """Exchange a refresh token for its child, or end the session of one that is used again.

        The current token rotates. Its immediate parent, rotated at most `grace_ms` ago while the
        child is unused, gets the same child again. Anything else that was rotated ends the session,
        and only then `audit_reuse` is written. What a renewal made void is unknown.
        """
        ...

    async def sessions(self, user: UserId) -> list[Session]:
        """Return the live sessions of a user, the newest first."""
        ...

    async def end_sessions(
        self,
        user: UserId,
        audit: Sequence[AuditEntry],
        *,
        only: SessionId | None = None,
        but: SessionId | None = None,
    ) -> int:
        """End one session of a user, all, or all but one; return how many were live."""
        ...

    async def renew_session(
        self,
        session: SessionId,
        sid_hash: bytes,
        refresh_hash: bytes,
        *,
        authenticated: bool,
        audit: Sequence[AuditEntry],
    ) -> Session | None:
        """Give a live session a new id and refresh token; the old ones are void at once."""
        ...

    # --- keys ------------------------------------------------------------------------------------

    async def add_key(self, key: ApiKey, audit: Sequence[AuditEntry]) -> ApiKey:
        """Store a key."""
        ...

    async def keys(self, user: UserId, workspace: WorkspaceId | None = None) -> list[ApiKey]:
        """Return the live keys of a user, the newest first."""
        ...

    async def revoke_key(
        self,
        key_id: str,
        audit: Sequence[AuditEntry],
        *,
        user: UserId | None = None,
        workspace: WorkspaceId | None = None,
    ) -> bool:
        """Revoke a key, of a user or of a workspace; False if there is no such live key."""
        ...

    # --- care -------------------------------------------------------------------------------------

    async def clean(self) -> int:
        """Delete what ended or expired more than a day ago; return how many rows."""
        ...
