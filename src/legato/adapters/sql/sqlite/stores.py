# SPDX-License-Identifier: Apache-2.0
"""The ports on one SQLite file, and how it is opened.

Rules: LG13, LG21, LG22, LG27, LG28.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from legato.adapters.sql.accounts.store import SqlAccounts
from legato.adapters.sql.admissions import SqlAdmissions
from legato.adapters.sql.audit import SqlAudit
from legato.adapters.sql.credentials import SqlCredentials
from legato.adapters.sql.files import SqlFiles
from legato.adapters.sql.indexing import Indexing, store_words_apart
from legato.adapters.sql.keeping import SqlKeeping
from legato.adapters.sql.listing import PlainWords, SqlExecutionLists
from legato.adapters.sql.migrate import State, judge
from legato.adapters.sql.sqlite.attempts import SqliteAttemptLogs, SqliteJournal
from legato.adapters.sql.sqlite.changes import SqliteChanges
from legato.adapters.sql.sqlite.connection import (
    SYNCHRONOUS_FULL,
    connect_writer,
    prepare_file,
    quick_check,
    unavailable,
)
from legato.adapters.sql.sqlite.engine_lock import EngineLocks
from legato.adapters.sql.sqlite.executions import SqliteExecutions
from legato.adapters.sql.sqlite.inbox import SqliteInbox
from legato.adapters.sql.sqlite.indexer import Indexer
from legato.adapters.sql.sqlite.log import SqliteLog
from legato.adapters.sql.sqlite.owners import SqliteOwners
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.scripts import SqliteScripts
from legato.adapters.sql.sqlite.statements import REVISION, SCHEMA, SQL
from legato.adapters.sql.sqlite.writer import Writer
from legato.adapters.sql.triggers.notices import SqlNotices
from legato.adapters.sql.triggers.store import SqlTriggers
from legato.adapters.sql.workflows.store import SqlWorkflows
from legato.adapters.sql.workflows.versions import SqlVersions
from legato.adapters.system_clock import SystemClock
from legato.crashpoints import crash_point
from legato.errors import StoreUnavailable
from legato.model.policy import Limits
from legato.ports.blobs import BlobStore
from legato.ports.stores import StoreLook, Stores

_EPOCH: Final = "epoch"


class SqliteLifecycle:
    """Keeps `ports.stores.Lifecycle`."""

    def __init__(self, path: Path, locks: EngineLocks) -> None:
        """Make a closed store.

        Args:
            path: The database file.
            locks: Given up on close.
        """
        self.path = path
        self.writer = Writer(path)
        self.readers = Readers(path)
        self.scripts = SqliteScripts(self.writer, self.readers)
        self.indexing = Indexing(self.scripts, store_words_apart)
        self.indexer = Indexer(self.indexing)
        self.changes = SqliteChanges(self.writer, path)
        self._locks = locks

    async def open(self) -> None:
        """Keep `Lifecycle.open`."""
        connection = await asyncio.to_thread(open_database, self.path)
        self.writer.start(connection)
        self.readers.start()
        try:
            await self.changes.start()
        except BaseException:
            await self.close()
            raise
        self.indexer.start()

    async def close(self) -> None:
        """Keep `Lifecycle.close`."""
        await self.indexer.stop()
        await self.readers.stop()
        await self.writer.stop()
        self._locks.give_up_all()

    async def epoch(self) -> int:
        """Keep `Lifecycle.epoch`."""

        def read(connection: sqlite3.Connection) -> int:
            (value,) = connection.execute(SQL["meta"], {"key": _EPOCH}).fetchone()
            return int(value)

        return await self.readers.call(read)

    async def look(self) -> StoreLook:
        """Keep `Lifecycle.look`."""

        def work(connection: sqlite3.Connection) -> tuple[str, int, int]:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
            # Days since noon in Greenwich on November 24, 4714 B.C.; SQLite's own clock.
            days = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
            (now,) = connection.execute(days).fetchone()
            return mode, synchronous, now

        began = time.perf_counter()
        await self.epoch()
        mode, synchronous, now = await self.writer.call(work)
        is_full = synchronous == SYNCHRONOUS_FULL
        return StoreLook(
            kind="SQLite",
            version=sqlite3.sqlite_version,
            durability={
                "journal_mode": mode,
                "synchronous": "full" if is_full else str(synchronous),
            },
            now=now,
            took_ms=(time.perf_counter() - began) * 1000,
        )


def open_database(path: Path) -> sqlite3.Connection:
    """Make, check or migrate the file and return the connection that writes.

    Raises:
        StoreUnavailable: It cannot be opened or written, or it is damaged.
        Conflict: Its schema is newer than this program.
    """
    prepare_file(path)
    connection = connect_writer(path)
    try:
        state = judge(_revision(connection), REVISION)
        while state != "current":
            _migrate(connection, state)
            state = judge(_revision(connection), REVISION)
        quick_check(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _revision(connection: sqlite3.Connection) -> str | None:
    """Return the database's revision, None if it is empty.

    Raises:
        StoreUnavailable: The file is a database of some other program.
    """
    names = "SELECT group_concat(name) FROM sqlite_master WHERE name NOT GLOB 'sqlite_*'"
    (tables,) = connection.execute(names).fetchone()
    if tables is None:
        return None
    if "alembic_version" not in tables.split(",") or "executions" not in tables.split(","):
        raise StoreUnavailable(
            f"this database is not Legato's: it holds {tables[:80]}.", hint="Use another file."
        )
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _migrate(connection: sqlite3.Connection, state: State) -> None:
    """Bring the schema up to date while nobody else can write."""
    with ExitStack() as stack:
        # Before the transaction: SQLAlchemy ends one when it meets a connection for the first time.
        lift = stack.enter_context(_lifting(connection)) if state == "old" else None
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited.
            state = judge(_revision(connection), REVISION)
            if state == "empty":
                for statement in SCHEMA:
                    connection.execute(statement)
            elif state == "old" and lift is not None:
                lift()
            crash_point("migration.before_commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        crash_point("migration.after_commit")


@contextmanager
def _lifting(raw: sqlite3.Connection) -> Iterator[Callable[[], None]]:
    """Give a function that runs the missing migrations inside the caller's transaction."""
    from sqlalchemy import create_engine, pool  # noqa: PLC0415 - only an old schema needs it

    from legato.adapters.sql.migrate import upgrade  # noqa: PLC0415

    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=pool.StaticPool)
    with _LIFTING, engine.connect() as connection:
        connection.begin()  # or Alembic would begin and commit by itself
        yield lambda: upgrade(connection)


_LIFTING: Final = threading.Lock()
"""Alembic keeps what it works on in module variables: one migration at a time per process."""


def make_sqlite_stores(
    path: Path, blobs: BlobStore, *, home: Path, limits: Limits | None = None
) -> Stores:
    """Make the ports on one file; nothing is opened yet.

    Args:
        path: The database file; made on `open` if it is missing.
        blobs: Where payloads go.
        home: Folder whose `engines` holds the engines' locks.
        limits: Bounds on queue, inboxes and log lines.
    """
    limits = limits or Limits()
    locks = EngineLocks(home / "engines")
    lifecycle = SqliteLifecycle(path, locks)
    writer, readers = lifecycle.writer, lifecycle.readers
    scripts = lifecycle.scripts
    return Stores(
        lifecycle=lifecycle,
        log=SqliteLog(
            writer, readers, queued_max=limits.max_queued_executions, on_text=lifecycle.indexer.wake
        ),
        inbox=SqliteInbox(writer, readers, waiting_max=limits.max_inbox_per_execution),
        owners=SqliteOwners(writer, readers, locks),
        executions=SqliteExecutions(readers),
        lists=SqlExecutionLists(
            scripts,
            PlainWords(scripts),
            catch_up=lifecycle.indexing.batch,
            monotonic=time.monotonic,
        ),
        versions=SqlVersions(scripts, SystemClock().new_id),
        workflows=SqlWorkflows(scripts),
        journal=SqliteJournal(writer, readers),
        attempt_logs=SqliteAttemptLogs(writer, readers, lines_max=limits.max_log_lines_per_attempt),
        blobs=blobs,
        changes=lifecycle.changes,
        admissions=SqlAdmissions(scripts, limits, monotonic=time.monotonic, notify=lambda: None),
        accounts=SqlAccounts(scripts),
        audit=SqlAudit(scripts),
        keeping=SqlKeeping(scripts, is_sqlite=True),
        files=SqlFiles(scripts),
        credentials=SqlCredentials(scripts),
        triggers=SqlTriggers(scripts),
        notices=SqlNotices(scripts),
    )
