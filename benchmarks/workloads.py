# SPDX-License-Identifier: Apache-2.0
"""The workloads W1 to W4 on a running Legato.

Each is run once to warm up (its first run is reported apart, it compiles every expression) and then
a few times; the median counts. Every execution's log is read back afterwards and checked.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from benchmarks import documents
from benchmarks.peers import CHAIN_NODES, FAN_NODES, IDLE_S, SINGLES, median_ms, p99_ms
from benchmarks.process import peak_mb_of_this_process
from benchmarks.proof import check_execution
from benchmarks.system import System, run_loop, running
from legato.model.ids import ExecutionId
from legato.model.workflow import Workflow

Figures = dict[str, Any]

RUNS: Final = 5
DIAMOND_NODES: Final = 5
WARM_DIAMONDS: Final = 20


def measure(task: dict[str, Any]) -> Figures:
    """Run the task's workload on the task's store and return its figures."""
    return run_loop(_measure(task))


async def _measure(task: dict[str, Any]) -> Figures:
    async with running(task) as system:
        figures = await WORKLOADS[task["workload"]](system, task)
        return {
            **figures,
            "frames": system.watcher.frames,
            "lags": system.watcher.lags,
            "own_peak_mb": peak_mb_of_this_process(),
        }


async def chain(system: System, _task: dict[str, Any]) -> Figures:
    """W1: a chain of 100 nodes, ms per node."""
    return await _repeated(system, documents.chain(CHAIN_NODES), CHAIN_NODES, CHAIN_NODES)


async def fan(system: System, _task: dict[str, Any]) -> Figures:
    """W2: one node, 1000 at once, one node; nodes per second."""
    figures = await _repeated(system, documents.fan(FAN_NODES), FAN_NODES + 2, 3)
    for name in ("value", "first"):
        figures[name] = 1e3 / figures[name]
    return figures


async def _repeated(system: System, document: bytes, nodes: int, result: int) -> Figures:
    """Run one execution several times; `value` and `first` are ms per node."""
    began = time.perf_counter()
    workflow = system.compile(document)
    compiled_s = time.perf_counter() - began
    walls: list[float] = []
    cpus: list[float] = []
    ids: list[ExecutionId] = []
    first: float | None = None
    events = 0
    for _ in range(system.runs(RUNS) + 1):
        with system.stopwatch(nodes, is_profiled=first is not None) as watch:
            execution_id = await system.submit(workflow)
            await system.wait_final(execution_id)
        ids.append(execution_id)
        if first is None:
            first = watch.wall_s
        else:
            walls.append(watch.wall_s)
            cpus.append(watch.cpu_s)
    system.end_profile()
    for execution_id in ids:
        events = await check_execution(system.stores, execution_id, nodes=nodes, result=result)
    return {
        "value": statistics.median(walls) * 1e3 / nodes,
        "first": (first or 0.0) * 1e3 / nodes,
        "cpu_us_per_node": statistics.median(cpus) * 1e6 / nodes,
        "events_per_unit": events / nodes,
        "compile_ms": compiled_s * 1e3,
        "nodes": nodes,
    }


async def diamonds(system: System, task: dict[str, Any]) -> Figures:
    """W3: many five-node diamonds at once, workflows per second with their durable submission."""
    count = int(task["size"])
    workflow = system.compile(documents.diamond())
    first = await _wave(system, workflow, WARM_DIAMONDS)
    runs = system.runs(3 if count <= 200 else 1)
    waves = [await _wave(system, workflow, count) for _ in range(runs)]
    system.end_profile()
    events = 0
    for execution_id in [each for wave in waves for each in wave["ids"]]:
        events = await check_execution(system.stores, execution_id, nodes=DIAMOND_NODES, result=3)
    medians = {
        name: statistics.median(each[name] for each in waves)
        for name in ("value", "p99_ms", "p50_ms", "submitted_s", "cpu_us_per_node")
    }
    return {
        **medians,
        "first": first["value"],
        "events_per_unit": events,
        "nodes": DIAMOND_NODES,
    }


async def _wave(system: System, workflow: Workflow, count: int) -> Figures:
    """Submit `count` executions at once and wait for them all."""
    submitted: list[float] = []
    ended: list[float] = []

    async def one(began: float) -> ExecutionId:
        execution_id = await system.submit(workflow)
        submitted.append(time.perf_counter() - began)
        await system.wait_final(execution_id)
        ended.append(time.perf_counter() - began)
        return execution_id

    with system.stopwatch(count * DIAMOND_NODES, is_profiled=count > WARM_DIAMONDS) as watch:
        began = time.perf_counter()
        ids = await asyncio.gather(*[one(began) for _ in range(count)])
    return {
        "ids": ids,
        "value": count / watch.wall_s,
        "p99_ms": p99_ms(ended),
        "p50_ms": median_ms(ended),
        "submitted_s": max(submitted),
        "cpu_us_per_node": watch.cpu_s * 1e6 / count / DIAMOND_NODES,
    }


async def single(system: System, _task: dict[str, Any]) -> Figures:
    """W4: one node on an idle system, ms from its submission to its end."""
    workflow = system.compile(documents.chain(1))
    walls: list[float] = []
    cpus: list[float] = []
    ids: list[ExecutionId] = []
    for _ in range(system.runs(SINGLES) + 1):
        await asyncio.sleep(IDLE_S)
        with system.stopwatch(1, is_profiled=bool(ids)) as watch:
            execution_id = await system.submit(workflow)
            await system.wait_final(execution_id)
        ids.append(execution_id)
        walls.append(watch.wall_s)
        cpus.append(watch.cpu_s)
    system.end_profile()
    for execution_id in ids:
        await check_execution(system.stores, execution_id, nodes=1, result=1)
    return {
        "value": median_ms(walls[1:]),
        "first": walls[0] * 1e3,
        "p99_ms": p99_ms(walls[1:]),
        "cpu_us_per_node": statistics.median(cpus[1:]) * 1e6,
        "nodes": 1,
    }


async def everything(system: System, task: dict[str, Any]) -> Figures:
    """All of them one after the other in one process, for its memory."""
    figures: Figures = {}
    for name, work, size in (
        ("W1", chain, 0),
        ("W2", fan, 0),
        ("W3-200", diamonds, 200),
        ("W3-2000", diamonds, task.get("size", 2_000)),
        ("W4", single, 0),
    ):
        figures[name] = (await work(system, {"size": size}))["value"]
        figures[f"{name}_peak_mb"] = peak_mb_of_this_process()
    return figures


WORKLOADS: Final[dict[str, Callable[[System, dict[str, Any]], Awaitable[Figures]]]] = {
    "W1": chain,
    "W2": fan,
    "W3": diamonds,
    "W4": single,
    "everything": everything,
}
