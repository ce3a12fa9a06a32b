# SPDX-License-Identifier: Apache-2.0
"""Effects out: attempts, evaluations, children. Called only for committed turns.

An attempt of the default pool runs as a task of this process; one of a named pool goes through
the queue to this process's pool workers. Each answer comes back as a signal in the mailbox.

Rules: EN, AT, EX.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from legato.crashpoints import crash_point
from legato.engine.state import ExecutionState
from legato.errors import Unavailable
from legato.model.effects import Evaluate, RunAttempt, StopAttempt
from legato.model.events import NodeError
from legato.model.ids import ExecutionId
from legato.model.signals import (
    AnySignal,
    ReportCancelled,
    ReportFailure,
    ReportLost,
    ReportSuccess,
)
from legato.ports.queue import Queue, Ring
from legato.runtime.active import Active
from legato.runtime.attempt.request import AttemptKey, AttemptRequest
from legato.runtime.evaluate import Evaluator
from legato.runtime.loop import Loop
from legato.runtime.turn import Pending
from legato.telemetry import logger

_log = logger(__name__)

Report = ReportSuccess | ReportFailure | ReportCancelled | ReportLost


class Runner(Protocol):
    """Runs single attempts; `legato.runtime.attempt.runner.AttemptRunner` keeps it."""

    async def run(self, request: AttemptRequest) -> Report:
        """Run one attempt to its answer; never raises but for its own cancellation."""
        ...

    def stop(self, key: AttemptKey) -> object:
        """Ask a running attempt to stop; it is killed after the grace."""
        ...


class Certainty(Protocol):
    """Whether this engine still owns what it owned; `legato.runtime.wake.Lease` keeps it."""

    @property
    def is_sure(self) -> bool:
        """Tell whether the lease certainly still runs."""
        ...

    async def confirm(self) -> bool:
        """Ask the store."""
        ...


class Relay:
    """Issues the effects of committed turns."""

    def __init__(
        self,
        loop: Loop,
        runner: Runner,
        evaluator: Evaluator,
        queue: Queue,
        pools: Mapping[str, int],
    ) -> None:
        """Args: pools are the named pools and how many attempts each runs at once here."""
        self._loop = loop
        self._runner = runner
        self._evaluator = evaluator
        self._queue = queue
        self._pools = dict(pools)
        self._waiting: dict[AttemptKey, tuple[Active, AttemptRequest]] = {}
        self._workers: list[asyncio.Task[Any]] = []
        self._attempts: dict[AttemptKey, asyncio.Task[Any]] = {}
        self.lease: Certainty
        self.redirect: Callable[[ExecutionId, AnySignal], bool] = lambda _id, _signal: False

    @property
    def running(self) -> int:
        """Attempts of this process that have not answered."""
        return len(self._attempts) + len(self._waiting)

    def start(self) -> None:
        """Start the workers of the named pools."""
        for pool, count in self._pools.items():
            self._workers.extend(self._loop.spawn(self._work(pool)) for _ in range(count))

    def issue(self, pending: Pending) -> None:
        """Let out what a committed turn owes."""
        active = pending.active
        for stop in pending.stop:
            key = (active.execution_id, stop.node, stop.item, stop.attempt)
            if key in self._waiting:
                self._answer(self._waiting.pop(key)[0], key, _never_started(stop))
            elif key in active.running:
                self._runner.stop(key)
        for effect in pending.run:
            self.run(active, effect)
        for far in pending.far:
            active.tasks.add(self._loop.spawn(self._evaluate(active, far)))

    def run(self, active: Active, effect: RunAttempt) -> None:
        """Run an attempt whose start is committed; a duplicate changes nothing."""
        key: AttemptKey = (active.execution_id, effect.node, effect.item, effect.attempt)
        if key in active.running:
            return
        active.running.add(key)
        active.unissued.pop(key, None)
        spec = active.plan.graph.nodes[active.plan.graph.index_of[effect.node]]
        request = AttemptRequest(
            execution_id=active.execution_id,
            workspace=active.workspace,
            node=spec,
            item=effect.item,
            attempt=effect.attempt,
            effect=effect.effect,
            timeout_ms=effect.timeout_ms,
            isolated=effect.isolated,
            config=bytes(effect.config.json),
        )
        if effect.pool in self._pools:
            self._waiting[key] = (active, request)
            self._loop.spawn(self._ring(effect.pool, key))
            return
        self._begin(active, key, request)

    def abandon(self, active: Active) -> None:
        """Kill the attempts of an execution that is no longer ours; nobody wants their answers."""
        for key in list(active.running):
            self._waiting.pop(key, None)
            task = self._attempts.get(key)
            if task is not None:
                self._runner.stop(key)
                task.cancel()
        active.running.clear()
        for task in list(active.tasks):
            task.cancel()
        active.tasks.clear()

    async def wait_idle(self) -> None:
        """Wait until no attempt of this process runs; new ones must not be issued meanwhile."""
        while self._attempts:
            await asyncio.wait(self._attempts.values())

    async def kill_all(self) -> None:
        """Stop every attempt of this process without an answer (end of a drain)."""
        tasks = list(self._attempts.values())
        for key in list(self._attempts):
            self._runner.stop(key)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    # --- work ----------------------------------------------------------------------------------

    def _begin(
        self, active: Active, key: AttemptKey, request: AttemptRequest
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._run(active, key, request))
        self._attempts[key] = task
        # Not in `_run`: of a task that is cancelled before its first step nothing runs, and
        # `wait_idle` would wait for what is done, without end and without a pause.
        task.add_done_callback(lambda _: self._attempts.pop(key, None))
        return task

    async def _run(self, active: Active, key: AttemptKey, request: AttemptRequest) -> None:
        crash_point("attempt.before_run")
        try:
            # Another engine may have made the attempt since: a node never runs again in secret.
            if not self.lease.is_sure and not await self.lease.confirm():
                return
            report = await self._runner.run(request)
            crash_point("attempt.before_report")
        except Exception as error:  # noqa: BLE001 - a defect of the runner must end as a failed attempt
            _log.error("the attempt runner failed", exc_info=error)
            failure = NodeError("internal", f"{type(error).__name__}: {error}"[:500])
            report = ReportFailure(request.node.id, request.attempt, failure, request.item)
        self._attempts.pop(key, None)
        self._answer(active, key, report)

    def _answer(self, active: Active, key: AttemptKey, report: AnySignal) -> None:
        """Post an answer to whoever holds the execution now."""
        active.running.discard(key)
        current = self._loop.actives.get(active.execution_id)
        if current is not None:
            current.running.discard(key)
            self._loop.post(current, report)
        else:  # it is being loaded again, or gone
            self.redirect(active.execution_id, report)

    async def _evaluate(self, active: Active, effect: Evaluate) -> None:
        task = asyncio.current_task()
        try:
            answer = await self._evaluator.outside(active, effect)
            crash_point("evaluation.before_report")
            if not active.gone:
                self._loop.post(active, answer)
        finally:
            active.tasks.discard(task)

    async def _ring(self, pool: str, key: AttemptKey) -> None:
        """Ring until somebody took the attempt: a lost ring only costs time."""
        pause = 1.0
        while key in self._waiting:
            try:
                await self._queue.ring(Ring(pool, key[0], key[1], key[3], key[2]))
            except Unavailable as error:
                _log.warning("the queue does not answer", error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)

    async def _work(self, pool: str) -> None:
        """One worker of a named pool: take a ring, run its attempt unless somebody did."""
        while True:
            ring = await self._queue.next((pool,))
            key: AttemptKey = (ring.execution_id, ring.node, ring.item, ring.attempt)
            found = self._waiting.pop(key, None)
            await self._queue.acknowledge(ring)
            if found is not None:
                active, request = found
                await asyncio.wait([self._begin(active, key, request)])


def owed_attempts(state: ExecutionState) -> list[tuple[AttemptKey, str]]:
    """Return (attempt, pool) of every attempt that runs according to the log."""
    owed: list[tuple[AttemptKey, str]] = []
    for index, node in enumerate(state.nodes):
        spec = state.spec(index)
        if node.items is not None:
            owed.extend(
                ((state.execution_id, spec.id, item, node.items.attempts.get(item, 1)), spec.pool)
                for item in sorted(node.items.running)
            )
        elif node.status == "running":
            owed.append(((state.execution_id, spec.id, None, node.attempt), spec.pool))
    return owed


def _never_started(stop: StopAttempt) -> ReportCancelled:
    return ReportCancelled(stop.node, stop.attempt, stop.item)
