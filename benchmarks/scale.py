# SPDX-License-Identifier: Apache-2.0
"""Large executions: does the cost per node or item stay flat, and how much memory does it take."""

import statistics
import time
from typing import Any

from benchmarks import documents
from benchmarks.process import peak_mb_of_this_process
from benchmarks.proof import check_execution
from benchmarks.system import run_loop, running
from legato.model.ids import ExecutionId


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Run one large execution.

    Returns:
        `first_s` for the first run, `us_per_node` (or item) of the runs after it, `compile_s` for
        the document.
    """
    return run_loop(_measure(task))


def _planned(task: dict[str, Any]) -> tuple[bytes, int, int, int]:
    """Return (document, nodes of it, units to divide by, result)."""
    size = int(task["size"])
    if task["shape"] == "layers":
        width = int(task["width"])
        layers = max(1, (size - 1) // width)
        nodes = layers * width + 1
        return documents.layers(layers, width), nodes, nodes, layers + 1
    if task["shape"] == "chain":
        return documents.chain(size), size, size, size
    if task["shape"] == "fan":
        return documents.fan(size - 2), size, size, 3
    assert task["shape"] == "foreach"
    return documents.foreach(size, task.get("concurrency")), 3, size, size + 1


def _runs(task: dict[str, Any]) -> int:
    """A graph's second run finds its expressions compiled; items share one expression."""
    if task["shape"] == "foreach":
        return 1
    return 6 if int(task["size"]) <= 1_000 else 3


async def _measure(task: dict[str, Any]) -> dict[str, Any]:
    document, nodes, units, result = _planned(task)
    async with running(task) as system:
        began = time.perf_counter()
        workflow = system.compile(document)
        compile_s = time.perf_counter() - began
        walls: list[float] = []
        cpus: list[float] = []
        ids: list[ExecutionId] = []
        events = 0
        for _ in range(_runs(task)):
            with system.stopwatch() as watch:
                execution_id = await system.submit(workflow)
                await system.wait_final(execution_id)
            walls.append(watch.wall_s)
            cpus.append(watch.cpu_s)
            ids.append(execution_id)
        peak_mb = peak_mb_of_this_process()
        for each in ids:
            events = await check_execution(system.stores, each, nodes=nodes, result=result)
        return {
            "first_s": walls[0],
            "first_us_per_node": walls[0] * 1e6 / units,
            "us_per_node": statistics.median(walls[1:] or walls) * 1e6 / units,
            "cpu_us_per_node": statistics.median(cpus[1:] or cpus) * 1e6 / units,
            "compile_s": compile_s,
            "document_bytes": len(document),
            "events": events,
            "nodes": units,
            "frames": system.watcher.frames,
            "lags": system.watcher.lags,
            "own_peak_mb": peak_mb,
        }
