# SPDX-License-Identifier: Apache-2.0
"""What executions cost that only wait: processor time while nothing happens."""

import asyncio
import os
import time
from typing import Any, Final

from benchmarks import documents
from benchmarks.process import cpu_s
from benchmarks.system import System, run_loop, running, until

SETTLE_S: Final = 2.0
WAITING_WITHIN_S: Final = 60.0


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Start `size` executions that wait for a person and watch them for `seconds`.

    Returns:
        `cpu_percent` of one core: this process and its helpers, with a live subscriber on.
    """
    return run_loop(_measure(task))


async def _measure(task: dict[str, Any]) -> dict[str, Any]:
    count, seconds = int(task["size"]), float(task["seconds"])
    async with running(task) as system:
        workflow = system.compile(documents.waiting())
        await asyncio.gather(*[system.submit(workflow) for _ in range(count)])
        await _until_waiting(system, count)
        await asyncio.sleep(SETTLE_S)
        own = os.getpid()
        before, began = cpu_s(own), time.perf_counter()
        await asyncio.sleep(seconds)
        used, passed = cpu_s(own) - before, time.perf_counter() - began
        await _until_waiting(system, count)
        return {"cpu_percent": used / passed * 100, "waiting": count, "watched_s": passed}


async def _until_waiting(system: System, count: int) -> None:
    async def all_wait() -> bool:
        return (await system.counts()).get("waiting", 0) == count

    async with asyncio.timeout(WAITING_WITHIN_S):
        await until(all_wait, look_s=0.05)
