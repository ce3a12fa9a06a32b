# SPDX-License-Identifier: Apache-2.0
"""The archive of a backup: written, read, torn, changed, forged."""

import hashlib
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.adapters.archive import (
    FORMAT,
    HEADER,
    MANIFEST,
    SEAL,
    ArchiveReader,
    ArchiveWriter,
    Digest,
    sealed_manifest,
)
from legato.app.backup import Header, Manifest, look_through
from legato.errors import InvalidInput, StoreDamaged

PAYLOAD = b"payload" * 1_000
BLOB = f"blobs/local/{hashlib.sha256(PAYLOAD).hexdigest()}"


def header(**changes: Any) -> Header:
    """Return the first member of an archive."""
    values: dict[str, Any] = {
        "format": FORMAT, "id": "a" * 32, "kind": "sqlite", "legato": "1", "revision": "0001",
        "created_at": 1,
    }  # fmt: skip
    return Header(**{**values, **changes})


def written(path: Path) -> Path:
    """Write a whole archive of two pieces and one payload."""
    archive = ArchiveWriter(path)
    members = {HEADER: archive.add(HEADER, msgspec.json.encode(header()))}
    for number in (1, 2):
        name = f"database/file/{number:08d}"
        members[name] = archive.add(name, bytes([number]) * 3_000)
    blobs = Digest()
    blobs.add(BLOB, len(PAYLOAD), archive.add(BLOB, PAYLOAD))
    manifest = Manifest(
        id="a" * 32, members=members, rows={"executions": 1}, blobs=1,
        blobs_bytes=len(PAYLOAD), blobs_hash=blobs.hex(), has_keys=False,
    )  # fmt: skip
    data, seal = sealed_manifest(msgspec.to_builtins(manifest))
    archive.add(MANIFEST, data)
    archive.add(SEAL, seal)
    archive.finish()
    archive.close()
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Any tar lists it, members stand in their order, and it is private [BK3]."""
    path = written(tmp_path / "a.tar")
    looked = look_through(path)
    assert (looked.header.kind, looked.manifest.blobs, looked.keys) == ("sqlite", 1, None)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert names == [
        HEADER, "database/file/00000001", "database/file/00000002", BLOB, MANIFEST, SEAL,
    ]  # fmt: skip


def test_wherever_it_is_torn_that_is_said(tmp_path: Path) -> None:
    """No prefix of an archive passes for one [BK4]."""
    whole = written(tmp_path / "a.tar").read_bytes()
    torn = tmp_path / "torn.tar"
    for size in [*range(0, len(whole), 701), len(whole) - 1]:
        torn.write_bytes(whole[:size])
        with pytest.raises(StoreDamaged, match=r"torn|damaged|no backup"):
            look_through(torn)


def test_whichever_bit_is_turned_that_is_said(tmp_path: Path) -> None:
    """In headers, contents, padding, manifest and end alike [BK4]."""
    whole = written(tmp_path / "a.tar").read_bytes()
    changed = tmp_path / "changed.tar"
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        changed.write_bytes(data)
        with pytest.raises((StoreDamaged, InvalidInput)):
            look_through(changed)


def test_the_member_that_is_damaged_is_named(tmp_path: Path) -> None:
    """So that somebody knows what is lost [BK4]."""
    path = written(tmp_path / "a.tar")
    whole = path.read_bytes()
    for inside, name in ((b"\x02" * 3_000, "database/file/00000002"), (PAYLOAD, BLOB)):
        data = bytearray(whole)
        data[whole.index(inside) + 5] ^= 1
        path.write_bytes(data)
        with pytest.raises(StoreDamaged) as error:
            look_through(path)
        assert name in str(error.value)


def forged(path: Path, change: Callable[[tarfile.TarInfo], None]) -> Path:
    """Write an archive whose second member is a stranger's."""
    first = msgspec.json.encode(header())
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(HEADER)
        info.size = len(first)
        archive.addfile(info, io.BytesIO(first))
        info = tarfile.TarInfo("database/file/00000001")
        change(info)
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../../etc/passwd", tarfile.REGTYPE, ""),
        ("/etc/passwd", tarfile.REGTYPE, ""),
        ("blobs/../../x/" + "a" * 64, tarfile.REGTYPE, ""),
        ("database/file/00000001", tarfile.SYMTYPE, "/etc/passwd"),
        ("database/file/00000001", tarfile.LNKTYPE, HEADER),
        ("database/file/00000001", tarfile.CHRTYPE, ""),
        ("database/file", tarfile.DIRTYPE, ""),
        ("blobs/" + "w" * 300 + "/" + "a" * 64, tarfile.REGTYPE, ""),
        ("keys.json/x", tarfile.REGTYPE, ""),
    ],
)
def test_a_strangers_member_is_refused(tmp_path: Path, name: str, kind: bytes, target: str) -> None:
    """Paths, links, devices and long names end the reading; nothing is unpacked by name [BK5]."""

    def change(info: tarfile.TarInfo) -> None:
        info.name, info.type, info.linkname = name, kind, target

    path = forged(tmp_path / "forged.tar", change)
    with pytest.raises(StoreDamaged):
        look_through(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["forged.tar"]


def test_a_size_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A claim beyond the end of the file is not believed, and nothing is reserved for it [BK5]."""
    path = written(tmp_path / "a.tar")
    data = bytearray(path.read_bytes())
    info = tarfile.TarInfo.frombuf(bytes(data[:512]), "ascii", "strict")
    info.size = 8 * 1024**3 - 1
    data[:512] = info.tobuf(tarfile.USTAR_FORMAT)
    path.write_bytes(data)
    with pytest.raises(StoreDamaged, match="torn"), ArchiveReader(path) as archive:
        list(archive.members())


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    """It is named, and what this program knows [BK5]."""
    path = tmp_path / "a.tar"
    archive = ArchiveWriter(path)
    archive.add(HEADER, msgspec.json.encode(header(format=FORMAT + 1)))
    archive.finish()
    archive.close()
    with pytest.raises(InvalidInput, match="format 2"):
        look_through(path)
