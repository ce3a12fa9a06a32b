# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what surrounds an engine: node runner, evaluation helpers, queue and bus.

The runner plays nodes by a script that depends only on the seed and the attempt: they succeed,
fail in several ways, are slow, hang, die with their process, ignore a stop.

Rules: SM1, SM2.
"""

import asyncio
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from legato.errors import ExpressionError, LegatoError, Unavailable
from legato.model.events import NodeError
from legato.model.expressions.template import compile_template, evaluate_json
from legato.model.frames import Frame
from legato.model.ids import ExecutionId
from legato.model.policy import Limits
from legato.model.signals import ReportLost
from legato.model.values import Value, inline
from legato.ports.blobs import Blobs
from legato.ports.queue import Ring
from legato.runtime.attempt.request import AttemptKey, AttemptRequest, Report
from tests.sim.invariants import Invariants
from tests.sim.ledger import Ledger, Run
from tests.sim.loop import VirtualLoop
from tests.sim.profile import Profile
from tests.sim.store import StoreFaults

GRACE_S: Final = 2.0
HANG_S: Final = 30.0
_FAILURES: Final = (
    NodeError("exit.1", "it said no"),
    NodeError("http.503", "busy"),
    NodeError("http.429", "slow down", may_have_happened=False, at_least_ms=300),
    NodeError("network", "connection lost"),
    NodeError("network", "connection refused", may_have_happened=False),
    NodeError("invalid_output", "not JSON", retryable=False),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the stand-ins of one process share."""

    loop: VirtualLoop
    process: str
    profile: Profile
    seed: int
    chance: random.Random
    limits: Limits
    faults: StoreFaults

    def strikes(self, likelihood: float) -> bool:
        """Tell whether something of this likelihood goes wrong now."""
        return self.faults.active and self.chance.random() < likelihood


class SimRunner:
    """Keeps `relay.Runner`; lives and dies with its process."""

    def __init__(
        self,
        around: Surroundings,
        blobs: Blobs,
        ledger: Ledger,
        echo: Callable[[ExecutionId, Report], None],
    ) -> None:
        """Args: echo may deliver an answer once more, later."""
        self._around = around
        self._blobs = blobs
        self._ledger = ledger
        self._echo = echo
        self._stops: dict[AttemptKey, asyncio.Future[None]] = {}

    @property
    def running(self) -> int:
        """Attempts under way."""
        return len(self._stops)

    def stop(self, key: AttemptKey) -> None:
        """Keep `Runner.stop`."""
        stop = self._stops.get(key)
        if stop is not None and not stop.done():
            stop.set_result(None)

    async def run(self, request: AttemptRequest) -> Report:
        """Keep `Runner.run`."""
        run = self._ledger.begin(request, self._around.process)
        self._stops[request.key] = self._around.loop.create_future()
        try:
            report = await self._play(request, run)
        finally:
            self._stops.pop(request.key, None)
        self._echo(request.execution_id, report)
        return report

    async def _play(self, request: AttemptRequest, run: Run) -> Report:
        profile = self._around.profile
        place = f"{self._around.seed}/{run.key}/{request.attempt}".encode()
        chance = random.Random(zlib.crc32(place))
        stop = self._stops[request.key]
        loop = self._around.loop
        deadline = None if request.timeout_ms is None else loop.time() + request.timeout_ms / 1000
        lot = chance.random()
        length = chance.choice((0.0, 0.001, 0.01, 0.05, 0.2, profile.slow_s))
        if lot < profile.hangs:
            length = HANG_S
        failure = chance.choice(_FAILURES) if chance.random() < profile.fails else None
        share = chance.random()
        ended = await self._work(request, stop, length * share, deadline)
        if ended is not None:
            run.is_harmless = ended == "stopped"
            return self._cut_short(request, ended, chance)
        if failure is not None and not failure.may_have_happened:
            run.is_harmless = True
            return request.failure(failure)
        run.has_happened = True
        if chance.random() < profile.dies:
            return ReportLost(request.node.id, request.attempt, "process_died", request.item)
        ended = await self._work(request, stop, length * (1 - share), deadline)
        if ended is not None:
            return self._cut_short(request, ended, chance, happened=True)
        if failure is not None:
            return request.failure(failure)
        return await self._succeed(request, run)

    async def _work(
        self,
        request: AttemptRequest,
        stop: asyncio.Future[None],
        length: float,
        deadline: float | None,
    ) -> str | None:
        """Let time pass; return `stopped` or `timeout` if it was cut short."""
        loop = self._around.loop
        end = loop.time() + length
        until = end if deadline is None else min(end, deadline)
        await asyncio.wait([stop], timeout=max(0.0, until - loop.time()))
        if stop.done():
            if zlib.crc32(repr(request.key).encode()) % 100 < self._around.profile.deaf * 100:
                await loop.passing(GRACE_S)
                return "killed"
            return "stopped"
        return None if until == end else "timeout"

    def _cut_short(
        self, request: AttemptRequest, ended: str, chance: random.Random, *, happened: bool = False
    ) -> Report:
        if ended == "timeout":
            return request.failure(NodeError("timeout", "it took too long"))
        if chance.random() < 0.2 and ended == "killed":
            return ReportLost(request.node.id, request.attempt, "process_died", request.item)
        return request.cancelled(outcome_unknown=happened or ended == "killed")

    async def _succeed(self, request: AttemptRequest, run: Run) -> Report:
        """Return an output that depends on the place only, large now and then."""
        lot = zlib.crc32(run.key.encode())
        output: dict[str, object] = {
            "i": request.item,
            "k": lot % 7,
            "done": lot % 2 == 0,
            "items": [{"k": each} for each in range(lot % 4)],
        }
        if lot % 5 == 0:
            output["pad"] = "y" * self._around.limits.max_inline_bytes
        data = orjson.dumps(output)
        if len(data) <= self._around.limits.max_inline_bytes:
            return request.success(inline(data))
        while True:
            try:
                ref = await self._blobs.put(request.workspace, data)
            except LegatoError:
                await self._around.loop.passing(0.3)
            else:
                return request.success(Value(ref=ref))


class SimEvaluations:
    """Keeps what the engine uses of `EvaluationProcesses`: slow, and sometimes it fails."""

    def __init__(self, around: Surroundings) -> None:
        """Args: around gives time and chance."""
        self._around = around

    async def evaluate(self, source: bytes, variables: bytes) -> bytes:
        """Keep `EvaluationProcesses.evaluate`."""
        around = self._around
        await around.loop.passing(around.chance.choice((0.0, 0.001, 0.02, 0.3)))
        if around.strikes(around.profile.evaluation_fails):
            raise ExpressionError("it took longer than 1 s")
        template = compile_template(source, limits=around.limits)
        return evaluate_json(template, orjson.loads(variables))

    async def close(self) -> None:
        """Keep `EvaluationProcesses.close`."""


class SimQueue:
    """Keeps `ports.queue.Queue`: loses, doubles, delays and reorders rings."""

    def __init__(self, around: Surroundings) -> None:
        """Begin empty."""
        self._around = around
        self._rings: list[Ring] = []
        self._waiters: list[asyncio.Future[None]] = []

    async def ring(self, ring: Ring) -> None:
        """Keep `Queue.ring`."""
        around = self._around
        if around.strikes(around.profile.queue_fails):
            raise Unavailable("the broker is away")
        copies = 1
        if around.strikes(around.profile.queue_fails):
            copies = around.chance.choice((0, 2, 3))
        for _ in range(copies):
            around.loop.call_later(around.chance.choice((0.0, 0.0, 0.05, 1.5)), self._arrive, ring)

    async def next(self, pools: tuple[str, ...]) -> Ring:
        """Keep `Queue.next`."""
        while True:
            for ring in self._rings:
                if ring.pool in pools:
                    self._rings.remove(ring)
                    return ring
            waiter: asyncio.Future[None] = self._around.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    async def acknowledge(self, ring: Ring) -> None:
        """Keep `Queue.acknowledge`."""

    def _arrive(self, ring: Ring) -> None:
        self._rings.append(ring)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class SimBus:
    """Keeps what the engine uses of `ports.bus.Bus`: every other execution has a watcher."""

    def __init__(self, process: str, invariants: Invariants) -> None:
        """Args: invariants checks the frames as a watcher would see them."""
        self._process = process
        self._invariants = invariants

    def publish_frame(self, frame: Frame) -> None:
        """Keep `Bus.publish_frame`."""
        self._invariants.on_frame(self._process, frame)

    def has_subscribers(self, execution_id: ExecutionId) -> bool:
        """Keep `Bus.has_subscribers`."""
        return zlib.crc32(execution_id.encode()) % 2 == 0
