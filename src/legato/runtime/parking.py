# SPDX-License-Identifier: Apache-2.0
"""After a restore: every execution that has not ended is parked until a person resumes it.

Each is taken over for one turn, in which it is adopted as restored: attempts that were in flight
are settled by their effect class, and nothing goes on by itself. There is nothing here that could
run an attempt: no relay, no queue, no runner. Signals stay in the inbox for the next owner.

Rules: BK20, BK21.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from legato.engine.state import ExecutionState
from legato.errors import Internal, LegatoError
from legato.model.effects import Evaluate
from legato.model.ids import EngineId, ExecutionId
from legato.model.policy import Limits
from legato.model.signals import (
    AdoptExecution,
    AnySignal,
    ReportEvaluated,
    StartExecution,
    decode_signal,
)
from legato.ports.clock import Clock
from legato.ports.owners import Claim
from legato.ports.stores import Stores
from legato.runtime.active import Active, Letter
from legato.runtime.child_inputs import checked_start
from legato.runtime.plan import Plan, Plans
from legato.runtime.recovery import fold_rows
from legato.runtime.slots import HeldSlots, SlotPool
from legato.runtime.turn import Pending, Turns
from legato.telemetry import logger

_log = logger(__name__)

BATCH: Final = 100
LEASE_MS: Final = 60_000


class Parked(msgspec.Struct, frozen=True):
    """How many were parked, ended in their turn because they were stopping, or cannot be read."""

    parked: int = 0
    ended: int = 0
    unreadable: tuple[ExecutionId, ...] = ()


class _NoEvaluator:
    """Answers nothing: what is asked for is asked again by whoever goes on with the execution."""

    def inline(self, _active: Active, _effect: Evaluate) -> ReportEvaluated | None:
        """Return None."""
        return None


async def park_all(
    stores: Stores, clock: Clock, limits: Limits, tell: Callable[[int], None] = lambda _count: None
) -> Parked:
    """Park every execution that has not ended; may be called again after it was cut off.

    Args:
        stores: Open, and used by nobody else.
        clock: Gives the time of the events.
        limits: Bounds on expressions, as the plans of versions need them.
        tell: Called with the number of executions that are done so far.

    Raises:
        StoreUnavailable: The store does not answer; some may be parked.
    """
    engine = EngineId(clock.new_id())
    work = _Parking(engine, stores, clock, limits)
    await stores.owners.register(engine, lease_ms=LEASE_MS, adopts=False)
    found = Parked()
    try:
        after: ExecutionId | None = None
        while page := await stores.keeping.open_executions(after=after, limit=BATCH):
            found = _sum(found, await work.park(page))
            await stores.owners.renew(engine, lease_ms=LEASE_MS)
            tell(found.parked + found.ended)
            after = page[-1]
    finally:
        await stores.owners.resign(engine)
    return found


class _Parking:
    """Takes over, takes the one turn, lets go."""

    def __init__(self, engine: EngineId, stores: Stores, clock: Clock, limits: Limits) -> None:
        self._engine = engine
        self._stores = stores
        self._plans = Plans(stores.versions, limits)
        self._slots = SlotPool(0, {}, lambda _execution_id: None)
        self._turns = Turns(engine, clock, _NoEvaluator())

    async def park(self, execution_ids: Sequence[ExecutionId]) -> Parked:
        """Park executions of which nobody alive is the owner."""
        claims = [
            claim
            for each in execution_ids
            if (claim := await self._stores.owners.claim_one(self._engine, each)) is not None
        ]
        taken: list[Pending] = []
        unreadable: list[ExecutionId] = []
        for claim in claims:
            try:
                taken.append(await self._take(claim))
            except LegatoError as error:
                if error.retryable:
                    raise
                _log.error(
                    "an execution cannot be read", execution_id=claim.execution_id, error=str(error)
                )
                unreadable.append(claim.execution_id)
        accepted = await self._stores.log.append([each.turn for each in taken]) if taken else []
        if not all(accepted):
            raise Internal("somebody else works on what is being restored")
        await self._stores.owners.release(
            self._engine, [(claim.execution_id, claim.fence) for claim in claims]
        )
        ended = sum(each.active.state.ended is not None for each in taken)
        return Parked(len(taken) - ended, ended, tuple(unreadable))

    async def _take(self, claim: Claim) -> Pending:
        plan = await self._plans.get(claim.version)
        active = Active(
            claim.execution_id, claim.workspace, plan, claim.fence, HeldSlots(self._slots)
        )
        rows = (await self._stores.log.read_many([claim.execution_id])).get(claim.execution_id, [])
        fold_rows(active, rows)
        _check(active.state, claim)
        letters: list[Letter] = []
        if claim.start is not None:
            letters.append(Letter(await self._start_of(claim, claim.start, plan)))
        letters.append(Letter(AdoptExecution(self._engine, claim.fence, "restored")))
        pending = self._turns.take(active, letters, own_children=False)
        if pending.run or pending.children:
            raise Internal(f"{claim.execution_id} would have gone on")
        return pending

    async def _start_of(self, claim: Claim, start: bytes, plan: Plan) -> AnySignal:
        signal = decode_signal(start)
        if isinstance(signal, StartExecution):
            return await checked_start(signal, plan, self._stores.blobs, claim.workspace)
        return signal


def _check(state: ExecutionState, claim: Claim) -> None:
    if state.seq != claim.head_seq:
        raise Internal(
            f"the log of {claim.execution_id} ends at {state.seq}, its head is {claim.head_seq}"
        )


def _sum(one: Parked, two: Parked) -> Parked:
    unreadable = (*one.unreadable, *two.unreadable)
    return Parked(one.parked + two.parked, one.ended + two.ended, unreadable)
