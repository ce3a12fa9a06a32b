# SPDX-License-Identifier: Apache-2.0
"""How the sandbox is put around a program, without starting one."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from legato.ports.node import Box, NodeFailure
from legato.runtime.attempt.command import Command, ProcessEnd, ProcessLimits, encode_spec
from legato.runtime.attempt.keeper import Spec
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions


class Ended:
    """A program that ended as told."""

    def __init__(self, exit_code: int) -> None:
        self.ended: asyncio.Future[ProcessEnd] = asyncio.get_running_loop().create_future()
        self.ended.set_result(ProcessEnd(exit_code=exit_code))

    def kill(self) -> None:
        """Nothing is left to kill."""


class Starter:
    """Counts starts."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.started: list[Command] = []

    def __call__(self, command: Command, stdin: bytes, *takers: Any) -> Ended:
        self.started.append(command)
        takers[0](b"")
        return Ended(self.exit_code)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A folder that holds a bwrap which is never really run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bwrap").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "bwrap").chmod(0o755)
    return str(folder)


def command_in(folder: Path) -> Command:
    return Command(program="/bin/x", argv=("/bin/x", "--", "$(id)"), folder=folder, home=folder)


async def test_it_is_tried_once_and_then_used(place: str, tmp_path: Path) -> None:
    """Two programs at once share one trial [ND14]."""
    start = Starter(0)
    sandbox = Sandbox(SandboxOptions(places=place))
    assert sandbox.is_on is None
    one, two = await asyncio.gather(
        sandbox.around(command_in(tmp_path), start), sandbox.around(command_in(tmp_path), start)
    )
    assert len(start.started) == 1
    assert one.sandbox_name == "bwrap"
    assert one == two
    assert one.program == f"{place}/bwrap"
    assert one.sandbox_name == "bwrap"
    assert one.argv[-4:] == ("--", "/bin/x", "--", "$(id)")


async def test_a_sandbox_that_does_not_work_is_left_out_or_required(
    place: str, tmp_path: Path
) -> None:
    """Where user namespaces are forbidden programs run without, unless it is required [ND14]."""
    command = command_in(tmp_path)
    assert await Sandbox(SandboxOptions(places=place)).around(command, Starter(1)) == command
    off = Sandbox(SandboxOptions(places=place, mode="off"))
    assert await off.around(command, Starter(0)) == command
    for options in (SandboxOptions(places=place, mode="required"),
                    SandboxOptions(places="/nowhere", mode="required")):  # fmt: skip
        with pytest.raises(NodeFailure) as caught:
            await Sandbox(options).around(command, Starter(1))
        assert caught.value.error.kind == "not_started"
        assert caught.value.error.may_have_happened is False


async def test_mounts_go_from_the_outside_in(place: str, tmp_path: Path) -> None:
    """What is hidden stays hidden inside a granted root, and the scratch folder shows [ND14]."""
    root, home = tmp_path / "srv", tmp_path / "srv" / "legato"
    scratch = home / "scratch" / "one"
    scratch.mkdir(parents=True)
    options = SandboxOptions(places=place, hidden=(home, tmp_path / "gone"), writable=(root,))
    wrapped = await Sandbox(options).around(command_in(scratch), Starter(0))
    text = " ".join(wrapped.argv)
    steps = [f"--bind {root} {root}", f"--tmpfs {home}", f"--bind {scratch} {scratch}"]
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)
    assert "gone" not in text
    assert "--unshare-net" in wrapped.argv
    granted = SandboxOptions(places=place, network=True)
    assert (
        "--unshare-net" not in (await Sandbox(granted).around(command_in(scratch), Starter(0))).argv
    )


async def test_root_gives_up_its_powers(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that runs as root does not hand that on [ND14]."""
    for user, drops in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        wrapped = await Sandbox(SandboxOptions(places=place)).around(
            command_in(tmp_path), Starter(0)
        )
        assert ("--cap-drop" in wrapped.argv) is drops


def box_of(*readable: Path, hidden: tuple[Path, ...] = ()) -> Box:
    return Box(readable=readable, hidden=hidden, folder_bytes=4_096, trial=("-c", "ok"))


async def test_a_box_shows_what_is_named_and_nothing_else(place: str, tmp_path: Path) -> None:
    """Named paths read-only, one small folder in memory, no network, no variables [ND61]."""
    inner = tmp_path / "lib" / "packages"
    inner.mkdir(parents=True)
    start = Starter(0)
    sandbox = Sandbox(SandboxOptions(places=place, network=True, writable=(tmp_path,)))
    box = box_of(tmp_path / "lib", hidden=(inner, tmp_path / "gone"))
    one = await sandbox.box(command_in(tmp_path), box, start)
    two = await sandbox.box(command_in(tmp_path), box, start)
    assert one == two
    assert [each.argv[-3:] for each in start.started] == [("/bin/x", "-c", "ok")]
    text = " ".join(one.argv)
    assert f"--ro-bind {tmp_path}/lib {tmp_path}/lib --" in text
    assert f"--tmpfs {inner} --remount-ro {inner}" in text
    assert "--size 4096 --tmpfs /box --remount-ro / --chdir /box -- /bin/x -- $(id)" in text
    for part in ("--unshare-net", "--unshare-user", "--unshare-pid", "--clearenv", "--cap-drop"):
        assert part in one.argv
    assert "--bind" not in one.argv
    assert "gone" not in text
    assert f"{tmp_path} {tmp_path} " not in text
    assert (one.limits.file_bytes, one.limits.open_files) == (4_096, 64)


async def test_a_box_that_does_not_work_is_never_left_out(place: str, tmp_path: Path) -> None:
    """Whatever the mode is, a program that needs a box does not start without one [ND61]."""
    for options in (SandboxOptions(places=place), SandboxOptions(places="/nowhere"),
                    SandboxOptions(places=place, mode="off")):  # fmt: skip
        with pytest.raises(NodeFailure) as caught:
            await Sandbox(options).box(command_in(tmp_path), box_of(), Starter(1))
        error = caught.value.error
        assert (error.kind, error.may_have_happened) == ("not_started", False)


def test_a_command_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The keeper sees program, folder, limits, variables and arguments exactly [ND12]."""
    command = Command(
        program="/bin/x",
        argv=("/bin/x", "", "a b\n", "ü", "--=1"),
        folder=tmp_path,
        home=tmp_path,
        env={"A": "x=y", "TMPDIR": "/else"},
        limits=ProcessLimits(cpu_s=None, open_files=7),
        sandbox_name="box",
    )
    spec = Spec(encode_spec(command))
    assert spec.argv == [b"/bin/x", b"", b"a b\n", "ü".encode(), b"--=1"]
    assert (spec.program, spec.sandbox_name) == (b"/bin/x", b"box")
    assert spec.folder == os.fsencode(tmp_path)
    assert set(spec.env) == {b"PATH", b"LANG", b"HOME", b"TMPDIR", b"A"}
    assert (spec.env[b"A"], spec.env[b"TMPDIR"]) == (b"x=y", b"/else")
    assert {b"NOFILE:7", b"CORE:0"} <= set(spec.limits)
    assert not any(line.startswith(b"CPU") for line in spec.limits)


@pytest.mark.parametrize("argv", [("/bin/x", "a\0b"), ("/bin/x\0",)])
def test_nul_in_a_command_is_refused(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """No argument can hold NUL, and none is cut there [ND12]."""
    command = Command(program="/bin/x", argv=argv, folder=tmp_path, home=tmp_path)
    with pytest.raises(NodeFailure) as caught:
        encode_spec(command)
    assert caught.value.error.kind == "invalid_argument"


def test_a_users_processes_are_limited_but_not_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts all processes of a user, and root has many [ND14]."""
    for user, limited in ((0, False), (1000, True)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        lines = ProcessLimits().lines()
        assert any(line.startswith(b"NPROC") for line in lines) is limited
