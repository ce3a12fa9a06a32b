# SPDX-License-Identifier: Apache-2.0
"""files.list, files.read and files.hash in a folder of their own."""

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from legato.nodes.files import hashing, listing, reading, walk
from legato.ports.grants import Grants
from tests.unit.nodes.world import World

LIST, READ, HASH = listing.list_files, reading.read, hashing.hash_files


def fill(root: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x" * number, encoding="utf-8")
        os.utime(file, ns=(0, number * 1_000_000_000 + 5_000_000))


def paths(output: Any) -> list[str]:
    return [each["path"] for each in output["entries"]]


async def test_a_folder_is_listed_with_what_is_known(world: World, root: Path) -> None:
    """Path, name, size, time with its offset, and kind [ND41]."""
    fill(root, "empty", "in/a.txt")
    output = await world.output(LIST, {"folder": "in"})
    assert output == {
        "entries": [
            {"path": "in/a.txt", "name": "a.txt", "size": 1, "kind": "file",
             "modified": "1970-01-01T00:00:01.005+00:00"},
        ],
        "count": 1, "bytes": 1, "skipped": 0,
    }  # fmt: skip
    assert LIST.info.effect_of({}) == READ.info.effect_of({}) == HASH.info.effect_of({}) == "pure"


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, ["a.txt", "b.csv"]),
        ({"recursive": True}, ["a.txt", "b.csv", "in/a.csv", "in/deep/z.csv"]),
        ({"recursive": True, "depth": 2}, ["a.txt", "b.csv", "in/a.csv"]),
        ({"recursive": True, "pattern": "*.csv"}, ["b.csv", "in/a.csv", "in/deep/z.csv"]),
        ({"recursive": True, "pattern": "in/*.csv"}, ["in/a.csv"]),
        ({"kind": "folder"}, ["in"]),
        ({"kind": "any", "recursive": True, "pattern": "in/**"},
         ["in/a.csv", "in/deep", "in/deep/z.csv"]),
        ({"folder": "in", "recursive": True, "pattern": "deep/*"}, ["in/deep/z.csv"]),
        ({"recursive": True, "sort": "size", "descending": True},
         ["in/deep/z.csv", "in/a.csv", "b.csv", "a.txt"]),
        ({"recursive": True, "sort": "name"}, ["in/a.csv", "a.txt", "b.csv", "in/deep/z.csv"]),
        ({"recursive": True, "sort": "modified"},
         ["a.txt", "b.csv", "in/a.csv", "in/deep/z.csv"]),
    ],
)  # fmt: skip
async def test_pattern_depth_kind_and_order(
    world: World, root: Path, config: Any, found: list[str]
) -> None:
    """What is listed, and in which order, is said in the config [ND41]."""
    fill(root, "a.txt", "b.csv", "in/a.csv", "in/deep/z.csv")
    assert paths(await world.output(LIST, config)) == found


async def test_more_entries_than_asked_for_are_a_failure(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is whole or not there at all, and neither is a walk without end [ND41]."""
    fill(root, "a", "b", "c")
    assert (await world.output(LIST, {"max_entries": 3}))["count"] == 3
    error = await world.error(LIST, {"max_entries": 2})
    assert (error.kind, error.may_have_happened, error.retryable) == ("too_large", False, False)
    monkeypatch.setattr(walk, "LOOKED_AT_MAX", 2)
    assert (await world.error(LIST, {})).kind == "too_large"
    monkeypatch.setattr(walk, "ENTRIES_MAX", 2)
    assert (await world.error(HASH, {})).kind == "too_large"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"depth": 33}, "with.depth"), ({"max_entries": 10_001}, "with.max_entries"),
        ({"pattern": ""}, "1 to 1000"), ({"sort": "owner"}, "with.sort"),
        ({"folder": 1}, "a valid string"),
        ({"glob": "*"}, "not a field"),
    ],
)  # fmt: skip
async def test_a_wrong_config_is_named_before_anything_runs(
    world: World, root: Path, config: Any, says: str
) -> None:
    """Field, expected, got [ND41, ND1]."""
    error = await world.error(LIST, config)
    assert error.kind == "invalid_config"
    assert says in error.message


@pytest.mark.parametrize("node_type", [LIST, HASH])
async def test_folders_that_are_not_there_or_not_granted(
    world: World, root: Path, node_type: Any
) -> None:
    """A missing folder, one that is a file, and one outside are different failures [ND40]."""
    fill(root, "file")
    assert (await world.error(node_type, {"folder": "no"})).kind == "not_found"
    for folder in ("file", "", "..", "a/..", "/etc", ".hidden", "./"):
        assert (await world.error(node_type, {"folder": folder})).kind == "path_refused"
    world.grants = Grants()
    error = await world.error(node_type, {})
    assert error.kind == "not_granted"
    assert "[grants.files] roots = [" in error.message


async def test_text_is_read_in_its_charset(world: World, root: Path) -> None:
    """UTF-8 unless another charset is named; size, time and hash beside it [ND43]."""
    (root / "a").write_bytes("häh\r\n".encode())
    os.utime(root / "a", (0, 0))
    output = await world.output(READ, {"path": "a"})
    assert output == {
        "path": "a", "size": 6, "modified": "1970-01-01T00:00:00.000+00:00",
        "sha256": hashlib.sha256("häh\r\n".encode()).hexdigest(),
        "text": "häh\r\n", "base64": None, "json": None, "blob": None,
    }  # fmt: skip
    for charset in ("iso-8859-1", "utf-16", "windows-1252", "utf-8-sig"):
        (root / "b").write_bytes("häh".encode(charset))
        assert (await world.output(READ, {"path": "b", "charset": charset}))["text"] == "häh"


@pytest.mark.parametrize(
    ("data", "config", "says"),
    [
        (b"abc\xff", {}, "byte 3 (0xff) is no utf-8"),
        (b"\xc3", {}, "byte 0 (0xc3)"),
        (b"a\0b", {}, "character 1 is NUL"),
        (b"\xe4", {"charset": "ascii"}, "byte 0 (0xe4) is no ascii"),
        (b"abc", {"charset": "utf-16-le"}, "byte 2"),
        (b'{"a": NaN}', {"into": "json"}, "not valid JSON"),
        (b'{"a": 1, "a": 2}', {"into": "json"}, "twice"),
        (b"[" * 100 + b"]" * 100, {"into": "json"}, "nested deeper"),
        (b"12345678901234567890", {"into": "json"}, "64 bits"),
        (b"", {"into": "json"}, "not valid JSON"),
        (b'"\\ud800"', {"into": "json"}, ""),
    ],
)
async def test_content_that_does_not_fit_is_named_with_its_place(
    world: World, root: Path, data: bytes, config: Any, says: str
) -> None:
    """No byte is replaced silently [ND43]."""
    (root / "a").write_bytes(data)
    error = await world.error(READ, {"path": "a", **config})
    assert (error.kind, error.may_have_happened, error.retryable) == (
        "invalid_content", False, False,
    )  # fmt: skip
    assert says in error.message


async def test_codecs_that_are_no_charsets_are_refused(world: World, root: Path) -> None:
    """Python would also unpack, unpickle and punycode [ND43]."""
    (root / "a").write_bytes(b"x")
    for charset in ("zlib_codec", "idna", "punycode", "unicode_escape", "undefined"):
        error = await world.error(READ, {"path": "a", "charset": charset})
        assert error.kind == "invalid_config"


async def test_bytes_json_and_blobs_are_read_too(world: World, root: Path) -> None:
    """Base64 takes any bytes, JSON comes parsed, a blob goes to the store [ND43]."""
    data = bytes(range(256))
    (root / "a.bin").write_bytes(data)
    output = await world.output(READ, {"path": "a.bin", "into": "base64"})
    assert base64.b64decode(output["base64"]) == data
    (root / "a.json").write_text('{"a": [1, null]}', encoding="utf-8")
    assert (await world.output(READ, {"path": "a.json", "into": "json"}))["json"] == {
        "a": [1, None]
    }
    large = data * 20_000
    (root / "a.bin").write_bytes(large)
    output = await world.output(READ, {"path": "a.bin", "into": "blob", "type": "image/x"})
    digest = hashlib.sha256(large).hexdigest()
    assert output["blob"] == {
        "hash": digest, "size": len(large), "type": "image/x", "name": "a.bin",
    }  # fmt: skip
    assert output["sha256"] == digest
    assert world.blobs.payloads[digest] == large


async def test_a_file_that_is_too_large_is_not_read(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that says so, nor one that grows while it is read [ND43]."""
    (root / "a").write_bytes(b"x" * 11)
    for into in ("text", "base64", "json", "blob"):
        error = await world.error(READ, {"path": "a", "into": into, "max_bytes": 10})
        assert (error.kind, error.retryable) == ("too_large", False)
        assert "11 bytes" in error.message
    monkeypatch.setattr(reading, "INLINE_BYTES_MAX", 10)
    assert (await world.error(READ, {"path": "a", "max_bytes": 100})).kind == "too_large"
    real = os.fstat

    def young(file: int) -> os.stat_result:
        found = list(real(file))
        found[6] = 0
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", young)
    for into in ("text", "blob"):
        config = {"path": "a", "into": into, "max_bytes": 10}
        assert (await world.error(READ, config)).kind == "too_large"


async def test_a_file_that_is_not_there_cannot_be_read(world: World, root: Path) -> None:
    """The failure says so, and that a retry is of no use [ND40]."""
    for path in ("no", "no/no"):
        for node_type, config in ((READ, {"path": path}), (HASH, {"paths": [path]})):
            error = await world.error(node_type, config)
            assert (error.kind, error.retryable) == ("not_found", False)


async def test_files_are_hashed_by_name_and_by_pattern(world: World, root: Path) -> None:
    """In the order asked for, or by path; every algorithm at once [ND44]."""
    fill(root, "in/b", "in/a", "c")
    output = await world.output(HASH, {"paths": ["in/b", "c"], "algorithms": ["sha512", "blake2b"]})
    assert output == {
        "files": [
            {"path": path, "size": len(data), "hashes": {
                "sha512": hashlib.sha512(data).hexdigest(),
                "blake2b": hashlib.blake2b(data).hexdigest(),
            }} for path, data in (("in/b", b""), ("c", b"xx"))
        ],
        "skipped": 0,
    }  # fmt: skip
    (root / "in" / "link").symlink_to("a")
    output = await world.output(HASH, {"folder": "in", "pattern": "*"})
    assert [each["path"] for each in output["files"]] == ["in/a", "in/b"]
    assert output["files"][0]["hashes"] == {"sha256": hashlib.sha256(b"x").hexdigest()}
    assert output["skipped"] == 1


@pytest.mark.parametrize(
    "config",
    [
        {"algorithms": ["crc32"]}, {"algorithms": []}, {"paths": ["a"], "folder": "b"},
        {"paths": ["a"], "pattern": "*"}, {"paths": "a"},
    ],
)  # fmt: skip
async def test_only_known_algorithms_and_one_way_to_choose(
    world: World, root: Path, config: Any
) -> None:
    """Files are named or covered by a pattern, not both [ND44]."""
    assert (await world.error(HASH, config)).kind == "invalid_config"
