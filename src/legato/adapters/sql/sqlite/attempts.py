# SPDX-License-Identifier: Apache-2.0
"""What belongs to attempts on SQLite: the step journal and the log lines.

Rules: JN1-JN3, LG17.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from legato.adapters.sql.clean import clean
from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Job, Priority, Writer
from legato.model.ids import ExecutionId, NodeId
from legato.ports.attempt_logs import LogLine
from legato.ports.journal import StepKey, StepRow


class _Line(msgspec.Struct):
    id: int
    execution_id: ExecutionId
    node: NodeId
    item: int
    attempt: int
    offset: int
    at: int
    level: str
    text: str
    progress: float | None


_LOGS: Final = Query("logs", list[_Line])
_LOGS_OF_NODE: Final = Query("logs_of_node", list[_Line])


class _Steps:
    """Writes steps. A job's `what` is (statement, values); its result tells if a row changed."""

    priority = Priority.JOBS

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Write them one after the other; none of them fails by its values."""
        for job in jobs:
            statement, values = job.what
            job.result = connection.execute(SQL[statement], values).rowcount == 1

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Write one step in a transaction of its own."""
        if len(jobs) > 1:
            return False
        self.run(connection, jobs)
        return True


class SqliteJournal:
    """Keeps `ports.journal.Journal`."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._steps = _Steps()

    async def get(self, key: StepKey) -> StepRow | None:
        """Keep `Journal.get`."""

        def read(connection: sqlite3.Connection) -> StepRow | None:
            row = connection.execute(SQL["step"], msgspec.structs.asdict(key)).fetchone()
            if row is None:
                return None
            attempt, input_hash, output = row
            return StepRow(key=key, attempt=attempt, input_hash=input_hash, output=output)

        return await self._readers.call(read)

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Keep `Journal.begin`."""
        return await self._put("step_begin", key, attempt, input_hash, None)

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Keep `Journal.finish`."""
        return await self._put("step_finish", key, attempt, input_hash, output)

    async def _put(
        self, statement: str, key: StepKey, attempt: int, input_hash: str, output: bytes | None
    ) -> bool:
        values = {
            **msgspec.structs.asdict(key),
            "attempt": attempt,
            "input_hash": input_hash,
            "output": output,
        }
        is_held: bool = await self._writer.submit(self._steps, (statement, values))
        return is_held


class _Lines:
    """Stores log lines. A job's `what` is a list of tuples in the order of the columns."""

    priority = Priority.LOGS

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Store all of them in one statement."""
        lines = [line for job in jobs for line in job.what]
        connection.execute(SQL["logs_add"], {"lines": as_json(lines)})

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Do the same in a transaction of its own."""
        self.run(connection, jobs)
        return True


class SqliteAttemptLogs:
    """Keeps `ports.attempt_logs.AttemptLogs`."""

    def __init__(self, writer: Writer, readers: Readers, *, lines_max: int) -> None:
        """Make the logs.

        Args:
            writer: The process's writer.
            readers: The process's readers.
            lines_max: Lines per attempt; what is beyond is dropped.
        """
        self._writer = writer
        self._readers = readers
        self._lines_max = lines_max
        self._lines = _Lines()

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Keep `AttemptLogs.append`."""
        kept = [
            (
                line.execution_id, line.node, line.item, line.attempt, line.offset, line.at,
                line.level, clean(line.text), line.progress,
            )
            for line in lines
            if line.offset < self._lines_max
        ]  # fmt: skip
        if kept:
            await self._writer.submit(self._lines, kept, weight=len(kept))

    async def read(
        self,
        execution_id: ExecutionId,
        *,
        node: NodeId | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[tuple[int, LogLine]]:
        """Keep `AttemptLogs.read`."""
        values: dict[str, object] = {
            "execution_id": execution_id,
            "after": after,
            "limit": limit,
        }
        query = _LOGS
        if node is not None:
            query = _LOGS_OF_NODE
            values["node"] = node
        found: list[_Line] = await self._readers.call(
            lambda connection: query.run(connection, **values)
        )
        return [(line.id, _log_line(line)) for line in found]


def _log_line(line: _Line) -> LogLine:
    return LogLine(
        execution_id=line.execution_id,
        node=line.node,
        item=line.item,
        attempt=line.attempt,
        offset=line.offset,
        at=line.at,
        level=line.level,
        text=line.text,
        progress=line.progress,
    )
