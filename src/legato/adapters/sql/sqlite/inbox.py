# SPDX-License-Identifier: Apache-2.0
"""The inbox on SQLite.

Rules: LG14, EN5, EN9.
"""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.log import insert_rows
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.rows import pack_signal
from legato.adapters.sql.sqlite.writer import Job, Priority, Writer
from legato.crashpoints import crash_point
from legato.model.ids import EngineId, ExecutionId
from legato.ports.inbox import InboxRow, refusal
from legato.ports.log import OutSignal


class _State(msgspec.Struct):
    id: str
    status: str
    waiting: int


class _Row(msgspec.Struct):
    id: int
    execution_id: ExecutionId
    body: str


_STATE: Final = Query("inbox_state", list[_State])
_KNOWN: Final = Query("inbox_known", set[tuple[str, str]])
_PENDING: Final = Query("pending", list[_Row])
_PENDING_FOR: Final = Query("pending_for", list[_Row])


class _Signals:
    """Stores signals. A job's `what` is an `OutSignal`; its result is whether it is new."""

    priority = Priority.JOBS

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Keep `Kind.run_alone`: what was there before has to be looked at."""
        return False

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Store what may be stored; set result or error of each."""
        ids = sorted({job.what.execution_id for job in jobs})
        states = {row.id: row for row in _STATE.run(connection, ids=as_json(ids))}
        pairs = [(job.what.execution_id, job.what.dedupe_key) for job in jobs]
        known = _KNOWN.run(connection, pairs=as_json(pairs))
        parameters: list[Any] = []
        for job, pair in zip(jobs, pairs, strict=True):
            state = states.get(pair[0])
            is_known = pair in known
            job.error = refusal(
                job.what.execution_id,
                None if state is None else state.status,
                waiting=0 if state is None or is_known else state.waiting,
                waiting_max=self._waiting_max,
            )
            if job.error is None:
                job.result = not is_known
            if job.result and state is not None:
                known.add(pair)
                state.waiting += 1
                parameters += pack_signal(job.what)
        insert_rows(connection, parameters)
        crash_point("inbox.before_commit")


class SqliteInbox:
    """Keeps `ports.inbox.Inbox`."""

    def __init__(self, writer: Writer, readers: Readers, *, waiting_max: int) -> None:
        """Make the inbox.

        Args:
            writer: The process's writer.
            readers: The process's readers.
            waiting_max: Unconsumed signals per execution.
        """
        self._writer = writer
        self._readers = readers
        self._signals = _Signals(waiting_max)

    async def send(self, execution_id: ExecutionId, dedupe_key: str, body: bytes) -> bool:
        """Keep `Inbox.send`."""
        signal = OutSignal(execution_id, dedupe_key, body, time.time_ns() // 1_000_000)
        is_new: bool = await self._writer.submit(self._signals, signal)
        crash_point("inbox.after_commit")
        return is_new

    async def pending(self, engine: EngineId, *, limit: int = 1_000) -> list[InboxRow]:
        """Keep `Inbox.pending`."""
        return await self._readers.call(
            lambda connection: _rows(_PENDING.run(connection, engine=engine, limit=limit))
        )

    async def pending_for(self, execution_ids: Sequence[ExecutionId]) -> list[InboxRow]:
        """Keep `Inbox.pending_for`."""
        ids = as_json(execution_ids)
        return await self._readers.call(
            lambda connection: _rows(_PENDING_FOR.run(connection, ids=ids))
        )


def _rows(found: Sequence[_Row]) -> list[InboxRow]:
    return [InboxRow(row.id, row.execution_id, row.body.encode()) for row in found]
