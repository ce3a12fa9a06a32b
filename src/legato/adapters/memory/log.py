# SPDX-License-Identifier: Apache-2.0
"""The log and the inbox in memory.

Rules: LG1-LG7, LG14, EN6, EN9, OW1, OW12.
"""

from collections.abc import Iterable, Sequence

from legato.adapters.memory.database import MemoryDatabase, Record
from legato.errors import LimitExceeded
from legato.model.ids import EngineId, ExecutionId
from legato.model.values import BlobRef
from legato.ports.inbox import InboxRow, refusal
from legato.ports.log import LogRow, NewExecution, OutSignal, Turn


class MemoryLog:
    """Keeps `ports.log.Log`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def append(self, turns: Sequence[Turn]) -> Sequence[bool]:
        """Keep `Log.append`."""
        return await self._database.run(
            self._process, "append", lambda: [_apply(self._database, turn) for turn in turns]
        )

    async def create(self, executions: Sequence[NewExecution]) -> Sequence[bool]:
        """Keep `Log.create`."""
        return await self._database.run(
            self._process, "create", lambda: _create_all(self._database, executions)
        )

    async def read(
        self, execution_id: ExecutionId, *, after: int = 0, limit: int = 10_000
    ) -> list[LogRow]:
        """Keep `Log.read`."""

        def work() -> list[LogRow]:
            record = self._database.records.get(execution_id)
            return record.events[after : after + limit] if record else []

        return await self._database.run(self._process, "read", work)

    async def read_many(
        self, execution_ids: Sequence[ExecutionId]
    ) -> dict[ExecutionId, list[LogRow]]:
        """Keep `Log.read_many`."""

        def work() -> dict[ExecutionId, list[LogRow]]:
            records = self._database.records
            return {
                each: list(records[each].events) if each in records else []
                for each in execution_ids
            }

        return await self._database.run(self._process, "read_many", work)

    async def heads(self, execution_ids: Sequence[ExecutionId]) -> dict[ExecutionId, int]:
        """Keep `Log.heads`."""

        def work() -> dict[ExecutionId, int]:
            records = self._database.records
            return {each: records[each].head_seq for each in execution_ids if each in records}

        return await self._database.run(self._process, "heads", work)


class MemoryInbox:
    """Keeps `ports.inbox.Inbox`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def send(self, execution_id: ExecutionId, dedupe_key: str, body: bytes) -> bool:
        """Keep `Inbox.send`."""
        return await self._database.run(
            self._process, "send", lambda: _send(self._database, execution_id, dedupe_key, body)
        )

    async def pending(self, engine: EngineId, *, limit: int = 1_000) -> list[InboxRow]:
        """Keep `Inbox.pending`."""

        def work() -> list[InboxRow]:
            owned = (each for each in self._database.live.values() if each.owner == engine)
            return _unconsumed(owned)[:limit]

        return await self._database.run(self._process, "pending", work)

    async def pending_for(self, execution_ids: Sequence[ExecutionId]) -> list[InboxRow]:
        """Keep `Inbox.pending_for`."""

        def work() -> list[InboxRow]:
            live = self._database.live
            return _unconsumed(live[each] for each in execution_ids if each in live)

        return await self._database.run(self._process, "pending_for", work)


def _unconsumed(records: Iterable[Record]) -> list[InboxRow]:
    return sorted(
        (
            InboxRow(row_id, record.execution_id, body)
            for record in records
            for row_id, body in record.inbox.items()
        ),
        key=lambda row: row.id,
    )


def _send(database: MemoryDatabase, execution_id: ExecutionId, key: str, body: bytes) -> bool:
    record = database.records.get(execution_id)
    is_known = record is not None and key in record.keys
    error = refusal(
        execution_id,
        None if record is None else record.status,
        waiting=0 if record is None or is_known else len(record.inbox),
        waiting_max=database.limits.max_inbox_per_execution,
    )
    if error is not None:
        raise error
    if record is None or is_known:
        return False
    _store(database, record, key, body)
    return True


def _store(database: MemoryDatabase, record: Record, key: str, body: bytes) -> None:
    record.keys.add(key)
    record.inbox[database.next_id()] = body


def _create_all(database: MemoryDatabase, executions: Sequence[NewExecution]) -> list[bool]:
    fresh = sum(1 for each in executions if each.execution_id not in database.records)
    queued = sum(1 for each in database.live.values() if each.status == "queued")
    if fresh and queued + fresh > database.limits.max_queued_executions:
        raise LimitExceeded(
            f"{queued} executions are queued; the limit is {database.limits.max_queued_executions}"
        )
    return [_create(database, each) for each in executions]


def _create(database: MemoryDatabase, new: NewExecution) -> bool:
    if new.execution_id in database.records:
        return False
    record = Record(
        execution_id=new.execution_id,
        workspace=new.workspace,
        workflow=new.workflow,
        version=new.version,
        created_at=new.created_at,
        order=database.next_id(),
        owner=new.owner,
        fence=1 if new.owner else 0,
        nodes_total=new.nodes_total,
        parent=new.parent,
        root=new.root,
        forked_from=new.forked_from,
        trigger=new.trigger,
        workflow_id=new.workflow_id,
        number=new.number,
        is_test=new.is_test,
        trigger_id=new.trigger_id,
        scheduled_at=new.scheduled_at,
        start=new.start,
    )
    database.records[new.execution_id] = record
    database.live[new.execution_id] = record
    for source in new.blobs_of:
        other = database.records.get(source)
        if other is not None and other.workspace == new.workspace:
            _refer(database, new.execution_id, database.references.get(source, {}).values())
    return True


def _refer(database: MemoryDatabase, execution_id: ExecutionId, refs: Iterable[BlobRef]) -> None:
    database.references.setdefault(execution_id, {}).update({ref.hash: ref for ref in refs})


def _apply(database: MemoryDatabase, turn: Turn) -> bool:
    if turn.new is not None and not _create(database, turn.new):
        return False
    record = database.records.get(turn.execution_id)
    if record is None or (record.fence, record.head_seq) != (turn.fence, turn.prev_seq):
        return False
    record.events.extend(
        LogRow(turn.prev_seq + index, turn.at, body) for index, body in enumerate(turn.events, 1)
    )
    record.head_seq = len(record.events)
    if record.head_seq:
        record.start = None
    _project(record, turn)
    if turn.blobs:
        _refer(database, turn.execution_id, turn.blobs)
    for row_id in turn.consumed:
        record.inbox.pop(row_id, None)
    for child in turn.children:
        _create(database, child)
    for signal in turn.outbox:
        _deliver(database, signal)
    if record.is_final:
        # The end: nobody owns it any more and no signal is kept for it.
        record.owner = None
        record.inbox.clear()
        record.keys.clear()
        database.live.pop(record.execution_id, None)
    return True


def _project(record: Record, turn: Turn) -> None:
    projection = turn.projection
    record.status = projection.status
    record.wake_at = projection.wake_at
    record.is_busy = projection.is_busy
    record.nodes_done = projection.nodes_done
    record.nodes_total = projection.nodes_total
    record.started_at = projection.started_at
    record.ended_at = projection.ended_at
    record.error = projection.error
    record.waiting_for = projection.waiting_for
    if projection.search is not None:
        record.search = projection.search


def _deliver(database: MemoryDatabase, signal: OutSignal) -> None:
    record = database.live.get(signal.execution_id)
    if record is not None and not record.is_final and signal.dedupe_key not in record.keys:
        _store(database, record, signal.dedupe_key, signal.body)
