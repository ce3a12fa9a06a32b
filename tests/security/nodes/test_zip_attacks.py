# SPDX-License-Identifier: Apache-2.0
"""Archives that want out of their folder, want all of the disk, or are two archives at once."""

import io
import os
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from legato.nodes.files import unzipping
from legato.ports.grants import Grants
from tests.unit.nodes.world import World

pytestmark = pytest.mark.linux

UNZIP = unzipping.unzip
MIB = 1024 * 1024


@pytest.fixture
def root(world: World) -> Path:
    """The granted folder; beside it stands what must not be touched."""
    folder = world.folder / "granted"
    folder.mkdir()
    (world.folder / "outside").mkdir()
    world.grants = Grants(roots=(folder,))
    return folder


def packed(*names: str | zipfile.ZipInfo, data: bytes = b"evil") -> bytes:
    file = io.BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),  # of names that are in it twice
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in names:
            info = zipfile.ZipInfo("x") if isinstance(name, str) else name
            if isinstance(name, str):
                info.filename = name  # else zipfile would clean it
                info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return file.getvalue()


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


async def refused(world: World, root: Path, data: bytes, **config: Any) -> Any:
    """Try to unpack; nothing may be there afterwards but the archive."""
    (root / "evil.zip").write_bytes(data)
    error = await world.error(UNZIP, {"path": "evil.zip", "to": "data", **config})
    assert os.listdir(root) == ["evil.zip"]
    assert os.listdir(world.folder / "outside") == []
    assert (error.may_have_happened, error.retryable) == (False, False)
    return error


@pytest.mark.parametrize(
    "name",
    [
        "../outside/a", "x/../../outside/a", "/etc/a", "//a", "x//a", "./a", "x/./a", "..", "x/..",
        "..\\outside\\a", "x\\a", "C:a", "c:/a", ".ssh/authorized_keys", "x/.git/config", ".",
        "a\nb", "a\x1b[31m", "\u202egpj.exe", "\u200c.git/config", "\u2028", "x" * 256,
        "/".join("d" * 33), "y/" * 2_500 + "z",
    ],
)  # fmt: skip
async def test_a_name_that_could_lead_elsewhere_refuses_the_archive(
    world: World, root: Path, name: str
) -> None:
    """Not even the harmless entries before it are unpacked, and no name is made to fit [ND48]."""
    error = await refused(world, root, packed("harmless", name))
    assert error.kind == "bad_archive"


async def test_a_name_with_nul_is_refused(world: World, root: Path) -> None:
    """Some programs stop reading at NUL [ND48]."""
    data = packed("aXb").replace(b"aXb", b"a\0b")
    assert (await refused(world, root, data)).kind == "bad_archive"


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a"), ("a", "A"), ("ß", "SS"), ("\u00e9", "e\u0301"), ("x/a", "X/a"), ("x", "x/a"),
        ("x/a", "x"), ("x/", "x"), ("x/", "x/"), ("r/HEAD", "r/objects/a", "r/refs/a"),
        ("HEAD", "objects/", "refs/"),
    ],
)  # fmt: skip
async def test_names_that_meet_are_refused(
    world: World, root: Path, names: tuple[str, ...]
) -> None:
    """Twice the same name, also where only some disks think so; a repository [ND48]."""
    infos = [with_mode(name, stat.S_IFDIR) if name.endswith("/") else name for name in names]
    data = packed(*infos, data=b"") if any(name.endswith("/") for name in names) else packed(*infos)
    assert (await refused(world, root, data)).kind == "bad_archive"


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]
)
async def test_what_is_no_plain_file_is_refused(world: World, root: Path, kind: int) -> None:
    """A link, then a file through it, is the oldest way out [ND48]."""
    data = packed(with_mode("link", kind | 0o777), "link/a", data=b"../outside")
    assert (await refused(world, root, data)).kind == "bad_archive"
    data = packed(with_mode("only", kind | 0o777), data=b"/etc/passwd")
    assert (await refused(world, root, data)).kind == "bad_archive"


async def test_set_uid_and_executable_bits_are_not_unpacked(world: World, root: Path) -> None:
    """A file is data [ND48]."""
    (root / "a.zip").write_bytes(packed(with_mode("a", stat.S_IFREG | 0o6777)))
    await world.output(UNZIP, {"path": "a.zip", "to": "data"})
    assert (root / "data/a").stat().st_mode & 0o7133 == 0


async def test_a_bomb_is_refused_by_its_list(world: World, root: Path) -> None:
    """Ratio of one entry and of all, bytes and number, before anything is written [ND48]."""
    bomb = packed("bomb", data=bytes(50 * MIB))
    error = await refused(world, root, bomb)
    assert error.kind == "too_large"
    assert "200 times" in error.message
    error = await refused(world, root, bomb, max_ratio=1_100, max_bytes=10 * MIB)
    assert error.kind == "too_large"
    many = packed(*(f"f{number}" for number in range(60)), data=bytes(MIB))
    assert "all of it" in (await refused(world, root, many)).message
    empty = packed(*(f"f{number}" for number in range(10_001)), data=b"")
    assert (await refused(world, root, empty)).kind == "too_large"
    assert (await refused(world, root, packed("a", "b"), max_entries=1)).kind == "too_large"


def patched(data: bytes, *, central: Callable[[bytearray], None], entry: int = 0) -> bytes:
    """Change one header of the list."""
    changed = bytearray(data)
    at = changed.find(b"PK\1\2")
    for _ in range(entry):
        at = changed.find(b"PK\1\2", at + 1)
    header = changed[at : at + 46]
    central(header)
    changed[at : at + 46] = header
    return bytes(changed)


def setting(offset: int, form: str, value: int) -> Callable[[bytearray], None]:
    return lambda header: struct.pack_into(form, header, offset, value)


@pytest.mark.parametrize("size", [0, 3, 10, 900_000, MIB + 1])
async def test_a_size_that_lies_is_found_while_unpacking(
    world: World, root: Path, size: int
) -> None:
    """More bytes than it says are never written, fewer are no file [ND48]."""
    data = packed("bomb", data=bytes(MIB))
    lying = patched(data, central=setting(24, "<L", size))
    assert (await refused(world, root, lying, max_ratio=1_100)).kind == "bad_archive"


async def test_a_bomb_that_lies_is_stopped_at_once(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says 10 bytes and holds 64 MiB, none of which reaches the disk [ND48]."""
    written = 0

    def count(file: int, data: bytes) -> None:
        nonlocal written
        written += len(data)

    monkeypatch.setattr(unzipping, "write_all", count)
    data = patched(packed("bomb", data=bytes(64 * MIB)), central=setting(24, "<L", 10))
    assert "more than the 10 bytes" in (await refused(world, root, data)).message
    assert written == 0


@pytest.mark.parametrize(
    "change",
    [
        setting(16, "<L", 0), setting(20, "<L", 3), setting(20, "<L", 5_000_000),
        setting(8, "<H", 1), setting(8, "<H", 0x2000), setting(10, "<H", 12),
        setting(10, "<H", 14), setting(10, "<H", 9), setting(10, "<H", 0), setting(42, "<L", 1),
        setting(42, "<L", 2**31), setting(34, "<H", 1), setting(24, "<L", 2**32 - 1),
        setting(28, "<H", 60_000), setting(32, "<H", 60_000), setting(0, "<L", 0),
    ],
)  # fmt: skip
async def test_a_damaged_or_encrypted_list_is_refused(
    world: World, root: Path, change: Callable[[bytearray], None]
) -> None:
    """Checksum, packed size, encryption, unknown methods, offsets, parts, lengths [ND48]."""
    data = patched(packed("aaaa", "bbbb", data=b"some text"), central=change)
    assert (await refused(world, root, data)).kind in {"bad_archive", "too_large"}


async def test_entries_that_share_their_bytes_are_refused(world: World, root: Path) -> None:
    """One kernel, many names: 42 KB that unpack to petabytes [ND48]."""
    data = packed("aaaa", "bbbb", data=os.urandom(MIB))
    shared = patched(data, central=setting(42, "<L", 0), entry=1)
    error = await refused(world, root, shared)
    assert "shares its bytes" in error.message


async def test_an_entry_that_reaches_into_the_next_one_is_refused(world: World, root: Path) -> None:
    """The header before the data can push the data on [ND48]."""
    data = bytearray(packed("aaaa", "bbbb", data=b"some text"))
    struct.pack_into("<H", data, 28, 40)  # its extra field
    assert "shares its bytes" in (await refused(world, root, bytes(data))).message


async def test_two_names_for_one_entry_are_refused(world: World, root: Path) -> None:
    """The list says one name, the header before the data another [ND48]."""
    data = packed("aaaa").replace(b"aaaa", b"../b", 1)
    assert "another name" in (await refused(world, root, data)).message
    data = packed("aaaa")
    assert (await refused(world, root, data[:8] + b"\0\0" + data[10:])).kind == "bad_archive"


async def test_an_archive_is_nothing_but_an_archive(world: World, root: Path) -> None:
    """No data before, behind or between; one end; no parts; not cut off; not zip64 [ND48]."""
    whole = packed("aaaa", data=b"some text")
    end = whole.rfind(b"PK\5\6")
    two = whole[:end] + packed("bbbb")[-22:]
    comment = whole[:-2] + struct.pack("<H", 22) + whole[end:]
    part = whole[: end + 4] + b"\1\0" + whole[end + 6 :]
    large = whole[: end + 8] + b"\xff\xff\xff\xff" + whole[end + 12 :]
    long = whole[: end + 10] + b"\2\0" + whole[end + 12 :]
    for data in (
        b"#!/bin/sh\n" + whole, whole + b"more", whole[:-1], whole[:end], b"", b"PK\5\6", two,
        comment, part, large, long, b"x" * 100_000,
    ):  # fmt: skip
        error = await refused(world, root, data)
        assert error.kind in {"bad_archive", "too_large"}, data[:10]


async def test_what_is_behind_the_end_of_a_stream_is_refused(world: World, root: Path) -> None:
    """A deflated stream may end early and hide something after it [ND48]."""
    text = b"some text" * 100
    data = packed("aaaa", data=text)
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = squeezer.compress(text) + squeezer.flush()
    name_at = data.find(b"aaaa")
    longer = bytearray(data[: name_at + 4] + stream + b"hidden" + data[data.find(b"PK\1\2") :])
    list_at = longer.find(b"PK\1\2")
    struct.pack_into("<L", longer, list_at + 20, len(stream) + 6)
    struct.pack_into("<L", longer, longer.rfind(b"PK\5\6") + 16, list_at)
    assert (await refused(world, root, bytes(longer))).kind == "bad_archive"


async def test_random_damage_never_writes_or_crashes(world: World, root: Path) -> None:
    """Whatever bit is wrong, it is a typed failure or the very content [ND48]."""
    import random

    chance = random.Random(7)
    whole = packed("x/aaaa", "bbbb", data=b"some text that is long enough to be packed, packed")
    for number in range(200):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (root / "evil.zip").write_bytes(data)
        report = await world.run(UNZIP, {"path": "evil.zip", "to": f"d{number}"}, node=f"n{number}")
        error = getattr(report, "error", None)
        assert error is None or error.kind in {"bad_archive", "too_large"}, error
        assert (root / f"d{number}").exists() is (error is None)
    assert not any(name.startswith(".") for name in os.listdir(root))


async def test_the_archive_itself_has_to_be_a_granted_file(world: World, root: Path) -> None:
    """No link, no FIFO, nothing outside; and so its folder [ND48, ND40]."""
    (world.folder / "outside" / "a.zip").write_bytes(packed("a"))
    (root / "link.zip").symlink_to(world.folder / "outside" / "a.zip")
    (root / "way").symlink_to(world.folder / "outside")
    os.link(world.folder / "outside" / "a.zip", root / "hard.zip")
    os.mkfifo(root / "fifo.zip")
    for path in ("link.zip", "hard.zip", "fifo.zip", "way/a.zip", "../outside/a.zip"):
        error = await world.error(UNZIP, {"path": path, "to": "data"})
        assert error.kind == "path_refused"
    (root / "a.zip").write_bytes(packed("a"))
    for number, to in enumerate(("way/data", "../data", ".data", "a\0b", "/tmp/data")):
        error = await world.error(UNZIP, {"path": "a.zip", "to": to}, node=f"n{number}")
        assert error.kind == "path_refused"
    (root / "dangling").symlink_to(world.folder / "outside" / "new")
    error = await world.error(UNZIP, {"path": "a.zip", "to": "dangling"}, node="dangling")
    assert error.kind == "exists"
    assert os.listdir(world.folder / "outside") == ["a.zip"]
