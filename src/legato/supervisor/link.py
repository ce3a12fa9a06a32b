# SPDX-License-Identifier: Apache-2.0
"""The pipe between supervisor and child, at the child's end.

A socket pair, so that the child can also speak: the end of the file says that the supervisor is
gone, and `crash` asks it for SIGKILL. Rules: SU5, SU7, SU8.
"""

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from typing import Final

from legato.errors import InvalidInput, Unavailable

CRASH: Final = b"crash\n"


class SupervisorLink:
    """The end that a child holds; programs that the child starts do not get it."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor that stood in the argv in place of `{pipe}`.

        Raises:
            InvalidInput: It is no such pipe.
        """
        try:
            is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        except OSError:
            is_socket = False
        if not is_socket:
            raise InvalidInput(f"descriptor {descriptor} is no pipe of a supervisor")
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(0)
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, on_gone: Callable[[], None]) -> None:
        """Have a function called in this loop, once, when the supervisor is gone."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read, on_gone)

    def _read(self, on_gone: Callable[[], None]) -> None:
        try:
            is_there = bool(self._socket.recv(64))
        except BlockingIOError:
            return
        except OSError:
            is_there = False
        if not is_there:
            self._stop_watching()
            on_gone()

    def ask_for_crash(self) -> None:
        """Ask the supervisor to kill this process at once, without any word of farewell.

        Raises:
            Unavailable: The supervisor is gone.
        """
        try:
            self._socket.send(CRASH)
        except OSError:
            raise Unavailable("the supervisor does not answer") from None

    def _stop_watching(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop = None

    def close(self) -> None:
        """Let go of the pipe; the supervisor goes on."""
        self._stop_watching()
        self._socket.close()
