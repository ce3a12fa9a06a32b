# SPDX-License-Identifier: Apache-2.0
"""Rows of accounts as the values of the port, and back.

Rules: AC3.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.script import Row
from legato.ports.accounts import (
    ApiKey,
    Member,
    NewSession,
    NewToken,
    Principal,
    Session,
    Token,
    User,
    Workspace,
)
from legato.ports.memberships import Invitation

_TEXTS: Final = msgspec.json.Decoder(tuple[str, ...])


def user_of(row: Row, prefix: str = "") -> User:
    """Return the user in a row whose columns begin with the prefix."""
    values = {name: row[prefix + name] for name in User.__struct_fields__}
    values["is_disabled"] = bool(values["is_disabled"])
    values["is_instance_admin"] = bool(values["is_instance_admin"])
    values["recovery"] = _TEXTS.decode(values["recovery"])
    return User(**values)


def user_values(user: User) -> dict[str, Any]:
    """Return what is stored of a user, but what the database itself decides."""
    values = {name: getattr(user, name) for name in user.__struct_fields__}
    del values["created_at"], values["version"]
    values["recovery"] = list_text(user.recovery)
    return values


def workspace_of(row: Row, prefix: str = "") -> Workspace:
    """Return the workspace in a row whose columns begin with the prefix."""
    return Workspace(**{name: row[prefix + name] for name in Workspace.__struct_fields__})


def workspace_values(workspace: Workspace) -> dict[str, Any]:
    """Return what is stored of a workspace, but when."""
    return {"id": workspace.id, "slug": workspace.slug, "name": workspace.name}


def member_of(row: Row) -> Member:
    """Return a member."""
    names = ("workspace", "role", "email", "display_name", "since")
    return Member(user=row["user_id"], **{name: row[name] for name in names})


def invitation_of(row: Row) -> Invitation:
    """Return an invitation."""
    names = ("id", "hash", "workspace", "role", "email", "expires_at")
    return Invitation(by=row["made_by"], **{name: row[name] for name in names})


def invitation_values(invitation: Invitation) -> dict[str, Any]:
    """Return what is stored of a new invitation, but when it expires."""
    names = ("id", "hash", "workspace", "role", "email")
    values = {name: getattr(invitation, name) for name in names}
    return {**values, "made_by": invitation.by}


def session_of(row: Row, prefix: str = "") -> Session:
    """Return the session in a row whose columns begin with the prefix."""
    values = {name: row[prefix + name] for name in Session.__struct_fields__ if name != "user"}
    return Session(user=row[f"{prefix}user_id"], **values)


def session_values(session: NewSession) -> dict[str, Any]:
    """Return what is stored of a new session."""
    return {
        "id": session.id,
        "sid_hash": session.sid_hash,
        "user_id": session.user,
        "ttl_ms": session.ttl_ms,
        "ip": session.ip,
        "user_agent": session.user_agent,
    }


def token_of(row: Row) -> Token:
    """Return a token; what is left of its life is not kept, only when it ends."""
    names = ("hash", "kind", "email", "sealed", "expires_at", "tries")
    values = {name: row[name] for name in names}
    return Token(ttl_ms=0, user=row["user_id"], **values)


def token_values(token: NewToken) -> dict[str, Any]:
    """Return what is stored of a new token."""
    names = ("hash", "kind", "ttl_ms", "email", "sealed")
    values = {name: getattr(token, name) for name in names}
    return {**values, "user_id": token.user}


def key_of(row: Row) -> ApiKey:
    """Return a key."""
    names = (
        "id",
        "secret_hash",
        "workspace",
        "name",
        "created_at",
        "expires_at",
        "last_used",
        "disabled_at",
    )
    values = {name: row[name] for name in names}
    return ApiKey(user=row["user_id"], scopes=_TEXTS.decode(row["scopes"]), **values)


def key_values(key: ApiKey) -> dict[str, Any]:
    """Return what is stored of a new key."""
    return {
        "id": key.id,
        "secret_hash": key.secret_hash,
        "workspace": key.workspace,
        "user_id": key.user,
        "name": key.name,
        "scopes": list_text(key.scopes),
        "expires_at": key.expires_at,
    }


def principal_of(row: Row, **whose: Any) -> Principal:
    """Return who asks: user, and workspace and role where there are any.

    Args:
        row: With the columns of a user (`u_`) and a workspace (`w_`), and `role`.
        whose: `session` and `at`, `identity` and `at`, or `key` and `scopes`.
    """
    workspace = None if row["w_id"] is None else workspace_of(row, "w_")
    return Principal(user=user_of(row, "u_"), workspace=workspace, role=row["role"], **whose)


def scopes_of(row: Row) -> tuple[str, ...]:
    """Return the scopes of a key."""
    return _TEXTS.decode(row["scopes"])


def list_text(values: Sequence[str]) -> str:
    """Return a list as it is stored."""
    return msgspec.json.encode(values).decode()
