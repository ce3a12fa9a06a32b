# SPDX-License-Identifier: Apache-2.0
"""`data.transform` on a value of 10 KB: what one node costs that reads, copies and keeps it."""

import json
import statistics
from typing import Any, Final

from benchmarks.proof import check_execution
from benchmarks.system import System, run_loop, running

VALUE_BYTES: Final = 10_000
NODES: Final = 100
RUNS: Final = 5

Figures = dict[str, Any]


def measure(task: dict[str, Any]) -> Figures:
    """Return `value`, milliseconds per node of a fan of them; every output is durable."""
    return run_loop(_measure(task))


async def _measure(task: dict[str, Any]) -> Figures:
    async with running(task) as system:
        workflow = system.compile(_document())
        await _run(system, workflow)
        times = [await _run(system, workflow, is_profiled=True) for _ in range(system.runs(RUNS))]
        system.end_profile()
    return {"value": statistics.median(times), "nodes": NODES, "value_bytes": VALUE_BYTES}


async def _run(system: System, workflow: Any, *, is_profiled: bool = False) -> float:
    with system.stopwatch(NODES, is_profiled=is_profiled) as watch:
        execution_id = await system.submit(workflow)
        await system.wait_final(execution_id)
    await check_execution(system.stores, execution_id, nodes=NODES + 1, result=0)
    return watch.wall_s * 1e3 / NODES


def _document() -> bytes:
    rows = [{"id": at, "name": f"row {at}", "open": at % 2 == 0} for at in range(VALUE_BYTES // 40)]
    nodes: dict[str, Any] = {"first": {"uses": "data.transform", "with": {"value": rows}}}
    for at in range(NODES):
        nodes[f"n{at}"] = {
            "needs": ["first"],
            "uses": "data.transform",
            "with": {"value": {"rows": "${{ nodes.first.output }}", "at": at}},
        }
    return json.dumps(
        {
            "legato": 1,
            "name": "transform",
            "inputs": {"start": "integer"},
            "nodes": nodes,
            "outputs": {"result": "${{ nodes.n0.output.at }}"},
        }
    ).encode()
