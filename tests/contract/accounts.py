# SPDX-License-Identifier: Apache-2.0
"""Short ways to make and look at accounts, on both databases."""

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import pytest

from legato.adapters.sql.postgres.stores import PostgresLifecycle
from legato.adapters.sql.sqlite.stores import SqliteLifecycle
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import NewSession, NewToken, Session, User, Workspace
from legato.ports.audit import AuditEntry
from legato.ports.memberships import Invitation
from legato.ports.stores import Stores

DATABASES: Final = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""Accounts are kept in databases only."""

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
HOME: Final = Workspace(id=WorkspaceId("w-home"), slug="home", name="Home")


def hashed(secret: str) -> bytes:
    """Return the hash of a secret."""
    return sha256(secret.encode()).digest()


def user(name: str = "ann", **changes: Any) -> User:
    """Return a user as one is added."""
    values: dict[str, Any] = {
        "id": UserId(f"u-{name}"),
        "email": f"{name}@example.org",
        "display_name": name.title(),
        "password_hash": "argon",
    }
    return User(**{**values, **changes})


def session(name: str = "s1", of: str = "ann", **changes: Any) -> NewSession:
    """Return a session as one is added; its secrets are `NAME-sid` and `NAME-1`."""
    values: dict[str, Any] = {
        "id": SessionId(name),
        "sid_hash": hashed(f"{name}-sid"),
        "refresh_hash": hashed(f"{name}-1"),
        "user": UserId(f"u-{of}"),
        "ttl_ms": DAY_MS,
        "idle_ms": HOUR_MS,
        "ip": "192.0.2.7",
        "user_agent": "test\x00",
    }
    return NewSession(**{**values, **changes})


def token(secret: str, **changes: Any) -> NewToken:
    """Return a token as one is added."""
    return NewToken(**{"hash": hashed(secret), "kind": "link", "ttl_ms": HOUR_MS, **changes})


def invitation(secret: str, **changes: Any) -> Invitation:
    """Return an invitation as one is made."""
    values: dict[str, Any] = {
        "id": f"i-{secret}",
        "hash": hashed(secret),
        "workspace": HOME.id,
        "role": "editor",
        "email": f"{secret}@example.org",
        "by": UserId("u-ann"),
    }
    return Invitation(**{**values, **changes})


async def invite(store: Stores, secret: str, open_max: int = 9, **changes: Any) -> Invitation:
    """Store an invitation."""
    made = invitation(secret, **changes)
    return await store.accounts.invite(made, entry(secret), ttl_ms=HOUR_MS, open_max=open_max)


def entry(action: str, **changes: Any) -> tuple[AuditEntry, ...]:
    """Return one audit entry."""
    return (AuditEntry(action=action, **changes),)


async def with_ann(store: Stores, *, role: str = "owner") -> None:
    """Add the user `ann` and the workspace HOME, which is hers."""
    assert await store.accounts.add_user(user(default_workspace=HOME.id), ())
    owner = UserId("u-ann")
    if role != "owner":
        assert await store.accounts.add_user(user("root"), ())
        owner = UserId("u-root")
    assert await store.accounts.add_workspace(HOME, owner, ())


async def logged_in(store: Stores, name: str = "s1", **changes: Any) -> Session:
    """Add a session."""
    made = await store.accounts.add_session(session(name, **changes), ())
    assert made is not None
    return made


async def execute(store: Stores, sql: str) -> None:
    """Run one statement behind the store's back."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(sql)

    if isinstance(store.lifecycle, SqliteLifecycle):
        await store.lifecycle.writer.call(work)
        return
    assert isinstance(store.lifecycle, PostgresLifecycle)
    async with store.lifecycle.database.transaction() as connection:
        await connection.execute(sql)


async def select(store: Stores, sql: str) -> list[tuple[Any, ...]]:
    """Read behind the store's back."""

    def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    if isinstance(store.lifecycle, SqliteLifecycle):
        return await store.lifecycle.readers.call(work)
    assert isinstance(store.lifecycle, PostgresLifecycle)
    async with store.lifecycle.database.transaction() as connection:
        return [tuple(row) for row in await connection.fetch(sql)]


_TIMES: Final = {
    "sessions": ("created_at", "authenticated_at", "expires_at", "ended_at"),
    "presence": ("last_active", "idle_at"),
    "refresh_tokens": ("used_at",),
    "one_time_tokens": ("expires_at", "used_at"),
    "api_keys": ("created_at", "expires_at", "last_used", "revoked_at"),
}


async def let_pass(store: Stores, ms: int, tables: Sequence[str] = tuple(_TIMES)) -> None:
    """Move everything stored into the past, which is the same to the database as waiting."""
    for table in tables:
        moved = ", ".join(f"{column} = {column} - {ms}" for column in _TIMES[table])
        await execute(store, f"UPDATE {table} SET {moved}")


async def actions(store: Stores) -> list[str]:
    """Return what the audit holds, sealed or not, in order."""
    return [action for (action,) in await select(store, "SELECT action FROM audit ORDER BY id")]
