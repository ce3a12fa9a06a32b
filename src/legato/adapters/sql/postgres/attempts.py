# SPDX-License-Identifier: Apache-2.0
"""What belongs to attempts on PostgreSQL: the step journal and the log lines.

Rules: JN1-JN3, LG17.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.clean import clean
from legato.adapters.sql.postgres.append import columns_of
from legato.adapters.sql.postgres.database import Database, run
from legato.model.ids import ExecutionId, NodeId
from legato.ports.attempt_logs import LogLine
from legato.ports.journal import StepKey, StepRow


class PostgresJournal:
    """Keeps `ports.journal.Journal`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: StepKey) -> StepRow | None:
        """Keep `Journal.get`."""
        found = await self._database.fetch("step", **msgspec.structs.asdict(key))
        return StepRow(key=key, **dict(found[0])) if found else None

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Keep `Journal.begin`."""
        return await self._put("step_begin", key, attempt, input_hash, None)

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Keep `Journal.finish`."""
        return await self._put("step_finish", key, attempt, input_hash, output)

    async def _put(
        self, statement: str, key: StepKey, attempt: int, input_hash: str, output: bytes | None
    ) -> bool:
        count = await self._database.execute(
            statement,
            **msgspec.structs.asdict(key),
            attempt=attempt,
            input_hash=input_hash,
            output=output,
        )
        return count == 1


class PostgresAttemptLogs:
    """Keeps `ports.attempt_logs.AttemptLogs`."""

    def __init__(self, database: Database, *, lines_max: int) -> None:
        """Make the logs.

        Args:
            database: For reading and writing.
            lines_max: Lines per attempt; what is beyond is dropped.
        """
        self._database = database
        self._lines_max = lines_max

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
            async with self._database.transaction() as connection:
                await run(connection, "logs_add", columns_of(kept, len(kept[0])))

    async def read(
        self,
        execution_id: ExecutionId,
        *,
        node: NodeId | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[tuple[int, LogLine]]:
        """Keep `AttemptLogs.read`."""
        rows = await self._database.fetch(
            "logs" if node is None else "logs_of_node",
            execution_id=execution_id,
            node=node,
            after=after,
            limit=limit,
        )
        found: list[tuple[int, LogLine]] = []
        for row in rows:
            values = dict(row)
            found.append((values.pop("id"), LogLine(**values)))
        return found
