# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a PostgreSQL database: every table by COPY, all of one instant, and the way back.

One transaction, REPEATABLE READ and read-only, sees the same instant to its end; no writer waits
for it. All that comes back is written in one transaction: cut off, it leaves an empty database.
Names of tables and columns are those of the catalogue, where our migrations have put them.

Rules: BK1, BK9.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from legato.adapters.archive import PIECE_BYTES
from legato.adapters.sql.postgres.database import CONNECT_TIMEOUT_S, SETTINGS, Database
from legato.adapters.sql.sqlite.snapshot import BLOBS, check_revision
from legato.errors import InvalidInput, LegatoError, StoreDamaged
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.keeping import RESTORING
from legato.ports.snapshots import Load, Piece, Snapshot, Tell

PATIENT: Final = {
    **SETTINGS,
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""A large table takes its time."""
MIGRATION_LOCK: Final = 0x6C656761746F
_COLUMNS: Final = (
    "SELECT c.relname::text AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
    " AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
    " GROUP BY c.relname ORDER BY c.relname"
)
_IDENTITIES: Final = (
    "SELECT c.relname::text AS table, a.attname::text AS column FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND a.attidentity <> ''"
)
_FUNCTIONS: Final = (
    "SELECT p.oid::regprocedure::text FROM pg_proc p"
    " WHERE p.pronamespace = current_schema()::regnamespace"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
)
_MARK: Final = (
    "INSERT INTO meta (key, value) VALUES ($1, $2)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_FETCH: Final = 1_000


class PostgresSnapshots:
    """Keeps `ports.snapshots.Snapshots`."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        """Args: url is that of the database."""
        self._database = Database(url)

    @asynccontextmanager
    async def take(self, tell: Tell) -> AsyncIterator[Snapshot]:
        """Keep `Snapshots.take`."""
        async with (
            self._connected() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            yield _Tables(connection, str(revision), await _columns(connection), tell)

    async def state(self) -> str | None:
        """Keep `Snapshots.state`."""
        async with self._connected() as connection:
            columns = await _columns(connection)
            if "meta" in columns:
                note = "SELECT 1 FROM meta WHERE key = $1"
                if await connection.fetchval(note, RESTORING):
                    return RESTORING
            return "ours" if columns else None

    async def clear(self) -> None:
        """Keep `Snapshots.clear`."""
        async with self._connected() as connection, connection.transaction():
            for table in await _columns(connection):
                await connection.execute(f"DROP TABLE {_quoted(table)} CASCADE")
            for row in await connection.fetch(_FUNCTIONS):
                await connection.execute(f"DROP FUNCTION {row[0]} CASCADE")

    @asynccontextmanager
    async def load(
        self, revision: str, columns: Mapping[str, tuple[str, ...]]
    ) -> AsyncIterator[Load]:
        """Keep `Snapshots.load`."""
        from sqlalchemy import Connection, text  # noqa: PLC0415 - only a restore needs it
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        from legato.adapters.sql.migrate import upgrade  # noqa: PLC0415

        check_revision(revision)

        def make_tables(connection: Connection) -> None:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            upgrade(connection, revision)

        url = self._database.dsn.replace("postgresql://", "postgresql+asyncpg://", 1)
        arguments = {"timeout": CONNECT_TIMEOUT_S, "server_settings": PATIENT}
        engine = create_async_engine(url, connect_args=arguments)
        try:
            async with engine.connect() as outer:
                await outer.run_sync(make_tables)
                raw: Any = (await outer.get_raw_connection()).driver_connection
                loading = _Loading(raw, columns)
                try:
                    await loading.begin()
                    yield loading
                    await outer.commit()
                finally:
                    await loading.close()
        except (OSError, asyncpg.PostgresError) as error:
            raise _translated(self._database, error) from error
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        try:
            connection = await asyncpg.connect(
                self._database.dsn, timeout=CONNECT_TIMEOUT_S, server_settings=PATIENT
            )
            try:
                yield connection
            finally:
                with suppress(Exception):
                    await connection.close(timeout=CONNECT_TIMEOUT_S)
        except LegatoError:
            raise
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._database.translated(error) from error


class _Tables:
    """Keeps `ports.snapshots.Snapshot`."""

    kind = "postgresql"

    def __init__(
        self, connection: Any, revision: str, columns: Mapping[str, tuple[str, ...]], tell: Tell
    ) -> None:
        self.revision = revision
        self.columns = columns
        self._connection = connection
        self._tell = tell
        self._counts: dict[str, int] = {}
        self._done = 0

    async def pieces(self) -> AsyncIterator[Piece]:
        """Keep `Snapshot.pieces`."""
        for table in self.columns:
            async for data in self._table(table):
                self._done += len(data)
                self._tell("database", self._done)
                yield Piece(table, data)

    async def _table(self, table: str) -> AsyncIterator[bytes]:
        """Yield the rows of a table, each piece with whole rows or parts of one."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        held = bytearray()

        async def take(data: bytes) -> None:
            held.extend(data)
            if len(held) >= PIECE_BYTES:
                await queue.put(bytes(held))
                held.clear()

        async def copy() -> str:
            try:
                status: str = await self._connection.copy_from_table(
                    table, columns=self.columns[table], output=take, timeout=None
                )
                if held:
                    await queue.put(bytes(held))
                return status
            finally:
                await queue.put(None)

        copying = asyncio.ensure_future(copy())
        try:
            while (data := await queue.get()) is not None:
                yield data
            self._counts[table] = int((await copying).rpartition(" ")[2])
        finally:
            if not copying.done():
                copying.cancel()
                while queue.qsize():
                    queue.get_nowait()
                await asyncio.gather(copying, return_exceptions=True)

    async def counts(self) -> dict[str, int]:
        """Keep `Snapshot.counts`."""
        return dict(self._counts)

    async def blobs(self) -> AsyncIterator[tuple[WorkspaceId, BlobRef]]:
        """Keep `Snapshot.blobs`."""
        cursor = await self._connection.cursor(BLOBS)
        while rows := await cursor.fetch(_FETCH):
            for workspace, digest, size in rows:
                yield WorkspaceId(workspace), BlobRef(digest, size)


class _Loading:
    """Keeps `ports.snapshots.Load`."""

    def __init__(self, connection: Any, columns: Mapping[str, tuple[str, ...]]) -> None:
        self._connection = connection
        self._columns = columns
        self._counts: dict[str, int] = dict.fromkeys(columns, 0)
        self._table = ""
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._copying: asyncio.Task[str] | None = None

    async def begin(self) -> None:
        """Look whether the tables are ours, and make room.

        Raises:
            InvalidInput: They are not.
        """
        found = await _columns(self._connection)
        for table, columns in self._columns.items():
            if set(columns) != set(found.get(table, ())):
                raise InvalidInput(f"the archive holds a table that no Legato makes: {table[:63]}")
        for table in found:
            # Triggers act for what people do; a copy has happened before.
            await self._connection.execute(f"ALTER TABLE {_quoted(table)} DISABLE TRIGGER USER")
            await self._connection.execute(f"DELETE FROM {_quoted(table)}")  # noqa: S608 - see above

    async def piece(self, piece: Piece) -> None:
        """Keep `Load.piece`."""
        if piece.group != self._table:
            await self._end_table()
            if piece.group not in self._columns:
                raise StoreDamaged(f"the header of the archive does not name {piece.group}")
            self._table, self._queue = piece.group, asyncio.Queue(1)
            self._copying = asyncio.ensure_future(self._copy())
        await self._put(piece.data)

    async def _put(self, data: bytes | None) -> None:
        """Hand data to the copy; one that has failed takes none any more."""
        assert self._copying is not None
        putting = asyncio.ensure_future(self._queue.put(data))
        await asyncio.wait({putting, self._copying}, return_when=asyncio.FIRST_COMPLETED)
        if not putting.done():
            putting.cancel()
            await self._copying

    async def _copy(self) -> str:
        queue = self._queue

        async def rows() -> AsyncIterator[bytes]:
            while (data := await queue.get()) is not None:
                yield data

        status: str = await self._connection.copy_to_table(
            self._table, columns=self._columns[self._table], source=rows(), timeout=None
        )
        return status

    async def _end_table(self) -> None:
        if self._copying is None:
            return
        await self._put(None)
        try:
            status = await self._copying
        except asyncpg.DataError as error:
            raise StoreDamaged(f"the rows of {self._table} cannot be read: {error}") from error
        self._counts[self._table] = int(status.rpartition(" ")[2])
        self._copying = None

    async def finish(self, counts: Mapping[str, int], marker: str) -> None:
        """Keep `Load.finish`."""
        await self._end_table()
        wrong = sorted(name for name in self._counts if self._counts[name] != counts.get(name))
        if wrong:
            raise StoreDamaged(f"the rows of {', '.join(wrong[:3])} are not all there")
        for table, column in await self._connection.fetch(_IDENTITIES):
            name, of = _quoted(table), _quoted(column)
            await self._connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'),"  # noqa: S608
                f" coalesce(max({of}), 1), max({of}) IS NOT NULL) FROM {name}"
            )
        await self._connection.execute(_MARK, RESTORING, marker)
        for table in await _columns(self._connection):
            await self._connection.execute(f"ALTER TABLE {_quoted(table)} ENABLE TRIGGER USER")

    async def close(self) -> None:
        """End a copy that was cut off."""
        if self._copying is not None and not self._copying.done():
            self._copying.cancel()
            await asyncio.gather(self._copying, return_exceptions=True)


async def _columns(connection: Any) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table, tables in the order of their names."""
    return {row["table"]: tuple(row["columns"]) for row in await connection.fetch(_COLUMNS)}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _translated(database: Database, error: Exception) -> LegatoError:
    if isinstance(error, asyncpg.DataError):
        return StoreDamaged(f"the archive holds rows that cannot be read: {error}")
    return database.translated(error)
