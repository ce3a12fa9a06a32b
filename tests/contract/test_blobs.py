# SPDX-License-Identifier: Apache-2.0
"""The blobs port: in memory, in a folder, through the stores."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from legato.adapters.blobs.obstore_blobs import make_blobs
from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import InvalidInput, LimitExceeded, NotFound, StoreUnavailable
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.blobs import Blobs
from tests.contract.build import LOCAL

PAYLOAD = b"payload " * 20_000


@pytest.fixture(params=["fake", "memory", "folder"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Return an empty blob store."""
    makers: dict[str, Callable[[], Blobs]] = {
        "fake": lambda: make_memory_stores(MemoryDatabase(), SystemClock(), process="a").blobs,
        "memory": lambda: make_blobs("memory:"),
        "folder": lambda: make_blobs(f"file://{tmp_path}/a b#c/blobs"),
    }
    return makers[request.param]()


async def test_a_payload_comes_back_by_its_hash(blobs: Blobs) -> None:
    """A reference is hash and size of the bytes [LG15, LG16]."""
    for payload in (b"", PAYLOAD, os.urandom(700_000)):
        ref = await blobs.put(LOCAL, payload)
        assert ref == BlobRef(hashlib.sha256(payload).hexdigest(), len(payload))
        assert await blobs.get(LOCAL, ref) == payload


async def test_the_same_bytes_are_one_blob(blobs: Blobs) -> None:
    """Putting a payload again, also at the same time, is harmless [LG16]."""
    refs = await asyncio.gather(*(blobs.put(LOCAL, PAYLOAD) for _ in range(8)))
    assert len(set(refs)) == 1
    assert await blobs.get(LOCAL, refs[0]) == PAYLOAD


async def test_workspaces_do_not_share_blobs(blobs: Blobs) -> None:
    """Who knows a hash of another workspace gets nothing by it [LG26, LG16]."""
    ref = await blobs.put(LOCAL, PAYLOAD)
    for strange in ("other", "../local", "other/../local", "%2e%2e"):
        with pytest.raises(NotFound):
            await blobs.get(WorkspaceId(strange), ref)


async def test_what_is_gone_is_not_found(blobs: Blobs) -> None:
    """A missing blob is named [LG16]."""
    with pytest.raises(NotFound, match="0000"):
        await blobs.get(LOCAL, BlobRef("0" * 64, 3))


@pytest.mark.parametrize("damage", [b"Payload", b"", PAYLOAD + b"!"])
async def test_a_damaged_file_is_never_returned(tmp_path: Path, damage: bytes) -> None:
    """The hash is checked on reading; writing it again repairs it [LG15, LG28]."""
    blobs = make_blobs(f"file://{tmp_path}/blobs")
    ref = await blobs.put(LOCAL, PAYLOAD)
    (file,) = [each for each in (tmp_path / "blobs").rglob("*") if each.is_file()]
    file.write_bytes(damage)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await blobs.get(LOCAL, ref)
    await blobs.put(LOCAL, PAYLOAD)
    assert await blobs.get(LOCAL, ref) == PAYLOAD


async def test_a_payload_is_synced_before_it_is_referred_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, its folder and every new folder above are made durable [LG15, EN1]."""
    synced: set[str] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    ref = await make_blobs(f"file://{tmp_path}/blobs").put(LOCAL, PAYLOAD)
    folder = tmp_path / "blobs"
    file = folder / "local" / ref.hash[:2] / ref.hash
    assert {str(file), *(str(each) for each in (file.parent, folder / "local", folder))} <= synced


async def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    """Payloads may hold anything: only the owner gets to them [LG15]."""
    await make_blobs(f"file://{tmp_path}/blobs").put(LOCAL, PAYLOAD)
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error says which place, and nothing is promised [LG27]."""
    (tmp_path / "file").write_text("in the way")
    blobs = make_blobs(f"file://{tmp_path}/file/blobs")
    with pytest.raises(StoreUnavailable, match="file/blobs"):
        await blobs.put(LOCAL, PAYLOAD)


@pytest.mark.parametrize("url", ["", "folder", "http://x/y", "file://host/x", "s3:///x", "ftp://a"])
def test_an_unknown_place_is_refused(url: str) -> None:
    """A wrong URL is told before anything is stored [CL11]."""
    with pytest.raises(InvalidInput):
        make_blobs(url)


def _files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_stream_is_the_same_blob_as_its_bytes(blobs: Blobs) -> None:
    """Piece by piece or whole, hash and content agree, also if it is there already [LG31, LG16]."""
    pieces = [os.urandom(300_000) for _ in range(8)]
    whole = b"".join(pieces)
    ref = await blobs.put_stream(LOCAL, _pieces(*pieces), size_max=len(whole))
    assert ref == BlobRef(hashlib.sha256(whole).hexdigest(), len(whole))
    assert await blobs.put(LOCAL, whole) == ref
    assert await blobs.put_stream(LOCAL, _pieces(whole), size_max=len(whole)) == ref
    assert b"".join([piece async for piece in blobs.stream(LOCAL, ref)]) == whole
    empty = await blobs.put_stream(LOCAL, _pieces(), size_max=0)
    assert await blobs.get(LOCAL, empty) == b""


async def test_a_stream_that_is_too_long_or_breaks_off_leaves_nothing(
    blobs: Blobs, tmp_path: Path
) -> None:
    """The bound is kept while it is read; a draft does not stay [LG31, DO24]."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"a beginning"
        raise ConnectionError("the source is gone")

    with pytest.raises(LimitExceeded, match="999 bytes"):
        await blobs.put_stream(LOCAL, _pieces(bytes(500), bytes(500)), size_max=999)
    with pytest.raises(ConnectionError):
        await blobs.put_stream(LOCAL, broken(), size_max=999)
    assert _files(tmp_path) == []


async def test_a_damaged_or_missing_stream_ends_in_an_error(tmp_path: Path) -> None:
    """What came before the error is void, and the error names the blob [LG28, LG31]."""
    blobs = make_blobs(f"file://{tmp_path}/blobs")
    ref = await blobs.put(LOCAL, PAYLOAD)
    (file,) = _files(tmp_path)
    file.write_bytes(PAYLOAD[:-1] + b"x")
    with pytest.raises(StoreUnavailable, match="damaged"):
        async for _ in blobs.stream(LOCAL, ref):
            pass
    with pytest.raises(NotFound, match="0000"):
        async for _ in blobs.stream(LOCAL, BlobRef("0" * 64, 1)):
            pass


async def test_drafts_of_dead_processes_are_deleted_after_a_day(tmp_path: Path) -> None:
    """A crash in the middle of a stream does not fill the disk for ever [LG31, EN19]."""
    blobs = make_blobs(f"file://{tmp_path}/blobs")
    incoming = tmp_path / "blobs" / LOCAL / "incoming"
    incoming.mkdir(parents=True)
    old, young = incoming / "old", incoming / "young"
    for each in (old, young):
        each.write_bytes(b"half a payload")
    os.utime(old, (0, 0))
    await blobs.put_stream(LOCAL, _pieces(b"new"), size_max=9)
    assert [each.name for each in incoming.iterdir()] == ["young"]
