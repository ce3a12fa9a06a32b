# SPDX-License-Identifier: Apache-2.0
"""A terminal with a person in front of it: what it shows, and keys for it."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import threading
from typing import Final

from tests.integration.cli.site import COMMAND, PATIENCE_S, Result, Site

WIDTH: Final = 110
HEIGHT: Final = 32
CTRL_C: Final = "\x03"
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Person:
    """Starts a command in a terminal, reads, and presses keys."""

    def __init__(self, site: Site, *arguments: object) -> None:
        """Start the command as the foreground process of a terminal of its own."""
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.popen = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], env=site.env(TERM="xterm-256color"),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one ioctl
        )  # fmt: skip
        os.close(theirs)
        self._seen = b""
        self._looked_at = 0
        self._watchdog = threading.Timer(PATIENCE_S, self.popen.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    @property
    def screen(self) -> str:
        """Everything that was shown so far, without colours and movements."""
        return _CONTROL.sub("", self._seen.decode("utf-8", "replace"))

    def sees(self, text: str) -> "Person":
        """Wait until a text is shown, after what was waited for before."""
        while (found := self.screen.find(text, self._looked_at)) < 0:
            if not self._read():
                raise AssertionError(f"{text!r} was not shown:\n{self.screen}")
        self._looked_at = found + len(text)
        return self

    def presses(self, keys: str) -> "Person":
        """Press keys."""
        os.write(self._ours, keys.encode())
        return self

    def closes_the_terminal(self) -> int:
        """Close the window; return the exit code of the command."""
        os.close(self._ours)
        code = self.popen.wait()
        self._watchdog.cancel()
        return code

    def finish(self) -> Result:
        """Read to the end."""
        while self._read():
            pass
        code = self.popen.wait()
        self._watchdog.cancel()
        os.close(self._ours)
        return Result(code, self.screen, "")

    def kill(self) -> None:
        """Kill the command if it still runs."""
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def _read(self) -> bool:
        """Read what is there; False at the end."""
        select.select([self._ours], [], [], PATIENCE_S)
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # nobody holds the other end
            return False
        self._seen += data
        return bool(data)
