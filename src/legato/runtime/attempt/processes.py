# SPDX-License-Identifier: Apache-2.0
"""Starts programs, each under a keeper that ends its whole tree; reads what they print, bounded.

A program gets an argument list (no shell), an environment of four names, no descriptors but its
three streams, resource limits, a session of its own, and the attempt's scratch folder.

Must not decide which programs are allowed: that is the node's business.

Rules: ND9, ND14, OW7, EN12.
"""

import asyncio
import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from legato.ports.node import NodeFailure, ProgramCall, ProgramResult
from legato.runtime.attempt import keeper
from legato.runtime.attempt.command import Command, ProcessEnd, ProcessLimits, encode_spec
from legato.runtime.attempt.leftovers import PidFile
from legato.runtime.attempt.nursery import Forked, Nursery
from legato.runtime.attempt.sandbox import Sandbox, no_box

READ_BYTES: Final = 64 * 1024
KILL_GRACE_S: Final = 1.0
"""From SIGTERM to SIGKILL; with the kill itself it stays under the 2 s of promise P9."""
_GONE_S: Final = 2.0
_REAP_S: Final = 0.002

Takers = tuple[Callable[[bytes], None], Callable[[bytes], None]]


class Running:
    """A program under its keeper. `ended` gives its `ProcessEnd`; by then its tree is gone."""

    def __init__(
        self,
        command: Command,
        stdin: bytes | int,
        takers: Takers,
        pids: PidFile | None,
        nursery: Nursery,
    ) -> None:
        """Start it.

        Args:
            command: What to start.
            stdin: What it reads: bytes, or a descriptor, which stays the caller's.
            takers: Called in the loop with each piece of output, and of errors.
            pids: Where its tree is noted.
            nursery: Makes its keeper, if it can.

        Raises:
            NodeFailure: `not_started`.
        """
        self._loop = asyncio.get_running_loop()
        self._control = -1
        self.ended: asyncio.Future[ProcessEnd] = self._loop.create_future()
        self._pids = pids
        self._home = command.home
        self._group = 0
        self._said = b""
        self._readers: dict[int, Callable[[bytes], None]] = {}
        self._keeper: subprocess.Popen[bytes] | Forked
        spec = encode_spec(command)
        with contextlib.ExitStack() as theirs:
            self._launch(spec, stdin, takers, nursery, theirs)

    def ask_to_end(self) -> None:
        """Send SIGTERM to the tree."""
        if self._control >= 0:
            with contextlib.suppress(OSError):
                os.write(self._control, b"T")

    def kill(self) -> None:
        """Kill the tree; `ended` follows within milliseconds."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    async def end(self, grace_s: float) -> None:
        """Ask, wait, kill; returns when the tree is gone."""
        if not self.ended.done():
            self.ask_to_end()
            await asyncio.wait({self.ended}, timeout=grace_s)
        self.kill()
        await asyncio.wait({self.ended}, timeout=_GONE_S)

    def _launch(
        self,
        spec: bytes,
        stdin: bytes | int,
        takers: Takers,
        nursery: Nursery,
        theirs: contextlib.ExitStack,
    ) -> None:
        """Start the keeper; `theirs` closes our copies of what it inherits."""
        ours: list[int] = []
        try:
            spec_file = _file_of(spec, theirs)
            input_file = _file_of(stdin, theirs) if isinstance(stdin, bytes) else stdin
            out, error, status = (_pipe(ours, theirs) for _ in range(3))
            control_read, self._control = os.pipe()
            ours.append(self._control)
            theirs.callback(os.close, control_read)
            inherited = (spec_file, control_read, status[1])
            streams = (input_file, out[1], error[1])
            self._keeper = nursery.fork((*streams, *inherited)) or _started(streams, inherited)
        except (OSError, NodeFailure) as failure:
            for each in ours:
                os.close(each)
            self._control = -1
            if isinstance(failure, NodeFailure):
                raise
            raise NodeFailure(
                "not_started", f"no process could be started: {failure.strerror}",
                may_have_happened=False,
            ) from None  # fmt: skip
        self._status = status[0]
        if self._pids is not None:
            self._pids.add(self._keeper.pid, 0, self._home)
        for file, taker in ((out[0], takers[0]), (error[0], takers[1]), (status[0], self._hear)):
            os.set_blocking(file, False)
            self._readers[file] = taker
            self._loop.add_reader(file, self._read, file)

    def _read(self, file: int) -> None:
        try:
            data = os.read(file, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._readers[file](data)
        else:
            self._finish_reading(file)
            if file == self._status:
                self._keeper_gone()

    def _finish_reading(self, file: int) -> None:
        if self._readers.pop(file, None) is not None:
            self._loop.remove_reader(file)
            os.close(file)

    def _hear(self, data: bytes) -> None:
        """Take the keeper's words; the group is noted as soon as there is one."""
        self._said += data
        words = self._said.split()
        if self._group == 0 and words[1:2] == [b"started"] and self._said.endswith(b"\n"):
            self._group = int(words[2])
            if self._pids is not None:
                self._pids.add(self._keeper.pid, self._group, self._home)

    def _keeper_gone(self) -> None:
        """Read what is still in the pipes, then report the end once the keeper is collected."""
        for file in list(self._readers):
            taker = self._readers[file]
            with contextlib.suppress(OSError):
                while data := os.read(file, READ_BYTES):
                    taker(data)
            self._finish_reading(file)
        self.kill()
        self._collect(round(_GONE_S / _REAP_S))

    def _collect(self, tries: int) -> None:
        if self._keeper.poll() is None:
            if tries == 0:
                self._keeper.kill()
            self._loop.call_later(_REAP_S, self._collect, tries - 1)
            return
        end = _end_of(self._said)
        if self._group and end.exit_code is None:
            # The keeper was killed from outside: what it kept is ended by its group.
            with contextlib.suppress(OSError):
                os.killpg(self._group, 9)
        if self._pids is not None:
            self._pids.discard(self._keeper.pid)
        if not self.ended.done():
            self.ended.set_result(end)


def _started(streams: tuple[int, int, int], inherited: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a keeper by itself."""
    stdin, stdout, stderr = streams
    return subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, *map(str, inherited)],
        stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=inherited,
        start_new_session=True, cwd="/", env={},
    )  # fmt: skip


class Launcher:
    """Keeps `request.Programs`: runs programs, in a sandbox where there is one."""

    def __init__(
        self,
        *,
        sandbox: Sandbox | None = None,
        limits: ProcessLimits | None = None,
        pids: PidFile | None = None,
        kill_grace_s: float = KILL_GRACE_S,
    ) -> None:
        """Make a launcher.

        Args:
            sandbox: Built around programs if it works on this machine.
            limits: Of each program.
            pids: Where running trees are noted for the next engine.
            kill_grace_s: From asking a program to end to killing it.
        """
        self._sandbox = sandbox
        self._limits = limits or ProcessLimits()
        self._kill_grace_s = kill_grace_s
        self._running: set[Running] = set()
        self._nursery = Nursery()
        self.pids = pids

    async def run(
        self, call: ProgramCall, scratch: Path, on_stderr: Callable[[bytes], None]
    ) -> ProgramResult:
        """Keep `Programs.run`."""
        command = await self._confined(call, scratch)
        out, error = _Kept(call.max_output_bytes), _Kept(call.max_output_bytes)

        def take_error(data: bytes) -> None:
            error.add(data)
            on_stderr(data)

        end = await self.wait(self.start(command, call.stdin, out.add, take_error))
        if end.errno:
            raise _not_started(call.program, end.errno)
        if end.exit_code is None:
            raise NodeFailure("killed", f"{call.program.name} was killed from outside")
        return ProgramResult(
            exit_code=end.exit_code,
            stdout=out.data,
            stderr=error.data,
            truncated=out.is_cut or error.is_cut,
        )

    async def _confined(self, call: ProgramCall, scratch: Path) -> Command:
        limits = self._limits
        if call.memory_bytes is not None:
            limits = replace(limits, memory_bytes=call.memory_bytes)
        command = Command(
            program=str(call.program),
            argv=(str(call.program), *call.args),
            folder=call.cwd or scratch,
            home=scratch,
            env=call.env,
            limits=limits,
        )
        if call.box is not None:
            if self._sandbox is None:
                raise no_box("programs run without one")
            return await self._sandbox.box(command, call.box, self.start)
        if self._sandbox is not None:
            return await self._sandbox.around(command, self.start)
        return command

    def start(
        self,
        command: Command,
        stdin: bytes | int,
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> Running:
        """Start a command; see `Running`."""
        running = Running(command, stdin, (on_stdout, on_stderr), self.pids, self._nursery)
        self._running.add(running)
        running.ended.add_done_callback(lambda _: self._running.discard(running))
        return running

    async def wait(self, running: Running) -> ProcessEnd:
        """Wait for the end; if the wait is cancelled, end the tree first."""
        try:
            return await asyncio.shield(running.ended)
        except asyncio.CancelledError:
            await running.end(self._kill_grace_s)
            raise
        finally:
            running.kill()

    async def close(self) -> None:
        """Kill everything that still runs."""
        running = list(self._running)
        for each in running:
            each.kill()
        if running:
            await asyncio.wait({each.ended for each in running}, timeout=_GONE_S)
        self._nursery.close()
        if self.pids is not None:
            self.pids.remove()


class _Kept:
    """Keeps the first bytes of a stream; the rest is read and let go, so that nothing blocks."""

    __slots__ = ("_left", "_parts", "is_cut")

    def __init__(self, size_bytes_max: int) -> None:
        self._left = size_bytes_max
        self._parts: list[bytes] = []
        self.is_cut = False

    def add(self, data: bytes) -> None:
        if len(data) > self._left:
            data = data[: self._left]
            self.is_cut = True
        if data:
            self._left -= len(data)
            self._parts.append(data)

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)


def _end_of(said: bytes) -> ProcessEnd:
    """Read the keeper's last word."""
    words = said.split()
    if words[-2:-1] == [b"exited"]:
        return ProcessEnd(exit_code=int(words[-1]))
    if words[-2:-1] == [b"failed"]:
        return ProcessEnd(errno=int(words[-1]))
    return ProcessEnd() if words else ProcessEnd(errno=errno.EIO)


def _not_started(program: Path, number: int) -> NodeFailure:
    kind = "not_found" if number == errno.ENOENT else "not_started"
    return NodeFailure(
        kind,
        f"{program} could not be started: {os.strerror(number)}",
        may_have_happened=False,
        retryable=kind != "not_found",
    )


def _pipe(ours: list[int], theirs: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ours.append(read)
    theirs.callback(os.close, write)
    return read, write


def _file_of(data: bytes, theirs: contextlib.ExitStack) -> int:
    """Return a descriptor from which the data can be read; no name leads to it."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("legato")
        theirs.callback(os.close, file)
    else:
        file = theirs.enter_context(tempfile.TemporaryFile()).fileno()  # noqa: SIM115
    while data:
        data = data[os.write(file, data) :]
    os.lseek(file, 0, os.SEEK_SET)
    return file
