# SPDX-License-Identifier: Apache-2.0
"""What the store itself can do: one commit after another, and rows in batches.

Nothing of Legato runs here. A chain can never be faster than one commit per node, and no fan-out
faster than rows can be inserted; every ratio to a "raw limit" is taken against these figures, from
the same disk in the same run.
"""

import asyncio
import os
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks import durability
from benchmarks.peers import IDLE_S

COMMITS: Final = 400
IDLE_COMMITS: Final = 40
BATCHES: Final = 40
ROWS_PER_BATCH: Final = 1_000
BODY: Final = b'{"e":"' + b"x" * 190 + b'"}'
"""About as long as the event of a node that ended."""
TABLE: Final = (
    "CREATE TABLE raw_events (execution_id TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL,"
    " body {bytes} NOT NULL, PRIMARY KEY (execution_id, seq))"
)


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Return what one store on this disk can do.

    Returns:
        `commit_ms` (median) and `commit_p99_ms` of commits in a row, `idle_commit_ms` of commits
        with a pause before each (what W4 has), `rows_per_s` in batches, `sync_ms` of the disk.
    """
    if task["store"] == "sqlite":
        return _sqlite(Path(task["home"]))
    return asyncio.run(_postgres(task["url"]))


def _figures(
    commits: list[float], idle_commits: list[float], batches: list[float]
) -> dict[str, Any]:
    ordered = sorted(commits)
    return {
        "idle_commit_ms": statistics.median(idle_commits) * 1e3,
        "commit_ms": statistics.median(ordered) * 1e3,
        "commit_p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "rows_per_s": ROWS_PER_BATCH / statistics.median(batches),
    }


def _sqlite(folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    durability.check_sqlite_connection(connection)
    connection.execute(TABLE.format(bytes="BLOB") + " WITHOUT ROWID")
    insert = "INSERT INTO raw_events VALUES (?, ?, ?, ?)"

    def commit(seq: int) -> float:
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(insert, ("one", seq, 0, BODY))
        connection.execute("COMMIT")
        return time.perf_counter() - began

    commits = [commit(seq) for seq in range(COMMITS)]
    idle_commits, batches = [], []
    for seq in range(IDLE_COMMITS):
        time.sleep(IDLE_S)
        idle_commits.append(commit(COMMITS + seq))
    for batch in range(BATCHES):
        rows = [(f"batch-{batch}", seq, 0, BODY) for seq in range(ROWS_PER_BATCH)]
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")
        batches.append(time.perf_counter() - began)
    connection.close()
    return {**_figures(commits, idle_commits, batches), "sync_ms": _sync_ms(folder / "raw.sync")}


def _sync_ms(path: Path) -> float:
    """Return the median time to append 4 KiB and bring them to the disk."""
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(COMMITS // 4):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


async def _postgres(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        await durability.check_postgres_connection(connection)
        await connection.execute(TABLE.format(bytes="BYTEA"))
        one = await connection.prepare("INSERT INTO raw_events VALUES ($1, $2, $3, $4)")

        async def commit(seq: int) -> float:
            began = time.perf_counter()
            await one.fetch("one", seq, 0, BODY)
            return time.perf_counter() - began

        commits = [await commit(seq) for seq in range(COMMITS)]
        idle_commits, batches = [], []
        for seq in range(IDLE_COMMITS):
            await asyncio.sleep(IDLE_S)
            idle_commits.append(await commit(COMMITS + seq))
        many = await connection.prepare(
            "INSERT INTO raw_events SELECT $1, seq, 0, body FROM unnest($2::bigint[], $3::bytea[])"
            " AS t(seq, body)"
        )
        for batch in range(BATCHES):
            seqs = list(range(ROWS_PER_BATCH))
            began = time.perf_counter()
            await many.fetch(f"batch-{batch}", seqs, [BODY] * ROWS_PER_BATCH)
            batches.append(time.perf_counter() - began)
    finally:
        await connection.close()
    return _figures(commits, idle_commits, batches)
