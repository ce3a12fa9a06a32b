# SPDX-License-Identifier: Apache-2.0
"""The one writer of a SQLite store: order, isolation of failures, bounds."""

import asyncio
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from legato.adapters.sql.sqlite import writer as writers
from legato.adapters.sql.sqlite.side_file import SideFile
from legato.adapters.sql.sqlite.stores import open_database
from legato.adapters.sql.sqlite.writer import Function, Job, Priority, Writer
from legato.errors import Conflict, Internal, Unavailable
from legato.model.policy import Limits
from tests.contract.build import executed
from tests.contract.conftest import sqlite_backend


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    """Return a running writer on a new file."""
    path = tmp_path / "legato.db"
    writer = Writer(path)
    writer.start(await asyncio.to_thread(open_database, path))
    yield writer
    await writer.stop()


class Gate:
    """A job that holds the writer's thread until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._entered = threading.Event()

    def __call__(self, _connection: sqlite3.Connection) -> None:
        """Wait, on the writer's thread."""
        self._entered.set()
        assert self._open.wait(20)

    async def hold(self, writer: Writer) -> "asyncio.Future[Any]":
        """Have the writer wait; what is submitted from now on gathers."""
        held = writer.submit(Function(), self)
        await asyncio.to_thread(self._entered.wait, 20)
        return held

    def open(self) -> None:
        """Let it go on."""
        self._open.set()


class Noted:
    """A kind that notes the jobs of each run."""

    def __init__(self, notes: list[Any], priority: Priority, *, fails: Any = None) -> None:
        self.priority = priority
        self._notes = notes
        self._fails = fails

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Note, write a row per job, fail if one of them is to fail."""
        self._notes.append([job.what for job in jobs])
        for job in jobs:
            connection.execute("INSERT INTO meta VALUES (?, 'x')", (str(job.what),))
            if job.what == self._fails:
                raise ValueError("this one cannot be written")
            job.result = job.what

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Always in a transaction."""
        return False


def keys(connection: sqlite3.Connection) -> set[str]:
    """Return what jobs have written."""
    return {row[0] for row in connection.execute("SELECT key FROM meta")} - {"epoch"}


async def test_turns_go_first_and_logs_last(writer: Writer) -> None:
    """What waits is carried out by priority, in the order of its arrival inside [LG10]."""
    notes: list[Any] = []
    kinds = {priority: Noted(notes, priority) for priority in Priority}
    gate = Gate()
    held = await gate.hold(writer)
    waiting = [
        writer.submit(kinds[priority], f"{priority.name}{n}")
        for n in range(2)
        for priority in (Priority.LOGS, Priority.JOBS, Priority.TURNS)
    ]
    gate.open()
    await asyncio.gather(held, *waiting)
    assert notes == [["TURNS0", "TURNS1"], ["JOBS0", "JOBS1"], ["LOGS0", "LOGS1"]]


async def test_everything_that_waits_shares_one_transaction(writer: Writer) -> None:
    """One flush for all who wait [LG4]."""
    begun: list[str] = []
    await writer.call(lambda connection: connection.set_trace_callback(begun.append))
    gate = Gate()
    held = await gate.hold(writer)
    begun.clear()
    notes: list[Any] = []
    one, two = Noted(notes, Priority.TURNS), Noted(notes, Priority.JOBS)
    waiting = [writer.submit(kind, f"{n}{id(kind)}") for n in range(50) for kind in (one, two)]
    gate.open()
    await asyncio.gather(held, *waiting)
    # That of the gate, and one for all.
    assert begun.count("COMMIT") == 2
    assert [len(each) for each in notes] == [50, 50]


async def test_a_job_that_fails_is_rolled_back_alone(writer: Writer) -> None:
    """The others of its transaction stand, also those of its own kind [LG11]."""
    notes: list[Any] = []
    kind = Noted(notes, Priority.JOBS, fails="b")
    gate = Gate()
    held = await gate.hold(writer)
    turns = writer.submit(Noted([], Priority.TURNS), "turn")
    waiting = [writer.submit(kind, each) for each in "abc"]
    gate.open()
    await held
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[0] == "a"
    assert results[2] == "c"
    assert isinstance(results[1], Internal)
    assert await turns == "turn"
    assert await writer.call(keys) == {"a", "c", "turn"}


async def test_an_error_of_ours_comes_through_as_it_is(writer: Writer) -> None:
    """A job may say no in the words of the port [LG11]."""

    def refuse(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('gone', 'x')")
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        await writer.call(refuse)
    assert await writer.call(keys) == set()


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), MemoryError(), RecursionError(), sqlite3.Error("x")]
)
async def test_no_error_ends_the_writer(writer: Writer, error: Exception) -> None:
    """Whatever a job does, the next one is carried out [LG11]."""

    def fail(_connection: sqlite3.Connection) -> None:
        raise error

    with pytest.raises(Internal):
        await writer.call(fail)
    await writer.call(executed("INSERT INTO meta VALUES ('a', 'x')"))
    assert await writer.call(keys) == {"a"}


async def test_a_job_that_ends_the_transaction_does_not_fool_the_writer(writer: Writer) -> None:
    """A lost transaction is an error for all of its jobs, and a new one begins [LG11, LG6]."""
    with pytest.raises(Unavailable):
        await writer.call(executed("ROLLBACK"))
    await writer.call(executed("INSERT INTO meta VALUES ('a', 'x')"))
    assert await writer.call(keys) == {"a"}


async def test_a_full_queue_refuses_at_once(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck disk does not fill the memory: the caller is told and may come again [LG12, EN19]."""
    monkeypatch.setattr(writers, "WAITING_MAX", 10)
    gate = Gate()
    held = await gate.hold(writer)
    kind = Noted([], Priority.TURNS)
    waiting = [writer.submit(kind, f"{n}", weight=3) for n in range(3)]
    with pytest.raises(Unavailable, match="10 writes wait"):
        writer.submit(kind, "too much", weight=1)
    gate.open()
    await asyncio.gather(held, *waiting)
    assert await writer.submit(kind, "again") == "again"


async def test_one_job_larger_than_the_queue_is_carried_out(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound must not make a batch impossible [LG12]."""
    monkeypatch.setattr(writers, "WAITING_MAX", 10)
    monkeypatch.setattr(writers, "TRANSACTION_MAX", 5)
    assert await writer.submit(Noted([], Priority.TURNS), "large", weight=1_000) == "large"


async def test_a_long_queue_is_split_into_transactions(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit stays short; what is left follows in the next [LG10]."""
    monkeypatch.setattr(writers, "TRANSACTION_MAX", 4)
    notes: list[Any] = []
    kind = Noted(notes, Priority.JOBS)
    gate = Gate()
    held = await gate.hold(writer)
    waiting = [writer.submit(kind, each) for each in range(10)]
    gate.open()
    await asyncio.gather(held, *waiting)
    assert [each for run in notes for each in run] == list(range(10))
    assert max(map(len, notes)) == 4


async def test_a_caller_that_gives_up_does_not_disturb(writer: Writer) -> None:
    """Its job is carried out; nobody gets its result [LG11]."""
    gate = Gate()
    held = await gate.hold(writer)
    kind = Noted([], Priority.JOBS)
    gone, stays = writer.submit(kind, "gone"), writer.submit(kind, "stays")
    gone.cancel()
    gate.open()
    assert await stays == "stays"
    await held
    assert await writer.call(keys) == {"gone", "stays"}


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    """Accepted work is written before the store is closed [EN14]."""
    path = tmp_path / "legato.db"
    writer = Writer(path)
    writer.start(await asyncio.to_thread(open_database, path))
    waiting = [writer.submit(Noted([], Priority.LOGS), f"{n}") for n in range(20)]
    await writer.stop()
    assert await asyncio.gather(*waiting) == [f"{n}" for n in range(20)]
    with pytest.raises(Unavailable, match="closed"):
        writer.submit(Function(), keys)
    await writer.stop()


async def test_a_broken_connection_is_opened_anew(writer: Writer) -> None:
    """After an error of the disk the connection is not trusted any more [LG27]."""

    class DiskError(sqlite3.OperationalError):
        sqlite_errorname = "SQLITE_IOERR_FSYNC"

    def fail(_connection: sqlite3.Connection) -> None:
        raise DiskError("disk I/O error")

    broken = await writer.call(lambda connection: connection)
    with pytest.raises(Unavailable, match="SQLITE_IOERR_FSYNC"):
        await writer.call(fail)
    assert await writer.call(lambda connection: connection is broken) is False
    assert await writer.call(keys) == set()


async def test_watching_for_changes_costs_next_to_nothing(tmp_path: Path) -> None:
    """An idle engine that waits for others uses under one per cent of a CPU [EN18]."""
    stores = sqlite_backend(tmp_path)("a", Limits())
    await stores.lifecycle.open()
    await stores.changes.wait(0.2)
    before = time.process_time()
    assert await stores.changes.wait(2.0) is False
    used = time.process_time() - before
    await stores.lifecycle.close()
    assert used < 0.02 * 2.0


def test_room_is_made_in_the_write_ahead_log(tmp_path: Path) -> None:
    """Zeros that wait for frames change nothing that is read, also after a crash [LG13]."""
    path = tmp_path / "legato.db"
    connection = open_database(path)
    side_file = SideFile(path)
    for number in range(1, 5):
        executed("INSERT INTO meta VALUES (?, zeroblob(300000 * ?))", f"k{number}", number)(
            connection
        )
        used = (tmp_path / "legato.db-wal").stat().st_size
        side_file.grow(connection, is_idle=number % 2 == 0)
        assert (tmp_path / "legato.db-wal").stat().st_size >= used
        # The files as a crash would leave them, opened by another process.
        copy = tmp_path / f"copy{number}.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        found = open_database(copy)
        assert keys(found) == {f"k{each}" for each in range(1, number + 1)}
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found.close()
    connection.close()


def test_room_that_cannot_be_made_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only makes commits faster; a full disk is told by the commit itself [LG27]."""
    tries: list[int] = []

    def refuse(descriptor: int, *_: object) -> int:
        tries.append(descriptor)
        raise OSError(28, "No space left on device")

    path = tmp_path / "legato.db"
    connection = open_database(path)
    side_file = SideFile(path)
    monkeypatch.setattr(os, "pwrite", refuse)
    for _ in range(3):
        side_file.grow(connection, is_idle=True)
    assert len(tries) == 1
    executed("INSERT INTO meta VALUES ('a', 'x')")(connection)
    assert keys(connection) == {"a"}
    connection.close()
