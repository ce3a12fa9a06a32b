# SPDX-License-Identifier: Apache-2.0
"""The log on SQLite: append with group commit, create, read.

Rules: LG1-LG7, LG9, EN6, OW1, OW12.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.checksum import check_log
from legato.adapters.sql.crash import crash_points
from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.rows import (
    NEW,
    ROWS_MAX,
    WIDTH,
    fill_up,
    pack_created,
    pack_turn,
    statement,
)
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Job, Priority, Writer
from legato.crashpoints import is_armed
from legato.model.ids import ExecutionId
from legato.ports.log import LogRow, NewExecution, Turn, queue_full

QUEUED_COUNT_KEPT: Final = 1_000
"""Executions this process creates before it counts the queue again: counting 100 000 takes
milliseconds. Other processes' creations may exceed the limit by as much."""


class _Stored(msgspec.Struct, array_like=True):
    seq: int
    at: int
    crc: int | None
    body: msgspec.Raw


class _Fence(msgspec.Struct):
    id: str
    fence: int
    head_seq: int


_FENCES: Final = Query("fences", list[_Fence])
_EXISTING: Final = Query("existing", set[str])
_READ: Final = Query("read_log", list[_Stored])
_READ_MANY: Final = Query("read_logs", dict[str, list[_Stored]])
_HEADS: Final = Query("heads", dict[ExecutionId, int])


def insert_rows(connection: sqlite3.Connection, parameters: list[Any]) -> None:
    """Run packed rows in as few statements as possible; see `rows`."""
    step = ROWS_MAX * WIDTH
    for first in range(0, len(parameters), step):
        part = parameters[first : first + step]
        connection.execute(statement(fill_up(part)), part)


class _Turns:
    """Appends batches of turns. A job's `what` is (turns, their packed rows)."""

    priority = Priority.TURNS

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Append everything in one statement, if it fits and nothing is refused."""
        parameters = _joined(jobs)
        if len(parameters) > ROWS_MAX * WIDTH:
            return False
        try:
            insert_rows(connection, parameters)
        except sqlite3.IntegrityError:
            return False
        _accept_all(jobs)
        return True

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Append everything; if something is refused, look what it was and append the rest."""
        connection.execute("SAVEPOINT turns")
        try:
            insert_rows(connection, _joined(jobs))
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK TO turns")
            self._append_accepted(connection, jobs)
        else:
            _accept_all(jobs)
        connection.execute("RELEASE turns")

    def _append_accepted(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        turns = [turn for job in jobs for turn in job.what[0]]
        ids = {turn.execution_id for turn in turns}
        ids.update(child.execution_id for turn in turns for child in turn.children)
        places = {
            row.id: (row.fence, row.head_seq)
            for row in _FENCES.run(connection, ids=as_json(sorted(ids)))
        }
        parameters: list[Any] = []
        for job in jobs:
            job.result = []
            for turn in job.what[0]:
                is_accepted = _accepts(places, turn)
                job.result.append(is_accepted)
                if is_accepted:
                    parameters += pack_turn(turn)
        insert_rows(connection, parameters)


def _joined(jobs: Sequence[Job]) -> list[Any]:
    if len(jobs) == 1:
        return list(jobs[0].what[1])
    parameters: list[Any] = []
    for job in jobs:
        parameters += job.what[1]
    return parameters


def _accept_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.result = [True] * len(job.what[0])


def _accepts(places: dict[str, tuple[int, int]], turn: Turn) -> bool:
    """Tell whether a turn fits (fence, head seq) of its execution, and move these on if so."""
    place = places.get(turn.execution_id)
    if turn.new is not None:
        if place is not None:
            return False
        place = (0 if turn.new.owner is None else 1, 0)
    if place != (turn.fence, turn.prev_seq):
        return False
    places[turn.execution_id] = (turn.fence, turn.prev_seq + len(turn.events))
    for child in turn.children:
        places.setdefault(child.execution_id, (0 if child.owner is None else 1, 0))
    return True


class _Creations:
    """Creates executions. A job's `what` is a sequence of them; its result tells which are new."""

    priority = Priority.JOBS

    def __init__(self, queued_max: int) -> None:
        self._queued_max = queued_max
        self._queued = 0
        self._uncounted = QUEUED_COUNT_KEPT

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Create everything in one statement, if it fits and nothing exists yet."""
        fresh = [each for job in jobs for each in job.what]
        parameters = [field for each in fresh for field in pack_created(each, op=NEW)]
        if len(parameters) > ROWS_MAX * WIDTH or not self._has_room(connection, len(fresh)):
            return False
        try:
            insert_rows(connection, parameters)
        except sqlite3.IntegrityError:
            return False
        self._count(len(fresh))
        for job in jobs:
            job.result = [True] * len(job.what)
        return True

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Create what does not exist yet; a job that would exceed the queue's limit is refused."""
        ids = [each.execution_id for job in jobs for each in job.what]
        known = _EXISTING.run(connection, ids=as_json(ids))
        parameters: list[Any] = []
        for job in jobs:
            fresh: dict[str, NewExecution] = {}
            for each in job.what:
                if each.execution_id not in known:
                    fresh.setdefault(each.execution_id, each)
            if not self._has_room(connection, len(fresh)):
                job.error = queue_full(self._queued, self._queued_max)
                continue
            job.result = [fresh.pop(each.execution_id, None) is each for each in job.what]
            new = [each for each, is_new in zip(job.what, job.result, strict=True) if is_new]
            known.update(each.execution_id for each in new)
            self._count(len(new))
            parameters += [field for each in new for field in pack_created(each)]
        insert_rows(connection, parameters)

    def _count(self, fresh: int) -> None:
        self._queued += fresh
        self._uncounted += fresh

    def _has_room(self, connection: sqlite3.Connection, fresh: int) -> bool:
        """Tell whether so many more may be queued, counting only now and then."""
        if not fresh:
            return True
        is_full = self._queued + fresh > self._queued_max
        if is_full or self._uncounted >= min(QUEUED_COUNT_KEPT, self._queued_max):
            (self._queued,) = connection.execute(SQL["queued_count"]).fetchone()
            self._uncounted = 0
        return self._queued + fresh <= self._queued_max


class SqliteLog:
    """Keeps `ports.log.Log`."""

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        *,
        queued_max: int,
        on_text: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the log.

        Args:
            writer: The process's writer.
            readers: The process's readers.
            queued_max: Executions that may be queued.
            on_text: Called after a turn stored a text for the full-text index.
        """
        self._on_text = on_text
        self._writer = writer
        self._readers = readers
        self._turns = _Turns()
        self._creations = _Creations(queued_max)

    async def append(self, turns: Sequence[Turn]) -> Sequence[bool]:
        """Keep `Log.append`."""
        # Packed here and not on the writer's thread: that one needs the interpreter lock as
        # little as possible between two commits.
        parameters: list[Any] = []
        for turn in turns:
            parameters += pack_turn(turn)
        if not parameters:
            return []
        accepted: Sequence[bool] = await self._writer.submit(
            self._turns, (turns, parameters), weight=len(turns)
        )
        if is_armed():
            crash_points(turns, "after_commit")
        if any(turn.projection.search is not None for turn in turns):
            self._on_text()
        return accepted

    async def create(self, executions: Sequence[NewExecution]) -> Sequence[bool]:
        """Keep `Log.create`."""
        if not executions:
            return []
        is_new: Sequence[bool] = await self._writer.submit(
            self._creations, executions, weight=len(executions)
        )
        return is_new

    async def read(
        self, execution_id: ExecutionId, *, after: int = 0, limit: int = 10_000
    ) -> list[LogRow]:
        """Keep `Log.read`."""

        def read(connection: sqlite3.Connection) -> list[LogRow]:
            found = _READ.run(connection, execution_id=execution_id, after=after, limit=limit)
            rows, is_judged = _checked(execution_id, after, found)
            if not is_judged:
                # It begins inside a turn, or it is damaged: the whole turn tells.
                place = {"execution_id": execution_id, "seq": after}
                row = connection.execute(SQL["turn_end"], place).fetchone()
                begin = row[0] if row else 0
                count = after - begin + len(rows)
                whole = _READ.run(connection, execution_id=execution_id, after=begin, limit=count)
                _checked(execution_id, begin, whole, is_whole=True)
            return rows

        return await self._readers.call(read)

    async def read_many(
        self, execution_ids: Sequence[ExecutionId]
    ) -> dict[ExecutionId, list[LogRow]]:
        """Keep `Log.read_many`."""

        def read(connection: sqlite3.Connection) -> dict[ExecutionId, list[LogRow]]:
            found = _READ_MANY.run(connection, ids=as_json(execution_ids))
            return {each: _checked(each, 0, found.get(each, ()))[0] for each in execution_ids}

        return await self._readers.call(read)

    async def heads(self, execution_ids: Sequence[ExecutionId]) -> dict[ExecutionId, int]:
        """Keep `Log.heads`."""
        ids = as_json(execution_ids)
        return await self._readers.call(lambda connection: dict(_HEADS.run(connection, ids=ids)))


def _checked(
    execution_id: ExecutionId, after: int, stored: Sequence[_Stored], *, is_whole: bool = False
) -> tuple[list[LogRow], bool]:
    """Return rows, and whether all of them could be judged to be as they were written."""
    rows = [LogRow(row.seq, row.at, bytes(row.body)) for row in stored]
    checksums = [row.crc for row in stored]
    return rows, check_log(execution_id, after, rows, checksums, is_whole=is_whole)
