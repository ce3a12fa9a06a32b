# SPDX-License-Identifier: Apache-2.0
"""The in-memory ports of one "process", bound to a shared `MemoryDatabase`.

Rules: LG, OW.
"""

import asyncio
from typing import Any, cast

from legato.adapters.memory.database import MemoryDatabase
from legato.adapters.memory.log import MemoryInbox, MemoryLog
from legato.adapters.memory.owners import MemoryOwners
from legato.adapters.memory.queries import (
    MemoryAttemptLogs,
    MemoryBlobs,
    MemoryExecutions,
    MemoryJournal,
    MemoryVersions,
)
from legato.errors import Unavailable
from legato.model.ids import WorkspaceId
from legato.ports.accounts import Accounts
from legato.ports.admission import Admissions
from legato.ports.audit import Audit
from legato.ports.clock import Clock
from legato.ports.credentials import Credentials
from legato.ports.files import Files
from legato.ports.keeping import Keeping
from legato.ports.listing import ExecutionLists
from legato.ports.stores import StoreLook, Stores
from legato.ports.triggers import Notices, Triggers
from legato.ports.workflows import Workflows


class MemoryLifecycle:
    """Keeps `ports.stores.Lifecycle`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def open(self) -> None:
        """Keep `Lifecycle.open`."""

    async def close(self) -> None:
        """Keep `Lifecycle.close`."""

    async def epoch(self) -> int:
        """Keep `Lifecycle.epoch`."""
        return self._database.epoch

    async def look(self) -> StoreLook:
        """Keep `Lifecycle.look`; the clock is the one of leases."""
        now = 0 if self._database.clock is None else self._database.clock.now_ms()
        return StoreLook(kind="memory", version="1", durability={}, now=now, took_ms=0.0)


class MemoryChanges:
    """Keeps `ports.bus.Changes`: true once per burst of commits of other processes."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process
        self._seen = database.foreign_commits(process)

    async def wait(self, timeout_s: float) -> bool:
        """Keep `Changes.wait`."""
        if self._database.foreign_commits(self._process) == self._seen:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._database.wait_for_others(self._process)
            except TimeoutError:
                return False
        self._seen = self._database.foreign_commits(self._process)
        return True


class NotInMemory:
    """Stands for accounts, audit, drafts, files: what outlives a process is not kept here."""

    def __getattr__(self, name: str) -> Any:
        """Refuse every use.

        Raises:
            Unavailable: Always.
        """
        raise Unavailable(
            "a store in memory keeps no accounts, drafts, files and audit.",
            hint="Use SQLite or PostgreSQL.",
        )


class NoCredentials(NotInMemory):
    """Has no credential: workflows find their secrets where there is no store."""

    async def named(self, workspace: WorkspaceId, name: str) -> None:
        """Keep `Credentials.named`."""

    async def keys(self) -> dict[str, int]:
        """Keep `Credentials.keys`."""
        return {}


def make_memory_stores(database: MemoryDatabase, clock: Clock, *, process: str) -> Stores:
    """Make the ports of one process.

    Args:
        database: Shared by all processes of the test or simulation.
        clock: Times leases, unless the database has a clock of its own.
        process: Its name: commits of other names count as changes for it.
    """
    return Stores(
        lifecycle=MemoryLifecycle(database),
        log=MemoryLog(database, process),
        inbox=MemoryInbox(database, process),
        owners=MemoryOwners(database, process, clock),
        executions=MemoryExecutions(database, process),
        versions=MemoryVersions(database, process),
        workflows=cast(Workflows, NotInMemory()),
        journal=MemoryJournal(database, process),
        attempt_logs=MemoryAttemptLogs(database, process),
        blobs=MemoryBlobs(database, process),
        changes=MemoryChanges(database, process),
        admissions=cast(Admissions, NotInMemory()),
        lists=cast(ExecutionLists, NotInMemory()),
        accounts=cast(Accounts, NotInMemory()),
        audit=cast(Audit, NotInMemory()),
        keeping=cast(Keeping, NotInMemory()),
        files=cast(Files, NotInMemory()),
        credentials=cast(Credentials, NoCredentials()),
        triggers=cast(Triggers, NotInMemory()),
        notices=cast(Notices, NotInMemory()),
    )
