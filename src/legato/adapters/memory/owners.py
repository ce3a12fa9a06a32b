# SPDX-License-Identifier: Apache-2.0
"""Owners in memory: leases by the database's clock, no OS locks.

Rules: OW1, OW2, OW4, OW5, OW11, OW14.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from msgspec.structs import replace

from legato.adapters.memory.database import EngineRecord, MemoryDatabase, Record
from legato.errors import NotFound, StoreUnavailable
from legato.model.events import LostCause
from legato.model.ids import EngineId, ExecutionId, WorkspaceId
from legato.ports.clock import Clock
from legato.ports.owners import Claim, EngineRow


class MemoryOwners:
    """Keeps `ports.owners.Owners`."""

    def __init__(self, database: MemoryDatabase, process: str, clock: Clock) -> None:
        self._database = database
        self._process = process
        self._clock = database.clock or clock
        self._last_workspace = ""
        self._doubtful: dict[ExecutionId, int] = {}

    async def register(self, engine: EngineId, *, lease_ms: int, adopts: bool) -> None:
        """Keep `Owners.register`; what this id still owned is let go: it has forgotten it."""

        def work() -> None:
            self._let_go(engine)
            self._database.engines[engine] = EngineRecord(
                engine, self._process, self._steady_ms() + lease_ms, adopts
            )

        await self._database.run(self._process, "register", work)

    async def renew(self, engine: EngineId, *, lease_ms: int) -> bool:
        """Keep `Owners.renew`: false once somebody has declared the engine dead."""

        def work() -> bool:
            row = self._database.engines.get(engine)
            if row is None:
                return False
            row.lease_until = self._steady_ms() + lease_ms
            return True

        return await self._database.run(self._process, "renew", work)

    async def resign(self, engine: EngineId) -> None:
        """Keep `Owners.resign`."""

        def work() -> None:
            self._let_go(engine)
            self._database.engines.pop(engine, None)

        await self._database.run(self._process, "resign", work)

    async def claim(self, engine: EngineId, *, limit: int) -> list[Claim]:
        """Keep `Owners.claim`."""

        def work() -> list[Claim]:
            if engine not in self._database.engines:
                return []  # declared dead: the next `renew` tells it
            self._reap(engine)
            mine = self._claimed_unknowing(engine, list(self._doubtful))
            fresh = islice(self._wanted(), max(0, limit - len(mine)))
            return [*mine, *(self._take(record, engine) for record in fresh)]

        return await self._claim("claim", work)

    async def claim_one(self, engine: EngineId, execution_id: ExecutionId) -> Claim | None:
        """Keep `Owners.claim_one`."""

        def work() -> list[Claim]:
            record = self._database.records.get(execution_id)
            if record is None:
                raise NotFound(f"there is no execution {execution_id}")
            if engine not in self._database.engines:
                return []
            self._reap(engine)
            mine = self._claimed_unknowing(engine, [execution_id])
            if mine or record.is_final or record.owner in self._database.engines:
                return mine
            return [self._take(record, engine)]

        claims = await self._claim("claim_one", work)
        return claims[0] if claims else None

    async def _claim(self, operation: str, work: Callable[[], list[Claim]]) -> list[Claim]:
        """Carry out a claim; if its answer is lost, the next one gives what it took."""
        taken: list[Claim] = []

        def remember() -> list[Claim]:
            taken.extend(work())
            return taken

        try:
            await self._database.run(self._process, operation, remember)
        except (StoreUnavailable, asyncio.CancelledError):
            self._doubtful.update((claim.execution_id, claim.fence) for claim in taken)
            raise
        for claim in taken:
            self._doubtful.pop(claim.execution_id, None)
        return taken

    def _claimed_unknowing(self, engine: EngineId, ids: Sequence[ExecutionId]) -> list[Claim]:
        """Return what this engine owns since a claim whose answer it never got."""
        found: list[Claim] = []
        for execution_id in ids:
            fence = self._doubtful.pop(execution_id, None)
            record = self._database.live.get(execution_id)
            if record is not None and (record.owner, record.fence) == (engine, fence):
                found.append(_claim(record))
        return found

    async def release(
        self, engine: EngineId, executions: Sequence[tuple[ExecutionId, int]]
    ) -> None:
        """Keep `Owners.release`."""

        def work() -> None:
            for execution_id, fence in executions:
                record = self._database.records.get(execution_id)
                if record is not None and (record.owner, record.fence) == (engine, fence):
                    _let_go(record)

        await self._database.run(self._process, "release", work)

    async def engines(self) -> list[EngineRow]:
        """Keep `Owners.engines`."""

        def work() -> list[EngineRow]:
            return [self._row(each) for _, each in sorted(self._database.engines.items())]

        return await self._database.run(self._process, "engines", work)

    async def owner_of(self, execution_id: ExecutionId) -> EngineRow | None:
        """Keep `Owners.owner_of`."""

        def work() -> EngineRow | None:
            record = self._database.records.get(execution_id)
            engine = self._database.engines.get(record.owner) if record and record.owner else None
            return self._row(engine) if engine else None

        return await self._database.run(self._process, "owner_of", work)

    def _steady_ms(self) -> int:
        """Leases bear jumps of the clock: they are measured by one that does not jump."""
        return int(self._clock.monotonic() * 1000)

    def _row(self, engine: EngineRecord) -> EngineRow:
        left_ms = engine.lease_until - self._steady_ms()
        return EngineRow(engine.engine, "memory", 0, left_ms, engine.adopts)

    def _let_go(self, engine: EngineId) -> None:
        for record in self._database.live.values():
            if record.owner == engine:
                _let_go(record)

    def _reap(self, engine: EngineId) -> None:
        now_ms = self._steady_ms()
        for row in list(self._database.engines.values()):
            if row.engine != engine and row.lease_until <= now_ms:
                del self._database.engines[row.engine]

    def _wanted(self) -> Iterator[Record]:
        """Yield what needs an owner, each once, in the order of the port."""
        # A list per kind: taking a record changes what the next kind's test sees.
        live = list(self._database.live.values())
        engines = self._database.engines
        yield from [each for each in live if each.owner is not None and each.owner not in engines]
        now_ms = self._clock.now_ms()
        yield from [
            each
            for each in live
            if each.owner is None
            and (
                each.inbox or each.is_busy or (each.wake_at is not None and each.wake_at <= now_ms)
            )
        ]
        yield from self._round_robin(
            each
            for each in live
            if each.owner is None and each.status == "queued" and each.head_seq == 0
        )

    def _round_robin(self, records: Iterable[Record]) -> Iterator[Record]:
        lines: dict[WorkspaceId, list[Record]] = {}
        for record in sorted(records, key=lambda each: (each.created_at, each.order), reverse=True):
            lines.setdefault(record.workspace, []).append(record)
        last = self._last_workspace
        order = sorted(lines, key=lambda name: (name <= last, name))
        while order:
            for workspace in list(order):
                self._last_workspace = workspace
                yield lines[workspace].pop()
                if not lines[workspace]:
                    order.remove(workspace)

    @staticmethod
    def _take(record: Record, engine: EngineId) -> Claim:
        claim = _claim(record)
        record.owner = engine
        record.fence += 1
        return replace(claim, fence=record.fence)


def _claim(record: Record) -> Claim:
    """Return a claim on the row as it is."""
    cause: LostCause | None = None
    if record.is_busy:
        cause = "drained" if record.owner is None else "engine_died"
    return Claim(
        execution_id=record.execution_id,
        workspace=record.workspace,
        version=record.version,
        workflow=record.workflow,
        fence=record.fence,
        head_seq=record.head_seq,
        status=record.status,
        start=record.start if record.head_seq == 0 else None,
        cause=cause,
        created_at=record.created_at,
    )


def _let_go(record: Record) -> None:
    """Nobody owns it: what its owner may still commit comes too late."""
    record.owner = None
    record.fence += 1
