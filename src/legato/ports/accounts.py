# SPDX-License-Identifier: Apache-2.0
"""Users, workspaces, members, log-ins and what stands for them. No secret is stored: hashes only.

Every method is one transaction, and takes the audit entries that are written in it. Times are ms of
the database's clock, lives are given in ms; what decides about time decides in the database.

Rules: AC.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.memberships import ALL, Member, Memberships, Role, Workspace

__all__ = [
    "ALL", "Accounts", "ApiKey", "Member", "Memberships", "NewSession", "NewToken", "Principal",
    "Refusal", "Renewal", "Role", "Rotation", "Session", "Token", "TokenKind", "User", "Workspace",
]  # fmt: skip

TokenKind = Literal["setup", "link", "reset", "mfa", "totp"]
Refusal = Literal["unknown", "expired", "used", "claimed"]


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


class ExternalIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """How another issuer of identities names somebody: its `iss` and `sub`, compared exactly.

    Nothing else links it to a user: an e-mail address that an issuer tells is only its word.
    """

    issuer: str
    subject: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as one read finds it: what was shown, its user, and the role where asked.

    Exactly one thing was shown: a live session, a live key, or an identity of another issuer, which
    has no log-in here. `role` is None for somebody who is no member there. `scopes` are a key's.
    """

    user: User
    session: Session | None = None
    key: str | None = None
    identity: ExternalIdentity | None = None
    workspace: Workspace | None = None
    role: Role | None = None
    scopes: tuple[str, ...] | None = None
    at: int = 0
    """When it was read, by the database's clock."""


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """A live session's new id and refresh token, as hashes.

    `is_authenticated`: a password was given just now.
    """

    id: SessionId
    sid_hash: bytes
    refresh_hash: bytes
    is_authenticated: bool = False


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is good once. `hash` is its SHA-256; what it is for depends on its kind.

    Of kind `mfa`: a log-in that a code is owed for; `email` is the name under which its failures
    count, empty for a link's. Of kind `totp`: `sealed` is a secret that no code has confirmed yet.
    """

    hash: bytes
    kind: TokenKind
    ttl_ms: int
    user: UserId | None = None
    email: str = ""
    sealed: bytes | None = None


class Token(NewToken, frozen=True, kw_only=True):
    """The same as it was found; `tries` are those that were taken."""

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
    disabled_at: int | None = None
    """Since when it is refused, because the store was restored; it may be enabled again."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a refresh token; `session` is set for `rotated` and `again`.

    `rotated`: the child is new. `again`: the parent within its grace, the same child. `reused`: the
    session has been ended now. `unknown`: never seen, void, or of a session that ended before.
    """

    outcome: Literal["rotated", "again", "reused", "unknown"]
    session: Session | None = None


class Accounts(Memberships, Protocol):
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

    async def add_token(
        self,
        token: NewToken,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        user_version: int | None = None,
    ) -> bool:
        """Store a token; those of the same kind for the same user, or any `setup`, become void.

        Not those of kind `mfa`: who knows a password could else keep its owner from logging in.

        Args:
            token: What to store.
            audit: Written with it.
            token_hash: A token that is consumed with it.
            user_version: As of `add_session`.

        Returns:
            False if the other token is not good any more, or the user has another version or is
            disabled; nothing is done then.
        """
        ...

    async def token(self, token_hash: bytes, kind: TokenKind) -> Token | None:
        """Return a token that is good now; None if unknown, used, void or expired."""
        ...

    async def token_of(self, user: UserId, kind: TokenKind) -> Token | None:
        """Return the one token of a kind for a user that is good now."""
        ...

    async def try_token(self, token_hash: bytes, kind: TokenKind, *, tries_max: int) -> bool:
        """Take one of the tries of a token, before it is known whether the try is good.

        Of any number at once no more than `tries_max` succeed.

        Returns:
            False if there is none left, or the token is not good.
        """
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
        session: NewSession | None = None,
    ) -> bool:
        """Add a user, with a role, consuming an invitation.

        Args:
            user: Without a default workspace the user gets the one of the role.
            audit: Written with it.
            member: What the user is where.
            token_hash: The invitation.
            session: A log-in to make with it.

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
        session: NewSession | Renewal | None = None,
    ) -> bool:
        """Write a user over its version.

        Args:
            user: As it shall be; `version` is the one that was read.
            audit: Written with it.
            token_hash: A token that is consumed with it.
            ends_sessions_but: End the user's sessions: all (`none`), or all but one; and with them
                what could become one: links, resets, and log-ins and factors that are half done.
            session: Make a session with it, or renew one.

        Returns:
            False if the user has changed meanwhile, the token is not good any more, the session to
            renew has ended or another user has the address; nothing is done then.
        """
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
        and only then `audit_reuse` is written, with the session as its target. What a renewal made
        void is unknown, and so is everything while the user is disabled.
        """
        ...

    async def session_of_refresh(self, refresh_hash: bytes) -> SessionId | None:
        """Return the live session that a refresh token is or was one of; it consumes nothing."""
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

    async def renew_session(self, renewal: Renewal, audit: Sequence[AuditEntry]) -> Session | None:
        """Give a live session a new id and refresh token; the old ones are void at once."""
        ...

    # --- keys ------------------------------------------------------------------------------------

    async def add_key(
        self, key: ApiKey, audit: Sequence[AuditEntry], *, live_max: int | None = None
    ) -> ApiKey:
        """Store a key.

        Args:
            key: What to store.
            audit: Written with it.
            live_max: Live keys that its user may have everywhere, this one among them.

        Raises:
            LimitExceeded: The user has so many, or may have none: disabled, or gone.
        """
        ...

    async def keys(self, user: UserId, workspace: WorkspaceId | None = None) -> list[ApiKey]:
        """Return the live keys of a user, the newest first."""
        ...

    async def keys_of_workspace(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = ALL
    ) -> list[ApiKey]:
        """Return the live keys of a workspace, ids descending; only those less than `after`."""
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

    async def enable_key(self, key_id: str, audit: Sequence[AuditEntry]) -> bool:
        """Enable a live key that a restore has disabled; False if there is no such one."""
        ...

    # --- identities of other issuers --------------------------------------------------------------

    async def principal_of_identity(
        self, identity: ExternalIdentity, workspace: str | None
    ) -> Principal | None:
        """Return whose an identity is, and the role in a workspace (id, slug, or the default).

        Nobody while the user is disabled.
        """
        ...

    async def user_of_identity(self, identity: ExternalIdentity) -> User | None:
        """Return whose an identity is, also while that user is disabled."""
        ...

    async def add_identity(
        self, identity: ExternalIdentity, user: UserId, audit: Sequence[AuditEntry]
    ) -> bool:
        """Link an identity to a user who is there and not disabled; False if it is somebody's."""
        ...

    async def provision(
        self, identity: ExternalIdentity, user: User, audit: Sequence[AuditEntry]
    ) -> bool:
        """Add a user together with an identity.

        Of any number at once exactly one succeeds. False if the identity is somebody's or the
        user's address is taken; nothing is done then.
        """
        ...

    async def remove_identity(
        self, identity: ExternalIdentity, audit: Sequence[AuditEntry]
    ) -> bool:
        """Unlink an identity; False if it is nobody's."""
        ...

    # --- care -------------------------------------------------------------------------------------

    async def clean(self) -> int:
        """Delete what ended or expired more than a day ago; return how many rows."""
        ...
