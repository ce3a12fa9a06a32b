# SPDX-License-Identifier: Apache-2.0
"""A process that forks keepers, so that programs which follow each other start quickly.

Starting Python takes 10 to 20 ms, forking one that is small and runs already, 1 ms. It is started
with the third program, as most workflows run one or two, and used from when it says that it is
ready. Linux only: elsewhere, and whenever it is not there, each keeper is started by itself.

Rules: ND9, ND14, ND75.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import Final

from legato.ports.node import NodeFailure
from legato.runtime.attempt import keeper

_AFTER: Final = 2
"""Programs that are started without it."""
_ANSWER_S: Final = 2.0


class Forked:
    """A keeper that the nursery made; its descriptor cannot come to mean another process."""

    def __init__(self, pid: int, file: int) -> None:
        """Args: file is a pidfd, taken over."""
        self.pid = pid
        self._file = file

    def poll(self) -> int | None:
        """Return None while it runs."""
        if self._file < 0:
            return 0
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        if not poll.poll(0):
            return None
        os.close(self._file)
        self._file = -1
        return 0

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self._file >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._file, signal.SIGKILL)


class _Place:
    """The process of a nursery, and the socket through which it gets orders."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            OSError: It cannot be started.
        """
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.is_ready = False
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", keeper.__file__, "nursery", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()], start_new_session=True, cwd="/", env={},
                )  # fmt: skip
            except OSError:
                self.orders.close()
                raise
        self.orders.settimeout(_ANSWER_S)

    def look(self) -> bool:
        """Tell whether it takes orders now."""
        if not self.is_ready:
            with contextlib.suppress(OSError):
                self.is_ready = self.orders.recv(1, socket.MSG_DONTWAIT) == b"R"
        return self.is_ready

    def close(self) -> None:
        """End it; its keepers end with it."""
        self.orders.close()
        self._process.kill()
        self._process.wait()


class Nursery:
    """Forks keepers; one per launcher. Everything here is for the event loop."""

    def __init__(self) -> None:
        self._asked = 0
        self._place: _Place | None = None
        self._end: weakref.finalize[..., Nursery] | None = None

    def fork(self, files: Sequence[int]) -> Forked | None:
        """Return a keeper with these descriptors, or None if one has to be started otherwise.

        Args:
            files: Streams of the program, its spec, control and status pipe; they stay the
                caller's.

        Raises:
            NodeFailure: `not_started`: the nursery took the order and did not answer.
        """
        self._asked += 1
        if sys.platform != "linux" or self._asked <= _AFTER:
            return None
        if self._place is None:
            self._start()
            return None
        if not self._place.look():
            return None
        try:
            socket.send_fds(self._place.orders, [b"K"], files)
        except OSError:  # it has died: nothing was ordered
            self.close()
            return None
        try:
            answer, received, _, _ = socket.recv_fds(self._place.orders, 32, 1)
            return Forked(int(answer), received[0])
        except (OSError, ValueError, IndexError):
            self.close()  # a keeper that it made all the same ends with its control pipe
            raise NodeFailure(
                "not_started", "the process that starts programs has died", may_have_happened=True
            ) from None

    def close(self) -> None:
        """End it; its keepers end with it."""
        self._place = None
        if self._end is not None:
            self._end()

    def _start(self) -> None:
        with contextlib.suppress(OSError):
            self._place = _Place()
            # Also where nobody closes it: nothing is left behind.
            self._end = weakref.finalize(self, self._place.close)
