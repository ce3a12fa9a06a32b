# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between processes: crashes, freezes, drains, jumps of clocks, outages.

Rules: SM2.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from legato.runtime.engine import Engine
from tests.sim.host import LEASE_MS, Host, World
from tests.sim.people import People

_FUSE_MAX: Final = 400
"""A process is hit within this many of its callbacks: in the middle of whatever it does then."""


class Nemesis:
    """Draws from the profile what happens when, and does it."""

    def __init__(self, world: World, people: People) -> None:
        """Args: people interfere at moments that are drawn here."""
        self._world = world
        self._people = people
        self._chance = random.Random(f"{world.seed}/nemesis")

    async def rage(self) -> None:
        """Do everything that was drawn, within the time of chaos."""
        world, profile = self._world, self._world.profile
        acts: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._crash, profile.crashes),
            (self._freeze, profile.freezes),
            (self._drain, profile.drains),
            (self._jump, profile.jumps),
            (self._outage, profile.outages),
            (self._people.interfere, profile.signals),
        ]
        # Half of it early: most executions are short.
        planned = sorted(
            (self._chance.random() ** 2 * profile.chaos_s, number, act)
            for number, act in enumerate(act for act, count in acts for _ in range(count))
        )
        begin = world.loop.time()
        running: list[asyncio.Task[None]] = []
        for at, _, act in planned:
            await world.loop.passing(max(0.0, begin + at - world.loop.time()))
            running.append(world.loop.create_task(_alone(act)))
        await world.loop.passing(max(0.0, begin + profile.chaos_s - world.loop.time()))
        await asyncio.gather(*running)

    def _pick(self) -> Host | None:
        up = [host for host in self._world.hosts if host.is_up]
        return self._chance.choice(up) if up else None

    async def _hit(self, host: Host, action: Callable[[], None]) -> bool:
        """Do it now, at one of the next callbacks, or right after a commit; false if not soon."""
        process = host.process
        lot = self._chance.random()
        if process is None or lot < 0.2:
            action()
            return True
        struck: asyncio.Future[None] = self._world.loop.create_future()

        def strike() -> None:
            action()
            if not struck.done():
                struck.set_result(None)

        strikes = self._world.faults.strikes
        if lot < 0.6:
            strikes[process.name] = strike
        else:
            process.burn(int(self._chance.random() ** 2 * _FUSE_MAX), strike)
        await asyncio.wait([struck], timeout=3.0)
        process.fuse = 0
        strikes.pop(process.name, None)
        return struck.done()

    async def _crash(self) -> None:
        host = self._pick()
        if host is None or host.process is None:
            return
        process = host.process

        def crash() -> None:
            self._world.trace.fault(process.name, "crash")
            host.crash()

        if await self._hit(host, crash):
            await self._world.loop.passing(self._chance.choice((0.01, 0.5, 4.0)))
            if not self._has_process(host):
                host.boot()

    @staticmethod
    def _has_process(host: Host) -> bool:
        return host.process is not None

    async def _freeze(self) -> None:
        host = self._pick()
        if host is None or host.process is None:
            return
        process = host.process

        def freeze() -> None:
            self._world.trace.fault(process.name, "freeze")
            process.freeze()

        if not await self._hit(host, freeze):
            return
        await self._world.loop.passing(self._chance.choice((0.05, 1.0, 1.3, 3.0)) * LEASE_MS / 1000)
        if process.state == "frozen":
            self._world.trace.fault(process.name, "thaw")
            process.thaw()

    async def _drain(self) -> None:
        host = self._pick()
        if host is None:
            return
        self._world.trace.fault(host.name, "drain")
        await stop(self._world, host)
        await self._world.loop.passing(self._chance.choice((0.01, 1.0)))
        if host.process is None:
            host.boot()

    async def _jump(self) -> None:
        ms = self._chance.choice((500, 5_000, 60_000, 3_600_000))
        host = self._pick()
        if host is None or self._chance.random() < 0.3:
            self._world.trace.fault("database", "clock jumps", ms)
            self._world.database_clock.jump(ms)
        else:
            self._world.trace.fault(host.name, "clock jumps", ms)
            host.clock.jump(ms)

    async def _outage(self) -> None:
        self._world.trace.fault("store", "outage")
        self._world.faults.is_out = True
        await self._world.loop.passing(self._chance.choice((0.1, 1.0, 1.5 * LEASE_MS / 1000)))
        self._world.faults.is_out = False
        self._world.trace.note("store", "back")


async def _alone(act: Callable[[], Awaitable[None]]) -> None:
    await act()


async def stop(world: World, host: Host) -> None:
    """Stop an engine the clean way, and its process with it."""
    engine, process = host.engine, host.process
    if engine is None or process is None:
        return
    host.engine = None
    done = world.loop.create_future()

    async def end() -> None:
        try:
            await engine.stop(drain=True)
        except Exception as error:
            world.invariants.complain("defect", f"{host.name} stopped with {error!r}")
        done.set_result(None)

    process.spawn(end())
    while not done.done() and process.state != "dead":
        await world.loop.passing(0.05)
    if done.done() and process.state == "running":
        for _ in range(40):  # those who asked something of the store may still wait for it
            if not any(not task.done() for task in process.tasks):
                break
            await world.loop.passing(0.05)
        check_stopped(world, host, engine)
    process.kill()
    if host.process is process:
        host.crash()


def check_stopped(world: World, host: Host, engine: Engine) -> None:
    """A stopped engine holds nothing and runs nothing."""
    process = host.process
    left = [] if process is None else [task for task in process.tasks if not task.done()]
    if left:
        world.invariants.complain("EN14", f"{host.name} stopped, but {left[:3]} go on")
    if host.runner is not None and host.runner.running:
        world.invariants.complain("EN14", f"{host.name} stopped, but attempts go on")
    check_places(world, host, engine)


def check_places(world: World, host: Host, engine: Engine) -> None:
    """Every place that is taken is held by an execution for an attempt that runs."""
    held = 0
    for active in engine._loop.actives.values():
        held += active.slots.total
        state = active.state
        is_at_rest = not active.committing and not active.mailbox and not state.evaluating
        if is_at_rest and active.slots.total != state.running:
            text = f"{active.execution_id} holds {active.slots.total} for {state.running} attempts"
            world.invariants.complain("slots", f"at {host.name} {text}")
    if engine._slots.used != held:
        text = f"{engine._slots.used} places are taken, {held} are held"
        world.invariants.complain("slots", f"at {host.name} {text}")
