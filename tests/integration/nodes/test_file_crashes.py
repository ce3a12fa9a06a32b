# SPDX-License-Identifier: Apache-2.0
"""File nodes whose process is killed in the middle, and the attempt after that."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import zipfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from legato.nodes import files
from legato.ports.grants import Grants
from tests.unit.nodes.world import World

pytestmark = pytest.mark.linux

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The granted folder."""
    folder = tmp_path / "granted"
    folder.mkdir()
    return folder


def start(root: Path, uses: str, config: Any, attempt: int, call: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.nodes.dying", str(root.parent), uses]
    command += [json.dumps(config), str(attempt), str(call)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def run(root: Path, uses: str, config: Any, attempt: int, call: int) -> tuple[int, str]:
    """Run an attempt; return the exit code and the last line."""
    with start(root, uses, config, attempt, call) as process:
        said, _ = process.communicate(timeout=120)
    return process.returncode, said.splitlines()[-1]


async def second(world: World, root: Path, uses: str, config: Any) -> None:
    """Make the attempt after the one that was killed; it succeeds."""
    types = {each.info.uses: each for each in files.NODE_TYPES}
    world.grants = Grants(roots=(root,))
    await world.output(types[uses], config, attempt=2)


def tree(root: Path) -> dict[str, str]:
    return {
        str(each.relative_to(root)): each.read_text(encoding="utf-8")
        for each in sorted(root.rglob("*"))
        if each.is_file() and not each.name.endswith((".undo.json", ".tmp"))
    }


def hidden(root: Path) -> list[str]:
    return [name for name in os.listdir(root) if name.startswith(".")]


ORGANISE = {
    "folder": "in",
    "rules": [
        {"match": {"pattern": "[01]*"}, "to": "low"}, {"match": {}, "to": "high/{first_letter}"},
    ],
    "dry_run": False,
}  # fmt: skip


def fill(root: Path, number: int) -> None:
    (root / "in").mkdir()
    for each in range(number):
        (root / "in" / str(each)).write_text(f"file {each}", encoding="utf-8")


def once(root: Path, number: int) -> bool:
    """Tell whether every file is there exactly once."""
    return sorted(tree(root).values()) == sorted(f"file {each}" for each in range(number))


@pytest.mark.slow
async def test_organise_killed_at_any_step_leaves_every_file_in_one_place_after_all(
    world: World, tmp_path: Path
) -> None:
    """SIGKILL before each call that changes something, then a second attempt [ND49]."""
    for call in count(1):
        root = tmp_path / str(call) / "granted"
        root.mkdir(parents=True)
        fill(root, 3)
        code, _ = await asyncio.to_thread(run, root, "files.organise", ORGANISE, 1, call)
        assert {f"file {each}" for each in range(3)} == set(tree(root).values())
        if code == 0:
            break
        assert code == -signal.SIGKILL
        await second(world, root, "files.organise", ORGANISE)
        assert once(root, 3)
        assert not any(name.startswith("in/") and name.count("/") == 1 for name in tree(root))
        for name in tree(root):
            assert (root / name).stat().st_nlink == 1
    assert call > 3 * 4


@pytest.mark.parametrize("moment", [5, 60, 333, 700])
def test_organise_killed_from_outside_goes_on_and_can_be_taken_back(
    root: Path, moment: int
) -> None:
    """Many files, a kill at some moment, a second attempt, and all of it back again [ND49]."""
    fill(root, 200)
    before = tree(root)
    process = start(root, "files.organise", ORGANISE, 1, 0)
    assert process.stdout is not None
    for _ in range(moment):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert run(root, "files.organise", ORGANISE, 2, 0) == (0, "ReportSuccess")
    assert once(root, 200)
    assert os.listdir(root / "in") != sorted(before)
    (manifest,) = root.glob("*.undo.json")
    undo = {"undo": manifest.name, "dry_run": False}
    for attempt in (1, 2):
        assert run(root, "files.organise", undo, attempt, 0) == (0, "ReportSuccess")
        assert tree(root) == before


async def test_unzip_killed_at_any_step_shows_a_whole_folder_or_none(
    world: World, tmp_path: Path
) -> None:
    """What was left behind is cleaned up by the next attempt [ND48]."""
    config = {"path": "a.zip", "to": "new/data", "make_parents": True}
    wanted = {"new/data/x/one": "one", "new/data/two": "two"}
    for call in count(1):
        root = tmp_path / str(call) / "granted"
        root.mkdir(parents=True)
        with zipfile.ZipFile(root / "a.zip", "w") as archive:
            archive.writestr("x/one", "one")
            archive.writestr("two", "two")
        code, _ = await asyncio.to_thread(run, root, "files.unzip", config, 1, call)
        assert (root / "new/data").exists() is (unzipped(root) == wanted)
        if code == 0:
            break
        await second(world, root, "files.unzip", config)
        assert unzipped(root) == wanted
        assert hidden(root / "new") == []
    assert call > 7


def unzipped(root: Path) -> dict[str, str]:
    if not (root / "new/data").exists():
        return {}
    return {f"new/data/{name}": text for name, text in tree(root / "new/data").items()}


@pytest.mark.parametrize("mode", ["create", "overwrite"])
async def test_write_killed_at_any_step_shows_the_old_or_the_new(
    world: World, tmp_path: Path, mode: str
) -> None:
    """And the next attempt succeeds, also where the file had two names [ND42, ND23]."""
    config = {"path": "a", "text": "new", "mode": mode}
    for call in count(1):
        root = tmp_path / str(call) / "granted"
        root.mkdir(parents=True)
        if mode == "overwrite":
            (root / "a").write_text("old", encoding="utf-8")
        code, _ = await asyncio.to_thread(run, root, "files.write", config, 1, call)
        seen = (root / "a").read_text(encoding="utf-8") if (root / "a").exists() else None
        assert seen in {"new", "old" if mode == "overwrite" else None}
        if code == 0:
            break
        await second(world, root, "files.write", config)
        assert (root / "a").read_text(encoding="utf-8") == "new"
        assert (root / "a").stat().st_nlink == 1
    assert call > 2


@pytest.mark.parametrize("call", range(1, 5))
async def test_a_file_whose_writing_was_killed_can_be_replaced(
    world: World, root: Path, call: int
) -> None:
    """The name that its draft left it with is no hard link of somebody else [ND42, ND40]."""
    await asyncio.to_thread(run, root, "files.write", {"path": "a", "text": "1"}, 1, call)
    await second(world, root, "files.write", {"path": "a", "text": "2", "mode": "overwrite"})
    assert tree(root) == {"a": "2"}
