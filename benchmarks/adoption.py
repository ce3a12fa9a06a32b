# SPDX-License-Identifier: Apache-2.0
"""Executions whose engine was killed: how soon another engine has them, and has finished them.

Each of them stands in the middle of a node when `kill -9` comes. The engine that dies has raised
limits, so that all of them really run; the engine that follows has the default ones.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import documents
from benchmarks.process import started
from benchmarks.proof import check_execution
from benchmarks.system import System, run_loop, running, until

LEASE_S: Final = 15.0
STUCK_SEQ: Final = 4
"""Started, first node started, first node completed, stuck node started."""
LOOK_S: Final = 0.05
READY: Final = "ready.json"
READY_WITHIN_S: Final = 120.0
ENDED_WITHIN_S: Final = 180.0


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Kill an engine with `size` executions, start another one, see what it does.

    Returns:
        `adopted_s` and `completed_s` from the start of the new process; `engine_adopted_s` from
        the start of its engine; `lease_s` waited for before it, where only a lease tells death.
    """
    home = Path(task["home"])
    ready = home / READY
    with started(_arguments(task, "adoption-victim", home), home / "victim.log") as victim:
        _wait_for(victim, ready, home / "victim.log")
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    # SQLite's engines hold a lock that their death frees; PostgreSQL has the lease alone.
    lease_s = LEASE_S + 1.0 if task["store"] == "postgres" else 0.0
    time.sleep(lease_s)
    began = time.monotonic()
    arguments = _arguments({**task, "began": began}, "adoption-heir", home)
    with started(arguments, home / "heir.log") as heir:
        code = heir.wait(ENDED_WITHIN_S)
    if code:
        raise RuntimeError((home / "heir.log").read_text()[-1_500:])
    answer: dict[str, Any] = json.loads((home / "adoption-heir.answer").read_text())
    return {**answer, "lease_s": lease_s}


def _arguments(task: dict[str, Any], kind: str, home: Path) -> list[str]:
    asked = home / f"{kind}.json"
    asked.write_text(json.dumps({**task, "kind": kind, "answer": str(home / f"{kind}.answer")}))
    return ["-m", "benchmarks.child", str(asked)]


def _wait_for(victim: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not ready.exists():
        if victim.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the first engine came to nothing:\n{log.read_text()[-1_500:]}")
        time.sleep(LOOK_S)


def be_victim(task: dict[str, Any]) -> dict[str, Any]:
    """Start the executions, say when all are in the middle of a node, and wait for death."""
    size = int(task["size"])
    limits = {"max_running_executions": size, "max_running_attempts": size}
    run_loop(_be_victim({**task, "limits": limits}, size))
    return {}


async def _be_victim(task: dict[str, Any], size: int) -> None:
    async with running(task) as system:
        workflow = system.compile(documents.interrupted())
        ids = await asyncio.gather(*[system.submit(workflow) for _ in range(size)])
        await _until_logged(system, ids, STUCK_SEQ)
        _write(Path(task["home"], READY), ids)
        await asyncio.Event().wait()


async def _until_logged(system: System, ids: list[Any], seq: int) -> None:
    """Wait until the committed log of every execution has come to `seq`."""
    left = list(ids)

    async def all_have() -> bool:
        nonlocal left
        heads = await system.stores.log.heads(left)
        left = [each for each in left if heads.get(each, 0) < seq]
        return not left

    await until(all_have, look_s=LOOK_S)


def _write(path: Path, ids: list[Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(ids))
    part.rename(path)


def be_heir(task: dict[str, Any]) -> dict[str, Any]:
    """Start an engine on what the dead one left."""
    return run_loop(_be_heir(task, json.loads(Path(task["home"], READY).read_text())))


async def _be_heir(task: dict[str, Any], ids: list[Any]) -> dict[str, Any]:
    process_began = float(task["began"])
    async with running(task) as system:
        # Adopted means that the adoption itself is in the log.
        await _until_logged(system, ids, STUCK_SEQ + 1)
        adopted = time.monotonic()

        async def all_completed() -> bool:
            return (await system.counts()).get("completed", 0) == len(ids)

        await until(all_completed, look_s=LOOK_S)
        completed = time.monotonic()
        for each in ids:
            await check_execution(system.stores, each, nodes=3, result=3)
        return {
            "adopted_s": adopted - process_began,
            "completed_s": completed - process_began,
            "engine_adopted_s": adopted - system.engine_began,
            "interrupted": len(ids),
        }
