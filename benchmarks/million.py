# SPDX-License-Identifier: Apache-2.0
"""Fills a store with executions that have ended, as many as wanted, in minutes: a million.

    python -m benchmarks.million [COUNT] [sqlite|postgres]     # and measures lists on them

Rows are those that an engine would have left: execution, first and last event, the index of words
and of values. What they hold is drawn from a fixed seed: 20 workflows, statuses and triggers of
usual shares, and words that half, a tenth, a hundredth and a ten-thousandth of all have. They are
written by bulk statements without the engine, and not durably before the end.
"""

import asyncio
import contextlib
import itertools
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from legato.adapters.search import entries_of, leaves, search_id, value_key
from legato.adapters.sql.checksum import turn_checksum
from legato.adapters.sql.open import make_stores
from legato.model.events import (
    ExecutionEnded,
    ExecutionStarted,
    FinalStatus,
    NodeError,
    encode_event,
)
from legato.model.frames import ExecutionStatus
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId
from legato.model.values import inline
from legato.model.workflow import NodeSpec, Workflow, compiled_hash, encode_workflow
from legato.ports.listing import Listing, ListQuery
from legato.ports.stores import Stores

BATCH: Final = 5_000
WORKFLOWS: Final = 20
WORDS: Final = {"half": 2, "tenth": 10, "hundredth": 100, "seldom": 10_000}
"""Word to of how many executions one has it."""
TRIGGERS: Final = ("api", "cron", "webhook", "manual")
CUSTOMERS: Final = 5_000
SPAN_MS: Final = 30 * 24 * 3_600_000
END_MS: Final = 1_790_000_000_000
"""The last one is of this time; all are of the 30 days before."""
TRIES: Final = 60


@dataclass(slots=True)
class Rows:
    """What a batch writes, by table."""

    executions: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    texts: list[tuple[Any, ...]] = field(default_factory=list)
    words: list[tuple[int, str]] = field(default_factory=list)
    values: list[tuple[bytes, int]] = field(default_factory=list)


EXECUTION: Final = (
    "id", "workspace", "workflow", "version", "status", "fence", "head_seq", "is_busy",
    "nodes_done", "nodes_total", "created_at", "started_at", "ended_at", "error", "trigger",
    "workflow_id", "number", "is_test",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f'"{name}"' for name in EXECUTION)


def _workflow() -> bytes:
    node = NodeSpec(id=NodeId("step"), uses="data.transform", effect="pure")
    return encode_workflow(Workflow(name="stored", nodes=(node,)))


def batches(count: int) -> Iterator[Rows]:
    """Yield so many executions, the oldest first."""
    chance = random.Random(8)
    version = compiled_hash(_workflow())
    for first in range(0, count, BATCH):
        rows = Rows()
        for number in range(first, min(first + BATCH, count)):
            _add(rows, number, END_MS - SPAN_MS + SPAN_MS * number // count, version, chance)
        yield rows


def _add(rows: Rows, number: int, at: int, version: str, chance: random.Random) -> None:
    low = f"{chance.getrandbits(74):019x}"
    digits = f"{at:012x}"
    made = f"{digits[:8]}-{digits[8:]}-7{low[:3]}-8{low[3:6]}-{low[6:18]}"
    kind = number % WORKFLOWS
    inputs = {
        "order": number,
        "customer": f"customer{chance.randrange(CUSTOMERS)}",
        "note": " ".join(word for word, of in WORDS.items() if chance.randrange(of) == 0),
    }
    outputs = {"total": chance.randrange(1_000)}
    luck = chance.random()
    status: FinalStatus = "completed" if luck < 0.9 else "failed" if luck < 0.99 else "cancelled"
    error = NodeError("http.503", "the service did not answer") if status == "failed" else None
    text_in, text_out = json.dumps(inputs), json.dumps(outputs)
    started = ExecutionStarted(
        workspace=LOCAL_WORKSPACE, workflow=f"flow-{kind}", version=version,  # type: ignore[arg-type]
        inputs=inline(text_in.encode()), at=at,
    )  # fmt: skip
    ended = ExecutionEnded(status, inline(text_out.encode()), error)
    bodies = [encode_event(started), encode_event(ended)]
    crc = turn_checksum(made, 0, at, bodies)
    rows.events += [(made, 1, at, bodies[0], None), (made, 2, at, bodies[1], crc)]
    rows.executions.append(
        (made, LOCAL_WORKSPACE, f"flow-{kind}", version, status, 1, 2, False, 1, 1, at, at, at + 50,
         None if error is None else error.message,
         chance.choices(TRIGGERS, (60, 30, 8, 2))[0], f"{kind:08x}-0000-7000-8000-000000000000",
         number % 5 + 1, False)
    )  # fmt: skip
    place = search_id(made, at)
    rows.texts.append((place, made, LOCAL_WORKSPACE))
    entries = entries_of(f'flow-{kind}"{text_in}"{text_out}', LOCAL_WORKSPACE)
    rows.words.append((place, " ".join(entries)))
    for path, value in (*leaves(inputs, "inputs"), *leaves(outputs, "outputs")):
        rows.values.append((value_key(LOCAL_WORKSPACE, path, value), place))


def fill(database_url: str, home: Path, count: int) -> None:
    """Make the tables if there are none, and store so many executions."""
    asyncio.run(_fill(database_url, home, count))


async def _fill(database_url: str, home: Path, count: int) -> None:
    url = database_url or f"sqlite:///{home}/legato.db"
    stores = make_stores(url, "memory:", home=home)
    await stores.lifecycle.open()
    await stores.lifecycle.close()
    if url.startswith("sqlite"):
        await asyncio.to_thread(_fill_sqlite, Path(url.removeprefix("sqlite:///")), count)
    else:
        await _fill_postgres(url.replace("+asyncpg", ""), count)


def _fill_sqlite(path: Path, count: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        holes = ", ".join("?" * len(EXECUTION))
        _version(lambda sql, *values: db.execute(sql, values), "?, ?, ?, ?, ?, ?")
        for rows in batches(count):
            many = db.executemany
            many(f"INSERT INTO executions ({_COLUMNS}) VALUES ({holes})", rows.executions)  # noqa: S608
            many("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows.events)
            many(
                "INSERT INTO search_texts (id, execution_id, workspace) VALUES (?, ?, ?)",
                rows.texts,
            )
            many("INSERT INTO search_index (rowid, words) VALUES (?, ?)", rows.words)
            many("INSERT OR IGNORE INTO search_values VALUES (?, ?)", rows.values)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _version(execute: Any, holes: str) -> Any:
    data = _workflow()
    return execute(
        "INSERT INTO versions (workspace, version, name, compiled, source, created_at)"  # noqa: S608
        f" VALUES ({holes}) ON CONFLICT DO NOTHING",
        LOCAL_WORKSPACE, compiled_hash(data), "stored", data, b"", END_MS,
    )  # fmt: skip


async def _fill_postgres(url: str, count: int) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute("SET synchronous_commit = off")
        await _version(db.execute, "$1, $2, $3, $4, $5, $6")
        for rows in batches(count):
            copy = db.copy_records_to_table
            await copy("executions", records=rows.executions, columns=list(EXECUTION))
            await copy("events", records=rows.events)
            await db.execute(
                "INSERT INTO search_texts (id, execution_id, workspace, words)"
                " SELECT id, execution_id, workspace,"
                " array_to_tsvector(string_to_array(words, ' '))"
                " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])"
                " AS t(id, execution_id, workspace, words)",
                *map(list, zip(*rows.texts, strict=True)),
                [words for _, words in rows.words],
            )
            await copy("search_values", records=sorted(set(rows.values)))
        await db.execute("VACUUM ANALYZE")
    finally:
        await db.close()


# --- what is measured on them ------------------------------------------------------------------


def asked() -> dict[str, dict[str, Any]]:
    """Return filters by name: each alone, and each pair of them."""
    statuses: tuple[ExecutionStatus, ...] = ("failed",)
    alone: dict[str, dict[str, Any]] = {
        "status": {"statuses": statuses},
        "workflow": {"workflow": "flow-7"},
        "workflow_id": {"workflow_id": "00000007-0000-7000-8000-000000000000"},
        "version": {"number": 3},
        "trigger": {"trigger": "webhook"},
        "created": {
            "created_from": END_MS - SPAN_MS // 2,
            "created_to": END_MS - SPAN_MS // 3,
        },
        **{f"q_{word}": {"search": word} for word in WORDS},
        "value": {"values": (("inputs.customer", "customer7"),)},
    }
    pairs = {
        f"{one}+{other}": {**alone[one], **alone[other]}
        for one, other in itertools.combinations(alone, 2)
        if not set(alone[one]) & set(alone[other])
    }
    return {"nothing": {}, **alone, **pairs}


async def measure(stores: Stores, *, tries: int = TRIES) -> Iterator[str]:
    """Return lines: for each filter the median, the worst of 100, and pages that ended early."""
    lines = []
    for name, wanted in asked().items():
        times: list[float] = []
        early = 0
        before: str | None = None
        for _ in range(tries):
            query = ListQuery(workspace=LOCAL_WORKSPACE, before=before, **wanted)
            began = time.perf_counter()
            page = await stores.lists.page(query)
            times.append((time.perf_counter() - began) * 1e3)
            early += page.searched_to is not None
            before = _next(page)
        times.sort()
        worst = times[min(int(len(times) * 0.99), len(times) - 1)]
        lines.append(
            f"{name:28} p50 {statistics.median(times):7.2f} ms  p99 {worst:7.2f} ms"
            f"  ended early {early} of {tries}"
        )
    return iter(lines)


def _next(page: Listing) -> str | None:
    if page.searched_to is not None:
        return page.searched_to
    full = ListQuery(workspace=LOCAL_WORKSPACE).limit
    return page.rows[full - 1].execution_id if len(page.rows) > full else None


async def _look(stores: Stores) -> str:
    page = await stores.lists.page(ListQuery(workspace=LOCAL_WORKSPACE, limit=200))
    ids = [ExecutionId(row.execution_id) for row in page.rows]
    began = time.perf_counter()
    for each in ids:
        await stores.lists.look(each)
    return f"{'one look':28} {(time.perf_counter() - began) / len(ids) * 1e6:.0f} us"


async def _main(count: int, url: str, home: Path) -> None:
    began = time.perf_counter()
    await _fill(url, home, count)
    print(f"{count} executions stored in {time.perf_counter() - began:.0f} s", flush=True)
    stores = make_stores(url, "memory:", home=home)
    await stores.lifecycle.open()
    try:
        for line in await measure(stores):
            print(line, flush=True)
        print(await _look(stores))
    finally:
        await stores.lifecycle.close()


def main() -> None:
    """Fill a database of its own and measure."""
    from tests.services import database, find_postgres

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    store = sys.argv[2] if len(sys.argv) > 2 else "sqlite"
    with tempfile.TemporaryDirectory(prefix="legato-million-") as folder:
        home = Path(folder)
        if store == "sqlite":
            asyncio.run(_main(count, f"sqlite:///{home}/legato.db", home))
            return
        server = find_postgres()
        assert server is not None, "there is no PostgreSQL"
        with database(server) as url:
            asyncio.run(_main(count, url, home))


if __name__ == "__main__":
    main()
