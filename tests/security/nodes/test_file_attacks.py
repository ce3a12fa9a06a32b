# SPDX-License-Identifier: Apache-2.0
"""Ways out of a granted folder, with real links, pipes and races."""

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from legato.nodes.files import writing
from legato.ports.grants import Grants
from tests.unit.nodes.world import World

pytestmark = pytest.mark.linux

MODES = ("create", "overwrite", "append")


@pytest.fixture
def root(world: World) -> Path:
    """The granted folder; beside it stands what must not be touched."""
    folder = world.folder / "granted"
    folder.mkdir()
    (world.folder / "outside").mkdir()
    (world.folder / "outside" / "file").write_text("untouched", encoding="utf-8")
    world.grants = Grants(roots=(folder,))
    return folder


def outside(world: World) -> dict[str, str]:
    folder = world.folder / "outside"
    return {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir()}


async def refused(world: World, path: str) -> None:
    """Try every mode; nothing outside may change."""
    for mode in MODES:
        config = {"path": path, "text": "evil", "mode": mode, "make_parents": True}
        error = await world.error(writing.write, config)
        assert error.kind in {"path_refused", "exists"}, error
        assert error.may_have_happened is False
        assert outside(world) == {"file": "untouched"}


async def test_links_are_not_followed(world: World, root: Path) -> None:
    """Neither as the file nor on the way, neither whole nor dangling [ND21]."""
    (root / "file").symlink_to(world.folder / "outside" / "file")
    (root / "folder").symlink_to(world.folder / "outside")
    (root / "dangling").symlink_to(world.folder / "outside" / "new")
    (root / "self").symlink_to("self")
    (root / "inner").symlink_to(".")
    for path in ("file", "folder/file", "folder/new", "dangling", "self", "self/x", "inner/x"):
        await refused(world, path)
    assert (root / "file").is_symlink()


async def test_a_second_name_of_a_file_is_not_written(world: World, root: Path) -> None:
    """A hard link to a file outside is that file [ND21]."""
    os.link(world.folder / "outside" / "file", root / "file")
    await refused(world, "file")


async def test_what_is_no_file_is_refused_without_waiting(world: World, root: Path) -> None:
    """Opening a FIFO would wait for ever; sockets, devices and folders are no files [ND21]."""
    os.mkfifo(root / "fifo")
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        for path in ("fifo", "folder", "socket"):
            await refused(world, path)
    reader = os.open(root / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        await refused(world, "fifo")
        assert os.read(reader, 10) == b""
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    "path",
    ["../outside/file", "x/../../outside/file", "/etc/passwd", "/proc/self/environ",
     "file\0.txt", ".git/config", ".ssh/authorized_keys"],
)  # fmt: skip
async def test_names_do_not_lead_out(world: World, root: Path, path: str) -> None:
    """`..`, absolute paths, NUL and hidden names [ND21, ND22]."""
    await refused(world, path)
    assert os.listdir(root) == []


async def test_a_folder_swapped_for_a_link_while_writing_gains_nothing(
    world: World, root: Path
) -> None:
    """However the race goes, every file lands in a granted folder or nowhere [ND21]."""
    real, link = root / "d", root / "d.link"
    real.mkdir()
    link.symlink_to(world.folder / "outside")
    stop = threading.Event()

    def swap() -> None:
        hidden = root / "d.real"
        while not stop.is_set():
            real.rename(hidden)
            link.rename(real)
            real.rename(link)
            hidden.rename(real)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(300):
            config = {"path": f"d/f{number}", "text": "evil", "mode": MODES[number % 3]}
            await world.run(writing.write, config)
    finally:
        stop.set()
        await asyncio.to_thread(swapper.join)
    assert outside(world) == {"file": "untouched"}


async def test_a_file_swapped_for_a_link_while_writing_gains_nothing(
    world: World, root: Path
) -> None:
    """The target itself cannot be turned into a way out either [ND21]."""
    target = root / "f"
    target.write_text("", encoding="utf-8")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            target.unlink(missing_ok=True)
            try:
                target.symlink_to(world.folder / "outside" / "file")
                target.unlink()
            except (FileExistsError, FileNotFoundError):
                continue

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(300):
            await world.run(writing.write, {"path": "f", "text": "evil", "mode": MODES[number % 3]})
    finally:
        stop.set()
        await asyncio.to_thread(swapper.join)
    assert outside(world) == {"file": "untouched"}


async def test_many_writers_of_one_file_leave_one_whole_content(world: World, root: Path) -> None:
    """Readers never see a mixture, and no draft stays behind [ND23]."""
    texts = [str(number) * 100_000 for number in range(8)]
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add((root / "f").read_text(encoding="utf-8"))

    (root / "f").write_text(texts[0], encoding="utf-8")
    reader = threading.Thread(target=read)
    reader.start()
    try:
        await asyncio.gather(
            *(
                world.output(
                    writing.write, {"path": "f", "text": text, "mode": "overwrite"}, item=n
                )
                for n, text in enumerate(texts * 4)
            )
        )
    finally:
        stop.set()
        await asyncio.to_thread(reader.join)
    assert seen <= set(texts)
    assert os.listdir(root) == ["f"]


async def test_only_one_of_many_creators_wins(world: World, root: Path) -> None:
    """`create` never replaces what another attempt has made [ND21, ND23]."""
    reports = await asyncio.gather(
        *(world.run(writing.write, {"path": "f", "text": str(n)}, item=n) for n in range(10))
    )
    won = [n for n, report in enumerate(reports) if type(report).__name__ == "ReportSuccess"]
    assert len(won) == 1
    assert (root / "f").read_text(encoding="utf-8") == str(won[0])
