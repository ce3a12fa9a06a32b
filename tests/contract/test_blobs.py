# SPDX-License-Identifier: Apache-2.0
"""The blobs port: in memory, in a folder, through the stores."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from legato.adapters.blobs.obstore_blobs import make_blobs
from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import InvalidInput, NotFound, StoreUnavailable
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
