# SPDX-License-Identifier: Apache-2.0
"""One life of a child: a process, its lines, its pipe, its end.

Start it in the thread that lives as long as the supervisor: Linux ties the death of the program to
that of the thread. Must not decide what happens next. Rules: SU2, SU5, SU7-SU10.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from legato.supervisor.link import CRASH
from legato.supervisor.output import LineCutter
from legato.supervisor.spec import PIPE, ChildSpec

_LAUNCH: Final = str(Path(__file__).with_name("launch.py"))
_READ_BYTES: Final = 64 * 1024
_LAST_READS_MAX: Final = 16
"""What the kernel holds of a dead child's lines fits into fewer."""


@dataclass(frozen=True)
class Listener:
    """Who hears of a process."""

    on_line: Callable[[str], None]
    on_announcement: Callable[[dict[str, Any]], None]
    on_crash_request: Callable[[], None]


class Process:
    """A process that was started."""

    def __init__(self, spec: ChildSpec, listener: Listener) -> None:
        """Start it, in a session of its own: Ctrl-C in the terminal is for the supervisor alone.

        Raises:
            OSError: It cannot be started.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._awaits_announcement = spec.announces
        self._said = b""
        self.ended: asyncio.Future[int] = self._loop.create_future()
        """The exit code; below 0 the signal that ended it."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._popen = _started(spec, theirs.fileno())
            except OSError:
                ours.close()
                raise
        self._link = ours
        self._link.settimeout(0)
        self._loop.add_reader(self._link, self._read_link)
        self._cutters: dict[IO[bytes], LineCutter] = {}
        for stream in (self._popen.stdout, self._popen.stderr):
            assert stream is not None, "both are pipes"
            os.set_blocking(stream.fileno(), False)
            self._cutters[stream] = LineCutter()
            self._loop.add_reader(stream, self._read, stream)
        self._watch_end()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def terminate(self) -> None:
        """Ask it to end."""
        self._popen.terminate()

    def kill(self) -> None:
        """End it, and it alone, at once."""
        self._popen.kill()

    def _read(self, stream: IO[bytes]) -> bool:
        """Take what it wrote; tell whether there may be more."""
        try:
            data = os.read(stream.fileno(), _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        cutter = self._cutters[stream]
        for line in cutter.feed(data) if data else cutter.close():
            self._hear(line, is_stdout=stream is self._popen.stdout)
        if not data:
            self._loop.remove_reader(stream)
        return bool(data)

    def _hear(self, line: str, *, is_stdout: bool) -> None:
        if is_stdout and self._awaits_announcement:
            self._awaits_announcement = False
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self._listener.on_announcement(said)
                    return
        self._listener.on_line(line)

    def _read_link(self) -> None:
        try:
            data = self._link.recv(256)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._link)
            return
        said = self._said + data
        self._said = said[-len(CRASH) :]
        if CRASH in said:
            self._said = b""
            self._listener.on_crash_request()

    def _watch_end(self) -> None:
        try:
            pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or an old one
            threading.Thread(target=self._wait_in_thread, daemon=True).start()
        else:
            self._loop.add_reader(pidfd, self._on_pidfd, pidfd)

    def _on_pidfd(self, pidfd: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        self._on_end()

    def _wait_in_thread(self) -> None:
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._popen.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._on_end)

    def _on_end(self) -> None:
        """Take its last lines and end what it left behind in its session."""
        if self._popen.returncode is None:  # not reaped: the number is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        code = self._popen.wait()
        self._loop.remove_reader(self._link)
        self._link.close()
        for stream, cutter in self._cutters.items():
            for _ in range(_LAST_READS_MAX):
                if stream.closed or not self._read(stream):
                    break
            for line in cutter.close():
                self._hear(line, is_stdout=stream is self._popen.stdout)
            self._loop.remove_reader(stream)
            stream.close()
        if not self.ended.done():
            self.ended.set_result(code)


def _started(spec: ChildSpec, pipe: int) -> subprocess.Popen[bytes]:
    argv = [each.replace(PIPE, str(pipe)) for each in spec.argv]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=dict(spec.env),
        cwd=spec.folder,
        pass_fds=(pipe, *spec.descriptors),
        start_new_session=True,
    )
