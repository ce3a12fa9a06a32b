# SPDX-License-Identifier: Apache-2.0
"""`shell.run` against bare `asyncio.create_subprocess_exec`: the same program, as many at once.

What the node adds is the sandbox where there is one, limits, a process group that ends with the
attempt, captured output, and that every result is durable.
"""

import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.proof import check_execution
from benchmarks.system import System, run_loop, running

PROGRAM: Final = "/bin/true"
ITEMS: Final = 160
CONCURRENCY: Final = 8
RUNS: Final = 5

Figures = dict[str, Any]


def measure(task: dict[str, Any]) -> Figures:
    """Return seconds per program of both; `value` is how many times as long the node takes."""
    Path(task["home"]).mkdir(parents=True, exist_ok=True)
    Path(task["home"], "legato.toml").write_text(f'[grants.shell]\nprograms = ["{PROGRAM}"]\n')
    return run_loop(_measure(task))


async def _measure(task: dict[str, Any]) -> Figures:
    async with running(task) as system:
        workflow = system.compile(_document())
        await _bare()
        await _through_nodes(system, workflow)
        bare: list[float] = []
        nodes: list[float] = []
        for _ in range(system.runs(RUNS)):
            bare.append(await _bare())
            nodes.append(await _through_nodes(system, workflow, is_profiled=True))
        system.end_profile()
    return {
        "value": statistics.median(nodes) / statistics.median(bare),
        "node_ms": statistics.median(nodes) * 1e3,
        "bare_ms": statistics.median(bare) * 1e3,
        "concurrency": CONCURRENCY,
    }


async def _through_nodes(system: System, workflow: Any, *, is_profiled: bool = False) -> float:
    """Return seconds per program."""
    with system.stopwatch(ITEMS, is_profiled=is_profiled) as watch:
        execution_id = await system.submit(workflow)
        await system.wait_final(execution_id)
    await check_execution(system.stores, execution_id, nodes=1, result=0)
    return watch.wall_s / ITEMS


async def _bare() -> float:
    places = asyncio.Semaphore(CONCURRENCY)

    async def one() -> None:
        async with places:
            process = await asyncio.create_subprocess_exec(
                PROGRAM, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            await process.communicate()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(ITEMS)))
    return (time.perf_counter() - began) / ITEMS


def _document() -> bytes:
    node = {
        "foreach": list(range(ITEMS)),
        "concurrency": CONCURRENCY,
        "uses": "shell.run",
        "effect": "pure",
        "with": {"program": PROGRAM},
    }
    return json.dumps(
        {
            "legato": 1,
            "name": "shell",
            "inputs": {"start": "integer"},
            "nodes": {"run": node},
            "outputs": {"result": "${{ nodes.run.output[0].exit_code }}"},
        }
    ).encode()
