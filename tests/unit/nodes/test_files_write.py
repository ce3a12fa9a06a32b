# SPDX-License-Identifier: Apache-2.0
"""files.write in a folder of its own."""

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from legato.model.ids import LOCAL_WORKSPACE, WorkspaceId
from legato.model.signals import ReportCancelled
from legato.model.values import BlobRef
from legato.nodes.files import writing
from legato.ports.grants import Grants
from legato.testing.memory import MemoryBlobs
from tests.unit.nodes.world import World, request


def left_over(root: Path) -> list[str]:
    return [name for _, _, names in os.walk(root) for name in names if name.startswith(".")]


async def test_a_file_is_written_and_described(world: World, root: Path) -> None:
    """Path, size and hash are returned; the file is not executable [ND21]."""
    (root / "sub").mkdir()
    output = await world.output(writing.write, {"path": "sub/ü.txt", "text": "häh"})
    data = "häh".encode()
    assert output == {
        "path": str(root / "sub/ü.txt"), "bytes": 4, "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    assert (root / "sub/ü.txt").read_bytes() == data
    assert (root / "sub/ü.txt").stat().st_mode & 0o111 == 0
    assert left_over(root) == []


async def test_create_accepts_the_same_content_and_no_other(world: World, root: Path) -> None:
    """A repeated attempt succeeds; another content is refused and stays out [ND21]."""
    for _ in range(2):
        await world.output(writing.write, {"path": "a", "text": "one"})
    for text in ("two", "one and more"):
        error = await world.error(writing.write, {"path": "a", "text": text})
        assert (error.kind, error.may_have_happened, error.retryable) == ("exists", False, False)
    assert (root / "a").read_text(encoding="utf-8") == "one"
    assert left_over(root) == []


async def test_overwrite_replaces_the_file_at_once(world: World, root: Path) -> None:
    """A reader that has the old file open still sees it whole [ND23]."""
    await world.output(writing.write, {"path": "a", "text": "old", "mode": "overwrite"})
    with (root / "a").open(encoding="utf-8") as reader:
        await world.output(writing.write, {"path": "a", "text": "new!", "mode": "overwrite"})
        assert reader.read() == "old"
    assert (root / "a").read_text(encoding="utf-8") == "new!"
    assert left_over(root) == []


async def test_append_adds_at_the_end(world: World, root: Path) -> None:
    """Append makes the file, then adds to it [ND21]."""
    for text in ("one\n", "two\n"):
        await world.output(writing.write, {"path": "log.txt", "text": text, "mode": "append"})
    assert (root / "log.txt").read_text(encoding="utf-8") == "one\ntwo\n"


async def test_missing_folders_are_made_only_when_asked(world: World, root: Path) -> None:
    """`make_parents` makes the folders in between [ND21]."""
    error = await world.error(writing.write, {"path": "x/y/z.txt", "text": ""})
    assert (error.kind, error.may_have_happened) == ("not_found", False)
    for _ in range(2):
        config = {"path": "x/y/z.txt", "text": "", "make_parents": True}
        await world.output(writing.write, config)
    assert (root / "x/y/z.txt").exists()


async def test_without_a_grant_nothing_is_written(world: World, root: Path) -> None:
    """The refusal says which line to add [ND21]."""
    for roots in ((), (Path("relative"),), (Path("/"),)):
        world.grants = Grants(roots=roots)
        error = await world.error(writing.write, {"path": "a", "text": ""})
        assert (error.kind, error.may_have_happened) == ("not_granted", False)
        assert "[grants.files] roots = [" in error.message


async def test_one_of_several_roots_is_named(world: World, root: Path) -> None:
    """Only a granted folder can be named as the root [ND21]."""
    other = world.folder / "other"
    other.mkdir()
    world.grants = Grants(roots=(root, other))
    await world.output(writing.write, {"path": "a", "text": "1", "root": str(other)})
    assert (other / "a").exists()
    error = await world.error(writing.write, {"path": "a", "text": "", "root": str(world.folder)})
    assert error.kind == "not_granted"


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../a", "a/../b", "a//b", "a/", "/etc/passwd", "/proc/self/environ",
     "a\0b", ".bashrc", ".git/hooks/post-commit", "sub/.env", "x" * 256, "y/" * 3000 + "z",
     "a\nb", "a\x1bb", "\u200c.git/config", "a\u202eb", "\u2028"],
)  # fmt: skip
async def test_paths_that_could_lead_elsewhere_are_refused(
    world: World, root: Path, path: str
) -> None:
    """`..`, absolute paths, dotfiles, control characters [ND21, ND22]."""
    for mode in ("create", "overwrite", "append"):
        config = {"path": path, "text": "x", "mode": mode, "make_parents": True}
        error = await world.error(writing.write, config)
        assert (error.kind, error.may_have_happened, error.retryable) == (
            "path_refused",
            False,
            False,
        )
    assert os.listdir(root) == []


async def test_git_folders_are_found_by_what_they_hold(world: World, root: Path) -> None:
    """A bare repository is refused whatever its name, and so is its root as a grant [ND22]."""
    bare = root / "project"
    for name in ("objects", "refs", "hooks"):
        (bare / name).mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main", encoding="utf-8")
    for path in ("project/config", "project/hooks/post-receive"):
        error = await world.error(writing.write, {"path": path, "text": "x"})
        assert error.kind == "path_refused"
    world.grants = Grants(roots=(bare,))
    assert (await world.error(writing.write, {"path": "a", "text": ""})).kind == "path_refused"


@pytest.mark.parametrize(
    ("config", "effect"),
    [({}, "idempotent"), ({"mode": "create"}, "idempotent"), ({"mode": "overwrite"}, "idempotent"),
     ({"mode": "append"}, "non_idempotent"), ({"mode": "${{ inputs.mode }}"}, "non_idempotent")],
)  # fmt: skip
def test_appending_is_not_idempotent(config: dict[str, Any], effect: str) -> None:
    """What a repeated attempt would do twice is said beforehand [ND2]."""
    assert writing.write.info.effect_of(config) == effect


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "read_only"), (errno.EACCES, "file_error")],
)
@pytest.mark.parametrize("mode", ["create", "overwrite", "append"])
async def test_a_disk_that_fails_leaves_nothing_behind(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: str, mode: str
) -> None:
    """A full or read-only disk is a typed failure, without half a file [ND23, LG27]."""
    (root / "a").write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    path = "b" if mode == "create" else "a"
    error = await world.error(writing.write, {"path": path, "text": "new", "mode": mode})
    monkeypatch.undo()
    assert error.kind == kind
    assert error.may_have_happened is (mode == "append")
    if mode != "append":
        assert (root / "a").read_text(encoding="utf-8") == "old"
        assert os.listdir(root) == ["a"]


async def test_bytes_and_blobs_are_written_too(world: World, root: Path) -> None:
    """Exactly one of text, base64 and blob says what [ND42]."""
    data = bytes(range(256))
    config: dict[str, Any] = {"path": "a", "base64": base64.b64encode(data).decode()}
    digest = hashlib.sha256(data).hexdigest()
    assert (await world.output(writing.write, config))["sha256"] == digest
    ref = await world.blobs.put(LOCAL_WORKSPACE, data)
    blob = {"hash": ref.hash, "size": ref.size, "type": "x/y", "name": "ignored"}
    for mode in ("create", "overwrite", "append"):
        output = await world.output(writing.write, {"path": "a", "blob": blob, "mode": mode})
        assert (output["bytes"], output["sha256"]) == (256, digest)
    assert (root / "a").read_bytes() == data * 2
    error = await world.error(writing.write, {"path": "a", "blob": blob})
    assert error.kind == "exists"
    assert left_over(root) == []


@pytest.mark.parametrize(
    "config",
    [{}, {"text": "", "base64": ""}, {"text": None}, {"base64": "a"}, {"base64": "ä==="},
     {"blob": {"hash": "0", "size": 1}}, {"blob": {"hash": "0" * 64}}, {"text": 1}],
)  # fmt: skip
async def test_what_is_written_is_said_once_and_right(
    world: World, root: Path, config: dict[str, Any]
) -> None:
    """Nothing, two things and bad base64 are named before anything is written [ND42]."""
    error = await world.error(writing.write, {"path": "a", **config})
    assert error.kind == "invalid_config"
    assert os.listdir(root) == []


async def test_many_blobs_are_written_with_one_thread(world: World, root: Path) -> None:
    """No write holds a thread while it waits for the store, which needs threads too [ND42, ND5]."""

    class Threaded(MemoryBlobs):
        async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
            payload = await self.get(workspace, ref)
            for at in range(0, len(payload), 10):
                yield await asyncio.to_thread(bytes, payload[at : at + 10])

    world.blobs = Threaded()
    ref = await world.blobs.put(LOCAL_WORKSPACE, b"0123456789" * 5)
    blob = {"hash": ref.hash, "size": ref.size}
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    writes = [
        world.output(writing.write, {"path": f"f{number}", "blob": blob}, item=number)
        for number in range(5)
    ]
    await asyncio.wait_for(asyncio.gather(*writes), 60)
    assert sorted(os.listdir(root)) == [f"f{number}" for number in range(5)]


async def test_a_write_that_is_stopped_leaves_nothing(world: World, root: Path) -> None:
    """Neither the file nor its draft [ND42, EN12]."""
    began = asyncio.Event()

    class Hanging(MemoryBlobs):
        async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
            yield b"half"
            began.set()
            await asyncio.Event().wait()

    world.blobs = Hanging()
    world.types["files.write"] = writing.write
    config = {"path": "a", "blob": {"hash": "0" * 64, "size": 8}}
    asked = request(writing.write, config)
    runner = world.runner()
    attempt = asyncio.ensure_future(runner.run(asked))
    await began.wait()
    assert runner.stop(asked.key)
    assert isinstance(await attempt, ReportCancelled)
    assert os.listdir(root) == []
