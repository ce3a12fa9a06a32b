# SPDX-License-Identifier: Apache-2.0
"""Connections to one PostgreSQL database: how they are opened, and what errors mean.

Rules: LG13, LG27.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from legato.adapters.sql.postgres.statements import SQL
from legato.errors import (
    DiskFull,
    Internal,
    LegatoError,
    StoreDamaged,
    StoreUnavailable,
    Unavailable,
)

CONNECT_TIMEOUT_S: Final = 5.0
COMMAND_TIMEOUT_S: Final = 15.0
"""How long the client waits for an answer: a server that was stopped never says no."""
POOL_MAX: Final = 8
"""Connections of a process, where its settings say nothing else."""
STATEMENTS_CACHED: Final = 256
SETTINGS: Final = {
    "application_name": "legato",
    "synchronous_commit": "on",
    "statement_timeout": "12000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "30000",
    # Statements are short and prepared: compiling them would take longer than running them.
    "jit": "off",
}

# What fails is raised, too, and said once by whoever tries again; the pool would add a traceback
# for every connection that it cannot make while the server is away.
logging.getLogger("asyncpg").setLevel(logging.CRITICAL)

_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
)
"""What means that the store is not available, and not that a statement is wrong."""
BROKEN: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # The driver's own confusion about a connection that died while it was taken from the pool.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
)
"""After these the connection is not used any more."""


class Database:
    """A pool of connections for everything but appending."""

    def __init__(
        self, url: str, *, pool_max: int = POOL_MAX, pool_wait_s: float | None = None
    ) -> None:
        """Make a closed database.

        Args:
            url: `postgresql://…`; a driver named in the scheme is ignored.
            pool_max: Connections at once.
            pool_wait_s: How long one is waited for; None: as long as for a new connection.
        """
        self._pool_max = pool_max
        self._pool_wait_s = pool_wait_s
        parts = urlsplit(url)
        self.dsn = urlunsplit(parts._replace(scheme="postgresql"))
        name = parts.path.strip("/")
        self.place = f"PostgreSQL at {parts.hostname or 'the local socket'}, database {name}"
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect and refuse a server that would lose commits.

        Raises:
            StoreUnavailable: It cannot be reached, or is not durable.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self.dsn, min_size=1, max_size=self._pool_max, reset=_as_it_is, **self.options()
            )
        except Exception as error:
            raise self.translated(error) from error
        await self._check()

    async def close(self) -> None:
        """Close all connections, by force after a few seconds."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), CONNECT_TIMEOUT_S)
            except TimeoutError:
                pool.terminate()

    def options(self) -> dict[str, Any]:
        """Return what every connection is opened with."""
        return {
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": COMMAND_TIMEOUT_S,
            "statement_cache_size": STATEMENTS_CACHED,
            "server_settings": SETTINGS,
        }

    async def fetch(self, name: str, /, **values: Any) -> list[Any]:
        """Run a compiled query and return its rows. Tried once more on a new connection.

        Only for what may run twice.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        statement = SQL[name]
        arguments = statement.arguments(values)
        for is_last in (False, True):
            try:
                async with self._acquired() as connection:
                    return list(await connection.fetch(statement.sql, *arguments))
            except BROKEN as error:
                if is_last or isinstance(error, TimeoutError) or self._pool is None:
                    raise self.translated(error) from error
                # Pooled connections may have died long ago, with a server that is back by now.
                await self._pool.expire_connections()
            except LegatoError:
                raise
            except Exception as error:
                raise self.translated(error) from error
        raise AssertionError("unreachable")

    async def fetch_value(self, name: str, /, **values: Any) -> Any:
        """Return the first column of the first row, or None."""
        rows = await self.fetch(name, **values)
        return rows[0][0] if rows else None

    async def execute(self, name: str, /, **values: Any) -> int:
        """Run a compiled statement that may run twice and return how many rows it touched."""
        statement = SQL[name]
        async with self.transaction() as connection:
            return await run(connection, name, statement.arguments(values))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Give a connection inside a transaction that is committed at the end.

        Raises:
            StoreUnavailable: The server does not answer; the outcome may be unknown.
        """
        try:
            async with self._acquired() as connection, connection.transaction():
                yield connection
        except LegatoError:
            raise
        except Exception as error:
            raise self.translated(error) from error

    async def notify(self, channel: str, payload: str) -> None:
        """Send a hint to all who listen on a channel."""
        async with self.transaction() as connection:
            await connection.execute("SELECT pg_notify($1, $2)", channel, payload)

    def translated(self, error: Exception) -> LegatoError:
        """Say what a driver's error means and what to do about it."""
        if isinstance(error, LegatoError):
            return error
        if not isinstance(error, _LOST):
            return Internal(f"{self.place}: {type(error).__name__}: {error}")
        what = str(error) or type(error).__name__
        if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
            return StoreUnavailable(f"{self.place} does not answer in time.")
        if isinstance(error, asyncpg.DiskFullError):
            return DiskFull(
                f"the disk of {self.place} is full: {what}.",
                hint="Free some space: the work goes on by itself.",
            )
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            return StoreUnavailable(
                f"{self.place} is read-only.", hint="Connect to the primary server."
            )
        if isinstance(error, asyncpg.DataCorruptedError | asyncpg.IndexCorruptedError):
            return StoreDamaged(f"{self.place} is damaged: {what}.", hint="Restore a backup.")
        return StoreUnavailable(f"{self.place} cannot be used now: {what}.")

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise Unavailable("the store is closed")
        wait_s = CONNECT_TIMEOUT_S if self._pool_wait_s is None else self._pool_wait_s
        async with self._pool.acquire(timeout=wait_s) as connection:
            yield connection

    async def _check(self) -> None:
        names = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding")
        async with self.transaction() as connection:
            found = {name: await connection.fetchval(f"SHOW {name}") for name in names}
        weak = [name for name in names[:3] if found[name] in {"off", "local"}]
        if weak:
            raise StoreUnavailable(
                f"{self.place} does not keep what it commits: {', '.join(weak)} is off.",
                hint="Turn it on.",
            )
        if found["server_encoding"] != "UTF8":
            raise StoreUnavailable(
                f"{self.place} has the encoding {found['server_encoding']}; UTF8 is needed."
            )


async def _as_it_is(_connection: Any) -> None:
    """Give a connection back without another round trip, which takes as long as a short query.

    Nothing that is done on one outlives its transaction: there is nothing to take back.
    """


async def run(connection: Any, name: str, arguments: list[Any]) -> int:
    """Run a compiled statement on a connection and return how many rows it touched."""
    tag: str = await connection.execute(SQL[name].sql, *arguments)
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


async def rows(connection: Any, name: str, /, **values: Any) -> list[Any]:
    """Run a compiled query on a connection and return its rows."""
    statement = SQL[name]
    return list(await connection.fetch(statement.sql, *statement.arguments(values)))


async def do(connection: Any, name: str, /, **values: Any) -> int:
    """Run a compiled statement on a connection with named values."""
    return await run(connection, name, SQL[name].arguments(values))
