# SPDX-License-Identifier: Apache-2.0
"""The log on PostgreSQL: append with group commit, create, read.

Rules: LG1-LG7, LG9, LG28, EN6, OW1, OW12.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from legato.adapters.sql.checksum import Damaged, check_log
from legato.adapters.sql.crash import crash_points
from legato.adapters.sql.postgres.append import (
    CREATE,
    CREATE_WIDTH,
    FULL,
    INHERIT,
    INHERIT_WIDTH,
    LEAN,
    Batch,
    columns_of,
    created_row,
    inherited_rows,
    waves,
)
from legato.adapters.sql.postgres.committer import Committer, Job
from legato.adapters.sql.postgres.database import Database
from legato.crashpoints import is_armed
from legato.errors import StoreDamaged
from legato.model.ids import ExecutionId
from legato.ports.log import LogRow, NewExecution, Turn, queue_full

QUEUED_COUNT_KEPT: Final = 1_000
"""Executions this process creates before it counts the queue again: counting 100 000 takes
milliseconds. Other processes' creations may exceed the limit by as much."""


class _Turns:
    """Appends batches of turns. A job's `what` is its turns, its result which were accepted."""

    async def run(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Keep `Kind.run`."""
        turns = [turn for job in jobs for turn in job.what]
        accepted: list[bool] = []
        for part in waves(turns):
            accepted += await _append(connection, part)
        results: list[Any] = []
        first = 0
        for job in jobs:
            results.append(accepted[first : first + len(job.what)])
            first += len(job.what)
        return results


async def _append(connection: Any, turns: Sequence[Turn]) -> list[bool]:
    batch = Batch()
    for turn in turns:
        batch.add(turn)
    sql = LEAN if batch.is_lean else FULL
    if is_armed():
        async with connection.transaction():
            found = await connection.fetch(sql, *batch.arguments())
            crash_points(turns, "before_commit")
        crash_points(turns, "after_commit")
    else:
        found = await connection.fetch(sql, *batch.arguments())
    places = {row[0] for row in found}
    return [place in places for place in range(len(turns))]


class _Creations:
    """Creates executions. A job's `what` is a sequence of them; its result tells which are new."""

    def __init__(self, database: Database, queued_max: int) -> None:
        self._database = database
        self._queued_max = queued_max
        self._queued = 0
        self._uncounted = QUEUED_COUNT_KEPT

    async def run(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Keep `Kind.run`."""
        fresh = {each.execution_id: each for job in reversed(jobs) for each in reversed(job.what)}
        if not await self._has_room(len(fresh)):
            return await self._create_some(connection, jobs)
        return self._results(jobs, await self._create(connection, list(fresh.values())))

    async def _create_some(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Create job by job as far as there is room; what exists already needs none."""
        results: list[Any] = []
        for job in jobs:
            ids = [each.execution_id for each in job.what]
            known = {row[0] for row in await self._database.fetch("heads", ids=ids)}
            fresh = {each.execution_id: each for each in reversed(job.what)}
            fresh = {name: each for name, each in fresh.items() if name not in known}
            if await self._has_room(len(fresh)):
                new = await self._create(connection, list(fresh.values()))
                results += self._results([job], new)
            else:
                results.append(queue_full(self._queued, self._queued_max))
        return results

    async def _create(self, connection: Any, executions: Sequence[NewExecution]) -> set[str]:
        if not executions:
            return set()
        columns = columns_of([created_row(each) for each in executions], CREATE_WIDTH)
        heirs = [row for each in executions for row in inherited_rows(each)]
        async with connection.transaction():
            new = {row[0] for row in await connection.fetch(CREATE, *columns)}
            if heirs:
                kept = [row for row in heirs if row[0] in new]
                await connection.execute(INHERIT, *columns_of(kept, INHERIT_WIDTH))
        self._queued += len(new)
        self._uncounted += len(new)
        return new

    @staticmethod
    def _results(jobs: Sequence[Job], new: set[str]) -> list[Any]:
        results: list[Any] = []
        for job in jobs:
            result = []
            for each in job.what:
                result.append(each.execution_id in new)
                new.discard(each.execution_id)
            results.append(result)
        return results

    async def _has_room(self, fresh: int) -> bool:
        """Tell whether so many more may be queued, counting only now and then."""
        if not fresh:
            return True
        is_full = self._queued + fresh > self._queued_max
        if is_full or self._uncounted >= min(QUEUED_COUNT_KEPT, self._queued_max):
            self._queued = int(await self._database.fetch_value("queued_count"))
            self._uncounted = 0
        return self._queued + fresh <= self._queued_max


class PostgresLog:
    """Keeps `ports.log.Log`."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        *,
        queued_max: int,
        on_text: Callable[[], None],
    ) -> None:
        """Make the log.

        Args:
            database: For reading.
            committer: For writing.
            queued_max: Executions that may be queued.
            on_text: Called after a turn stored a text for the full-text index.
        """
        self._database = database
        self._committer = committer
        self._turns = _Turns()
        self._creations = _Creations(database, queued_max)
        self._on_text = on_text

    async def append(self, turns: Sequence[Turn]) -> Sequence[bool]:
        """Keep `Log.append`."""
        if not turns:
            return []
        accepted: Sequence[bool] = await self._committer.submit(
            self._turns, turns, weight=len(turns)
        )
        if any(turn.projection.search is not None for turn in turns):
            self._on_text()
        return accepted

    async def create(self, executions: Sequence[NewExecution]) -> Sequence[bool]:
        """Keep `Log.create`."""
        if not executions:
            return []
        is_new: Sequence[bool] = await self._committer.submit(
            self._creations, executions, weight=len(executions)
        )
        return is_new

    async def read(
        self, execution_id: ExecutionId, *, after: int = 0, limit: int = 10_000
    ) -> list[LogRow]:
        """Keep `Log.read`."""
        rows, is_judged = self._checked(
            execution_id, after, await self._fetch(execution_id, after, limit)
        )
        if not is_judged:
            # It begins inside a turn, or it is damaged: the whole turn tells.
            begin = await self._database.fetch_value(
                "turn_end", execution_id=execution_id, seq=after
            )
            count = after - (begin or 0) + len(rows)
            whole = await self._fetch(execution_id, begin or 0, count)
            self._checked(execution_id, begin or 0, whole, is_whole=True)
        return rows

    async def read_many(
        self, execution_ids: Sequence[ExecutionId]
    ) -> dict[ExecutionId, list[LogRow]]:
        """Keep `Log.read_many`."""
        logs: dict[ExecutionId, list[Any]] = {each: [] for each in execution_ids}
        for row in await self._database.fetch("read_logs", ids=list(execution_ids)):
            logs[row[0]].append(row[1:])
        return {each: self._checked(each, 0, rows)[0] for each, rows in logs.items()}

    async def _fetch(self, execution_id: ExecutionId, after: int, limit: int) -> list[Any]:
        return await self._database.fetch(
            "read_log", execution_id=execution_id, after=after, limit=limit
        )

    def _checked(
        self,
        execution_id: ExecutionId,
        after: int,
        found: Sequence[Any],
        *,
        is_whole: bool = False,
    ) -> tuple[list[LogRow], bool]:
        """Return rows, and whether all of them could be judged to be as they were written.

        Raises:
            StoreDamaged: The log is not what was written.
        """
        rows = [LogRow(seq, at, body) for seq, at, body, _ in found]
        try:
            checksums = [row[3] for row in found]
            return rows, check_log(execution_id, after, rows, checksums, is_whole=is_whole)
        except Damaged as error:
            raise StoreDamaged(
                f"{self._database.place} is damaged: {error}.", hint="Restore a backup."
            ) from error

    async def heads(self, execution_ids: Sequence[ExecutionId]) -> dict[ExecutionId, int]:
        """Keep `Log.heads`."""
        return {
            ExecutionId(row[0]): row[1]
            for row in await self._database.fetch("heads", ids=list(execution_ids))
        }
