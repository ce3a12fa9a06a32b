# SPDX-License-Identifier: Apache-2.0
"""The inbox on PostgreSQL.

A signal that is committed in the same instant as its execution's end may stay behind: nobody sees
it, and the janitor (`indexer`) takes it away.

Rules: LG14, EN5, EN9.
"""

import time
from collections.abc import Sequence
from typing import Any

from legato.adapters.sql.postgres.append import SEND, SEND_WIDTH, columns_of
from legato.adapters.sql.postgres.committer import Committer, Job
from legato.adapters.sql.postgres.database import Database
from legato.crashpoints import crash_point, is_armed
from legato.model.ids import EngineId, ExecutionId
from legato.ports.inbox import InboxRow, refusal
from legato.ports.log import OutSignal


class _Signals:
    """Stores signals. A job's `what` is an `OutSignal`; its result is whether it is new."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max

    async def run(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Keep `Kind.run`."""
        first: dict[tuple[str, str], int] = {}
        for place, job in enumerate(jobs):
            first.setdefault((job.what.execution_id, job.what.dedupe_key), place)
        signals = [(place, jobs[place].what) for place in first.values()]
        columns = columns_of(
            [(place, s.execution_id, s.dedupe_key, s.body, s.at) for place, s in signals],
            SEND_WIDTH,
        )
        if is_armed():
            async with connection.transaction():
                found = await connection.fetch(SEND, *columns, self._waiting_max)
                crash_point("inbox.before_commit")
        else:
            found = await connection.fetch(SEND, *columns, self._waiting_max)
        answers = {row["ord"]: row for row in found}
        results: list[Any] = []
        for place, job in enumerate(jobs):
            signal: OutSignal = job.what
            original = first[signal.execution_id, signal.dedupe_key]
            is_first = original == place
            results.append(self._result(signal, answers[original], is_first=is_first))
        return results

    def _result(self, signal: OutSignal, answer: Any, *, is_first: bool) -> Any:
        execution_id = signal.execution_id
        # Those that came before it in the same batch wait, too.
        waiting = 0 if answer["known"] else (answer["after"] or 1) - 1
        limit = self._waiting_max
        error = refusal(execution_id, answer["status"], waiting=waiting, waiting_max=limit)
        if error is not None:
            return error
        return bool(answer["is_sent"]) and is_first


class PostgresInbox:
    """Keeps `ports.inbox.Inbox`."""

    def __init__(self, database: Database, committer: Committer, *, waiting_max: int) -> None:
        """Make the inbox.

        Args:
            database: For reading.
            committer: For writing.
            waiting_max: Unconsumed signals per execution.
        """
        self._database = database
        self._committer = committer
        self._signals = _Signals(waiting_max)

    async def send(self, execution_id: ExecutionId, dedupe_key: str, body: bytes) -> bool:
        """Keep `Inbox.send`."""
        signal = OutSignal(execution_id, dedupe_key, body, time.time_ns() // 1_000_000)
        is_new: bool = await self._committer.submit(self._signals, signal)
        crash_point("inbox.after_commit")
        return is_new

    async def pending(self, engine: EngineId, *, limit: int = 1_000) -> list[InboxRow]:
        """Keep `Inbox.pending`."""
        rows = await self._database.fetch("pending", engine=engine, limit=limit)
        return [InboxRow(*row) for row in rows]

    async def pending_for(self, execution_ids: Sequence[ExecutionId]) -> list[InboxRow]:
        """Keep `Inbox.pending_for`."""
        rows = await self._database.fetch("pending_for", ids=list(execution_ids))
        return [InboxRow(*row) for row in rows]
