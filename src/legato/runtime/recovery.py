# SPDX-License-Identifier: Apache-2.0
"""Executions come into memory: claimed, or loaded again after a commit of unknown outcome.

The same fold serves both.

Rules: OW, EN, LG.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from legato.crashpoints import crash_point
from legato.engine.evolve import evolve
from legato.engine.upcast import read_event
from legato.errors import Internal, LegatoError, StoreDamaged, StoreUnavailable
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import EngineId, ExecutionId
from legato.model.signals import (
    AdoptExecution,
    AnySignal,
    FireTimers,
    RefuseSignal,
    StartExecution,
    decode_signal,
)
from legato.ports.inbox import InboxRow
from legato.ports.log import LogRow
from legato.ports.owners import Claim
from legato.ports.stores import Stores
from legato.runtime.active import Active, Letter
from legato.runtime.attempt.request import AttemptKey, Report
from legato.runtime.child_inputs import checked_start
from legato.runtime.loop import Loop
from legato.runtime.outage import Outage
from legato.runtime.plan import Plan, Plans
from legato.runtime.relay import Relay, owed_attempts
from legato.runtime.slots import HeldSlots, SlotPool
from legato.runtime.turn import Pending
from legato.telemetry import logger

_log = logger(__name__)

_CLAIM_MAX: Final = 250
_READ_PAGE: Final = 10_000
_BACK_OFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


class _Lost(NamedTuple):
    """A discarded state: `letters` were considered by its last turn, `mail` came after."""

    active: Active
    letters: list[Letter]
    taken_at: int | None
    mail: list[Letter]


class Recovery:
    """Claims, loads and loads again."""

    def __init__(
        self,
        engine: EngineId,
        stores: Stores,
        plans: Plans,
        loop: Loop,
        slots: SlotPool,
        outage: Outage,
    ) -> None:
        """Args: relay is set by the engine before anything is loaded."""
        self._engine = engine
        self._outage = outage
        self._stores = stores
        self._plans = plans
        self._loop = loop
        self._slots = slots
        self.relay: Relay
        self.come_back: Callable[[ExecutionId], Awaitable[None]]
        self.drop: Callable[[Active], None]
        self._unwanted: dict[ExecutionId, int] = {}
        self._giving_back = False
        self.before_adoption: Callable[[], None] = lambda: None
        self._lost: dict[ExecutionId, _Lost] = {}
        self._recovering = False

    # --- claims --------------------------------------------------------------------------------

    async def claim(self, limit: int) -> int:
        """Claim up to `limit` executions and set them going; return how many came."""
        claims = await self._stores.owners.claim(self._engine, limit=min(limit, _CLAIM_MAX))
        if claims:
            await self.take_in(claims)
        return len(claims)

    async def take_in(self, claims: Sequence[Claim]) -> None:
        """Load claimed executions and settle what their last owner owed."""
        if any(claim.cause is not None for claim in claims):
            self.before_adoption()
        begun = [claim.execution_id for claim in claims if claim.head_seq > 0]
        try:
            logs = await self._read_logs(begun)
            for claim in claims:
                if claim.head_seq == 0 or claim.execution_id in logs:
                    await self._try_to_take_in(claim, logs.get(claim.execution_id, []))
        except StoreUnavailable:
            for claim in claims:
                active = self._loop.actives.get(claim.execution_id)
                # What is here under an older fence is not this claim: its next turn is refused.
                if active is None or active.fence < claim.fence:
                    self.give_back(claim.execution_id, claim.fence)
            raise
        await self.fetch([claim.execution_id for claim in claims])

    async def _read_logs(self, execution_ids: list[ExecutionId]) -> dict[ExecutionId, list[LogRow]]:
        """Return the logs that can be read; a damaged one is named and stops nobody else."""
        if not execution_ids:
            return {}
        try:
            return await self._stores.log.read_many(execution_ids)
        except StoreDamaged as error:
            if len(execution_ids) == 1:
                _cannot_load(execution_ids[0], error)
                return {}
        found: dict[ExecutionId, list[LogRow]] = {}
        for each in execution_ids:
            found.update(await self._read_logs([each]))
        return found

    async def _try_to_take_in(self, claim: Claim, rows: list[LogRow]) -> None:
        try:
            await self._take_in(claim, rows)
        except StoreUnavailable as error:
            if error.retryable:
                raise
            _cannot_load(claim.execution_id, error)
        except LegatoError as error:
            _cannot_load(claim.execution_id, error)

    async def _take_in(self, claim: Claim, rows: list[LogRow]) -> None:
        plan = await self._plans.get(claim.version)
        active = Active(
            claim.execution_id, claim.workspace, plan, claim.fence, HeldSlots(self._slots)
        )
        fold_rows(active, rows)
        if active.state.seq > claim.head_seq:
            # The claim is an old one (this process stood still): somebody else has gone on since.
            self.give_back(claim.execution_id, claim.fence)
            return
        if active.state.seq < claim.head_seq:
            raise Internal(f"its log ends at {active.state.seq}, its head is {claim.head_seq}")
        if active.state.ended is not None:
            return
        start = None
        if claim.start is not None and claim.head_seq == 0:
            start = await self._start_of(claim, plan)
        crash_point("adoption.after_load")
        old = self._lost.pop(claim.execution_id, None)
        if old is not None:  # claimed anew before it was loaded again: what ran here is settled
            self.relay.abandon(old.active)
        self._loop.add(active)
        if start is not None:
            self._loop.post(active, start)
        else:
            cause = claim.cause or "drained"
            self._loop.post(active, AdoptExecution(self._engine, claim.fence, cause))

    async def _start_of(self, claim: Claim, plan: Plan) -> AnySignal:
        """Return the signal that an execution begins with."""
        signal = decode_signal(bytes(claim.start or b""))
        if isinstance(signal, StartExecution):
            return await checked_start(signal, plan, self._stores.blobs, claim.workspace)
        return signal

    async def fetch(self, execution_ids: Sequence[ExecutionId] | None = None) -> None:
        """Bring unconsumed signals of these (or all owned) executions into their mailboxes."""
        if execution_ids is None:
            rows = await self._stores.inbox.pending(self._engine)
        else:
            rows = await self._stores.inbox.pending_for(execution_ids)
        for row in rows:
            active = self._loop.actives.get(row.execution_id)
            if active is not None:
                self._loop.post(active, _read_signal(row), row.id)

    # --- giving back ---------------------------------------------------------------------------

    def give_back(self, execution_id: ExecutionId, fence: int) -> None:
        """Let go of an execution that is ours in the store but cannot be in memory.

        While our lease lives nobody else would touch it. An engine that adopts claims it again in
        its turn; any other claims it by name.
        """
        self._unwanted[execution_id] = max(fence, self._unwanted.get(execution_id, 0))
        if not self._giving_back:
            self._giving_back = True
            self._loop.spawn(self._give_back())

    def give_back_unborn(self, active: Active) -> None:
        """Let go of children that a commit of unknown outcome has made ours: nobody runs them."""
        for child in active.unborn:
            if child not in self._loop.actives and child not in self._lost:
                self.give_back(child, 1)

    async def _give_back(self) -> None:
        tries = 0
        try:
            while self._unwanted:
                try:
                    await self._release_unwanted()
                    tries = 0
                except StoreUnavailable as error:
                    tries = await self._wait(tries, error)
        finally:
            self._giving_back = False

    async def _release_unwanted(self) -> None:
        # Whatever is given back meanwhile, even under the same fence, gets a round of its own: it
        # may have become ours only after this one's release.
        left, self._unwanted = self._unwanted, {}
        try:
            await self._stores.owners.release(self._engine, list(left.items()))
            for execution_id in list(left):
                await self.come_back(execution_id)
                del left[execution_id]
        finally:
            for execution_id, fence in left.items():
                self.give_back(execution_id, fence)

    # --- unknown outcomes ----------------------------------------------------------------------

    def doubt(self, pending: Pending) -> None:
        """Load an execution again whose last turn has been committed, or not."""
        active = pending.active
        for effect in pending.run:
            key = (active.execution_id, effect.node, effect.item, effect.attempt)
            active.unissued[key] = effect
        active.unborn.update((new.execution_id, None) for new, _ in pending.children if new.owner)
        self.forget(active, pending.letters, taken_at=pending.from_seq)

    def forget(self, active: Active, letters: list[Letter], *, taken_at: int | None = None) -> None:
        """Discard a state that nobody can trust and load it again, with its mail.

        Args:
            active: The execution.
            letters: What its last turn considered.
            taken_at: The seq before that turn if it may be committed; None if it is not.
        """
        self._loop.discard(active)
        self._lost[active.execution_id] = _Lost(active, letters, taken_at, active.mailbox)
        if not self._recovering:
            self._recovering = True
            self._loop.spawn(self._recover())

    def is_loading(self, execution_id: ExecutionId) -> bool:
        """Tell whether an execution is being loaded again."""
        return execution_id in self._lost

    def stop_loading(self) -> list[Active]:
        """Give up whatever is being loaded again, and return it."""
        lost, self._lost = self._lost, {}
        return [each.active for each in lost.values()]

    def redirect(self, execution_id: ExecutionId, signal: AnySignal) -> bool:
        """Keep a signal for an execution that is being loaded again."""
        lost = self._lost.get(execution_id)
        if lost is not None:
            lost.mail.append(Letter(signal))
        return lost is not None

    async def _recover(self) -> None:
        """Load what was discarded as soon as the store answers."""
        tries = 0
        try:
            # What failed would fail at once once more: a full disk can be read.
            if self._outage.failures > 1:
                await asyncio.sleep(_pause_s(self._outage.failures - 2))
            while self._lost:
                try:
                    await self._reload_all()
                    tries = 0
                except StoreUnavailable as error:
                    tries = await self._wait(tries, error)
        finally:
            self._recovering = False

    async def _reload_all(self) -> None:
        for lost in list(self._lost.values()):
            try:
                await self._reload(lost.active)
            except StoreDamaged as error:
                _cannot_load(lost.active.execution_id, error)
                if self._lost.pop(lost.active.execution_id, None) is not None:
                    self.drop(lost.active)

    async def _reload(self, old: Active) -> None:
        row = await self._stores.executions.get(old.execution_id)
        if row is not None and row.owner != self._engine and row.status not in FINAL_EXECUTION:
            # Another engine took it over, or was asked to start it when we did not answer.
            if self._lost.pop(old.execution_id, None) is not None:
                self.drop(old)
            return
        active = Active(
            old.execution_id, old.workspace, old.plan, old.fence, HeldSlots(self._slots)
        )
        if row is None:
            active.new = old.new
        else:
            await self._read_log(active)
        left = {row.id for row in await self._stores.inbox.pending_for([old.execution_id])}
        lost = self._lost.pop(old.execution_id, None)
        if lost is None:
            return  # the lease was lost meanwhile
        landed = lost.taken_at is not None and active.state.seq > lost.taken_at
        # Whatever landed settled the adoption; all other letters bear being considered twice.
        again = [each for each in lost.letters if not (landed and _is_adoption(each.signal))]
        mail = [*again, *lost.mail]
        active.one_by_one = old.one_by_one
        active.running = old.running
        active.unborn = old.unborn
        active.unissued = old.unissued
        self.give_back_unborn(active)
        self._loop.add(active)
        # What ran here answers from memory; the inbox may hold an answer to a former owner.
        answered = {
            _attempt_of(active.execution_id, letter.signal)
            for letter in mail
            if not letter.inbox_id
        }
        for key, pool in owed_attempts(active.state):
            # Effects leave only after a known commit: what this one has started never ran.
            if key in active.unissued:
                self.relay.run(active, active.unissued[key])
            # All others ran under a former owner: they hold no place here.
            if key in active.running or key in answered:
                active.slots.hold(pool)
        for letter in mail:
            # A turn without events leaves no trace in the log, but what it consumed is marked.
            if not letter.inbox_id or letter.inbox_id in left:
                self._loop.post(active, letter.signal, letter.inbox_id)
        # A fresh fold has no evaluation in flight and has to ask again; nothing else is lost.
        self._loop.post(active, FireTimers())

    async def _read_log(self, active: Active) -> None:
        while True:
            after = active.state.seq
            rows = await self._stores.log.read(active.execution_id, after=after, limit=_READ_PAGE)
            fold_rows(active, rows)
            if len(rows) < _READ_PAGE:
                return

    async def _wait(self, tries: int, error: StoreUnavailable) -> int:
        """Pause before the store is asked again; return the number of tries so far."""
        self._outage.seen("the store does not answer; waiting", error)
        await asyncio.sleep(_pause_s(tries))
        return tries + 1


def _pause_s(tries: int) -> float:
    return _BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)]


def _cannot_load(execution_id: ExecutionId, error: LegatoError) -> None:
    """Say it. It stays claimed, so that nobody loops over it; a person has to look at it."""
    _log.error("an execution cannot be loaded", execution_id=execution_id, error=str(error))


def fold_rows(active: Active, rows: Sequence[LogRow]) -> None:
    """Fold stored events into a fresh state.

    Raises:
        Internal: A seq is missing.
        Conflict: An event cannot be read by this version.
    """
    state = active.state
    for row in rows:
        if row.seq != state.seq + 1:
            raise Internal(f"{active.execution_id}: event {row.seq} follows {state.seq}")
        evolve(state, read_event(row.body), row.at)


def _is_adoption(signal: AnySignal) -> bool:
    return type(signal) is AdoptExecution


def _attempt_of(execution_id: ExecutionId, signal: AnySignal) -> AttemptKey | None:
    """Return which attempt a signal answers, if any."""
    if isinstance(signal, Report):
        return (execution_id, signal.node, signal.item, signal.attempt)
    return None


def _read_signal(row: InboxRow) -> AnySignal:
    try:
        return decode_signal(row.body)
    except msgspec.DecodeError as error:
        return RefuseSignal("unreadable", str(error)[:300])
