# SPDX-License-Identifier: Apache-2.0
"""bubblewrap around a program, where it is installed and works: tried once, then kept.

Inside: everything readable as before but for Legato's own folder and `/run` (sockets of other
services), nothing writable but the scratch folder and the granted roots, no network unless
granted, no view of other processes. The requirement's answer to a shell that is granted `git`:
it can read a repository, and not the secrets next to it.

Rules: ND14, C4.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol

from legato.ports.node import PROGRAM_PATH, Box, NodeFailure
from legato.runtime.attempt.command import Command, ProcessEnd

SandboxMode = Literal["auto", "off", "required"]
_TRY_S: Final = 5.0
BOX_FOLDER: Final = Path("/box")
_BOX_USER: Final = "65534"
_BOX_OPEN_FILES: Final = 64
_SAID_MAX: Final = 300
_LIBRARIES: Final = tuple(
    Path(each)
    for each in (
        "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
        "/nix/store", "/gnu/store", "/etc/ld.so.cache",
    )
)  # fmt: skip
_DEVICES: Final = (Path("/dev/null"), Path("/dev/zero"), Path("/dev/urandom"))

Take = Callable[[bytes], None]


class Process(Protocol):
    """A started program; see `processes.Running`."""

    ended: asyncio.Future[ProcessEnd]

    def kill(self) -> None:
        """Kill its tree."""
        ...


Start = Callable[[Command, bytes, Take, Take], Process]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """`hidden`: folders that programs must not see. `writable`: granted roots."""

    mode: SandboxMode = "auto"
    hidden: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    network: bool = False
    places: str = PROGRAM_PATH


class Sandbox:
    """Wraps commands; one per launcher."""

    def __init__(self, options: SandboxOptions) -> None:
        """Args: options say what programs may see; nothing is tried yet."""
        self._options = options
        self._bwrap = (
            "" if options.mode == "off" else shutil.which("bwrap", path=options.places) or ""
        )
        self._trying: asyncio.Lock | None = None
        self._answer: bool | None = None if self._bwrap else False
        self._boxes: dict[str, str] = {}
        """By program: why a box does not work; nothing if it does."""

    @property
    def is_on(self) -> bool | None:
        """Tell whether programs run inside it; None before it was tried."""
        return self._answer

    async def around(self, command: Command, start: Start) -> Command:
        """Return the command that runs the given one inside the sandbox, or the given one.

        Raises:
            NodeFailure: `not_started`: a sandbox is required and does not work here.
        """
        if await self._is_working(start):
            return self._wrapped(command)
        if self._options.mode == "required":
            raise NodeFailure(
                "not_started",
                "programs must run in a sandbox here and bubblewrap (bwrap) is missing or does "
                "not work: install it and allow it user namespaces",
                may_have_happened=False,
                retryable=False,
            )
        return command

    async def box(self, command: Command, box: Box, start: Start) -> Command:
        """Return the command that runs the given one in a box.

        Raises:
            NodeFailure: `not_started`: there can be no box here.
        """
        if not self._bwrap:
            raise no_box("bubblewrap (bwrap) is missing or switched off")
        if command.program not in self._boxes:
            self._trying = self._trying or asyncio.Lock()
            async with self._trying:
                if command.program not in self._boxes:
                    self._boxes[command.program] = await self._try_box(command, box, start)
        if self._boxes[command.program]:
            raise no_box(self._boxes[command.program])
        return self._boxed(command, box)

    async def _try_box(self, command: Command, box: Box, start: Start) -> str:
        said: list[bytes] = []
        trial = replace(command, argv=(command.program, *box.trial))
        running = start(self._boxed(trial, box), b"", _ignore, said.append)
        await asyncio.wait({running.ended}, timeout=_TRY_S)
        running.kill()
        end = await running.ended
        if end.exit_code == 0:
            return ""
        why = b"".join(said).decode("utf-8", "replace").strip()[-_SAID_MAX:]
        return why or f"{command.program} does not run in it"

    async def _is_working(self, start: Start) -> bool:
        if self._answer is None:
            self._trying = self._trying or asyncio.Lock()
            async with self._trying:
                if self._answer is None:
                    self._answer = await self._try(start)
        return self._answer

    async def _try(self, start: Start) -> bool:
        true = shutil.which("true", path=PROGRAM_PATH)
        if true is None:
            return False
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            bare = Command(program=true, argv=(true,), folder=home, home=home)
            running = start(self._wrapped(bare), b"", _ignore, _ignore)
            await asyncio.wait({running.ended}, timeout=_TRY_S)
            running.kill()
            end = await running.ended
        return end.exit_code == 0

    def _wrapped(self, command: Command) -> Command:
        options = self._options
        arguments = [
            self._bwrap, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
            *(() if options.network else ("--unshare-net",)),
            *_capabilities(), "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/run", "--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve",
        ]  # fmt: skip
        mounts = {path: "--bind" for path in options.writable if path.is_dir()}
        mounts |= {path: "--tmpfs" for path in options.hidden if path.is_dir()}
        mounts[command.home] = "--bind"
        # From the outside in, so that an inner folder is mounted over what hides its parent.
        for path, how in sorted(mounts.items(), key=lambda each: len(each[0].parts)):
            arguments += [how, str(path)] if how == "--tmpfs" else [how, str(path), str(path)]
        arguments += ["--chdir", str(command.folder), "--", command.program, *command.argv[1:]]
        return replace(
            command,
            program=self._bwrap,
            argv=tuple(arguments),
            folder=command.home,
            sandbox_name="bwrap",
        )

    def _boxed(self, command: Command, box: Box) -> Command:
        home = str(BOX_FOLDER)
        arguments = [
            self._bwrap, "--die-with-parent", "--unshare-user", "--unshare-pid", "--unshare-ipc",
            "--unshare-uts", "--unshare-net", "--unshare-cgroup-try", "--uid", _BOX_USER,
            "--gid", _BOX_USER, "--cap-drop", "ALL", "--clearenv",
        ]  # fmt: skip
        variables = {"LANG": "C.UTF-8", "HOME": home, "TMPDIR": home, **command.env}
        for name, value in variables.items():
            arguments += ["--setenv", name, value]
        mounts = dict.fromkeys(_LIBRARIES, "--ro-bind-try")
        mounts |= dict.fromkeys(box.readable, "--ro-bind")
        mounts |= dict.fromkeys(_DEVICES, "--dev-bind")
        mounts |= {path: "--tmpfs" for path in box.hidden if path.is_dir()}
        # From the outside in, as above; what is empty must not be filled either.
        for path, how in sorted(mounts.items(), key=lambda each: len(each[0].parts)):
            arguments += [how, str(path)] if how == "--tmpfs" else [how, str(path), str(path)]
            if how == "--tmpfs":
                arguments += ["--remount-ro", str(path)]
        arguments += [
            "--size", str(box.folder_bytes), "--tmpfs", home, "--remount-ro", "/",
            "--chdir", home, "--", command.program, *command.argv[1:],
        ]  # fmt: skip
        limits = replace(command.limits, file_bytes=box.folder_bytes, open_files=_BOX_OPEN_FILES)
        return replace(
            command,
            program=self._bwrap,
            argv=tuple(arguments),
            folder=command.home,
            env={},
            limits=limits,
            sandbox_name="bwrap",
        )


def no_box(why: str) -> NodeFailure:
    """Make the failure of a program that runs only in a box; it was not started."""
    return NodeFailure(
        "not_started",
        f"this runs only in a closed sandbox, and there is none here: {why}; install bubblewrap "
        "and allow it user namespaces",
        may_have_happened=False,
        retryable=False,
    )


def _capabilities() -> tuple[str, ...]:
    """Give up root's powers, but for reading and writing other users' files in granted folders."""
    if os.geteuid() != 0:
        return ()
    return (
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CAP_DAC_OVERRIDE",
        "--cap-add",
        "CAP_DAC_READ_SEARCH",
    )


def _ignore(data: bytes) -> None:
    """Drop what a trial prints."""
