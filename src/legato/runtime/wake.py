# SPDX-License-Identifier: Apache-2.0
"""Everything that happens without a signal of its own: timers, polls, the lease, letting go.

Timers are truth in the store (`wake_at`); the heap here only makes them punctual.

Rules: OW, EN.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Final

from legato.crashpoints import crash_point
from legato.errors import StoreUnavailable
from legato.model.ids import EngineId, ExecutionId
from legato.model.signals import FireTimers
from legato.ports.clock import Clock
from legato.ports.stores import Stores
from legato.runtime.active import Active
from legato.runtime.loop import Loop
from legato.telemetry import logger

_log = logger(__name__)

_EVICT_LOOK_S: Final = 5.0
_CONFIRM_GAP_S: Final = 0.1


class Timers:
    """Posts FireTimers to owned executions when their `wake_at` comes."""

    def __init__(self, loop: Loop, clock: Clock) -> None:
        """Begin with none."""
        self._loop = loop
        self._clock = clock
        self._heap: list[tuple[int, ExecutionId]] = []
        self._handle: asyncio.TimerHandle | None = None
        self._handle_due = 0

    def set(self, active: Active, due: int) -> None:
        """Wake an execution at `due` (ms), unless it will be woken before that anyway."""
        if active.armed is not None and active.armed <= due:
            return
        active.armed = due
        heapq.heappush(self._heap, (due, active.execution_id))
        if self._handle is None or due < self._handle_due:
            self._arm()

    def close(self) -> None:
        """Stop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._handle_due = self._heap[0][0]
            delay = max(0, self._handle_due - self._clock.now_ms()) / 1000
            # A jump of the wall clock must not leave a timer asleep for longer than a minute.
            self._handle = asyncio.get_running_loop().call_later(min(delay, 60.0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        now = self._clock.now_ms()
        while self._heap and self._heap[0][0] <= now:
            _, execution_id = heapq.heappop(self._heap)
            active = self._loop.actives.get(execution_id)
            if active is not None:
                active.armed = None
                self._loop.post(active, FireTimers())
        self._arm()


class Lease:
    """Keeps the engine's lease; tells when it was lost."""

    def __init__(
        self, engine: EngineId, stores: Stores, clock: Clock, *, lease_ms: int, adopts: bool
    ) -> None:
        """Args: lease_ms is how long the engine lives without renewing."""
        self._engine = engine
        self._stores = stores
        self._clock = clock
        self._sure_until = 0.0
        self._lease_ms = lease_ms
        self._adopts = adopts

    async def begin(self) -> None:
        """Register the engine."""
        crash_point("lease.before_register")
        asked = self._clock.monotonic()
        await self._stores.owners.register(
            self._engine, lease_ms=self._lease_ms, adopts=self._adopts
        )
        self._sure_until = asked + self._lease_ms / 1000
        crash_point("lease.after_register")

    @property
    def is_sure(self) -> bool:
        """Tell whether the lease certainly still runs, by this machine's steady clock."""
        return self._clock.monotonic() < self._sure_until

    async def confirm(self) -> bool:
        """Ask the store whether this engine is still alive; waits until there is an answer.

        A process that was frozen goes on where it stood, long after others took its work over.
        """
        while True:
            try:
                return await self._renew()
            except StoreUnavailable as error:
                _log.warning("the lease cannot be confirmed now", error=str(error))
                await asyncio.sleep(_CONFIRM_GAP_S)

    async def keep(self) -> None:
        """Renew until the lease is lost, then return."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            try:
                if not await self._renew():
                    return
            except StoreUnavailable as error:
                _log.warning("the lease cannot be renewed now", error=str(error))

    async def _renew(self) -> bool:
        asked = self._clock.monotonic()
        is_alive = await self._stores.owners.renew(self._engine, lease_ms=self._lease_ms)
        if is_alive:
            self._sure_until = max(self._sure_until, asked + self._lease_ms / 1000)
        return is_alive


class Keeper:
    """Lets executions go that have had nothing to do for a while."""

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        give_back: Callable[[ExecutionId, int], None],
        *,
        after_s: float,
    ) -> None:
        """Make the keeper.

        Args:
            loop: Holds the executions.
            clock: Tells how long they have been idle.
            give_back: Lets go of (execution, fence) in the store.
            after_s: How long an execution must have been idle.
        """
        self._loop = loop
        self._clock = clock
        self._give_back = give_back
        self._after_s = after_s

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(min(_EVICT_LOOK_S, self._after_s))
            self.evict()

    def evict(self) -> None:
        """Let go of every execution that has been idle for long enough."""
        now = self._clock.monotonic()
        for active in list(self._loop.actives.values()):
            if self._is_idle(active, now):
                self._loop.discard(active)
                self._give_back(active.execution_id, active.fence)

    def _is_idle(self, active: Active, now: float) -> bool:
        return (
            active.idle_since is not None
            and now - active.idle_since >= self._after_s
            and not active.committing
            and not active.mailbox
            and not active.running
            and not active.tasks
            and active.new is None
        )
