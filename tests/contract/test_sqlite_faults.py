# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a SQLite store: disks, rights, damage, locks, kills.

A clear error or a pause; nothing that was accepted is lost; the work goes on afterwards.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from legato.adapters.sql.open import make_stores
from legato.adapters.sql.sqlite import connection as connections
from legato.adapters.sql.sqlite.stores import SqliteLifecycle
from legato.errors import InvalidInput, StoreUnavailable
from legato.model.values import BlobRef
from legato.ports.stores import Stores
from tests.contract.build import LEASE_MS, LOCAL, A, B, born, executed, execution_id, new, turn
from tests.contract.build import body as build_body

ONE = execution_id(1)
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Stores]:
    """Open the store of a folder."""
    stores = make_stores(f"sqlite:///{home}/legato.db", f"file://{home}/blobs", home=home)
    await stores.lifecycle.open()
    try:
        yield stores
    finally:
        await stores.lifecycle.close()


def lifecycle(stores: Stores) -> SqliteLifecycle:
    """Return what the ports share, to get at the write connection."""
    assert isinstance(stores.lifecycle, SqliteLifecycle)
    return stores.lifecycle


async def pragma(stores: Stores, text: str) -> Any:
    """Run a pragma on the write connection."""
    return await lifecycle(stores).writer.call(
        lambda connection: connection.execute(f"PRAGMA {text}").fetchone()
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 1 MiB; needs the right to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("SKIP a real small disk: this user may not mount one")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, how: str) -> None:
    """Make a file system read-only (`ro`) or not (`rw`)."""
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


async def append_until_refused(stores: Stores, text: str = "x" * 20_000) -> int:
    """Append until the store says no; return the last accepted seq."""
    seq = 1
    await stores.log.append([born()])
    with pytest.raises(StoreUnavailable, match="full"):
        for _ in range(500):
            await stores.log.append([turn(after=seq, project={"search": text})])
            seq += 1
            big = [turn(after=seq, events=20, project={"waiting_for": text})]
            await stores.log.append(big)
            seq += 20
    return seq


async def test_a_full_disk_is_said_and_work_goes_on_when_there_is_room(small_disk: Path) -> None:
    """Nothing accepted is lost, and no restart is needed [LG27, LG6]."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    async with opened(small_disk) as stores:
        seq = await append_until_refused(stores)
        heads = await stores.log.heads([ONE])
        assert heads[ONE] >= seq - 20
        with pytest.raises(StoreUnavailable, match="full"):
            await stores.blobs.put(LOCAL, bytes(2_000_000))
        ballast.unlink()
        seq = heads[ONE]
        assert list(await stores.log.append([turn(after=seq)])) == [True]
        rows = await stores.log.read(ONE)
        assert [row.seq for row in rows] == list(range(1, seq + 2))
    async with opened(small_disk) as stores:
        assert await stores.log.heads([ONE]) == {ONE: seq + 1}


async def test_a_database_at_its_size_limit_refuses_and_recovers(tmp_path: Path) -> None:
    """The same without a disk: what does not fit is refused as a whole [LG27]."""
    async with opened(tmp_path) as stores:
        (pages,) = await pragma(stores, "page_count")
        await pragma(stores, f"max_page_count = {pages + 60}")
        seq = await append_until_refused(stores)
        assert (await stores.log.heads([ONE]))[ONE] == seq
        with pytest.raises(StoreUnavailable, match="full"):
            await asyncio.gather(
                *(stores.log.append([born(each, events=200)]) for each in range(10, 20))
            )
        await pragma(stores, "max_page_count = 1000000")
        assert list(await stores.log.append([turn(after=seq)])) == [True]


async def test_a_read_only_folder_is_said(tmp_path: Path, small_disk: Path) -> None:
    """Opening tells what is wrong and what to do [LG27]."""
    async with opened(small_disk) as stores:
        await stores.log.append([born()])
    remount(small_disk, "ro")
    with pytest.raises(StoreUnavailable, match=r"cannot write|read-only"):
        async with opened(small_disk):
            pass
    remount(small_disk, "rw")
    async with opened(small_disk) as stores:
        assert await stores.log.heads([ONE]) == {ONE: 1}


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """The place is named [LG27]."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match=r"file/home/legato\.db"):
        async with opened(tmp_path / "file" / "home"):
            pass


async def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    """Inputs and outputs may hold anything [LG24]."""
    home = tmp_path / "home"
    async with opened(home) as stores:
        await stores.log.append([born()])
        await stores.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        modes = {file.name: file.stat().st_mode & 0o777 for file in home.rglob("*")}
    assert home.stat().st_mode & 0o777 == 0o700
    assert modes.pop("engines") == 0o700
    assert set(modes.values()) == {0o600}
    assert {"legato.db", "legato.db-wal", "engine-a.lock"} <= set(modes)


@pytest.mark.parametrize("place", [0, 100, 4_096, 12_288])
async def test_a_damaged_file_is_refused(tmp_path: Path, place: int) -> None:
    """Damage in header or pages is found when the file is opened [LG28]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born(each, events=3) for each in range(1, 60)])
    with (tmp_path / "legato.db").open("r+b") as file:
        file.seek(place)
        file.write(b"\xa5" * 600)
    with pytest.raises(StoreUnavailable, match="damaged"):
        async with opened(tmp_path):
            pass


async def test_a_missing_event_is_noticed(tmp_path: Path) -> None:
    """A gap in a log is damage, not history [LG28, LG1]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born(events=5)])
        await lifecycle(stores).writer.call(executed("DELETE FROM events WHERE seq = 3"))
        with pytest.raises(StoreUnavailable, match="seq 4 where 3"):
            await stores.log.read(ONE)
        with pytest.raises(StoreUnavailable, match="damaged"):
            await stores.log.read_many([ONE])


async def test_a_flipped_bit_in_an_event_is_noticed(tmp_path: Path) -> None:
    """SQLite checks the shape of a page; what stands in it is checked here [LG28]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born(events=3)])
        await stores.log.append([turn(after=3, events=2)])
    path = tmp_path / "legato.db"
    data = path.read_bytes()
    whole = build_body(4)
    assert data.count(whole) == 1
    path.write_bytes(data.replace(whole, whole.replace(b'"n4"', b'"n5"')))
    async with opened(tmp_path) as stores:
        with pytest.raises(StoreUnavailable, match=r"damaged.*seq 5"):
            await stores.log.read(ONE)
        assert [row.seq for row in await stores.log.read(ONE, limit=3)] == [1, 2, 3]
        for after in (3, 4):
            with pytest.raises(StoreUnavailable, match="damaged"):
                await stores.log.read(ONE, after=after)


async def test_an_event_that_is_no_json_is_noticed(tmp_path: Path) -> None:
    """What cannot be decoded is named as damage [LG28]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born(events=2)])
        await lifecycle(stores).writer.call(executed("UPDATE events SET body = x'7b7b'"))
        with pytest.raises(StoreUnavailable, match="damaged"):
            await stores.log.read(ONE)


async def test_a_torn_write_ahead_log_keeps_what_is_whole(tmp_path: Path) -> None:
    """A half-written last transaction is as if it had never begun [LG28, EN1]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born()])
        for seq in range(1, 30):
            await stores.log.append([turn(after=seq)])
        copy = tmp_path / "copy"
        copy.mkdir()
        shutil.copy(tmp_path / "legato.db", copy)
        data = bytearray((tmp_path / "legato.db-wal").read_bytes())
    end = len(data.rstrip(b"\0"))
    del data[end - 700 :]
    (copy / "legato.db-wal").write_bytes(data)
    async with opened(copy) as stores:
        rows = await stores.log.read(ONE)
        assert 0 < len(rows) < 30
        head = await stores.log.heads([ONE])
        assert head == {ONE: len(rows)}
        assert list(await stores.log.append([turn(after=len(rows))])) == [True]


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A wrong path must not mix tables [LG22]."""
    sqlite3.connect(tmp_path / "legato.db").execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnavailable, match="theirs"):
        async with opened(tmp_path):
            pass


async def test_less_than_full_durability_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be written durably is not used [LG13]."""
    async with opened(tmp_path) as stores:
        assert await pragma(stores, "synchronous") == (2,)
        assert await pragma(stores, "journal_mode") == ("wal",)
    monkeypatch.setattr(connections, "SYNCHRONOUS_FULL", 3)
    with pytest.raises(StoreUnavailable, match="durably"):
        async with opened(tmp_path):
            pass


async def test_a_lock_that_is_held_too_long_is_said_and_passes(tmp_path: Path) -> None:
    """Another program's long transaction is a pause, then an error, never a loss [LG27]."""
    async with opened(tmp_path) as stores:
        await stores.log.append([born()])
        await pragma(stores, "busy_timeout = 50")
        other = sqlite3.connect(tmp_path / "legato.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await stores.log.append([turn(after=1)])
        with pytest.raises(StoreUnavailable, match="locked"):
            await stores.inbox.send(ONE, "k", b"{}")
        assert [row.seq for row in await stores.log.read(ONE)] == [1]
        other.execute("ROLLBACK")
        other.close()
        assert list(await stores.log.append([turn(after=1)])) == [True]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "mysql://x/y", "", "sqlite:x"])
def test_an_unknown_database_is_refused(tmp_path: Path, url: str) -> None:
    """A wrong URL is told before anything is opened [CL11]."""
    with pytest.raises(InvalidInput):
        make_stores(url, "memory:", home=tmp_path)


def child(home: Path, engine: str, first: int, count: int, turns: int) -> subprocess.Popen[str]:
    """Start a process that appends to executions of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.child", home, engine, str(first), str(count),
         str(turns)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill_after(process: subprocess.Popen[str], *, lines: int) -> dict[int, int]:
    """Kill a child once it has said so much; return the last seq it said per execution."""
    assert process.stdout is not None
    with process:
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    pairs = (line.split() for line in said if line.endswith("\n"))
    return {int(number): int(seq) for number, seq in pairs}


async def test_two_processes_write_one_file(tmp_path: Path) -> None:
    """Writers of two processes take turns; nothing is lost or doubled [LG27, OW14]."""
    children = [child(tmp_path, f"engine-{n}", n * 100, 10, 30) for n in (1, 2, 3)]
    said = [process.communicate(timeout=60)[0] for process in children]
    assert [process.returncode for process in children] == [0, 0, 0]
    assert [len(text.splitlines()) for text in said] == [300, 300, 300]
    async with opened(tmp_path) as stores:
        ids = [execution_id(n * 100 + each) for n in (1, 2, 3) for each in range(10)]
        logs = await stores.log.read_many(ids)
        assert {len(rows) for rows in logs.values()} == {30}


async def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    """After kill -9 everything that was answered is there, and the next engine goes on at once.

    The lease of the dead engine would run for an hour: its lock is free [EN1, OW3, EN17].
    """
    said = kill_after(child(tmp_path, "engine-x", 1, 4, 0), lines=200)
    async with opened(tmp_path) as stores:
        await stores.owners.register(B, lease_ms=LEASE_MS, adopts=True)
        claims = {each.execution_id: each for each in await stores.owners.claim(B, limit=10)}
        assert len(claims) == 4
        for number, seq in said.items():
            claim = claims[execution_id(number)]
            assert (claim.cause, claim.fence) == ("engine_died", 2)
            assert claim.head_seq in {seq, seq + 1}
            rows = await stores.log.read(execution_id(number))
            assert [row.seq for row in rows] == list(range(1, claim.head_seq + 1))
        assert not (tmp_path / "engines" / "engine-x.lock").exists()


async def test_a_living_engine_is_not_dead_for_others(tmp_path: Path) -> None:
    """Its lock is held, so a lease that still runs counts [OW3, OW1]."""
    process = child(tmp_path, "engine-x", 1, 2, 0)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        async with opened(tmp_path) as stores:
            await stores.owners.register(B, lease_ms=LEASE_MS, adopts=True)
            assert await stores.owners.claim(B, limit=10) == []
            owner = await stores.owners.owner_of(ONE)
            assert owner is not None
            assert (owner.engine, owner.pid) == ("engine-x", process.pid)
    finally:
        process.kill()
        process.communicate()


def fork() -> Callable[[], None]:
    """Fork a child that waits; return what ends it."""
    ready, go = os.pipe(), os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)

    def end() -> None:
        os.write(go[1], b"x")
        os.waitpid(forked, 0)
        for descriptor in (*ready, *go):
            os.close(descriptor)

    return end


async def test_engines_of_two_homes_on_one_file_are_told_by_their_leases(tmp_path: Path) -> None:
    """A lock that cannot be seen from here says nothing about who holds it [OW3, OW1]."""
    url = f"sqlite:///{tmp_path}/legato.db"
    homes = [make_stores(url, "memory:", home=tmp_path / name) for name in ("one", "two")]
    for stores in homes:
        await stores.lifecycle.open()
    try:
        first, second = homes
        await first.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await second.owners.register(B, lease_ms=LEASE_MS, adopts=True)
        await first.log.append([born(project={"is_busy": True})])
        assert await second.owners.claim(B, limit=10) == []
        assert await first.owners.renew(A, lease_ms=0) is True
        (claim,) = await second.owners.claim(B, limit=10)
        assert claim.cause == "engine_died"
    finally:
        for stores in homes:
            await stores.lifecycle.close()


async def test_a_forked_child_does_not_keep_its_engine_alive(tmp_path: Path) -> None:
    """A program that outlives its engine must not hold the engine's lock [OW3]."""
    async with opened(tmp_path) as first, opened(tmp_path) as second:
        await first.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await second.owners.register(B, lease_ms=LEASE_MS, adopts=True)
        await first.log.append([born(project={"is_busy": True})])
        let_go = fork()
        assert await second.owners.claim(B, limit=10) == []
        # As the kernel does when the process dies: its descriptors go.
        first.owners._locks.forget_after_fork()  # type: ignore[attr-defined]
        (claim,) = await second.owners.claim(B, limit=10)
        assert claim.cause == "engine_died"
        let_go()


async def test_an_engine_id_is_taken_once(tmp_path: Path) -> None:
    """Two processes cannot be the same engine [OW3]."""
    async with opened(tmp_path) as first, opened(tmp_path) as second:
        await first.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        with pytest.raises(StoreUnavailable, match="another process"):
            await second.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await first.owners.resign(A)
        await second.owners.register(A, lease_ms=LEASE_MS, adopts=True)


async def test_a_claim_whose_answer_was_lost_is_given_again(tmp_path: Path) -> None:
    """An execution that is ours although we do not know it would wait for ever [EN13, OW5]."""
    async with opened(tmp_path) as stores:
        await stores.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await stores.log.create([new(1), new(2)])
        waiting = asyncio.ensure_future(stores.owners.claim(A, limit=10))
        for _ in range(3):
            await asyncio.sleep(0)
        claims: list[Any] = []
        while not claims:
            waiting.cancel()
            await asyncio.wait([waiting])
            claims = await stores.owners.claim(A, limit=10)
        assert sorted(each.execution_id for each in claims) == [ONE, execution_id(2)]
        turns = [turn(n, fence=each.fence) for n, each in enumerate(claims, 1)]
        assert list(await stores.log.append(turns)) == [True, True]


async def test_blobs_are_referred_to_with_the_turn(tmp_path: Path) -> None:
    """A payload is kept as long as an execution refers to it [LG16]."""
    async with opened(tmp_path) as stores:
        ref = BlobRef("a" * 64, 70_000)
        await stores.log.append([born(1, blobs=(ref,)), born(2, blobs=(ref, ref))])
        count = await lifecycle(stores).readers.call(
            lambda connection: connection.execute(
                "SELECT group_concat(workspace || execution_id || size) FROM blobs ORDER BY 1"
            ).fetchone()
        )
        expected = [f"local{execution_id(each)}70000" for each in (1, 2)]
        assert sorted(count[0].split(",")) == expected
