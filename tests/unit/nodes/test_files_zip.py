# SPDX-License-Identifier: Apache-2.0
"""files.zip and files.unzip in a folder of their own."""

import errno
import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from legato.nodes.files import unzipping, zipping
from tests.unit.nodes.world import World

ZIP, UNZIP = zipping.zip_files, unzipping.unzip


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def tree(folder: Path) -> dict[str, str]:
    return {
        str(each.relative_to(folder)): each.read_text(encoding="utf-8", errors="replace")
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


async def test_files_are_packed_in_order_without_times(world: World, root: Path) -> None:
    """Paths are those below the folder; nothing else of the files is kept [ND47]."""
    put(root, in__b="two", in__a="one", in__x__c="three", d="no")
    (root / "in" / "link").symlink_to("a")
    output = await world.output(ZIP, {"folder": "in", "recursive": True, "to": "out.zip"})
    data = (root / "out.zip").read_bytes()
    assert output == {
        "path": "out.zip", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        "files": 3, "unpacked_bytes": 11, "skipped": 1,
    }  # fmt: skip
    with zipfile.ZipFile(root / "out.zip") as archive:
        assert archive.testzip() is None
        assert [(each.filename, each.date_time[0]) for each in archive.infolist()] == [
            ("a", 1980), ("b", 1980), ("x/c", 1980),
        ]  # fmt: skip
        assert {each.external_attr >> 16 for each in archive.infolist()} == {0o100644}


async def test_the_same_files_make_the_same_archive(world: World, root: Path) -> None:
    """Whatever their times and rights, and with the archive of an earlier attempt there [ND47]."""
    put(root, a="one", b="two")
    first = await world.output(ZIP, {"to": "out.zip"})
    os.utime(root / "a", (0, 0))
    (root / "b").chmod(0o700)
    assert await world.output(ZIP, {"to": "out.zip"}, attempt=2) == first
    named = await world.output(ZIP, {"paths": ["b", "a", "b"], "to": "named.zip"})
    assert named["sha256"] == first["sha256"]
    put(root, a="other")
    config = {"paths": ["a", "b"], "to": "out.zip"}
    error = await world.error(ZIP, config)
    assert (error.kind, error.may_have_happened, error.retryable) == ("exists", False, False)
    config["on_conflict"] = "overwrite"
    assert (await world.output(ZIP, config))["sha256"] != first["sha256"]
    assert ZIP.info.effect_of({}) == UNZIP.info.effect_of({}) == "idempotent"


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"max_bytes": 5}, "too_large"), ({"paths": ["no"]}, "not_found"),
        ({"paths": ["../x"]}, "path_refused"), ({"to": "../x.zip"}, "path_refused"),
        ({"to": "no/x.zip"}, "not_found"), ({"folder": "no"}, "not_found"),
        ({"to_root": "/etc"}, "not_granted"), ({"paths": ["a"], "pattern": "*"}, "invalid_config"),
        ({"paths": ["a", "x.zip"], "on_conflict": "overwrite"}, "path_refused"),
    ],
)  # fmt: skip
async def test_nothing_is_left_of_an_archive_that_fails(
    world: World, root: Path, config: Any, kind: str
) -> None:
    """Neither half of it nor its draft [ND47, ND40]."""
    put(root, a="one", b="two", **{"x.zip": "old"})
    config = {"to": "x.zip", "on_conflict": "overwrite", **config}
    assert (await world.error(ZIP, config)).kind == kind
    assert sorted(os.listdir(root)) == ["a", "b", "x.zip"]
    assert (root / "x.zip").read_text(encoding="utf-8") == "old"


async def test_too_many_files_are_not_packed(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is bounded [ND47]."""
    put(root, a="1", b="2", c="3")
    monkeypatch.setattr(zipping, "ENTRIES_MAX", 2)
    assert (await world.error(ZIP, {"to": "x.zip"})).kind == "too_large"


async def test_what_was_packed_is_unpacked(world: World, root: Path) -> None:
    """Files and folders, none of them executable; the list is in order [ND48]."""
    put(root, in__b="two", in__a="one" * 5_000_000, in__x__ü="three")
    await world.output(ZIP, {"folder": "in", "recursive": True, "to": "out.zip"})
    config = {"path": "out.zip", "to": "new/data", "make_parents": True, "max_ratio": 1_100}
    output = await world.output(UNZIP, config)
    assert output == {
        "folder": "new/data", "bytes": 15_000_008,
        "files": ["new/data/a", "new/data/b", "new/data/x/ü"],
    }  # fmt: skip
    assert tree(root / "new/data") == tree(root / "in")
    assert all(each.stat().st_mode & 0o111 == 0 for each in (root / "new/data").glob("*[ab]"))
    assert await world.output(UNZIP, config, attempt=2) == output


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_archives_of_other_programs_are_unpacked(
    world: World, root: Path, method: int
) -> None:
    """Stored and deflated, with folders of their own, comments and data descriptors [ND48]."""
    with (root / "pipe.zip").open("wb") as file:

        class Pipe:
            """Cannot seek, so that sizes come after the data."""

            def write(self, data: bytes) -> int:
                return file.write(data)

            def flush(self) -> None:
                file.flush()

        with zipfile.ZipFile(Pipe(), "w", method) as archive:  # type: ignore[call-overload]
            archive.mkdir("empty")
            archive.mkdir("x")
            archive.writestr("x/a", "one" * 1_000)
            archive.writestr("none", "")
            archive.comment = b"a remark"
    output = await world.output(UNZIP, {"path": "pipe.zip", "to": "data"})
    assert output["files"] == ["data/none", "data/x/a"]
    assert (root / "data/empty").is_dir()
    assert (root / "data/x/a").read_text(encoding="utf-8") == "one" * 1_000
    assert await world.output(UNZIP, {"path": "pipe.zip", "to": "data"}, attempt=2) == output


async def test_an_archive_within_stays_an_archive(world: World, root: Path) -> None:
    """Nothing is unpacked that nobody asked for [ND48]."""
    put(root, a="one")
    await world.output(ZIP, {"paths": ["a"], "to": "inner.zip"})
    await world.output(ZIP, {"paths": ["inner.zip"], "to": "outer.zip"})
    output = await world.output(UNZIP, {"path": "outer.zip", "to": "data"})
    assert output["files"] == ["data/inner.zip"]


@pytest.mark.parametrize("change", ["other", "more", "less", "file", "link", "folder"])
async def test_a_folder_that_exists_is_only_accepted_if_it_is_the_result(
    world: World, root: Path, change: str
) -> None:
    """Byte for byte; else nothing in it is touched [ND48]."""
    put(root, in__a="one", in__x__b="two")
    await world.output(ZIP, {"folder": "in", "recursive": True, "to": "out.zip"})
    config = {"path": "out.zip", "to": "data"}
    await world.output(UNZIP, config)
    data = root / "data"
    if change == "other":
        put(data, a="eno")
    elif change == "more":
        put(data, c="")
    elif change == "less":
        (data / "a").unlink()
    elif change == "link":
        (data / "link").symlink_to("a")
    elif change == "folder":
        (data / "y").mkdir()
    else:
        put(root, plain="x")
        config["to"] = "plain"
    before = tree(root)
    error = await world.error(UNZIP, config, attempt=2)
    assert (error.kind, error.may_have_happened, error.retryable) == ("exists", False, False)
    assert tree(root) == before


async def test_a_full_disk_leaves_no_folder(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All or nothing [ND48, LG27]."""
    put(root, a="one", b="two")
    await world.output(ZIP, {"paths": ["a", "b"], "to": "out.zip"})
    real, calls = os.fsync, 0

    def fail(file: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file)

    monkeypatch.setattr(os, "fsync", fail)
    error = await world.error(UNZIP, {"path": "out.zip", "to": "data"})
    assert error.kind == "disk_full"
    assert sorted(os.listdir(root)) == ["a", "b", "out.zip"]
