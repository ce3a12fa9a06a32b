# SPDX-License-Identifier: Apache-2.0
"""Proof that what is measured is durable: the databases are asked, nothing is taken for granted.

The very connections that the engine writes by are asked, wherever its store keeps them.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

T = TypeVar("T")

SYNCHRONOUS: Final = {0: "off", 1: "normal", 2: "full", 3: "extra"}


BUSY_TRIES: Final = 200


class NotDurableError(Exception):
    """A measurement would compare a store that may lose what it acknowledged."""


def check_sqlite_connection(connection: sqlite3.Connection) -> None:
    """Raise unless this connection commits to the disk before it answers."""
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    check_sqlite_values(journal, connection.execute("PRAGMA synchronous").fetchone()[0])


def check_sqlite_values(journal: str, synchronous: int) -> None:
    """Raise unless these settings of a connection bring every commit to the disk."""
    if journal not in {"wal", "delete"} or synchronous < 2:
        shown = SYNCHRONOUS.get(synchronous, synchronous)
        raise NotDurableError(f"SQLite runs with journal_mode={journal}, synchronous={shown}")


async def check_postgres_connection(connection: Any) -> None:
    """Raise unless this connection's commits are on the disk before they are answered."""
    for name in ("synchronous_commit", "fsync", "full_page_writes"):
        value = await connection.fetchval(f"SHOW {name}")
        if value != "on":
            raise NotDurableError(f"PostgreSQL runs with {name}={value}")


@contextlib.contextmanager
def noted_connections(store: str) -> Iterator[list[Any]]:
    """Give a list that gets every connection that this process opens within the block."""
    opened: list[Any] = []
    if store == "sqlite":
        with _replaced(sqlite3, "connect", _noting(sqlite3.connect, opened)):
            yield opened
        return
    import asyncpg  # here, for on SQLite it would count as memory of the engine

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        real(self, *arguments, **named)
        opened.append(self)

    real = asyncpg.Connection.__init__
    with _replaced(asyncpg.Connection, "__init__", init):
        yield opened


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _noting(connect: Callable[..., T], opened: list[Any]) -> Callable[..., T]:
    def noted(*arguments: Any, **named: Any) -> T:
        connection = connect(*arguments, **named)
        opened.append(connection)
        return connection

    return noted


async def check_connections(store: str, opened: list[Any]) -> None:
    """Raise unless every one of these connections that can write commits durably.

    To be called when nothing is measured any more: a connection that is asked is not free for the
    store's own statements.
    """
    if store == "sqlite":
        writing = [each for each in opened if _can_write(each)]
        for connection in writing:
            check_sqlite_connection(connection)
    else:
        living = [each for each in opened if not each.is_closed()]
        writing = [each for each in living if await _is_checked(each)]
    if not writing:
        raise NotDurableError(f"no connection to {store} was found to ask")


def _can_write(connection: sqlite3.Connection) -> bool:
    try:
        return not connection.execute("PRAGMA query_only").fetchone()[0]
    except sqlite3.ProgrammingError:  # it is closed
        return False


async def _is_checked(connection: Any) -> bool:
    """Ask a connection between two of the store's statements; False if it closes meanwhile."""
    import asyncpg

    for _ in range(BUSY_TRIES):
        try:
            await check_postgres_connection(connection)
        except asyncpg.PostgresConnectionError:
            return False
        except asyncpg.InterfaceError:
            if connection.is_closed():
                return False
            await asyncio.sleep(0.01)
        else:
            return True
    raise NotDurableError("a connection to PostgreSQL is never free to be asked")
