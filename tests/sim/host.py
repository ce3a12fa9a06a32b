# SPDX-License-Identifier: Apache-2.0
"""One machine of the simulation: boots an engine in a process, loses it, boots the next one.

Rules: SM1, SM2.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from legato.adapters.memory.database import MemoryDatabase
from legato.errors import LegatoError, StoreUnavailable
from legato.model.ids import EngineId, ExecutionId
from legato.model.policy import Limits
from legato.model.signals import encode_signal
from legato.runtime.attempt.request import Report
from legato.runtime.engine import Engine
from legato.runtime.evaluation_process import EvaluationProcesses
from legato.runtime.parts import EngineOptions, EngineParts
from tests.sim.clock import SimClock
from tests.sim.invariants import Invariants
from tests.sim.ledger import Ledger
from tests.sim.loop import Process, VirtualLoop
from tests.sim.profile import Profile
from tests.sim.runner import SimBus, SimEvaluations, SimQueue, SimRunner, Surroundings
from tests.sim.store import StoreFaults, make_outside_stores, make_stores
from tests.sim.trace import Trace
from tests.sim.workflows import POOL

T = TypeVar("T")

LEASE_MS: Final = 3_000
BOOT_RETRY_S: Final = 0.5


class NoAnswer(Exception):
    """The engine that was asked is gone, frozen or slow: the outcome is unknown."""


class World:
    """What all hosts of one run share."""

    def __init__(self, seed: int, profile: Profile, *, steps_max: int, echo: bool) -> None:
        """Args: steps_max bounds the run; with echo every step is printed."""
        self.seed = seed
        self.profile = profile
        self.chance = random.Random(f"{seed}/world")
        self.loop = VirtualLoop(steps_max=steps_max)
        self.trace = Trace(self.loop.time, echo=echo)
        self.database_clock = SimClock(self.loop, "database", seed)
        self.limits = Limits(
            max_inline_bytes=profile.inline_bytes,
            max_running_attempts=profile.attempts_max,
            max_running_executions=profile.executions_max,
        )
        self.faults = StoreFaults(self.loop, profile, random.Random(f"{seed}/store"), self.trace)
        self.database = MemoryDatabase(self.database_clock, faults=self.faults, limits=self.limits)
        self.invariants = Invariants(self.database, self.loop, self.trace)
        self.faults.invariants = self.invariants
        self.ledger = Ledger(self.invariants)
        self.outside = make_outside_stores(self.database, self.database_clock)
        self.hosts: list[Host] = []
        self.loop.set_exception_handler(self._on_exception)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.invariants.complain(
            "defect", f"{context.get('message')}: {context.get('exception')!r}"
        )


class Host:
    """A place where one engine process runs at a time; each boot has a new engine id."""

    def __init__(self, world: World, name: str, *, adopts: bool, skew_ms: int) -> None:
        """Args: skew_ms is how wrong its wall clock is."""
        self.name = name
        self.adopts = adopts
        self.engine: Engine | None = None
        self.process: Process | None = None
        self.runner: SimRunner | None = None
        self.resumes: list[ExecutionId] = []
        self.processes: list[Process] = []
        self._world = world
        self._clock = SimClock(world.loop, name, world.seed, skew_ms=skew_ms)
        self._boots = 0

    @property
    def is_up(self) -> bool:
        """Tell whether an engine runs here."""
        return (
            self.engine is not None
            and self.process is not None
            and (self.process.state == "running")
        )

    @property
    def clock(self) -> SimClock:
        """The machine's clock."""
        return self._clock

    def boot(self) -> None:
        """Start a process that starts an engine, again and again until the store lets it."""
        self._boots += 1
        name = f"{self.name}.{self._boots}"
        self.process = Process(name, self._world.loop)
        self.processes.append(self.process)
        self.process.spawn(self._start(self.process))

    def crash(self) -> None:
        """Kill the process where it stands."""
        if self.process is not None:
            self.process.kill()
        self.engine = self.process = self.runner = None

    async def ask(self, make: Callable[[Engine], Awaitable[T]], patience_s: float = 5.0) -> T:
        """Have the engine do something, as a client of its process would.

        Raises:
            NoAnswer: There is none within the patience; it may have been done.
            LegatoError: The engine's refusal.
        """
        if self.engine is None or self.process is None:
            raise NoAnswer(self.name)
        answer: asyncio.Future[T] = self._world.loop.create_future()
        self.process.spawn(self._answer(answer, make, self.engine))
        await asyncio.wait([answer], timeout=patience_s)
        if not answer.done():
            raise NoAnswer(self.name)
        return answer.result()

    async def _answer(
        self,
        answer: asyncio.Future[T],
        make: Callable[[Engine], Awaitable[T]],
        engine: Engine,
    ) -> None:
        try:
            result = await make(engine)
        except LegatoError as error:
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # whoever asked may have gone
        except Exception as error:
            self._world.invariants.complain("defect", f"{self.name} answered {error!r}")
        else:
            if not answer.done():
                answer.set_result(result)

    async def _start(self, process: Process) -> None:
        while True:
            engine = self._make_engine(process)
            try:
                await engine.start()
                break
            except LegatoError:
                await self._world.loop.passing(BOOT_RETRY_S)
        self._world.trace.note(process.name, "started")
        self.engine = engine
        for execution_id in self.resumes:
            await self._resume(engine, execution_id)

    async def _resume(self, engine: Engine, execution_id: ExecutionId) -> None:
        """Take an execution up again, as a person does who gets no answer and asks once more."""
        while True:
            try:
                await engine.resume(execution_id)
            except StoreUnavailable:
                await self._world.loop.passing(BOOT_RETRY_S)
            else:
                return

    def _make_engine(self, process: Process) -> Engine:
        world = self._world
        profile = world.profile
        around = Surroundings(
            world.loop,
            process.name,
            profile,
            world.seed,
            random.Random(f"{world.seed}/{process.name}"),
            world.limits,
            world.faults,
        )
        stores = make_stores(world.database, self._clock, process.name, world.faults)
        self.runner = SimRunner(around, stores.blobs, world.ledger, self._echo)
        parts = EngineParts(
            stores=stores,
            bus=SimBus(process.name, world.invariants),  # type: ignore[arg-type]
            clock=self._clock,
            queue=SimQueue(around),
            runner=self.runner,
            evaluations=cast(EvaluationProcesses, SimEvaluations(around)),
        )
        options = EngineOptions(
            adopts=self.adopts,
            lease_ms=LEASE_MS,
            poll_s=0.5,
            evict_after_s=1.0,
            drain_s=2.0,
            pools={POOL: profile.pool_size} if profile.pool_size else {},
        )
        return Engine(EngineId(process.name), parts, world.limits, options)

    def _echo(self, execution_id: ExecutionId, report: Report) -> None:
        """Sometimes an answer comes a second time, as if from a worker that heard nothing."""
        world = self._world
        if not world.faults.active or world.chance.random() >= world.profile.echoes:
            return
        key = f"echo:{report.node}:{report.item}:{report.attempt}"
        world.trace.fault(self.name, "echo", execution_id, key)
        outside = Process("echo", world.loop)
        outside.spawn(self._send_echo(execution_id, key, encode_signal(report)))

    async def _send_echo(self, execution_id: ExecutionId, key: str, body: bytes) -> None:
        delay_s = self._world.chance.choice((0.0, 0.01, 0.3, 3.0))
        await self._world.loop.passing(delay_s)
        with contextlib.suppress(LegatoError):
            await self._world.outside.inbox.send(execution_id, key, body)
