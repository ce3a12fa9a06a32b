# SPDX-License-Identifier: Apache-2.0
"""The ports on one PostgreSQL database, and how it is opened.

Rules: LG13, LG21, LG22, LG27.
"""

import asyncio
import time
from typing import Final

import asyncpg

from legato.adapters.sql.accounts.store import SqlAccounts
from legato.adapters.sql.admissions import SqlAdmissions
from legato.adapters.sql.audit import SqlAudit
from legato.adapters.sql.credentials import SqlCredentials
from legato.adapters.sql.files import SqlFiles
from legato.adapters.sql.indexing import Indexing, store_words
from legato.adapters.sql.keeping import SqlKeeping
from legato.adapters.sql.listing import SqlExecutionLists
from legato.adapters.sql.migrate import judge
from legato.adapters.sql.postgres.attempts import PostgresAttemptLogs, PostgresJournal
from legato.adapters.sql.postgres.committer import Committer
from legato.adapters.sql.postgres.database import POOL_MAX, Database
from legato.adapters.sql.postgres.executions import PostgresExecutions
from legato.adapters.sql.postgres.inbox import PostgresInbox
from legato.adapters.sql.postgres.indexer import Indexer
from legato.adapters.sql.postgres.log import PostgresLog
from legato.adapters.sql.postgres.owners import PostgresOwners
from legato.adapters.sql.postgres.scripts import PostgresScripts
from legato.adapters.sql.postgres.words import PostgresWords
from legato.adapters.sql.revision import REVISION
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

MIGRATION_LOCK: Final = 0x6C656761746F
"""Key of the advisory lock ("legato" in ASCII) under which one process migrates."""
DEAF_S: Final = 1.0
"""While nobody listens for hints, `wait` asks its caller to look after this time."""


class PostgresChanges:
    """Keeps `ports.bus.Changes`. True once per burst of commits of other processes."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def wait(self, timeout_s: float) -> bool:
        """Keep `Changes.wait`; while the connection is away it returns true now and then."""
        changed = self._committer.changed
        is_deaf = not self._committer.is_listening
        try:
            async with asyncio.timeout(min(timeout_s, DEAF_S) if is_deaf else timeout_s):
                await changed.wait()
        except TimeoutError:
            return is_deaf and timeout_s >= DEAF_S
        changed.clear()
        return True


class PostgresLifecycle:
    """Keeps `ports.stores.Lifecycle`."""

    def __init__(self, database: Database) -> None:
        """Make a closed store.

        Args:
            database: Closed.
        """
        self.database = database
        self.committer = Committer(self.database)
        self.scripts = PostgresScripts(self.database)
        self.indexing = Indexing(self.scripts, store_words)
        self.indexer = Indexer(self.database, self.indexing)
        self.changes = PostgresChanges(self.committer)

    async def open(self) -> None:
        """Keep `Lifecycle.open`."""
        await self.database.open()
        try:
            await self._migrate()
            await self.committer.open()
        except BaseException:
            await self.database.close()
            raise
        self.committer.changed.clear()
        self.indexer.start()

    async def close(self) -> None:
        """Keep `Lifecycle.close`."""
        await self.indexer.stop()
        await self.committer.close()
        await self.database.close()

    async def epoch(self) -> int:
        """Keep `Lifecycle.epoch`."""
        return int(await self.database.fetch_value("meta", key="epoch"))

    async def look(self) -> StoreLook:
        """Keep `Lifecycle.look`."""
        began = time.perf_counter()
        async with self.database.transaction() as connection:
            names = ("server_version", "fsync", "full_page_writes", "synchronous_commit")
            found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in names}
            # A number of the transaction is only given out to one that may write.
            now = await connection.fetchval(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
                " FROM pg_current_xact_id()"
            )
        return StoreLook(
            kind="PostgreSQL",
            version=found.pop("server_version"),
            durability=found,
            now=int(now),
            took_ms=(time.perf_counter() - began) * 1000,
        )

    async def _migrate(self) -> None:
        if judge(await self._revision(), REVISION) == "current":
            return
        # Loaded only when there is something to do: together they cost a second.
        from sqlalchemy import Connection, text  # noqa: PLC0415
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        from legato.adapters.sql.migrate import upgrade  # noqa: PLC0415

        def work(connection: Connection) -> None:
            # Held until the commit: whoever waited finds the work done.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            upgrade(connection)
            crash_point("migration.before_commit")

        url = self.database.dsn.replace("postgresql://", "postgresql+asyncpg://", 1)
        engine = create_async_engine(url, connect_args={"timeout": 5})
        try:
            async with engine.begin() as connection:
                await connection.run_sync(work)
            crash_point("migration.after_commit")
        except (OSError, asyncpg.PostgresError) as error:
            raise self.database.translated(error) from error
        finally:
            await engine.dispose()
        judge(await self._revision(), REVISION)

    async def _revision(self) -> str | None:
        """Return the database's revision, None if it is empty.

        Raises:
            StoreUnavailable: It holds another program's tables where ours should be.
        """
        async with self.database.transaction() as connection:
            found = await connection.fetchrow(
                "SELECT to_regclass('alembic_version') AS ours, to_regclass('executions') AS table"
            )
            if found["ours"] is None and found["table"] is None:
                return None
            if found["ours"] is None or found["table"] is None:
                raise StoreUnavailable(
                    f"{self.database.place} holds tables of another program.",
                    hint="Use a database of its own for Legato.",
                )
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            return None if revision is None else str(revision)


def make_postgres_stores(
    url: str,
    blobs: BlobStore,
    *,
    limits: Limits | None = None,
    pool_max: int = POOL_MAX,
    pool_wait_s: float | None = None,
) -> Stores:
    """Make the ports on one database; nothing is opened yet.

    Args:
        url: `postgresql://…`.
        blobs: Where payloads go.
        limits: Bounds on queue, inboxes and log lines.
        pool_max: Connections at once, beside that of the log.
        pool_wait_s: How long one is waited for; None: as long as for a new connection.
    """
    limits = limits or Limits()
    lifecycle = PostgresLifecycle(Database(url, pool_max=pool_max, pool_wait_s=pool_wait_s))
    database, committer = lifecycle.database, lifecycle.committer
    scripts = lifecycle.scripts
    return Stores(
        lifecycle=lifecycle,
        log=PostgresLog(
            database,
            committer,
            queued_max=limits.max_queued_executions,
            on_text=lifecycle.indexer.wake,
        ),
        inbox=PostgresInbox(database, committer, waiting_max=limits.max_inbox_per_execution),
        owners=PostgresOwners(database, committer),
        executions=PostgresExecutions(database),
        lists=SqlExecutionLists(
            scripts,
            PostgresWords(database),
            catch_up=lifecycle.indexing.batch,
            monotonic=time.monotonic,
        ),
        versions=SqlVersions(scripts, SystemClock().new_id),
        workflows=SqlWorkflows(scripts),
        journal=PostgresJournal(database),
        attempt_logs=PostgresAttemptLogs(database, lines_max=limits.max_log_lines_per_attempt),
        blobs=blobs,
        changes=lifecycle.changes,
        admissions=SqlAdmissions(
            scripts, limits, monotonic=time.monotonic, notify=committer.tell_others
        ),
        accounts=SqlAccounts(scripts),
        audit=SqlAudit(scripts),
        keeping=SqlKeeping(scripts, is_sqlite=False),
        files=SqlFiles(scripts),
        credentials=SqlCredentials(scripts),
        triggers=SqlTriggers(scripts),
        notices=SqlNotices(scripts),
    )
