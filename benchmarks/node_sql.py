# SPDX-License-Identifier: Apache-2.0
"""`sql.query` of 100 000 rows into a blob against the bare driver, which reads the same rows.

Turn by turn in one process, on a database beside Legato's own: SQLite on SQLite's store, else
PostgreSQL. The bare driver reads in batches, as the node does, and does nothing with the rows; the
node makes JSON of them, hashes them and brings them to the disk.
"""

import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.system import System, run_loop, running
from tests import services

ROWS: Final = 100_000
RUNS: Final = 5
BATCH: Final = 1_000
QUERY: Final = "SELECT id, name, price, placed FROM orders ORDER BY id"
TABLE: Final = "CREATE TABLE orders (id bigint PRIMARY KEY, name text, price {real}, placed text)"

Figures = dict[str, Any]


def measure(task: dict[str, Any]) -> Figures:
    """Return rows per second of both; `value` is the node's share of the bare driver.

    Args:
        task: `home`, `store` and `url` as for every benchmark; perhaps `size` (rows).

    Returns:
        Also `rss_mb`: how far the memory of the process goes up at most while the node reads, and
        `first_rss_mb`, what the first small query of a process takes for good (the SQL parser).
    """
    rows = int(task.get("size", ROWS))
    with ExitStack() as stack:
        if task["store"] == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="legato-bench-sql-"))
            url = f"sqlite:///{folder}/orders.db"
            _fill_sqlite(url, rows)
        else:
            url = stack.enter_context(services.database(task["url"]))
            asyncio.run(_fill_postgres(url, rows))
        Path(task["home"]).mkdir(parents=True, exist_ok=True)
        grant = f'[grants.sql.connections.orders]\nurl = "{url}"\n'
        Path(task["home"], "legato.toml").write_text(grant)
        return run_loop(_measure(task, url, rows))


async def _measure(task: dict[str, Any], url: str, rows: int) -> Figures:
    bare = _bare_sqlite if url.startswith("sqlite") else _bare_postgres
    async with running(task) as system:
        before = _memory_mb()
        await _through_node(system, 1)
        first_mb = _memory_mb() - before
        await _through_node(system, rows)
        raw_s, node_s, grown_mb = [], [], []
        for _ in range(system.runs(RUNS)):
            raw_s.append(await bare(url, rows))
            before = _memory_mb()
            _forget_peak()
            node_s.append(await _through_node(system, rows, is_profiled=True))
            grown_mb.append(_memory_mb("VmHWM") - before)
        system.end_profile()
    return {
        "value": statistics.median(raw_s) / statistics.median(node_s),
        "node_rows_per_s": rows / statistics.median(node_s),
        "bare_rows_per_s": rows / statistics.median(raw_s),
        "rss_mb": max(grown_mb),
        "first_rss_mb": first_mb,
        "rows": rows,
    }


async def _through_node(system: System, rows: int, *, is_profiled: bool = False) -> float:
    """Run one execution that reads the rows into a blob; return its seconds."""
    read = {"connection": "orders", "query": QUERY, "into": "blob", "max_rows": rows}
    nodes = {"read": {"uses": "sql.query", "with": read}}
    outputs = {"count": "${{ nodes.read.output.row_count }}"}
    document = {
        "legato": 1, "name": "sql-rows", "inputs": {"start": "integer"}, "nodes": nodes,
        "outputs": outputs,
    }  # fmt: skip
    workflow = system.compile(json.dumps(document).encode())
    with system.stopwatch(1, is_profiled=is_profiled) as watch:
        execution_id = await system.submit(workflow)
        await system.wait_final(execution_id)
    return watch.wall_s


async def _bare_sqlite(url: str, rows: int) -> float:
    """Read the rows in a thread, as the node does; return seconds."""

    def read() -> int:
        count = 0
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            cursor = connection.execute(QUERY)
            while batch := cursor.fetchmany(BATCH):
                count += len(batch)
        return count

    began = time.perf_counter()
    assert await asyncio.to_thread(read) == rows
    return time.perf_counter() - began


async def _bare_postgres(url: str, rows: int) -> float:
    """Read the rows through a cursor; return seconds."""
    began = time.perf_counter()
    connection = await asyncpg.connect(url)
    count = 0
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(QUERY)
        while batch := await cursor.fetch(BATCH):
            count += len(batch)
    await connection.close()
    assert count == rows
    return time.perf_counter() - began


def _rows(count: int) -> list[tuple[int, str, float, str]]:
    return [
        (number, f"customer {number % 977}", number / 7, f"2026-02-{number % 28 + 1:02}T04:05:06")
        for number in range(count)
    ]


def _fill_sqlite(url: str, count: int) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(TABLE.format(real="real"))
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", _rows(count))
        connection.commit()


async def _fill_postgres(url: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE.format(real="double precision"))
    await connection.copy_records_to_table("orders", records=_rows(count))
    await connection.close()


def _memory_mb(figure: str = "VmRSS") -> float:
    """Return memory of this process now, or its peak (`VmHWM`)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{figure}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"this system does not tell {figure}")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
