# SPDX-License-Identifier: Apache-2.0
"""Payloads that nobody needs go, and nothing else: on both databases, with what happens at once."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from legato.adapters.sql.open import make_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import NotFound, StoreUnavailable
from legato.model.ids import EngineId, UserId
from legato.model.values import BlobRef
from legato.ports.admission import Terms
from legato.ports.files import FileId, StoredFile
from legato.ports.stores import Stores
from legato.runtime.sweep import DAY_MS, HOUR_MS, Sweep, SweepTimes, Swept
from tests.contract.accounts import execute
from tests.contract.build import LEASE_MS, LOCAL, A, born, new, turn

AT_ONCE = SweepTimes(young=0, away=0, margin=0)
ENGINE = EngineId(A)


class Clock(SystemClock):
    """Is ahead by so much: what was written just now is old."""

    ahead_ms = 1_000

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        return super().now_ms() + self.ahead_ms


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an open store with a folder of payloads."""
    url = f"sqlite:///{tmp_path}/legato.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    made = make_stores(url, f"file://{tmp_path}/blobs", home=tmp_path)
    await made.lifecycle.open()
    await execute(made, "DELETE FROM files")
    await execute(made, "DELETE FROM blobs")
    await execute(made, "DELETE FROM executions")
    await execute(made, "DELETE FROM events")
    yield made
    await made.lifecycle.close()


def sweep(stores: Stores, times: SweepTimes = AT_ONCE, **more: int) -> Sweep:
    """Return a sweep that goes when it is told to."""
    return Sweep(stores, Clock(), every_s=3_600, times=times, **more)


async def add(stores: Stores, content: bytes) -> StoredFile:
    """Upload a file."""
    ref = await stores.blobs.put(LOCAL, content)
    made = StoredFile(
        id=FileId(SystemClock().new_id()), workspace=LOCAL, name="a", content_type="text/plain",
        size=ref.size, hash=ref.hash, by=UserId("u"), created_at=SystemClock().now_ms(),
    )  # fmt: skip
    await stores.files.add(made, (), quota_bytes=10**9)
    return made


async def is_there(stores: Stores, ref: BlobRef) -> bool:
    """Tell whether a payload can be had."""
    try:
        await stores.blobs.get(LOCAL, ref)
    except NotFound:
        return False
    return True


async def test_only_what_nobody_refers_to_goes(stores: Stores) -> None:
    """In two rounds: put away, then dropped; files and executions keep theirs [FI33, FI35]."""
    await stores.owners.register(ENGINE, lease_ms=LEASE_MS, adopts=True)
    file = await add(stores, b"of a file")
    used = await stores.blobs.put(LOCAL, b"of an execution")
    nobodys = await stores.blobs.put(LOCAL, b"of nobody")
    await stores.log.append([born(1, blobs=(used,))])
    going = sweep(stores)
    assert await going.once() == Swept(put_away=1)
    assert await going.once() == Swept(dropped=1)
    assert await going.once() == Swept()
    assert [await is_there(stores, ref) for ref in (file.ref, used, nobodys)] == [True, True, False]
    await stores.files.remove(LOCAL, file.id, ())
    await going.once()
    await going.once()
    assert [await is_there(stores, ref) for ref in (file.ref, used)] == [False, True]


async def test_what_is_young_is_left_alone(stores: Stores) -> None:
    """An hour in its place, a day away: whoever is slow still refers to it [FI34]."""
    ref = await stores.blobs.put(LOCAL, b"young")
    assert await sweep(stores, SweepTimes()).once() == Swept()
    assert await sweep(stores, SweepTimes(young=0)).once() == Swept(put_away=1)
    assert await sweep(stores, SweepTimes(young=0)).once() == Swept()
    assert await is_there(stores, ref)


async def test_an_upload_between_two_steps_keeps_its_payload(stores: Stores) -> None:
    """Stored before it is put away, referred to after: it is brought back [FI34, FI35]."""
    ref = await stores.blobs.put(LOCAL, b"late")
    going = sweep(stores)
    assert await going.once() == Swept(put_away=1)
    await add_row(stores, ref)
    assert await going.once() == Swept(brought_back=1)
    assert await is_there(stores, ref)
    assert await going.once() == Swept()


async def add_row(stores: Stores, ref: BlobRef) -> None:
    """Add a file whose payload was stored before."""
    made = StoredFile(
        id=FileId(SystemClock().new_id()), workspace=LOCAL, name="a", content_type="text/plain",
        size=ref.size, hash=ref.hash, by=UserId("u"), created_at=1,
    )  # fmt: skip
    await stores.files.add(made, (), quota_bytes=10**9)


async def test_a_node_that_runs_for_long_keeps_what_it_stored(stores: Stores) -> None:
    """Nothing is dropped that was put away since the oldest work began [FI34]."""
    await stores.owners.register(ENGINE, lease_ms=LEASE_MS, adopts=True)
    at = SystemClock().now_ms()
    first = born(1, project={"is_busy": True})
    assert first.new is not None
    await stores.log.append([first])
    await execute(stores, f"UPDATE executions SET created_at = {at}")
    ref = await stores.blobs.put(LOCAL, b"of an attempt that has not ended")
    going = sweep(stores)
    assert await going.once() == Swept(put_away=1)
    for _ in range(2):
        assert await going.once() == Swept()
    assert await stores.log.append([turn(1, after=1, blobs=(ref,))]) == [True]
    assert await going.once() == Swept(brought_back=1)
    assert await is_there(stores, ref)


async def test_a_queued_start_keeps_its_large_inputs(stores: Stores) -> None:
    """They are stored before anything refers to them, and it may wait for days [FI34]."""
    await stores.log.create([new(1)])
    await execute(stores, f"UPDATE executions SET created_at = {SystemClock().now_ms()}")
    ref = await stores.blobs.put(LOCAL, b"inputs")
    going = sweep(stores)
    await going.once()
    assert await going.once() == Swept()
    assert await is_there(stores, ref)


async def test_a_backup_holds_everything(stores: Stores) -> None:
    """While it lasts nothing is put away or dropped, in any process [FI36]."""
    nobodys = await stores.blobs.put(LOCAL, b"of nobody")
    await stores.files.hold("backup", HOUR_MS)
    assert await sweep(stores).once() == Swept(is_held=True)
    await stores.files.let_go("backup")
    assert await sweep(stores).once() == Swept(put_away=1)
    await stores.files.hold("backup", HOUR_MS)
    assert await sweep(stores).once() == Swept(is_held=True)
    assert await is_there(stores, nobodys)
    await stores.files.let_go("backup")


async def test_uploads_deletes_starts_and_sweeps_at_once(stores: Stores) -> None:
    """Whatever is referred to in the end can be had, whoever came first [FI35, FI37]."""
    contents = [b"content %d" % (n % 7) for n in range(60)]
    sweeps = [sweep(stores), sweep(stores)]
    over = False

    async def go_round(one: Sweep) -> None:
        while not over:
            await one.once()

    rounds = [asyncio.create_task(go_round(one)) for one in sweeps]

    async def live(number: int) -> None:
        file = await add(stores, contents[number])
        if number % 3 == 0:
            await stores.admissions.admit(new(number + 100, files=(file.id,)), [], Terms())
        if number % 2 == 0:
            await stores.files.remove(LOCAL, file.id, ())

    for begin in range(0, 60, 6):
        await asyncio.gather(*(live(number) for number in range(begin, begin + 6)))
    over = True
    await asyncio.gather(*rounds)
    refs = {BlobRef(sha256(each).hexdigest(), len(each)) for each in contents}
    referred = await stores.files.referred(LOCAL, [ref.hash for ref in refs])
    assert referred
    for ref in refs:
        if ref.hash in referred:
            assert await is_there(stores, ref)


async def test_files_that_are_too_old_go_with_their_payloads(stores: Stores) -> None:
    """By the setting; without it they stay for ever [FI32]."""
    file = await add(stores, b"old")
    await execute(stores, f"UPDATE files SET created_at = created_at - {2 * DAY_MS}")
    assert (await sweep(stores).once()).files == 0
    going = sweep(stores, keep_ms=DAY_MS)
    assert await going.once() == Swept(files=1, put_away=1)
    assert await going.once() == Swept(dropped=1)
    assert not await is_there(stores, file.ref)


async def test_a_round_that_fails_is_followed_by_the_next(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not answer ends a round, not the sweep [FI37]."""
    ref = await stores.blobs.put(LOCAL, b"of nobody")
    failures = [StoreUnavailable(), StoreUnavailable()]
    dropped = stores.blobs.drop
    done = asyncio.Event()

    async def fail_first(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        await dropped(*arguments)  # type: ignore[arg-type]
        done.set()

    monkeypatch.setattr(stores.blobs, "drop", fail_first)
    going = Sweep(stores, Clock(), every_s=0.001, times=AT_ONCE)
    going.start()
    await done.wait()
    going.stop()
    assert not await is_there(stores, ref)
