# SPDX-License-Identifier: Apache-2.0
"""DBOS Transact on SQLite (as shipped, and in WAL mode) and on PostgreSQL.

A workflow function calls steps; each step's result is in the database before the function goes on.
Where DBOS offers two ways, functions in threads and coroutines, both are measured and the better
figure counts.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from dbos import DBOS

from benchmarks import durability
from benchmarks.peers import (
    CHAIN_NODES,
    DIAMONDS,
    FAN_NODES,
    IDLE_S,
    SINGLES,
    check,
    median_ms,
    p99_ms,
    seconds_of,
)

Value = dict[str, int]
F = TypeVar("F", bound=Callable[..., Any])


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Return `W1` ms/node, `W2` nodes/s, `W3` workflows/s, `W3_p99_ms`, `W4` ms."""
    url = task["url"]
    if task["store"] != "postgres":
        path = Path(task["home"]) / "dbos.db"
        url = f"sqlite:///{path}"
        if task["store"] == "sqlite-wal":  # kept in the file
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
    with _launched(url) as workflows:
        _check_durability(workflows.dbos)
        figures = workflows.in_threads()
        in_loop = asyncio.run(workflows.in_loop())
        for name in ("W1", "W4"):
            figures[name] = min(figures[name], in_loop.pop(name))
        return {**figures, **in_loop}


@contextlib.contextmanager
def _launched(url: str) -> Iterator["_Workflows"]:
    instance = DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "application_version": "1",
        }
    )
    workflows = _Workflows(instance)
    DBOS.launch()
    try:
        yield workflows
    finally:
        DBOS.destroy()


def _check_durability(instance: DBOS) -> None:
    """Ask the connections that DBOS itself uses; it shows them in no public way."""
    with instance._sys_db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            values = [
                connection.execute(sqlalchemy.text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous")
            ]
            durability.check_sqlite_values(str(values[0]), int(values[1] or 0))
            return
        for name in ("synchronous_commit", "fsync"):
            value = connection.execute(sqlalchemy.text(f"SHOW {name}")).scalar()
            if value != "on":
                raise durability.NotDurableError(f"DBOS runs on PostgreSQL with {name}={value}")


class _Workflows:
    """The workloads as DBOS functions, registered before the launch."""

    def __init__(self, instance: DBOS) -> None:
        self.dbos = instance

        # Their types are said here, so that this checks the same where DBOS is not installed.
        as_step: Callable[[F], F] = DBOS.step()
        as_workflow: Callable[[F], F] = DBOS.workflow()

        @as_step
        def plain(value: Value) -> Value:
            return {"value": value["value"] + 1}

        @as_step
        async def step(value: Value) -> Value:
            return {"value": value["value"] + 1}

        @as_workflow
        def plain_chain(nodes: int) -> Value:
            value = {"value": 0}
            for _ in range(nodes):
                value = plain(value)
            return value

        @as_workflow
        async def chain(nodes: int) -> Value:
            value = {"value": 0}
            for _ in range(nodes):
                value = await step(value)
            return value

        @as_workflow
        async def fan(nodes: int) -> Value:
            first = await step({"value": 0})
            middle: list[Value] = await asyncio.gather(*[step(first) for _ in range(nodes)])
            return await step(middle[0])

        @as_workflow
        async def diamond() -> Value:
            first = await step({"value": 0})
            middle: list[Value] = await asyncio.gather(*[step(first) for _ in range(3)])
            return await step(middle[0])

        self.plain_chain, self.chain, self.fan, self.diamond = plain_chain, chain, fan, diamond

    def in_threads(self) -> dict[str, float]:
        """Measure what workflows of plain functions are good at."""

        def run(nodes: int) -> None:
            check(DBOS.start_workflow(self.plain_chain, nodes).get_result(), nodes)

        run(CHAIN_NODES)
        chain_s = seconds_of(lambda: run(CHAIN_NODES))
        singles = []
        for _ in range(SINGLES):
            time.sleep(IDLE_S)
            singles.append(seconds_of(lambda: run(1)))
        return {"W1": chain_s * 1e3 / CHAIN_NODES, "W4": median_ms(singles)}

    async def in_loop(self) -> dict[str, float]:
        """Measure workflows of coroutines."""

        async def run(workflow: Any, expected: int, *arguments: int) -> float:
            began = time.perf_counter()
            handle = await DBOS.start_workflow_async(workflow, *arguments)
            check(await handle.get_result(), expected)
            return time.perf_counter() - began

        await run(self.chain, CHAIN_NODES, CHAIN_NODES)
        chain_s = await run(self.chain, CHAIN_NODES, CHAIN_NODES)
        fan_s = await run(self.fan, 3, FAN_NODES)
        began = time.perf_counter()
        diamonds = await asyncio.gather(*[run(self.diamond, 3) for _ in range(DIAMONDS)])
        all_s = time.perf_counter() - began
        singles = []
        for _ in range(SINGLES):
            await asyncio.sleep(IDLE_S)
            singles.append(await run(self.chain, 1, 1))
        return {
            "W1": chain_s * 1e3 / CHAIN_NODES,
            "W2": (FAN_NODES + 2) / fan_s,
            "W3": DIAMONDS / all_s,
            "W3_p99_ms": p99_ms(diamonds),
            "W4": median_ms(singles),
        }
