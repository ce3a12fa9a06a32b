# SPDX-License-Identifier: Apache-2.0
"""The files port on both databases."""

import asyncio
from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.model.ids import UserId, WorkspaceId
from legato.ports.admission import AlreadyDone, Answer, Once, Terms
from legato.ports.files import FileId, FileQuery, Quota, QuotaExceeded, StoredFile
from legato.ports.stores import Stores
from tests.contract.accounts import DATABASES, DAY_MS, HOUR_MS, actions, entry, execute
from tests.contract.build import LOCAL, born, execution_id, new, turn
from tests.contract.conftest import MakeStores

pytestmark = DATABASES
ELSEWHERE = WorkspaceId("elsewhere")
ROOM = 1_000
NOW = 1_796_000_000_000


def file_id(number: int) -> str:
    """Return an id; they order by number, a second apart."""
    stamp = f"{NOW + number * 1_000:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012x}"


def file(number: int = 1, **changes: Any) -> StoredFile:
    """Return a file of 100 bytes, with a content of its own."""
    values: dict[str, Any] = {
        "id": FileId(file_id(number)),
        "workspace": LOCAL,
        "name": f"{number}.txt",
        "content_type": "text/plain",
        "size": 100,
        "hash": f"{number:064x}",
        "by": UserId("u-ann"),
        "created_at": NOW + number * 1_000,
    }
    return StoredFile(**{**values, **changes})


async def add(
    store: Stores, *files: StoredFile, room: int = ROOM, once: Once | None = None
) -> None:
    """Add files."""
    for each in files:
        await store.files.add(each, entry("upload"), quota_bytes=room, once=once)


async def numbers(store: Stores, **wanted: Any) -> list[int]:
    """Return the numbers of the files on a page."""
    found = await store.files.find(FileQuery(workspace=LOCAL, **wanted))
    return [int(each.hash, 16) for each in found]


async def test_a_file_is_found_in_its_workspace_only(store: Stores) -> None:
    """By its id, alone or with others; elsewhere it is not there [FI20, FI11]."""
    one, two, other = file(1), file(2), file(3, workspace=ELSEWHERE)
    await add(store, one, two, other)
    assert await store.files.get(LOCAL, one.id) == one
    assert await store.files.get(ELSEWHERE, one.id) is None
    assert await store.files.get(LOCAL, "no id\x00") is None
    ids = [one.id, two.id, other.id, "unknown", "'\"\x00"]
    assert await store.files.named(LOCAL, ids) == {one.id: one, two.id: two}
    assert await store.files.named(LOCAL, []) == {}
    assert await actions(store) == ["upload"] * 3


async def test_pages_are_cut_and_filtered(store: Stores) -> None:
    """Newest first; by name, content and time, each with what came before [FI14, FI20]."""
    for number in range(1, 9):
        await add(store, file(number, name=f"{number % 2}.txt"))
    await add(store, file(99, workspace=ELSEWHERE))
    assert await numbers(store) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert await numbers(store, limit=3) == [8, 7, 6]
    assert await numbers(store, limit=3, before=file_id(6)) == [5, 4, 3]
    assert await numbers(store, name="1.txt") == [7, 5, 3, 1]
    assert await numbers(store, name="1.txt", before=file_id(5)) == [3, 1]
    assert await numbers(store, hash=file(4).hash) == [4]
    assert await numbers(store, hash=file(4).hash, name="1.txt") == []
    after, before = file(3).created_at, file(6).created_at
    assert await numbers(store, created_after=after, created_before=before) == [5, 4, 3]
    assert await numbers(store, created_before=0) == []


async def test_room_is_counted_once_for_equal_contents(store: Stores) -> None:
    """Up to the last byte; what is deleted gives it back when it was the last of it [FI22]."""
    await add(store, file(1, size=600), file(2, hash=file(1).hash, size=600), file(3, size=400))
    assert await store.files.quota(LOCAL) == Quota(used=1_000)
    with pytest.raises(QuotaExceeded):
        await add(store, file(4, size=1))
    await add(store, file(5, hash=file(1).hash, size=600))
    assert await store.files.get(LOCAL, file(4).id) is None
    for number, used in ((1, 1_000), (2, 1_000), (5, 400), (3, 0)):
        assert await store.files.remove(LOCAL, file(number).id, entry("delete"))
        assert await store.files.quota(LOCAL) == Quota(used=used)
    assert not await store.files.remove(LOCAL, file(1).id, entry("delete"))
    assert await actions(store) == ["upload"] * 4 + ["delete"] * 4
    assert await store.files.quota(ELSEWHERE) == Quota(used=0)


async def test_a_workspace_may_have_a_bound_of_its_own(store: Stores) -> None:
    """More or less than others, and none again; what is there stays [FI22]."""
    await add(store, file(1, size=500))
    assert await store.files.set_quota(LOCAL, 100, entry("quota")) == Quota(used=500, own=100)
    with pytest.raises(QuotaExceeded):
        await add(store, file(2, size=0, hash="x"))
    assert await store.files.set_quota(LOCAL, 5_000, ()) == Quota(used=500, own=5_000)
    await add(store, file(3, size=4_500))
    assert await store.files.set_quota(LOCAL, None, ()) == Quota(used=5_000)
    assert await store.files.set_quota(ELSEWHERE, 0, ()) == Quota(used=0, own=0)


async def test_many_at_once_do_not_exceed_the_room(stores: MakeStores) -> None:
    """From two processes: as many as fit, and equal ones count once [FI22]."""
    both = [await stores("a"), await stores("b")]
    ways = [add(both[n % 2], file(n, size=300)) for n in range(1, 13)]
    done = await asyncio.gather(*ways, return_exceptions=True)
    assert [type(each) for each in done if each is not None] == [QuotaExceeded] * 9
    assert await both[0].files.quota(LOCAL) == Quota(used=900)
    same = [
        add(both[n % 2], file(n, size=50, hash="same", workspace=ELSEWHERE)) for n in range(20, 30)
    ]
    await asyncio.gather(*same)
    assert await both[1].files.quota(ELSEWHERE) == Quota(used=50)
    gone = [
        both[n % 2].files.remove(ELSEWHERE, file_id(n), ())
        for n in (*range(20, 30), *range(20, 30))
    ]
    assert sorted(await asyncio.gather(*gone)) == [False] * 10 + [True] * 10
    assert await both[1].files.quota(ELSEWHERE) == Quota(used=0)


async def test_a_request_with_a_key_adds_once(store: Stores) -> None:
    """The second changes nothing, and hears what the first was answered [FI10]."""
    kept = Once(scope="s", request="r", answer=Answer(status=201, body=b"{}"))
    await add(store, file(1), once=kept)
    with pytest.raises(AlreadyDone) as caught:
        await add(store, file(2), once=kept)
    assert caught.value.answer == kept.answer
    assert await numbers(store) == [1]
    with pytest.raises(QuotaExceeded):
        await add(store, file(3, size=10**6), once=Once(scope="t", request="r", answer=kept.answer))
    assert await store.admissions.answered("t") is None


async def test_files_expire_by_their_age(store: Stores) -> None:
    """The oldest first, bounded, in every workspace, with their room [FI32]."""
    now = "(SELECT max(at) FROM audit)"
    await add(store, *(file(n) for n in range(1, 6)), file(6, workspace=ELSEWHERE))
    await execute(store, f"UPDATE files SET created_at = {now} - {2 * DAY_MS} WHERE name < '4'")
    await execute(store, f"UPDATE files SET created_at = {now} - {3 * DAY_MS} WHERE name > '6'")
    await execute(store, f"UPDATE files SET created_at = {now} WHERE name IN ('4.txt', '5.txt')")
    assert await store.files.expire(5 * DAY_MS) == 0
    assert await store.files.expire(DAY_MS, limit=1) == 1
    assert await store.files.get(ELSEWHERE, file_id(6)) is None
    assert await store.files.expire(DAY_MS) == 3
    assert await numbers(store) == [5, 4]
    assert await store.files.quota(LOCAL) == Quota(used=200)


async def test_an_execution_keeps_the_payloads_of_its_files(store: Stores) -> None:
    """From the transaction on that makes it, once each, also when the files are gone [FI41]."""
    await add(store, file(1), file(2), file(3, hash=file(2).hash))
    made = new(1, files=(file_id(1), file_id(2), file_id(3)))
    await store.admissions.admit(made, [], Terms())
    for number in (1, 2, 3):
        await store.files.remove(LOCAL, file_id(number), ())
    assert [each.hash for each in await store.executions.blobs(execution_id(1))] == [
        file(1).hash,
        file(2).hash,
    ]
    hashes = [file(number).hash for number in (1, 2, 4)]
    assert await store.files.referred(LOCAL, hashes) == set(hashes[:2])
    assert await store.files.referred(ELSEWHERE, hashes) == set()
    assert await store.files.referred(LOCAL, []) == set()


@pytest.mark.parametrize("place", [LOCAL, ELSEWHERE])
async def test_a_file_that_is_gone_or_foreign_starts_nothing(
    store: Stores, place: WorkspaceId
) -> None:
    """Nothing of the start stands, neither execution nor audit [FI41, FI42]."""
    await add(store, file(1), file(2, workspace=place))
    if place == LOCAL:
        await store.files.remove(LOCAL, file_id(2), ())
    with pytest.raises(InvalidInput, match="deleted"):
        made = new(1, files=(file_id(1), file_id(2)))
        await store.admissions.admit(made, [], Terms(audit=entry("start")))
    assert await store.executions.get(execution_id(1)) is None
    assert "start" not in await actions(store)
    assert await store.files.referred(LOCAL, [file(1).hash]) == {file(1).hash}


async def test_a_start_and_a_delete_at_once_never_lose_a_payload(stores: MakeStores) -> None:
    """Whoever comes first: the execution has its payload, or there is no execution [FI41]."""
    both = [await stores("a"), await stores("b")]
    started = 0
    for number in range(1, 21):
        await add(both[0], file(number))
        outcomes = await asyncio.gather(
            both[0].admissions.admit(new(number, files=(file_id(number),)), [], Terms()),
            both[1].files.remove(LOCAL, file_id(number), ()),
            return_exceptions=True,
        )
        assert outcomes[1] is True
        row = await both[0].executions.get(execution_id(number))
        kept = await both[0].files.referred(LOCAL, [file(number).hash])
        assert bool(kept) == (row is not None)
        assert isinstance(outcomes[0], InvalidInput) == (row is None)
        started += row is not None
    assert 0 <= started <= 20


async def test_work_that_may_have_stored_a_payload_is_known(owned: Stores) -> None:
    """What runs or has not begun; not what waits, has ended, or is elsewhere [FI34]."""
    store = owned
    assert await store.files.oldest_work(LOCAL) is None
    busy, idle = {"is_busy": True}, {"is_busy": False}
    await store.log.append([born(5, project=busy), born(3, project=idle)])
    assert await store.files.oldest_work(LOCAL) == 1_005
    await store.log.create([new(4), new(2, workspace=ELSEWHERE)])
    assert await store.files.oldest_work(LOCAL) == 1_004
    assert await store.files.oldest_work(ELSEWHERE) == 1_002
    await store.log.append([turn(5, after=1, status="completed", project=idle)])
    assert await store.files.oldest_work(LOCAL) == 1_004
    assert await store.files.oldest_work(WorkspaceId("nowhere")) is None


async def test_a_hold_lasts_as_long_as_it_was_taken_for(stores: MakeStores) -> None:
    """Every process sees it; it ends by itself, by its holder, and not by another [FI36]."""
    store, other = await stores("a"), await stores("b")
    assert not await store.files.is_held()
    await store.files.hold("backup-1", HOUR_MS)
    await store.files.hold("backup-2", HOUR_MS)
    assert await other.files.is_held()
    await other.files.let_go("backup-1")
    assert await other.files.is_held()
    await execute(store, f"UPDATE blob_holds SET until = until - {2 * HOUR_MS}")
    assert not await other.files.is_held()
    await store.files.hold("backup-2", HOUR_MS)
    assert await other.files.is_held()
    await other.files.let_go("backup-2")
    await other.files.let_go("backup-2")
    assert not await store.files.is_held()
