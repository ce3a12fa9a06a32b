# SPDX-License-Identifier: Apache-2.0
"""Ways out of a granted folder through every file node, with real links, pipes and races."""

import asyncio
import itertools
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from legato.nodes import files
from legato.nodes.files import hashing, listing, moving, organising, reading, zipping
from legato.ports.grants import Grants
from legato.ports.node import NodeType
from tests.unit.nodes.world import World

pytestmark = pytest.mark.linux

SECRET: Final = "what nobody may see or change"
NODES: Final[dict[str, NodeType]] = {each.info.uses: each for each in files.NODE_TYPES}
ROUNDS: Final = 150
NUMBERS: Final = itertools.count()
"""For nodes of their own: what one has journalled is not for the next."""


@pytest.fixture
def root(world: World) -> Path:
    """The granted folder; beside it stands what must not be touched."""
    folder = world.folder / "u1"
    for each in (folder / "in", world.folder / "outside", world.folder / "u10"):
        each.mkdir(parents=True)
    for name in ("outside", "u10"):
        (world.folder / name / "file").write_text(SECRET, encoding="utf-8")
    (folder / "in" / "plain").write_text("plain", encoding="utf-8")
    world.grants = Grants(roots=(folder,))
    return folder


def outside(world: World) -> dict[str, str]:
    return {
        f"{folder}/{each.name}": each.read_text(encoding="utf-8")
        for folder in ("outside", "u10")
        for each in (world.folder / folder).iterdir()
    }


def held(root: Path) -> list[str]:
    """Return what the granted folder itself holds, links aside."""
    files = [each for each in root.rglob("*") if each.is_file() and not each.is_symlink()]
    return [each.read_bytes().decode("utf-8", "replace") for each in files]


UNTOUCHED: Final = {"outside/file": SECRET, "u10/file": SECRET}


def with_file(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every way to name one file to a node."""
    yield "files.read", {"path": path}
    yield "files.read", {"path": path, "into": "blob"}
    for mode in ("create", "overwrite", "append"):
        yield "files.write", {"path": path, "text": "evil", "mode": mode, "make_parents": True}
    for uses in ("files.move", "files.copy"):
        yield uses, {"path": path, "to": "new", "on_conflict": "overwrite"}
        for policy in ("fail", "overwrite"):
            config = {"path": "in/plain", "to": path, "on_conflict": policy}
            yield uses, {**config, "make_parents": True}
    yield "files.delete", {"path": path, "recursive": True}
    yield "files.delete", {"path": path, "missing_ok": True}
    yield "files.hash", {"paths": [path]}
    yield "files.zip", {"paths": [path], "to": "new.zip"}
    for policy in ("fail", "overwrite"):
        yield "files.zip", {"paths": ["in/plain"], "to": path, "on_conflict": policy}
    yield "files.unzip", {"path": path, "to": "new"}
    yield "files.organise", {"undo": path, "dry_run": False}


def with_folder(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every way to name a folder to a node."""
    yield "files.list", {"folder": path, "recursive": True}
    yield "files.hash", {"folder": path}
    yield "files.zip", {"folder": path, "to": "new.zip"}
    rules = [{"match": {}, "to": "new"}]
    yield "files.organise", {"folder": path, "rules": rules, "dry_run": False}
    yield "files.organise", {"folder": "in", "rules": rules, "target": path, "dry_run": False}


async def refused(
    world: World, attempts: Iterator[tuple[str, dict[str, Any]]], *kinds: str
) -> None:
    """Try them all; nothing outside may change, nor the plain file."""
    for uses, config in attempts:
        error = await world.error(NODES[uses], config, node=f"n{next(NUMBERS)}")
        assert error.kind in kinds, (uses, config, error)
        assert error.may_have_happened is False, (uses, config)
        assert SECRET not in error.message
        assert outside(world) == UNTOUCHED, (uses, config)
        plain = world.folder / "u1" / "in" / "plain"
        assert plain.read_text(encoding="utf-8") == "plain", (uses, config)


@pytest.mark.parametrize(
    "path",
    ["../outside/file", "in/../../outside/file", "/etc/passwd", "/proc/self/environ", "../u10/file",
     "file\0.txt", ".git/config", "in/.ssh/authorized_keys", "in//plain", "in/./plain", "in/plain/",
     "x" * 256, "y/" * 3_000 + "z", "\u200c.git/config", "a\u202eb", "a\nb", "", ".."],
)  # fmt: skip
async def test_names_do_not_lead_out_of_any_node(world: World, root: Path, path: str) -> None:
    """`..`, absolute paths, NUL, hidden names, names without end [ND40]."""
    await refused(world, with_file(path), "path_refused")
    await refused(world, with_folder(path), "path_refused")


@pytest.mark.parametrize(
    "path",
    [
        "\uff0e\uff0e/outside/file",
        "\u2025/outside/file",
        "x\u2215..\u2215outside",
        "x\uff0f..\uff0foutside",
        "%2e%2e/x",
        "~/x",
    ],
)
async def test_what_only_looks_like_a_way_out_is_a_name(
    world: World, root: Path, path: str
) -> None:
    """Nothing is unescaped, expanded or normalised into `..` or `/` [ND40]."""
    for number, (uses, config) in enumerate(with_file(path)):
        await world.run(NODES[uses], config, node=f"n{number}")
        assert outside(world) == UNTOUCHED


async def test_a_root_is_compared_by_names_and_not_by_letters(world: World, root: Path) -> None:
    """A grant of /data/u1 is none of /data/u10 [ND40]."""
    for name in ("u10", "outside", "u1/in", "u1/../u10", ""):
        wanted = str(world.folder / name)
        for uses, config in (*with_file("file"), *with_folder("in")):
            undo = {"to_root": wanted} if "undo" in config else {}
            config |= {"root": wanted, **undo}
            assert (await world.error(NODES[uses], config)).kind == "not_granted"
    assert outside(world) == UNTOUCHED


async def test_links_are_not_followed_by_any_node(world: World, root: Path) -> None:
    """Neither as the file nor on the way, neither whole nor dangling [ND40]."""
    (root / "file").symlink_to(world.folder / "outside" / "file")
    (root / "folder").symlink_to(world.folder / "outside")
    (root / "dangling").symlink_to(world.folder / "outside" / "new")
    (root / "self").symlink_to("self")
    (root / "environ").symlink_to("/proc/self/environ")
    for path in ("file", "folder/file", "dangling", "self", "self/x", "environ"):
        await refused(world, with_file(path), "path_refused", "exists")
    for path in ("folder", "self", "dangling", "folder/x"):
        await refused(world, with_folder(path), "path_refused")
    assert all((root / name).is_symlink() for name in ("file", "folder", "dangling", "self"))


async def test_a_root_that_was_made_a_link_is_refused(world: World, root: Path) -> None:
    """Whoever can write beside a granted folder cannot turn it to another one [ND40]."""
    os.rename(root, world.folder / "real")
    os.symlink(world.folder / "outside", root)
    for number, (uses, config) in enumerate((*with_file("file"), *with_folder("."))):
        error = await world.error(NODES[uses], config, node=f"n{number}")
        assert error.kind == "path_refused", (uses, config)
    assert outside(world) == UNTOUCHED


async def test_hard_links_and_what_is_no_file_are_refused(world: World, root: Path) -> None:
    """Opening a FIFO would wait for ever; a second name is the file outside [ND40]."""
    os.link(world.folder / "outside" / "file", root / "hard")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        for path in ("hard", "fifo", "socket"):
            await refused(world, with_file(path), "path_refused", "exists")
        listed = await world.output(NODES["files.list"], {"kind": "any"})
    assert [each["path"] for each in listed["entries"]] == ["in"]
    assert listed["skipped"] == 3


async def test_a_device_is_refused(world: World, root: Path) -> None:
    """Where one can be made at all: only root can [ND40]."""
    world.grants = Grants(roots=(Path("/dev"),))
    for path in ("null", "zero", "full"):
        for uses, config in (
            ("files.read", {"path": path}),
            ("files.write", {"path": path, "text": "x", "mode": "append"}),
            ("files.write", {"path": path, "text": "x", "mode": "create"}),
            ("files.hash", {"paths": [path]}),
            ("files.copy", {"path": path, "to": "in/x"}),
        ):
            error = await world.error(NODES[uses], config)
            assert error.kind in {"path_refused", "file_error"}, (uses, error)


async def test_what_nodes_may_not_touch_is_left_out_everywhere(world: World, root: Path) -> None:
    """Listing, hashing, packing and sorting pass it by, and count it [ND40, ND41]."""
    (root / "in/link").symlink_to(world.folder / "outside" / "file")
    (root / "in/way").symlink_to(world.folder / "outside")
    (root / "in/.hidden").write_text(SECRET, encoding="utf-8")
    os.link(world.folder / "outside" / "file", root / "in/hard")
    for name in ("objects", "refs"):
        (root / "in/repo" / name).mkdir(parents=True)
    (root / "in/repo/HEAD").write_text(SECRET, encoding="utf-8")
    (root / "in").joinpath(os.fsdecode(b"\xff")).write_text(SECRET, encoding="utf-8")
    config: dict[str, Any] = {"folder": "in", "recursive": True}
    listed = await world.output(listing.list_files, config)
    assert [each["name"] for each in listed["entries"]] == ["plain"]
    hashed = await world.output(hashing.hash_files, config)
    zipped = await world.output(zipping.zip_files, {**config, "to": "new.zip"})
    rules = [{"match": {}, "to": "new"}]
    config |= {"rules": rules, "dry_run": False, "target": "."}
    sorted_ = await world.output(organising.organise, config)
    assert len(hashed["files"]) == zipped["files"] == sorted_["moved"] == 1
    for output in (listed, hashed, zipped, sorted_):
        assert output["skipped"] == 6
    assert (root / "in/link").is_symlink()
    assert outside(world) == UNTOUCHED


async def test_a_repository_cannot_be_put_together(world: World, root: Path) -> None:
    """Its configuration would start programs of whoever looks at it with git [ND40]."""
    for name in ("objects/x", "HEAD"):
        config: dict[str, Any] = {"path": f"r/{name}", "text": "x", "make_parents": True}
        await world.output(NODES["files.write"], config)
    config = {"path": "r/refs/x", "text": "x", "make_parents": True}
    assert (await world.error(NODES["files.write"], config)).kind == "path_refused"
    (root / "r/config").write_text("x", encoding="utf-8")
    refs = root / "in/refs"
    refs.mkdir()
    (refs / "x").write_text("x", encoding="utf-8")
    last: list[tuple[str, dict[str, Any]]] = [
        ("files.move", {"path": "in/plain", "to": "r/refs"}),
        ("files.copy", {"path": "in/plain", "to": "r/refs"}),
        ("files.zip", {"paths": ["in/plain"], "to": "r/refs"}),
        ("files.write", {"path": "r/refs", "text": "x", "mode": "overwrite"}),
        ("files.write", {"path": "r/refs", "text": "x", "mode": "append"}),
    ]
    for uses, config in last:
        error = await world.error(NODES[uses], config, node=uses[6:])
        assert error.kind == "path_refused", uses
    assert not (root / "r/refs").exists()


@contextmanager
def swapping(work: Callable[[], None]) -> Iterator[None]:
    """Have a thread do something over and over."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            work()

    swapper = threading.Thread(target=run)
    swapper.start()
    try:
        yield
    finally:
        stop.set()
        swapper.join()


@pytest.mark.parametrize("uses", sorted(NODES))
async def test_a_folder_swapped_for_a_link_gains_nothing(
    world: World, root: Path, uses: str
) -> None:
    """However the race goes, nothing outside is read, moved, changed or deleted [ND40]."""
    real, link, hidden = root / "d", root / "d.link", root / "d.real"
    real.mkdir()
    link.symlink_to(world.folder / "outside")

    def swap() -> None:
        try:
            real.rename(hidden)
            link.rename(real)
            real.rename(link)
            hidden.rename(real)
        except OSError:  # a node has just made or deleted one of them
            shutil.rmtree(hidden, ignore_errors=True)
            real.mkdir(exist_ok=True)

    attempts = [each for each in (*with_file("d/file"), *with_folder("d")) if each[0] == uses]
    with swapping(swap):
        for number in range(ROUNDS):
            _, config = attempts[number % len(attempts)]
            report = await world.run(NODES[uses], config, node=f"n{number}")
            assert SECRET not in await world.everything_said(report)
    assert outside(world) == UNTOUCHED


@pytest.mark.parametrize("uses", sorted({uses for uses, _ in with_file("")}))
async def test_a_file_swapped_for_a_link_gains_nothing(world: World, root: Path, uses: str) -> None:
    """A link that is put in between check and open is not followed [ND40]."""
    target = root / "f"

    def swap() -> None:
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(world.folder / "outside" / "file")
            target.unlink()
            target.write_text("own", encoding="utf-8")
        except (FileExistsError, FileNotFoundError):
            return

    attempts = [each for each in with_file("f") if each[0] == uses]
    with swapping(swap):
        for number in range(ROUNDS):
            _, config = attempts[number % len(attempts)]
            report = await world.run(NODES[uses], config, node=f"n{number}")
            assert SECRET not in await world.everything_said(report)
    assert outside(world) == UNTOUCHED
    assert not any(SECRET in each for each in held(root))


async def test_a_damaged_blob_is_not_written_by_half(world: World, root: Path) -> None:
    """Neither as a new file nor at the end of an old one [ND42]."""
    (root / "old").write_text("old", encoding="utf-8")
    blob = {"hash": "0" * 64, "size": 5, "type": "text/plain"}
    for path, mode in (("new", "create"), ("old", "overwrite"), ("old", "append")):
        error = await world.error(NODES["files.write"], {"path": path, "blob": blob, "mode": mode})
        assert error.kind == "not_found"
    assert sorted(os.listdir(root)) == ["in", "old"]
    assert (root / "old").read_text(encoding="utf-8") == "old"


async def test_a_manifest_of_an_attacker_moves_nothing_out(world: World, root: Path) -> None:
    """Its paths and folders are checked like any other [ND49, ND40]."""
    mark = {"size": len(SECRET), "inode": "1", "modified_ns": 1, "sha256": "0" * 64}
    for number, (there, name, place) in enumerate((
        (root, "../outside/file", "in/x"), (root, "in/plain", "../outside/x"),
        (root, "/etc/passwd", "in/x"), (root, ".hidden", "in/x"), (root, "a\0b", "in/x"),
        (world.folder / "outside", "file", "x"), (world.folder / "u10", "file", "x"),
        (Path("/"), "etc/passwd", "x"),
    )):  # fmt: skip
        manifest = {
            "legato": "organise", "version": 1, "key": "", "root": str(root),
            "to_root": str(there), "counts": {"unmatched": 0, "in_place": 0, "skipped": 0},
            "left": [], "folders": [],
            "moves": [{"from": place, "to": name, "rule": 1, "conflict": None, "mark": mark}],
        }  # fmt: skip
        (root / "evil.json").write_text(json.dumps(manifest), encoding="utf-8")
        config = {"undo": "evil.json", "dry_run": False}
        report = await world.run(organising.organise, config, node=f"n{number}")
        error = getattr(report, "error", None)
        assert error is not None
        assert error.kind in {"not_granted", "invalid_content"}
        assert outside(world) == UNTOUCHED
        assert sorted(os.listdir(root)) == ["evil.json", "in"]


async def test_reading_what_grows_without_end_ends(world: World, root: Path) -> None:
    """A file that a program keeps writing to is cut off by its bound, with a failure [ND43]."""
    growing = root / "log"
    growing.write_bytes(b"")
    with growing.open("ab", buffering=0) as file, swapping(lambda: _write(file, 64 * 1024)):
        for into in ("text", "blob"):
            config = {"path": "log", "into": into, "max_bytes": 256 * 1024}
            while True:
                report = await world.run(reading.read, config)
                if type(report).__name__ == "ReportFailure":
                    break
                await asyncio.sleep(0)
            assert getattr(report, "error").kind == "too_large"  # noqa: B009 - it is a failure


def _write(file: Any, count: int) -> None:
    if file.tell() < 64 * 1024 * 1024:
        file.write(b"x" * count)


async def test_many_movers_of_one_file_leave_one_file(world: World, root: Path) -> None:
    """One gets it, the others are told that it is gone [ND45]."""
    (root / "a").write_text("one", encoding="utf-8")
    reports = await asyncio.gather(
        *(
            world.run(moving.move, {"path": "a", "to": f"to{number}"}, item=number)
            for number in range(8)
        )
    )
    won = [each for each in reports if type(each).__name__ == "ReportSuccess"]
    found = [name for name in os.listdir(root) if name != "in"]
    assert len(won) <= 1
    assert len(found) == 1
    assert (root / found[0]).read_text(encoding="utf-8") == "one"
