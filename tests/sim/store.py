# SPDX-License-Identifier: Apache-2.0
"""Faults of the store: failures before and after the commit, outages, delays, late commits.

Rules: SM2.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from legato.adapters.memory.database import MemoryDatabase
from legato.adapters.memory.log import MemoryLog
from legato.adapters.memory.stores import make_memory_stores
from legato.errors import StoreUnavailable
from legato.model.ids import ExecutionId
from legato.ports.clock import Clock
from legato.ports.log import LogRow, NewExecution, Turn
from legato.ports.stores import Stores
from tests.sim.invariants import Invariants, appending
from tests.sim.loop import Process, VirtualLoop
from tests.sim.profile import Profile
from tests.sim.trace import Trace

_UNHARMED: Final = "outside"
"""Name of the process that asks the store without faults: the simulation itself."""


class StoreFaults:
    """Keeps `database.Faults`, and lets the invariants look after every transaction."""

    def __init__(
        self, loop: VirtualLoop, profile: Profile, chance: random.Random, trace: Trace
    ) -> None:
        """Begin harmless until `active` is set."""
        self.active = False
        self.is_out = False
        self.invariants: Invariants
        self.strikes: dict[str, Callable[[], None]] = {}
        """What to do to a process right after its next commit, before it knows of it."""
        self.loop = loop
        self.profile = profile
        self.chance = chance
        self.trace = trace

    async def before(self, process: str, operation: str) -> None:
        """Keep `Faults.before`."""
        await self._take_time()
        if process != _UNHARMED and self._is_down():
            self.trace.fault(process, "store fails", operation, "before")
            raise StoreUnavailable(f"{operation} was not done (simulated)")

    async def after(self, process: str, operation: str) -> None:
        """Keep `Faults.after`."""
        self.invariants.after(process, operation)
        if operation == "append" and process in self.strikes:
            self.strikes.pop(process)()
        await self._take_time()
        if process != _UNHARMED and self._is_down():
            self.trace.fault(process, "store fails", operation, "after")
            raise StoreUnavailable(f"the outcome of {operation} is unknown (simulated)")

    def _is_down(self) -> bool:
        if not self.active:
            return False
        return self.is_out or self.chance.random() < self.profile.store_fails

    async def _take_time(self) -> None:
        """Suspend the caller, as a real store always does."""
        slow_s = self.profile.store_slow_s if self.active else 0.0
        await self.loop.passing(self.chance.random() * slow_s if slow_s else 0.0)


class SimLog:
    """Keeps `ports.log.Log`: the memory log, told what is being appended; commits may land late."""

    def __init__(self, inner: MemoryLog, outside: MemoryLog, faults: StoreFaults) -> None:
        """Args: outside is the log as the simulation itself uses it, without faults."""
        self._inner = inner
        self._outside = outside
        self._faults = faults

    async def append(self, turns: Sequence[Turn]) -> Sequence[bool]:
        """Keep `Log.append`."""
        appending.set(turns)
        faults = self._faults
        if faults.active and faults.chance.random() < faults.profile.late:
            delay_s = faults.chance.choice((0.001, 0.05, 0.5, 3.0))
            faults.trace.fault("store", "lands late", [turn.execution_id for turn in turns])
            server = Process("server", faults.loop)
            server.spawn(self._land(turns, delay_s))
            await faults.loop.passing(delay_s * faults.chance.choice((0.1, 0.1, 2.0)))
            raise StoreUnavailable("the connection broke during the commit (simulated)")
        return await self._inner.append(turns)

    async def create(self, executions: Sequence[NewExecution]) -> Sequence[bool]:
        """Keep `Log.create`."""
        return await self._inner.create(executions)

    async def read(
        self, execution_id: ExecutionId, *, after: int = 0, limit: int = 10_000
    ) -> list[LogRow]:
        """Keep `Log.read`."""
        return await self._inner.read(execution_id, after=after, limit=limit)

    async def read_many(
        self, execution_ids: Sequence[ExecutionId]
    ) -> dict[ExecutionId, list[LogRow]]:
        """Keep `Log.read_many`."""
        return await self._inner.read_many(execution_ids)

    async def heads(self, execution_ids: Sequence[ExecutionId]) -> dict[ExecutionId, int]:
        """Keep `Log.heads`."""
        return await self._inner.heads(execution_ids)

    async def _land(self, turns: Sequence[Turn], delay_s: float) -> None:
        """The server goes on with the commit although nobody waits for it any more."""
        appending.set(turns)
        await self._faults.loop.passing(delay_s)
        await self._outside.append(turns)


def make_stores(
    database: MemoryDatabase, clock: Clock, process: str, faults: StoreFaults
) -> Stores:
    """Make the ports of one process."""
    stores = make_memory_stores(database, clock, process=process)
    log = SimLog(MemoryLog(database, process), MemoryLog(database, _UNHARMED), faults)
    return replace(stores, log=log)


def make_outside_stores(database: MemoryDatabase, clock: Clock) -> Stores:
    """Make the ports of the simulation itself, which never fail."""
    return make_memory_stores(database, clock, process=_UNHARMED)
