# SPDX-License-Identifier: Apache-2.0
"""An engine on memory stores with a scripted runner, for tests of the runtime's own behaviour."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from legato.adapters.local_bus import LocalBus
from legato.adapters.local_queue import LocalQueue
from legato.adapters.memory.database import MemoryDatabase
from legato.adapters.memory.stores import make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.engine.upcast import read_event
from legato.model.events import AnyEvent
from legato.model.ids import EngineId, ExecutionId, NodeId
from legato.model.policy import Limits, RetryPolicy
from legato.model.signals import (
    ReportCancelled,
    ReportFailure,
    ReportLost,
    ReportSuccess,
)
from legato.model.values import inline
from legato.model.workflow import Need, NodeSpec, Workflow
from legato.ports.stores import Stores
from legato.runtime.attempt.request import AttemptKey, AttemptRequest
from legato.runtime.engine import Engine
from legato.runtime.evaluation_process import EvaluationProcesses
from legato.runtime.parts import EngineOptions, EngineParts

Report = ReportSuccess | ReportFailure | ReportCancelled | ReportLost
Script = Callable[[AttemptRequest], Awaitable[Report]]


def task(node: str, *needs: str, config: object = None, **more: Any) -> NodeSpec:
    """Return a node spec of the scripted type."""
    return NodeSpec(
        id=NodeId(node),
        uses="test.task",
        needs=tuple(Need(NodeId(need)) for need in needs),
        config=msgspec.Raw(json.dumps(config or {}).encode()),
        effect=more.pop("effect", "idempotent"),
        retry=more.pop("retry", RetryPolicy()),
        **more,
    )


def workflow(*nodes: NodeSpec, name: str = "test", **more: Any) -> Workflow:
    """Return a workflow of these nodes."""
    return Workflow(name=name, nodes=nodes, **more)


def success(request: AttemptRequest, output: object = None) -> ReportSuccess:
    """Return the report of an attempt that gave this output."""
    value = inline(json.dumps(output).encode())
    return ReportSuccess(request.node.id, request.attempt, value, request.item)


@dataclass
class ScriptedRunner:
    """Runs attempts by a script per node id; counts them and their peak."""

    scripts: dict[str, Script] = field(default_factory=dict)
    started: list[AttemptKey] = field(default_factory=list)
    configs: dict[AttemptKey, Any] = field(default_factory=dict)
    stops: dict[AttemptKey, asyncio.Event] = field(default_factory=dict)
    running: int = 0
    peak: int = 0

    async def run(self, request: AttemptRequest) -> Report:
        """Keep `Runner.run`."""
        self.started.append(request.key)
        self.configs[request.key] = json.loads(request.config)
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            script = self.scripts.get(request.node.id)
            return success(request) if script is None else await script(request)
        finally:
            self.running -= 1

    def stop(self, key: AttemptKey) -> None:
        """Keep `Runner.stop`."""
        self.stopped(key).set()

    def stopped(self, key: AttemptKey) -> asyncio.Event:
        """Return the event that is set when this attempt is asked to stop."""
        return self.stops.setdefault(key, asyncio.Event())

    async def until_stopped(self, request: AttemptRequest) -> Report:
        """Script: wait to be stopped."""
        await self.stopped(request.key).wait()
        return ReportCancelled(request.node.id, request.attempt, request.item)


@dataclass
class Rig:
    """One engine and what it stands on."""

    engine: Engine
    runner: ScriptedRunner
    stores: Stores
    bus: LocalBus

    async def events(self, execution_id: ExecutionId) -> list[AnyEvent]:
        """Return an execution's committed events."""
        rows = await self.stores.log.read(execution_id)
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        return [read_event(row.body) for row in rows]

    async def names(self, execution_id: ExecutionId) -> list[str]:
        """Return the types of an execution's committed events."""
        return [type(event).__name__ for event in await self.events(execution_id)]

    async def until(self, execution_id: ExecutionId, name: str, count: int = 1) -> None:
        """Wait until the log holds this many events of a type."""
        async with self.bus.subscribe(execution_id) as frames:
            while (await self.names(execution_id)).count(name) < count:
                await anext(frames)


@asynccontextmanager
async def rig(
    database: MemoryDatabase | None = None,
    *,
    name: str = "e1",
    runner: ScriptedRunner | None = None,
    limits: Limits | None = None,
    stores: Stores | None = None,
    **options: Any,
) -> AsyncIterator[Rig]:
    """Start an engine and stop it at the end."""
    clock = SystemClock()
    if stores is None:
        database = database or MemoryDatabase(clock)
        stores = make_memory_stores(database, clock, process=name)
    runner = runner or ScriptedRunner()
    bus = LocalBus()
    parts = EngineParts(stores, bus, clock, LocalQueue(), runner, EvaluationProcesses())
    options.setdefault("drain_s", 0.5)
    engine = Engine(EngineId(name), parts, limits or Limits(), EngineOptions(**options))
    await engine.start()
    try:
        yield Rig(engine, runner, stores, bus)
    finally:
        await engine.stop()
