# SPDX-License-Identifier: Apache-2.0
"""The loop: mailboxes in, batches of turns to the store, effects out after the commit.

One pass takes the turns of everything that is ready and appends them as one batch; batches of
later passes join the store's next transaction. There is one uncommitted turn per execution. There
is no timer before a commit: while one is under way the next batch forms by itself.

Rules: EN, LG, OW.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from legato.crashpoints import crash_point
from legato.engine.view import frame
from legato.errors import StoreUnavailable
from legato.model.ids import ExecutionId
from legato.model.signals import AnySignal, RefuseSignal
from legato.ports.bus import Bus
from legato.ports.log import Log
from legato.runtime.active import Active, Letter
from legato.runtime.slots import SlotPool
from legato.runtime.turn import Pending, Turns
from legato.telemetry import logger

_log = logger(__name__)

_TURNS_PER_PASS_MAX: Final = 256
"""Turns taken before the event loop gets a chance to do something else."""
_LETTERS_PER_TURN_MAX: Final = 1_024


class Outcomes(Protocol):
    """What the engine does about a committed or failed turn."""

    def committed(self, pending: Pending) -> None:
        """Let the effects of a committed turn out."""
        ...

    def refused(self, pending: Pending) -> None:
        """Somebody else owns the execution now."""
        ...

    def outlived(self, pending: Pending) -> None:
        """The execution was dropped while its turn was under way; it may be ours in the store."""
        ...

    def unknown(self, pending: list[Pending], error: Exception) -> None:
        """Nothing is known about these turns; their states have to be loaded again."""
        ...

    def broken(self, active: Active, letters: list[Letter], error: Exception) -> None:
        """A rule raised: the state is worthless and one of the letters is poison."""
        ...


class Loop:
    """The executions of one engine and the passes over them."""

    def __init__(
        self, turns: Turns, log: Log, bus: Bus, slots: SlotPool, outcomes: Outcomes
    ) -> None:
        """Args: outcomes is told what became of every turn."""
        self.actives: dict[ExecutionId, Active] = {}
        self.epoch = 0
        self.own_children: Callable[[], bool] = lambda: True
        self._turns = turns
        self._log = log
        self._bus = bus
        self._slots = slots
        self._outcomes = outcomes
        self._runnable: dict[ExecutionId, Active] = {}
        self._scheduled = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._commits: set[asyncio.Task[Any]] = set()

    # --- mail ----------------------------------------------------------------------------------

    def add(self, active: Active) -> None:
        """Take an execution in; whatever it replaces is gone."""
        old = self.actives.get(active.execution_id)
        if old is not None and old is not active:
            self.discard(old)
        self.actives[active.execution_id] = active

    def post(self, active: Active, signal: AnySignal, inbox_id: int = 0) -> None:
        """Put a signal into a mailbox and see to it that its turn comes."""
        if inbox_id and active.has_seen(inbox_id):
            return
        active.mailbox.append(Letter(signal, inbox_id))
        self.wake(active)

    def wake(self, active: Active) -> None:
        """Give an execution a turn soon, even without mail."""
        if active.gone:
            return
        self._runnable[active.execution_id] = active
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pass)

    def wake_id(self, execution_id: ExecutionId) -> None:
        """The same by id, if it is here."""
        active = self.actives.get(execution_id)
        if active is not None:
            self.wake(active)

    def discard(self, active: Active) -> None:
        """Forget an execution's state and free what it holds; its tasks are the relay's."""
        active.gone = True
        active.slots.release()
        self._slots.forget(active.execution_id)
        self._slots.feed()
        self._runnable.pop(active.execution_id, None)
        if self.actives.get(active.execution_id) is active:
            del self.actives[active.execution_id]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the loop, with a reference kept and its failure reported."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def settle(self) -> None:
        """Wait until no turn is ready and no commit is under way."""
        while self._scheduled or self._commits:
            if self._commits:
                await asyncio.wait(self._commits)
            await asyncio.sleep(0)

    def close(self) -> None:
        """Stop everything that still runs beside the loop."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())

    # --- passes --------------------------------------------------------------------------------

    def _pass(self) -> None:
        """Take a turn of everything that is ready and hand the batch to the store."""
        self._scheduled = False
        runnable, self._runnable = self._runnable, {}
        batch: list[Pending] = []
        for count, active in enumerate(runnable.values()):
            if count >= _TURNS_PER_PASS_MAX:
                self._runnable.setdefault(active.execution_id, active)
                continue
            if active.committing or active.gone:
                active.is_wanted = True  # its commit gives it another turn
                continue
            pending = self._take(active)
            if pending is not None:
                batch.append(pending)
        if self._runnable and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pass)
        if batch:
            commit = self.spawn(self._commit(batch))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    def _take(self, active: Active) -> Pending | None:
        self._slots.turn_begins(active.execution_id)
        letters = active.mailbox
        if active.one_by_one and len(letters) > 1:
            active.mailbox = letters[1:]
            letters = letters[:1]
        elif len(letters) > _LETTERS_PER_TURN_MAX:
            active.mailbox = letters[_LETTERS_PER_TURN_MAX:]
            letters = letters[:_LETTERS_PER_TURN_MAX]
        else:
            active.mailbox = []
        try:
            pending = self._turns.take(active, letters, own_children=self.own_children())
        except Exception as error:  # noqa: BLE001 - a defect in a rule must cost one signal, not the engine
            self._outcomes.broken(active, letters, error)
            return None
        if pending.is_empty:
            self._after(pending)
            return None
        active.committing = True
        return pending

    async def _commit(self, batch: list[Pending]) -> None:
        crash_point("append.before_write")
        try:
            accepted = await self._log.append([pending.turn for pending in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, the outcome is not known
            for pending in batch:
                pending.active.committing = False
            if not isinstance(error, StoreUnavailable):
                _log.error("the store failed in a way it should not", exc_info=error)
            self._outcomes.unknown(batch, error)
            return
        for pending, ok in zip(batch, accepted, strict=True):
            pending.active.committing = False
            if pending.active.gone:
                self._outcomes.outlived(pending)
                continue
            if not ok:
                self._outcomes.refused(pending)
                continue
            self._after(pending)

    def _after(self, pending: Pending) -> None:
        """The turn stands: show it, issue what it owes, look at the mail that came meanwhile."""
        active = pending.active
        active.new = None
        crash_point("turn.before_effects")
        if pending.turn.events and self._bus.has_subscribers(active.execution_id):
            self._bus.publish_frame(
                frame(active.state, pending.touched, from_seq=pending.from_seq, epoch=self.epoch)
            )
        if pending.starved:
            self._slots.wait(active.execution_id, active.slots)
        self._outcomes.committed(pending)
        crash_point("turn.after_effects")
        self._slots.feed()
        if (active.mailbox or active.is_wanted) and not active.gone:
            active.is_wanted = False
            self.wake(active)


def refusal(signal: AnySignal, error: Exception) -> RefuseSignal:
    """Return the letter that stands for one that a rule broke on."""
    return RefuseSignal(type(signal).__name__, f"{type(error).__name__}: {error}"[:500])
