# SPDX-License-Identifier: Apache-2.0
"""The engine: what doors and commands use to run executions, put together from its parts.

It owns executions, takes their turns (`loop`), lets effects out (`relay`), brings executions in
(`recovery`, `admitting`), keeps time and lease (`wake`). Hints make it fast; polls make it sure.
Rules: EN, OW.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from legato.crashpoints import crash_point
from legato.engine.state import ExecutionState
from legato.errors import (
    Conflict,
    LegatoError,
    NotFound,
    StoreUnavailable,
    Unavailable,
)
from legato.model.events import FinalStatus
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import EngineId, ExecutionId
from legato.model.policy import Limits
from legato.model.signals import AnySignal, StartExecution, encode_signal
from legato.ports.admission import Admitted, Once, Terms
from legato.ports.audit import AuditEntry
from legato.ports.log import NewExecution
from legato.runtime.active import Active, Letter
from legato.runtime.admitting import Admitting
from legato.runtime.callers import Callers
from legato.runtime.creations import Creations
from legato.runtime.evaluate import Evaluator
from legato.runtime.loop import Loop, refusal
from legato.runtime.outage import Outage
from legato.runtime.parts import EngineOptions, EngineParts
from legato.runtime.plan import Plan, Plans
from legato.runtime.recovery import Recovery
from legato.runtime.relay import Relay
from legato.runtime.slots import HeldSlots, SlotPool
from legato.runtime.submission import Submission
from legato.runtime.turn import Pending, Turns
from legato.runtime.wake import Keeper, Lease, Timers
from legato.telemetry import logger

_log = logger(__name__)

_CLAIM_GAP_S: Final = 0.005
"""Smallest pause between two claims, so that a stream of short runs claims in batches."""
_STOPPING: Final = "the engine is stopping; start it again or use another one"


class Engine:
    """One engine process. Not thread-safe: use it from its event loop."""

    def __init__(
        self, engine_id: EngineId, parts: EngineParts, limits: Limits, options: EngineOptions
    ) -> None:
        """Put the parts together; `start` makes it live."""
        self.engine_id = engine_id
        self.bus = parts.bus
        self._stores = parts.stores
        self._clock = parts.clock
        self._limits = limits
        self._options = options
        self._processes = parts.evaluations
        self._plans = Plans(parts.stores.versions, limits)
        self._slots = SlotPool(limits.max_running_attempts, options.pools, self._wake_hungry)
        evaluator = Evaluator(parts.stores.blobs, parts.evaluations, limits)
        turns = Turns(engine_id, parts.clock, evaluator)
        self._loop = Loop(turns, parts.stores.log, parts.bus, self._slots, self)
        self._loop.own_children = self.has_room
        self._relay = Relay(self._loop, parts.runner, evaluator, parts.queue, options.pools)
        self._outage = Outage(parts.clock)
        self._recovery = Recovery(
            engine_id, parts.stores, self._plans, self._loop, self._slots, self._outage
        )
        self._recovery.relay = self._relay
        self._relay.redirect = self._recovery.redirect
        self._timers = Timers(self._loop, parts.clock)
        self._lease = Lease(
            engine_id, parts.stores, parts.clock, lease_ms=options.lease_ms, adopts=options.adopts
        )
        self._relay.lease = self._lease
        self._keeper = Keeper(
            self._loop, parts.clock, self._recovery.give_back, after_s=options.evict_after_s
        )
        self._recovery.come_back = self._come_back
        self._recovery.drop = self._drop
        self._callers = Callers()
        self._creations = Creations(parts.stores.log, self._loop.spawn)
        self._busy: set[ExecutionId] = set()
        self._more = asyncio.Event()
        self._queued_may_wait = options.adopts
        self._background: list[asyncio.Task[Any]] = []
        self._draining = False
        self._admitting = Admitting(parts.stores, parts.clock, self._plans, limits, self)

    @property
    def before_adoption(self) -> Callable[[], None]:
        """What is called before executions of a dead engine are taken over."""
        return self._recovery.before_adoption

    @before_adoption.setter
    def before_adoption(self, hook: Callable[[], None]) -> None:
        self._recovery.before_adoption = hook

    # --- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Register, then claim and watch in the background."""
        self._loop.epoch = await self._stores.lifecycle.epoch()
        await self._lease.begin()
        self._relay.start()
        self._background = [
            self._loop.spawn(self._keep_lease()),
            self._loop.spawn(self._watch()),
        ]
        if self._options.adopts:
            self._background.append(self._loop.spawn(self._claim_forever()))
            self._background.append(self._loop.spawn(self._keeper.run()))
            self._more.set()

    async def stop(self, *, drain: bool = True, is_patient: bool = False) -> None:
        """Stop: what is still unfinished is resumed by the next engine, by effect class.

        Args:
            drain: Running attempts may finish first, up to `drain_s` of the options.
            is_patient: However long they take.
        """
        self._draining = True
        self._slots.closed = True
        if drain:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if is_patient else self._options.drain_s):
                    await self._relay.wait_idle()
                    await self._loop.settle()
        for task in self._background:
            task.cancel()
        await self._relay.kill_all()
        self._timers.close()
        crash_point("drain.before_resign")
        with contextlib.suppress(LegatoError):
            await self._stores.owners.resign(self.engine_id)
        self._loop.close()
        self._callers.close()
        await self._processes.close()

    # --- use -----------------------------------------------------------------------------------

    async def submit(self, submission: Submission) -> ExecutionId:
        """Start an execution; durable when this returns (promise P1).

        Raises:
            InvalidInput: Inputs do not fit, a called workflow is missing, or calls go too deep.
            LimitExceeded: Too many executions are queued.
            StoreUnavailable: The outcome is unknown; submit again with the same execution_id.
            Unavailable: The engine is draining.
        """
        if self._draining:
            raise Unavailable(_STOPPING)
        execution_id = submission.execution_id or ExecutionId(self._clock.new_id())
        if self._callers.is_starting(execution_id):  # the same wish again, before its answer
            await self._callers.wait_started(execution_id)
            return execution_id
        prepared = await self._admitting.prepare(submission, execution_id)
        for row in prepared.versions:
            if row.version not in self._admitting.known_versions:
                crash_point("catalogue.before_write")
                await self._stores.versions.put(row)
                crash_point("catalogue.after_commit")
                self._admitting.known_versions.add(row.version)
        plan = self._plans.put(submission.workflow, prepared.new.version)
        if self.is_known(execution_id):
            raise Conflict(f"the execution {execution_id} exists already")
        if self._draining:
            raise Unavailable(_STOPPING)
        if not self.has_room():
            new = replace(prepared.new, start=encode_signal(prepared.start))
            if not await self._creations.add(new):
                raise Conflict(f"the execution {execution_id} exists already")
            self.look_at_queue()
            return execution_id
        new = replace(prepared.new, owner=self.engine_id)
        self.begin(new, plan, prepared.start, is_new=True)
        await self._callers.wait_started(execution_id)
        return execution_id

    async def admit(self, submission: Submission, terms: Terms) -> Admitted:
        """Start an execution under terms; durable with all they ask for when this returns.

        Raises:
            AlreadyDone: A request with the same key has taken effect.
            LegatoError: As `submit`; a `LimitExceeded` also if too many of the workflow wait.
        """
        if self._draining:
            raise Unavailable(_STOPPING)
        return await self._admitting.admit(submission, terms)

    async def send(
        self,
        execution_id: ExecutionId,
        signal: AnySignal,
        dedupe_key: str,
        *,
        once: Once | None = None,
        audit: Sequence[AuditEntry] = (),
    ) -> bool:
        """Put a signal into an execution's inbox; taken at once if this engine owns it.

        Args:
            execution_id: Whose inbox.
            signal: The wish.
            dedupe_key: Names the wish.
            once: The answer to the request it comes from, kept with it.
            audit: Rows that are written with it.

        Returns:
            False if a signal with this key was sent before.

        Raises:
            NotFound: No such execution.
            Conflict: It has ended.
            LimitExceeded: Its inbox is full.
            AlreadyDone: A request with the same key has taken effect.
        """
        body = encode_signal(signal)
        if once is None and not audit:
            is_new = await self._stores.inbox.send(execution_id, dedupe_key, body)
        else:
            is_new = await self._stores.admissions.send(
                execution_id, dedupe_key, body, once=once, audit=audit
            )
        await self._recovery.fetch([execution_id])
        self._more.set()
        return is_new

    async def resume(self, execution_id: ExecutionId) -> bool:
        """Take an execution over if nobody alive owns it, with its children; True if it is ours."""
        if self._draining or self.owns(execution_id):  # it would forget what it takes over now
            return self.owns(execution_id)
        claim = await self._stores.owners.claim_one(self.engine_id, execution_id)
        if claim is None:
            return False
        await self._recovery.take_in([claim])
        active = self._loop.actives.get(execution_id)
        if active is not None:
            self._busy.add(execution_id)
            for child in active.state.open_children():
                with contextlib.suppress(NotFound):
                    await self.resume(child)
        return active is not None

    async def wait_final(self, execution_id: ExecutionId) -> FinalStatus:
        """Wait for the end of an execution, also of one that has no owner now.

        Raises:
            NotFound: There is no such execution.
            OwnershipLost: Another engine owns it.
            Unavailable: This engine has stopped.
        """
        if not self.is_known(execution_id):
            row = await self._stores.executions.get(execution_id)
            if row is None:
                raise NotFound(f"there is no execution {execution_id}")
            if row.status in FINAL_EXECUTION:
                return row.status  # type: ignore[return-value]
        return await self._callers.wait_ended(execution_id)

    def owns(self, execution_id: ExecutionId) -> bool:
        """Tell whether this engine owns the execution now."""
        return execution_id in self._loop.actives

    def state(self, execution_id: ExecutionId) -> ExecutionState | None:
        """Return the live state of an owned execution, to be read only."""
        active = self._loop.actives.get(execution_id)
        return None if active is None else active.state

    @property
    def busy(self) -> int:
        """Executions here that have something to do, and attempts that run."""
        return len(self._busy) + self._relay.running

    @property
    def running_attempts(self) -> int:
        """Attempts that run here."""
        return self._relay.running

    # --- outcomes of turns (called by the loop) ---------------------------------------------------

    def committed(self, pending: Pending) -> None:
        """Let effects out, note timers and ends, answer who waits."""
        active = pending.active
        execution_id = active.execution_id
        self._callers.started(execution_id)
        if pending.turn.events:
            self._outage.over()
            active.unissued.clear()  # no earlier turn can land late any more
        self._relay.issue(pending)
        for new, start in pending.children:
            if new.owner is not None:
                self._loop.spawn(self._admitting.begin_child(new, start))
            else:
                self._more.set()
        if pending.told:
            self._more.set()
            local = [target for target in pending.told if target in self._loop.actives]
            if local:
                self._loop.spawn(self._fetch(local))
        projection = pending.turn.projection
        if active.state.ended is not None:
            self._end(active, active.state.ended)
            return
        if projection.wake_at is not None:
            self._timers.set(active, projection.wake_at)
        if projection.is_busy or active.running:
            active.idle_since = None
            self._busy.add(execution_id)
        elif not pending.is_empty or active.idle_since is None:
            active.idle_since = self._clock.monotonic()
            self._leave_busy(execution_id)

    def refused(self, pending: Pending) -> None:
        """Another engine owns it (or a commit of ours landed late): drop everything of it."""
        self._drop(pending.active)
        self.outlived(pending)

    def outlived(self, pending: Pending) -> None:
        """Let go of what this turn has made ours in the store: nobody here runs it."""
        active = pending.active
        active.unborn.update((new.execution_id, None) for new, _ in pending.children if new.owner)
        self._recovery.give_back(active.execution_id, active.fence)
        self._recovery.give_back_unborn(active)

    def unknown(self, pending: list[Pending], error: Exception) -> None:
        """Load every state again before anything else happens to it."""
        self._outage.failures += 1
        self._outage.seen("a commit's outcome is unknown", error)
        for each in pending:
            if each.active.gone:
                self.outlived(each)
            else:
                self._recovery.doubt(each)

    def broken(self, active: Active, letters: list[Letter], error: Exception) -> None:
        """Find the poison letter by taking the letters one by one; refuse it when found."""
        _log.error("a rule broke on a signal", exc_info=error, signals=len(letters))
        if len(letters) == 1:
            letters = [Letter(refusal(letters[0].signal, error), letters[0].inbox_id)]
        active.one_by_one = True
        self._recovery.forget(active, letters)

    # --- inside --------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Tell whether one more execution may run here; an engine's own tree always may."""
        if not self._options.adopts:
            return True
        return len(self._busy) < self._limits.max_running_executions and not self._draining

    def hold_place(self, execution_id: ExecutionId) -> None:
        """Keep room for an execution."""
        self._busy.add(execution_id)

    def begin(
        self, new: NewExecution, plan: Plan, start: StartExecution, *, is_new: bool = False
    ) -> None:
        """Take the first turn of an execution of ours; with `is_new` the turn creates it."""
        if self.is_known(new.execution_id):
            return
        active = Active(new.execution_id, new.workspace, plan, 1, HeldSlots(self._slots))
        active.new = new if is_new else None
        self._busy.add(new.execution_id)
        self._loop.add(active)
        self._loop.post(active, start)

    def give_up_place(self, execution_id: ExecutionId, *, is_ours: bool = False) -> None:
        """Give the room up; with `is_ours` the store may have made it ours all the same."""
        self._leave_busy(execution_id)
        if is_ours:
            self._recovery.give_back(execution_id, 1)

    def look_at_queue(self) -> None:
        """Claim soon."""
        self._queued_may_wait = True
        self._more.set()

    def _wake_hungry(self, execution_id: ExecutionId) -> None:
        self._loop.wake_id(execution_id)

    def _leave_busy(self, execution_id: ExecutionId) -> None:
        self._busy.discard(execution_id)
        if self._queued_may_wait:
            self._more.set()

    def is_known(self, execution_id: ExecutionId) -> bool:
        """Tell whether it is in memory here, or on its way there again."""
        return execution_id in self._loop.actives or self._recovery.is_loading(execution_id)

    def _end(self, active: Active, status: FinalStatus) -> None:
        self._loop.discard(active)
        self._leave_busy(active.execution_id)
        self._callers.ended(active.execution_id, status)

    def _drop(self, active: Active) -> None:
        execution_id = active.execution_id
        self._let_go(active)
        self._callers.lost(execution_id)
        exists = Conflict(f"the execution {execution_id} exists already")
        self._callers.not_started(execution_id, exists)

    def _let_go(self, active: Active) -> None:
        self._loop.discard(active)
        self._relay.abandon(active)
        self._leave_busy(active.execution_id)

    async def _come_back(self, execution_id: ExecutionId) -> None:
        """Claim what had to be given back, unless others see to it."""
        if self._options.adopts:
            self._more.set()
            return
        with contextlib.suppress(NotFound):
            if not await self.resume(execution_id):
                await self._look_for_end(execution_id)

    async def _fetch(self, execution_ids: list[ExecutionId]) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._recovery.fetch(execution_ids)

    async def _watch(self) -> None:
        """Look for signals of other processes: at a hint soon, by poll in any case."""
        while True:
            try:
                await self._stores.changes.wait(self._options.poll_s)
                await self._look_around()
            except StoreUnavailable as error:
                self._outage.seen("the store does not answer", error)
                await asyncio.sleep(self._options.poll_s)

    async def _look_around(self) -> None:
        if self._loop.actives:
            await self._recovery.fetch()
        for execution_id in self._callers.awaited:
            if not self.is_known(execution_id):
                await self._look_for_end(execution_id)
        self._more.set()

    async def _claim_forever(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            room = self._limits.max_running_executions - len(self._busy)
            if room > 0 and not self._draining:
                try:
                    came = await self._recovery.claim(room)
                except StoreUnavailable as error:
                    self._outage.seen("nothing can be claimed now", error)
                    await asyncio.sleep(self._options.poll_s)
                    self._more.set()
                    continue
                if came:
                    self._more.set()
            await asyncio.sleep(_CLAIM_GAP_S)

    async def _look_for_end(self, execution_id: ExecutionId) -> None:
        """Answer those who wait for an execution that is not here, if there is an answer."""
        row = await self._stores.executions.get(execution_id)
        if row is not None and row.status in FINAL_EXECUTION:
            self._callers.ended(execution_id, row.status)  # type: ignore[arg-type]
        elif row is not None and row.owner not in {None, self.engine_id}:
            self._callers.lost(execution_id)

    async def _keep_lease(self) -> None:
        while True:
            await self._lease.keep()
            _log.error("the lease was lost; everything owned is given up and claimed again")
            await self._begin_again()

    async def _begin_again(self) -> None:
        """After a lost lease (a suspended machine, a frozen process): nothing here is ours now."""
        owned = [*self._loop.actives.values(), *self._recovery.stop_loading()]
        unknown = StoreUnavailable("the lease was lost meanwhile; submit it again with its id")
        for active in owned:
            self._let_go(active)
            self._callers.not_started(active.execution_id, unknown)
        while True:
            try:
                await self._lease.begin()
                break
            except StoreUnavailable as error:
                self._outage.seen("the lease cannot be taken now", error)
                await asyncio.sleep(self._options.poll_s)
        for active in owned:
            self._recovery.give_back(active.execution_id, active.fence)


__all__ = ["Engine", "Submission"]
