# SPDX-License-Identifier: Apache-2.0
"""How payloads leave a blob store, and how parts of them are read."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from legato.adapters.blobs.obstore_blobs import make_blobs
from legato.adapters.system_clock import SystemClock
from legato.errors import NotFound
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.blobs import BlobStore
from tests.contract.build import LOCAL

OTHER = WorkspaceId("../other")
PAYLOAD = bytes(range(256)) * 5_000
MINUTE_MS = 60_000


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Return an empty blob store."""
    makers: dict[str, Callable[[], BlobStore]] = {
        "memory": lambda: make_blobs("memory:"),
        "folder": lambda: make_blobs(f"file://{tmp_path}/a b#c/blobs"),
    }
    return makers[request.param]()


def soon() -> int:
    """Return a time after everything that was done so far."""
    return SystemClock().now_ms() + MINUTE_MS


async def aged(blobs: BlobStore, workspace: WorkspaceId = LOCAL, before: int = 0) -> list[str]:
    """Return the hashes of all payloads in their place."""
    batches = blobs.aged(workspace, before or soon())
    return sorted([each async for batch in batches for each in batch])


async def away(blobs: BlobStore, before: int = 0) -> list[str]:
    """Return the hashes of all payloads that were put away."""
    return sorted([each async for batch in blobs.away(LOCAL, before or soon()) for each in batch])


async def part(blobs: BlobStore, ref: BlobRef, first: int, size: int) -> bytes:
    """Read a part."""
    return b"".join([piece async for piece in blobs.stream_part(LOCAL, ref, first, size)])


async def test_parts_of_a_payload_are_read_alone(blobs: BlobStore) -> None:
    """From any byte on, so many; what is gone is said [FI18]."""
    ref = await blobs.put(LOCAL, PAYLOAD)
    for first, size in ((0, 1), (0, len(PAYLOAD)), (1_279_999, 1), (700, 1_000_000)):
        assert await part(blobs, ref, first, size) == PAYLOAD[first : first + size]
    assert await part(blobs, ref, 5, 0) == b""
    with pytest.raises(NotFound):
        await part(blobs, BlobRef("0" * 64, 9), 0, 3)


async def test_workspaces_and_payloads_are_listed(blobs: BlobStore) -> None:
    """By workspace and age; drafts and what was put away are none of them [FI33]."""
    assert await blobs.workspaces() == []
    refs = [await blobs.put(LOCAL, os.urandom(9)) for _ in range(700)]
    other = await blobs.put(OTHER, b"other")
    assert await blobs.workspaces() == sorted([LOCAL, OTHER])
    assert await aged(blobs) == sorted(ref.hash for ref in refs)
    assert await aged(blobs, OTHER) == [other.hash]
    assert await aged(blobs, before=soon() - 3 * MINUTE_MS) == []


async def test_what_is_put_away_comes_back_when_it_is_asked_for(blobs: BlobStore) -> None:
    """Whole, as a stream, in part, or by name: as if nothing had been [FI33]."""
    ref = await blobs.put(LOCAL, PAYLOAD)
    readers: tuple[Callable[[], Awaitable[bytes]], ...] = (
        lambda: blobs.get(LOCAL, ref),
        lambda: part(blobs, ref, 0, len(PAYLOAD)),
        lambda: _streamed(blobs, ref),
    )
    for reader in readers:
        await blobs.put_away(LOCAL, [ref.hash, "0" * 64])
        assert (await aged(blobs), await away(blobs)) == ([], [ref.hash])
        assert await reader() == PAYLOAD
        assert (await aged(blobs), await away(blobs)) == ([ref.hash], [])
    await blobs.put_away(LOCAL, [ref.hash])
    await blobs.bring_back(LOCAL, [ref.hash, "0" * 64])
    assert await aged(blobs) == [ref.hash]


async def _streamed(blobs: BlobStore, ref: BlobRef) -> bytes:
    return b"".join([piece async for piece in blobs.stream(LOCAL, ref)])


async def test_only_what_is_put_away_is_dropped(blobs: BlobStore) -> None:
    """A payload that was stored anew stays, whatever becomes of the old one [FI33, FI35]."""
    ref = await blobs.put(LOCAL, PAYLOAD)
    await blobs.drop(LOCAL, [ref.hash])
    assert await blobs.get(LOCAL, ref) == PAYLOAD
    await blobs.put_away(LOCAL, [ref.hash])
    await blobs.put(LOCAL, PAYLOAD)
    await blobs.drop(LOCAL, [ref.hash, "0" * 64])
    assert (await aged(blobs), await away(blobs)) == ([ref.hash], [])
    await blobs.put_away(LOCAL, [ref.hash])
    await blobs.drop(LOCAL, [ref.hash])
    with pytest.raises(NotFound):
        await blobs.get(LOCAL, ref)


async def test_age_away_begins_when_it_is_put_away(tmp_path: Path) -> None:
    """However old the payload is: for a day whoever needs it finds it [FI34]."""
    blobs = make_blobs(f"file://{tmp_path}/blobs")
    ref = await blobs.put(LOCAL, PAYLOAD)
    os.utime(tmp_path / "blobs" / LOCAL / ref.hash[:2] / ref.hash, (1, 1))
    assert await aged(blobs, before=soon() - 3 * MINUTE_MS) == [ref.hash]
    await blobs.put_away(LOCAL, [ref.hash])
    assert await away(blobs, before=soon() - 3 * MINUTE_MS) == []
    assert await away(blobs) == [ref.hash]


async def test_what_broken_streams_left_is_deleted_by_age(tmp_path: Path) -> None:
    """Also what obstore never lists [FI12]."""
    blobs = make_blobs(f"file://{tmp_path}/blobs")
    incoming = tmp_path / "blobs" / LOCAL / "incoming"
    await blobs.delete_remains(LOCAL, soon())
    incoming.mkdir(parents=True)
    for name, age in (("old#1", 1), ("old", 1), ("young#1", None)):
        (incoming / name).write_bytes(b"half a payload")
        if age is not None:
            os.utime(incoming / name, (age, age))
    await blobs.delete_remains(LOCAL, soon() - 3 * MINUTE_MS)
    assert [each.name for each in incoming.iterdir()] == ["young#1"]
