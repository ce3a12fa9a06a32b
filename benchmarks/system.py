# SPDX-License-Identifier: Apache-2.0
"""A running Legato, put together as the command line does it, with default settings.

`legato.app.build` in the role of an engine that takes whatever comes (admission on), a fresh home,
node types found by entry points, projection and frames on, one live subscriber to all executions.
Only what a task raises on purpose differs from the defaults (`limits`), and it is printed.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks import durability, plugin, profiling
from benchmarks.watcher import Watcher
from legato.app import App, build, node_catalogue, run
from legato.model.document.validate import load_workflow
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId
from legato.model.workflow import Workflow
from legato.ports.stores import Stores
from legato.runtime.submission import Submission
from legato.settings import Settings, load_settings
from legato.telemetry import configure_logging

T = TypeVar("T")
PROFILE_TIMES: Final = 8
"""How much longer a workload runs under a profiler."""


class FailedError(Exception):
    """An execution that is measured did not complete."""


class Stopwatch:
    """Wall and processor time of one block; `wall_s` and `cpu_s` are set at its end."""

    def __init__(self, profiler: "profiling.Sampler | profiling.Calls | None", nodes: int) -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self._profiler = profiler
        self._nodes = nodes

    def __enter__(self) -> "Stopwatch":
        if self._profiler is not None:
            self._profiler.start()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = time.process_time() - self._cpu
        if self._profiler is not None:
            self._profiler.stop(self._nodes)


class System:
    """What workloads use of a running Legato."""

    def __init__(self, app: App, watcher: Watcher, profile: str | None, began: float) -> None:
        self.stores: Stores = app.stores
        self.watcher = watcher
        self.engine_began = began
        self.profiler = profiling.make(profile) if profile else None
        self._app = app
        self._catalogue = node_catalogue()

    def compile(self, document: bytes) -> Workflow:
        """Check a document as `legato run` does."""
        return load_workflow(
            document,
            file="bench.json",
            catalogue=self._catalogue,
            limits=self._app.settings.limits.to_policy(),
        )

    async def submit(self, workflow: Workflow) -> ExecutionId:
        """Start an execution; it is durable when this returns."""
        return await self._app.engine.submit(Submission(workflow=workflow, inputs={"start": 0}))

    async def wait_final(self, execution_id: ExecutionId) -> None:
        """Wait until an execution has completed; anything else is an error."""
        status = await self._app.engine.wait_final(execution_id)
        if status != "completed":
            raise FailedError(f"an execution ended {status}")

    async def counts(self) -> dict[str, int]:
        """Return how many executions are in each status, as the store has it."""
        found = await self.stores.executions.counts(LOCAL_WORKSPACE)
        return {str(status): count for status, count in found.items()}

    def stopwatch(self, nodes: int = 0, *, is_profiled: bool = False) -> Stopwatch:
        """Time a block, and profile it if the task asks for it. `nodes` is how many run in it."""
        return Stopwatch(self.profiler if is_profiled else None, nodes)

    def runs(self, count: int) -> int:
        """Return how often something is repeated: more often if its profile is wanted."""
        return count * PROFILE_TIMES if self.profiler is not None else count

    def end_profile(self) -> None:
        """Say that nothing is timed from here on."""
        if self.profiler is not None:
            self.profiler.end()


@contextlib.asynccontextmanager
async def running(task: dict[str, Any]) -> AsyncIterator[System]:
    """Run an engine on the task's store while the block lasts.

    Args:
        task: `home`, `store`, `url` (of a database of its own, unless SQLite); perhaps `limits`,
            names to values, and `profile`, `samples` or `calls`.
    """
    home = Path(task["home"])
    plugin.install(home)
    configure_logging("warning", as_json=False)
    settings = _settings(task, home)
    began = time.monotonic()
    with durability.noted_connections(task["store"]) as connections:
        async with build(settings, role="engine") as app:
            async with Watcher(app.bus, app.stores) as watcher:
                system = System(app, watcher, task.get("profile"), began)
                yield system
            await durability.check_connections(task["store"], connections)
    if system.profiler is not None:
        _write(task["report"], system.profiler.report())


def _settings(task: dict[str, Any], home: Path) -> Settings:
    """Return the default settings but for home, database and limits that are raised on purpose."""
    env = {f"LEGATO_LIMITS__{k.upper()}": str(v) for k, v in task.get("limits", {}).items()}
    if task["store"] != "sqlite":
        env["LEGATO_DATABASE_URL"] = task["url"]
    return load_settings(env, home=home)


def _write(path: str, text: str) -> None:
    Path(path).write_text(text)


async def until(holds: Callable[[], Awaitable[bool]], *, look_s: float) -> None:
    """Look again and again until a condition of the store holds."""
    while True:
        if await holds():
            return
        await asyncio.sleep(look_s)


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a measurement in the event loop that the command line uses."""
    return run(work)
