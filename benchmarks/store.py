# SPDX-License-Identifier: Apache-2.0
"""The store alone, beside the same disk: `python -m benchmarks.store [sqlite|postgres]`.

Appends go through the public ports with default settings; raw figures are taken in the same
process, before and after. Nothing here is a goal: `benchmarks.engine` has those.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import raw_limits
from legato.adapters.sql.open import make_stores
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId
from legato.ports.log import NewExecution, Projection, Turn
from legato.ports.stores import Stores
from tests import services

EXECUTIONS: Final = 4_096
BATCH: Final = 256
ENGINE: Final = EngineId("bench")
BODY: Final = b'{"type":"NodeCompleted","node":"n1","output":{"json":{"x":1}},"z":"%s"}' % (
    b"x" * 120
)
IDS: Final = [ExecutionId(f"0193{n:04x}-aaaa-7bbb-8ccc-{n:012x}") for n in range(EXECUTIONS)]
RUNNING: Final = Projection(
    status="running", is_busy=True, nodes_done=3, nodes_total=10, started_at=5
)


class Load:
    """Executions that are owned, and the next turn of each."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.heads = dict.fromkeys(IDS, 0)

    def turn(self, execution_id: ExecutionId) -> Turn:
        head = self.heads[execution_id]
        self.heads[execution_id] += 2
        return Turn(
            execution_id=execution_id,
            fence=1,
            prev_seq=head,
            at=1_000,
            events=(BODY, BODY),
            projection=RUNNING,
        )

    async def append(self, ids: list[ExecutionId]) -> None:
        assert all(await self.stores.log.append([self.turn(each) for each in ids]))


async def timed(work: Callable[[int], Awaitable[object]], count: int) -> list[float]:
    times = []
    for index in range(count):
        began = time.perf_counter()
        await work(index)
        times.append(time.perf_counter() - began)
    return sorted(times)


def show(name: str, value: float, unit: str, note: str = "") -> None:
    print(f"  {name:<46} {value:>10.3f} {unit:<10} {note}")


async def measure(stores: Stores) -> float:
    """Print the figures of one store; return the median single append in ms."""
    load = Load(stores)
    await stores.owners.register(ENGINE, lease_ms=60_000, adopts=True)
    began = time.perf_counter()
    await asyncio.gather(*(stores.log.create([new(each)]) for each in IDS))
    show("create 4096, one call each, at once", (time.perf_counter() - began) * 1e3, "ms")
    began = time.perf_counter()
    claims = await stores.owners.claim(ENGINE, limit=EXECUTIONS)
    show(f"claim {len(claims)}", (time.perf_counter() - began) * 1e3, "ms")
    for _ in range(100):
        await load.append(IDS[:1])
    single = await timed(lambda _: load.append(IDS[:1]), 1_500)
    show("append 1 turn of 2 events, one after the other", statistics.median(single) * 1e3, "ms",
         f"p99 {single[int(len(single) * 0.99)] * 1e3:.3f}")  # fmt: skip
    parts = [IDS[first : first + BATCH] for first in range(0, EXECUTIONS, BATCH)]
    for part in parts:
        await load.append(part)
    batches = await timed(lambda index: load.append(parts[index % len(parts)]), 160)
    show("append 256 turns of 2 events", statistics.median(batches) / (2 * BATCH) * 1e6, "us/event",
         f"batch {statistics.median(batches) * 1e3:.2f} ms")  # fmt: skip
    began = time.perf_counter()
    for _ in range(10):
        await asyncio.gather(*(load.append([each]) for each in IDS[:500]))
    events = 10 * 500 * 2
    show(
        "500 callers at once, 1 turn each", (time.perf_counter() - began) / events * 1e6, "us/event"
    )
    await reads(stores)
    return statistics.median(single) * 1e3


async def reads(stores: Stores) -> None:
    one = await timed(lambda _: stores.log.read(IDS[7], after=10), 300)
    show("read the end of a log", statistics.median(one) * 1e6, "us")
    idle = await timed(lambda _: stores.owners.claim(ENGINE, limit=10), 200)
    show("claim, nothing to claim", statistics.median(idle) * 1e6, "us")
    await stores.owners.resign(ENGINE)
    await stores.owners.register(ENGINE, lease_ms=60_000, adopts=True)
    began = time.perf_counter()
    claims = await stores.owners.claim(ENGINE, limit=1_000)
    logs = await stores.log.read_many([claim.execution_id for claim in claims])
    rows = sum(map(len, logs.values()))
    show(f"adopt {len(claims)} and read {rows} events", (time.perf_counter() - began) * 1e3, "ms")


def new(execution_id: ExecutionId) -> NewExecution:
    return NewExecution(
        execution_id=execution_id,
        workspace=WorkspaceId("local"),
        workflow="bench",
        version=VersionHash("f" * 64),
        created_at=1,
        start=b"{}",
    )


@asynccontextmanager
async def opened(url: str, home: Path) -> AsyncIterator[Stores]:
    stores = make_stores(url, "memory:", home=home)
    began = time.perf_counter()
    await stores.lifecycle.open()
    show("open, the schema has to be made", (time.perf_counter() - began) * 1e3, "ms")
    try:
        yield stores
    finally:
        await stores.lifecycle.close()


async def run(name: str, url: str, raw: dict[str, str]) -> None:
    print(f"{name}")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        home = Path(folder)
        before = await asyncio.to_thread(raw_limits.measure, {**raw, "home": str(home / "raw")})
        show("raw single commit", before["commit_ms"], "ms", f"idle {before['idle_commit_ms']:.3f}")
        show("raw insert in batches of 1000", 1e6 / before["rows_per_s"], "us/event")
        async with opened(url.format(home=Path.cwd() / home), home) as stores:
            median_ms = await measure(stores)
        show("single append / raw single commit", median_ms / before["commit_ms"], "x")


def main() -> None:
    wanted = sys.argv[1:] or ["sqlite", "postgres"]
    if "sqlite" in wanted:
        uvloop.run(run("SQLite", "sqlite:///{home}/legato.db", {"store": "sqlite"}))
    if "postgres" in wanted:
        with services.postgres() as server, services.database(server) as url:
            uvloop.run(run("PostgreSQL", url, {"store": "postgres", "url": url}))


if __name__ == "__main__":
    main()
