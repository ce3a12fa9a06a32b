# SPDX-License-Identifier: Apache-2.0
"""files.move, files.copy and files.delete in folders of their own."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from legato.nodes.files import deleting, moving, relocation
from legato.nodes.files.disk import Spot
from legato.ports.grants import Grants
from legato.ports.node import NodeFailure
from tests.unit.nodes.world import World

MOVE, COPY, DELETE = moving.move, moving.copy_file, deleting.delete


@pytest.fixture
def root(world: World) -> Path:
    """The first of two granted folders."""
    folder = world.folder / "granted"
    folder.mkdir()
    (world.folder / "other").mkdir()
    world.grants = Grants(roots=(folder, world.folder / "other"))
    return folder


@pytest.fixture
def two_disks(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Make the two granted folders look like two disks."""
    link, rename, fstat = os.link, os.rename, os.fstat
    stranger = (root.parent / "other").stat().st_ino

    def refuse(*arguments: Any, **options: Any) -> None:
        if options["src_dir_fd"] != options["dst_dir_fd"]:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        (link if "follow_symlinks" in options else rename)(*arguments, **options)

    def other_device(file: int) -> os.stat_result:
        found = fstat(file)
        if found.st_ino == stranger:
            values = list(found)
            values[2] += 1
            return os.stat_result(values)
        return found

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(os, "fstat", other_device)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(each.relative_to(folder)): each.read_text(encoding="utf-8")
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


async def test_a_file_is_moved_and_a_file_is_copied(world: World, root: Path) -> None:
    """Where it is afterwards is said; a copy is never executable [ND45]."""
    put(root, a="one")
    (root / "a").chmod(0o755)
    output = await world.output(COPY, {"path": "a", "to": "x/b", "make_parents": True})
    assert output == {"path": "x/b", "done": True, "bytes": 3}
    assert (root / "x/b").stat().st_mode & 0o111 == 0
    output = await world.output(MOVE, {"path": "a", "to": "c"}, node="other")
    assert output == {"path": "c", "done": True, "bytes": 3}
    assert tree(root) == {"x/b": "one", "c": "one"}
    assert MOVE.info.effect_of({}) == COPY.info.effect_of({}) == "idempotent"


@pytest.mark.parametrize("node_type", [MOVE, COPY])
@pytest.mark.parametrize(
    ("policy", "after"),
    [
        ("overwrite", {"b.t": "new"}),
        ("rename", {"b.t": "old", "b (1).t": "older", "b (2).t": "new"}),
        ("skip", {"b.t": "old"}),
        ("fail", {"b.t": "old"}),
    ],
)
async def test_the_policy_says_what_happens_to_a_taken_name(
    world: World, root: Path, node_type: Any, policy: str, after: dict[str, str]
) -> None:
    """Only overwrite replaces a file; fail and skip leave both [ND45]."""
    put(root, **{"a": "new", "b.t": "old"})
    if policy == "rename":
        put(root, **{"b (1).t": "older"})
    config = {"path": "a", "to": "b.t", "on_conflict": policy}
    if policy == "fail":
        error = await world.error(node_type, config)
        assert (error.kind, error.may_have_happened, error.retryable) == ("exists", False, False)
    else:
        output = await world.output(node_type, config)
        assert output["done"] is (policy != "skip")
        assert output["path"] == ("b (2).t" if policy == "rename" else "b.t")
    stays = policy in {"skip", "fail"} or node_type is COPY
    assert tree(root) == {**after, **({"a": "new"} if stays else {})}


@pytest.mark.parametrize("policy", ["fail", "overwrite", "rename", "skip"])
@pytest.mark.parametrize("node_type", [MOVE, COPY])
@pytest.mark.parametrize("taken", [False, True])
async def test_a_repeated_attempt_changes_nothing_more(
    world: World, root: Path, node_type: Any, policy: str, taken: bool
) -> None:
    """The second attempt says the same as the first and leaves the same files [ND45]."""
    put(root, a="new", **({"b": "old"} if taken else {}))
    config = {"path": "a", "to": "b", "on_conflict": policy}
    first = await world.run(node_type, config)
    before = tree(root)
    second = await world.run(node_type, config, attempt=2)
    assert type(first) is type(second)
    assert tree(root) == before
    assert not any(name.startswith(".") for name in os.listdir(root))


async def test_a_new_file_at_the_old_place_is_left_alone(world: World, root: Path) -> None:
    """A repeated move does not take the next one along [ND45]."""
    put(root, a="first")
    config = {"path": "a", "to": "b"}
    await world.output(MOVE, config)
    put(root, a="second")
    assert (await world.output(MOVE, config, attempt=2))["done"] is True
    assert tree(root) == {"a": "second", "b": "first"}
    (root / "b").unlink()
    error = await world.error(MOVE, config, attempt=3)
    assert (error.kind, error.retryable) == ("changed", False)
    (root / "a").unlink()
    assert (await world.error(MOVE, config, attempt=4)).kind == "not_found"


async def test_a_move_that_died_between_its_two_names_is_finished(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file ends in one place [ND45]."""
    put(root, a="one")

    def die(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", die)
        error = await world.error(MOVE, {"path": "a", "to": "b"})
    assert (error.kind, error.may_have_happened) == ("file_error", True)
    assert tree(root) == {"a": "one", "b": "one"}
    await world.output(MOVE, {"path": "a", "to": "b"}, attempt=2)
    assert tree(root) == {"b": "one"}


@pytest.mark.parametrize("policy", ["fail", "overwrite", "rename"])
async def test_a_file_moves_between_disks(
    world: World, root: Path, two_disks: None, policy: str
) -> None:
    """It is copied whole with its time, then taken away, also when that is repeated [ND45]."""
    put(root, a="one")
    os.utime(root / "a", ns=(1, 1_000_000_007))
    other = world.folder / "other"
    if policy != "fail":
        put(other, a="old")
    config = {
        "path": "a", "to": "a", "to_root": str(other), "on_conflict": policy,
    }  # fmt: skip
    name = {"rename": "a (1)"}.get(policy, "a")
    for attempt in (1, 2):
        assert (await world.output(MOVE, config, attempt=attempt))["path"] == name
        assert tree(root) == {}
        assert tree(other) == {name: "one", **({"a": "old"} if policy == "rename" else {})}
    assert (other / name).stat().st_mtime_ns == 1_000_000_007


@pytest.mark.usefixtures("two_disks")
async def test_a_move_between_disks_that_died_after_the_copy_is_finished(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is known by its hash [ND45]."""
    put(root, a="one")
    other = world.folder / "other"
    real = os.unlink

    def die(name: str, *, dir_fd: int) -> None:
        if name == "a":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(name, dir_fd=dir_fd)

    config = {"path": "a", "to": "b", "to_root": str(other)}
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", die)
        assert (await world.error(MOVE, config)).kind == "file_error"
    assert (tree(root), tree(other)) == ({"a": "one"}, {"b": "one"})
    await world.output(MOVE, config, attempt=2)
    assert (tree(root), tree(other)) == ({}, {"b": "one"})


async def test_one_file_reached_in_two_ways_is_not_lost(world: World, root: Path) -> None:
    """A granted folder inside another one makes two paths of one name [ND45]."""
    (root / "in").mkdir()
    put(root / "in", a="one")
    world.grants = Grants(roots=(root, root / "in"))
    config = {"path": "in/a", "to": "a", "to_root": str(root / "in"), "on_conflict": "overwrite"}
    assert (await world.error(MOVE, config)).kind == "path_refused"
    os.link(root / "in/a", world.folder / "second")
    assert (await world.error(MOVE, config, node="again")).kind == "path_refused"
    (world.folder / "second").unlink()
    assert (await world.error(MOVE, {"path": "a", "to": "a"}, node="same")).kind == "path_refused"
    assert tree(root) == {"in/a": "one"}


def test_one_name_is_not_taken_for_two_names_of_a_file(root: Path) -> None:
    """Not even when the file has a second name elsewhere by then [ND45]."""
    put(root, a="one")
    os.link(root / "a", root.parent / "second")
    mark = relocation.Mark.of((root / "a").stat())
    folders = [os.open(root, os.O_RDONLY), os.open(root, os.O_RDONLY)]
    one, same = (Spot(folder, "a", "a") for folder in folders)
    try:
        with pytest.raises(NodeFailure, match="same file"):
            relocation.relocate(one, same, mark, replace=False, stop=lambda: None)
    finally:
        for folder in folders:
            os.close(folder)
    assert tree(root) == {"a": "one"}


@pytest.mark.parametrize("node_type", [MOVE, COPY])
async def test_both_ends_have_to_be_granted_files(world: World, root: Path, node_type: Any) -> None:
    """Folders are not moved, missing ones are not made unasked [ND40, ND45]."""
    put(root, a="one")
    (root / "folder").mkdir()
    wrong: list[tuple[dict[str, str], str]] = [
        ({"path": "no"}, "not_found"),
        ({"path": "no/a"}, "not_found"),
        ({"to": "no/b"}, "not_found"),
        ({"path": "folder"}, "path_refused"),
        ({"to": "folder", "on_conflict": "overwrite"}, "path_refused"),
        ({"to": "../b"}, "path_refused"),
        ({"to": ".b"}, "path_refused"),
        ({"to": "a/b"}, "path_refused"),
        ({"to_root": "/etc"}, "not_granted"),
        ({"root": str(world.folder)}, "not_granted"),
        ({"on_conflict": "ask"}, "invalid_config"),
    ]
    for number, (changes, kind) in enumerate(wrong):
        config = {"path": "a", "to": "b", **changes}
        error = await world.error(node_type, config, node=f"n{number}")
        assert error.kind == kind, changes
    assert tree(root) == {"a": "one"}


async def test_a_long_name_is_cut_to_make_room_for_its_number(world: World, root: Path) -> None:
    """A name of 255 bytes stays one, also where a character has several [ND45]."""
    name = "ü" * 125 + "x.txt"
    put(root, **{"a": "new", name: "old"})
    config = {"path": "a", "to": name, "on_conflict": "rename"}
    output = await world.output(COPY, config)
    assert output["path"] == "ü" * 123 + " (1).txt"
    assert len(tree(root)) == 3


async def test_files_and_empty_folders_are_deleted(world: World, root: Path) -> None:
    """What it was and how much is said [ND46]."""
    put(root, a="one")
    (root / "empty").mkdir()
    assert await world.output(DELETE, {"path": "a"}) == {
        "path": "a", "deleted": True, "kind": "file", "entries": 1,
    }  # fmt: skip
    assert (await world.output(DELETE, {"path": "empty"}, node="two"))["kind"] == "folder"
    assert os.listdir(root) == []
    assert DELETE.info.effect_of({}) == "idempotent"


async def test_a_folder_with_content_goes_only_when_asked(world: World, root: Path) -> None:
    """And then whole [ND46]."""
    (root / "x/y/z").mkdir(parents=True)
    put(root / "x/y", a="one", b="two")
    error = await world.error(DELETE, {"path": "x"})
    assert (error.kind, error.retryable) == ("not_empty", False)
    output = await world.output(DELETE, {"path": "x", "recursive": True}, node="two")
    assert output == {"path": "x", "deleted": True, "kind": "folder", "entries": 5}
    assert os.listdir(root) == []


async def test_what_nodes_may_not_touch_keeps_its_folder(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden files, links and too many entries: nothing of it is deleted [ND46, ND40]."""
    (root / "x/y").mkdir(parents=True)
    put(root / "x/y", a="one", b="two")
    config = {"path": "x", "recursive": True}
    monkeypatch.setattr(deleting, "ENTRIES_MAX", 2)
    assert (await world.error(DELETE, config)).kind == "too_large"
    monkeypatch.undo()
    (root / "x/y/link").symlink_to("/etc/passwd")
    assert (await world.error(DELETE, config)).kind == "path_refused"
    (root / "x/y/link").unlink()
    put(root / "x", **{".hidden": "x"})
    assert (await world.error(DELETE, config)).kind == "path_refused"
    (root / "x/.hidden").unlink()
    deep = root / "x" / "/".join("d" * 40)
    deep.mkdir(parents=True)
    assert (await world.error(DELETE, config)).kind == "too_large"
    assert tree(root) == {"x/y/a": "one", "x/y/b": "two"}


async def test_what_is_missing_is_a_failure_unless_that_is_fine(world: World, root: Path) -> None:
    """`missing_ok` says so, also of its folder [ND46]."""
    for number, path in enumerate(("no", "no/no")):
        error = await world.error(DELETE, {"path": path}, node=f"a{number}")
        assert (error.kind, error.retryable) == ("not_found", False)
        output = await world.output(DELETE, {"path": path, "missing_ok": True}, node=f"b{number}")
        assert output == {"path": path, "deleted": False, "kind": "nothing", "entries": 0}


async def test_a_repeated_delete_leaves_what_came_later(world: World, root: Path) -> None:
    """The first attempt's file is gone; the next one of that name is not its [ND46]."""
    (root / "x").mkdir()
    put(root / "x", a="first")
    config = {"path": "x/a"}
    first = await world.output(DELETE, config)
    assert await world.output(DELETE, config, attempt=2) == first
    put(root / "x", a="second one")
    error = await world.error(DELETE, config, attempt=3)
    assert (error.kind, error.retryable) == ("changed", False)
    assert tree(root) == {"x/a": "second one"}
    (root / "x/a").unlink()
    (root / "x").rmdir()
    assert await world.output(DELETE, config, attempt=4) == first


async def test_a_folder_whose_deletion_died_is_gone_after_the_next_attempt(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It vanishes at once; what is left of it is found again [ND46]."""
    (root / "x").mkdir()
    put(root / "x", a="one", b="two")
    config = {"path": "x", "recursive": True}

    def die(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        assert (await world.error(DELETE, config)).kind == "file_error"
    assert not (root / "x").exists()
    assert (await world.output(DELETE, config, attempt=2))["entries"] == 3
    assert os.listdir(root) == []
