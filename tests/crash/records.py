# SPDX-License-Identifier: Apache-2.0
"""What the database holds after a crash, read with the bare driver and none of Legato's code."""

import asyncio
import json
import sqlite3
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg

T = TypeVar("T")

FINAL: Final = frozenset({"completed", "failed", "cancelled", "timed_out"})
NODE_ENDS: Final = frozenset({"NodeCompleted", "NodeFailed", "NodeSkipped", "NodeCancelled"})

_EXECUTIONS: Final = "SELECT id, workflow, status, head_seq, parent, owner, fence FROM executions"
_EVENTS: Final = "SELECT execution_id, seq, body FROM events ORDER BY execution_id, seq"
_STEPS: Final = (
    "SELECT execution_id, node, item, name, attempt, output IS NOT NULL AS is_done FROM node_steps"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A journalled step."""

    execution_id: str
    node: str
    item: int
    name: str
    attempt: int
    is_done: bool


@dataclass(slots=True)
class Execution:
    """A row of the projection and its whole log, as stored."""

    execution_id: str
    workflow: str
    status: str
    head_seq: int
    parent: str | None
    owner: str | None
    fence: int
    seqs: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Tell whether the projection says that it has ended."""
        return self.status in FINAL

    @property
    def outputs(self) -> Any:
        """What it returned; None while it has not ended."""
        last = self.events[-1] if self.events else {}
        return (last.get("outputs") or {}).get("json")

    def open_places(self, begins: str, **wanted: str) -> Iterator[tuple[str, int | None, int]]:
        """Yield (node, item, seq) where an event of this kind is the last word so far."""
        found: dict[tuple[str, int | None], int] = {}
        for seq, event in zip(self.seqs, self.events, strict=True):
            kind, node = event["type"], event.get("node")
            if node is None:
                continue
            if kind == begins and all(event.get(name) == value for name, value in wanted.items()):
                found[node, event.get("item")] = seq
            elif kind in NODE_ENDS:
                for place in [each for each in found if each[0] == node]:
                    del found[place]
            elif kind in {"NodeUnparked", "ItemForced", "ItemFailed"}:
                found.pop((node, event.get("item")), None)
        yield from ((node, item, seq) for (node, item), seq in found.items())


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that matters of a database."""

    executions: dict[str, Execution]
    steps: list[Step]
    damage: str = ""

    @property
    def roots(self) -> list[Execution]:
        """Executions that nobody called."""
        return [each for each in self.executions.values() if each.parent is None]

    @property
    def is_over(self) -> bool:
        """Tell whether every execution has ended."""
        return all(each.is_final for each in self.executions.values())

    def parked(self) -> Iterator[tuple[str, str, int | None, int]]:
        """Yield (execution, node, item, seq) that need a person since that event."""
        for each in self.executions.values():
            if not each.is_final:
                for node, item, seq in each.open_places("NodeParked"):
                    yield each.execution_id, node, item, seq

    def asking(self) -> Iterator[tuple[str, str]]:
        """Yield (execution, node) that wait for an approval."""
        for each in self.executions.values():
            if not each.is_final:
                for node, _, _ in each.open_places("NodeWaiting", kind="approval"):
                    yield each.execution_id, node


def read_records(url: str) -> Records:
    """Read a database; one that is empty or not there has no executions."""
    if url.startswith("sqlite"):
        return _read_sqlite(url.removeprefix("sqlite:///"))
    return run(_read_postgres(url))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop and thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _read_sqlite(path: str) -> Records:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=10)
    except sqlite3.OperationalError:
        return Records({}, [])
    with closing(connection):
        connection.execute("PRAGMA query_only = ON")
        (damage,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "executions" not in tables:
            return Records({}, [], "" if damage == "ok" else damage)
        with connection:
            connection.execute("BEGIN")
            rows = [
                connection.execute(query).fetchall() for query in (_EXECUTIONS, _EVENTS, _STEPS)
            ]
    return _records(*rows, damage="" if damage == "ok" else damage)


async def _read_postgres(url: str) -> Records:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        if await connection.fetchval("SELECT to_regclass('executions')") is None:
            return Records({}, [])
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = [
                [tuple(row) for row in await connection.fetch(query)]
                for query in (_EXECUTIONS, _EVENTS, _STEPS)
            ]
        return _records(*rows, damage="")
    finally:
        await connection.close(timeout=10)


def _records(executions: list[Any], events: list[Any], steps: list[Any], *, damage: str) -> Records:
    found = {row[0]: Execution(*row) for row in executions}
    for execution_id, seq, body in events:
        found[execution_id].seqs.append(seq)
        found[execution_id].events.append(json.loads(bytes(body)))
    journal = [
        Step(execution_id, node, item, name, attempt, bool(is_done))
        for execution_id, node, item, name, attempt, is_done in steps
    ]
    return Records(found, journal, damage)
