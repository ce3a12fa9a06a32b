# SPDX-License-Identifier: Apache-2.0
"""Log lines in a file that several processes write and that begins anew when it is large.

Whoever logs leaves a line and goes on: a thread of its own writes, however slow the disk is or who
holds the file. What waits is bounded; what does not fit is left out, and how much that was stands
in the file when there is room again. A disk that is full stops no server: the thread tries again.

Rules: HT55, HT56.
"""

import errno
import logging
import os
import stat
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from legato.errors import InvalidInput

if TYPE_CHECKING:
    from legato.telemetry.rotating import Rotating

WAITING_BYTES_MAX: Final = 8 * 1024 * 1024
BATCH_BYTES: Final = 256 * 1024
"""Written at once, under one lock; a file is larger than it should be by so much at most."""
RETRY_S: Final = 1.0
CLOSE_S: Final = 3.0
"""A process that ends waits so long for a disk that does not write."""
MODE: Final = 0o600
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""The disk's fault, which passes: no reason not to start."""


class LogFile(logging.Handler):
    """Writes the lines of records to a rotating file, without ever waiting for it."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int, level: str = "info") -> None:
        """Open it.

        Args:
            path: The file; older ones beside it end in `.1`, `.2`…
            max_bytes: Size at which it becomes an older one.
            keep: How many older ones are kept.
            level: From which on records are written.

        Raises:
            InvalidInput: It cannot be written, whatever the disk has room for.
        """
        super().__init__(logging.getLevelNamesMapping()[level.upper()])
        self.dropped = 0
        """Lines that were left out, since the start."""
        _prepare(path)
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._pid = os.getpid()
        self._wake = threading.Condition()
        self._lines: deque[str] = deque()
        self._waiting_bytes = 0
        self._untold = 0
        self._is_closing = False
        self._is_well = True
        self._thread = threading.Thread(target=self._write_all, name="legato-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Leave a line. A child that was forked has no thread to write it."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a record that cannot be shown must not stop its work
            self.handleError(record)
            return
        if os.getpid() != self._pid:
            return
        with self._wake:
            if self._is_closing or self._waiting_bytes + len(line) > WAITING_BYTES_MAX:
                self.dropped += 1
                self._untold += 1
                return
            self._lines.append(line)
            self._waiting_bytes += len(line)
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, for a short time, and end."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if os.getpid() == self._pid and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
        super().close()

    # --- the thread -------------------------------------------------------------------------------

    def _write_all(self) -> None:
        # A second or more, the first time: for the library, not for whoever starts.
        from legato.telemetry.rotating import Rotating  # noqa: PLC0415

        file = Rotating(self._path, max_bytes=self._max_bytes, keep=self._keep, mode=MODE)
        while (batch := self._next()) is not None:
            while not self._is_written(file, batch):
                if not self._has_patience():
                    file.close()
                    return
        file.close()

    def _next(self) -> str | None:
        """Wait for lines and return them as one text; None at the end."""
        with self._wake:
            while not self._lines and not self._is_closing:
                self._wake.wait()
            if not self._lines:
                return None
            taken: list[str] = []
            size = 0
            while self._lines and size < BATCH_BYTES:
                taken.append(self._lines.popleft())
                size += len(taken[-1])
            self._waiting_bytes -= size
            if self._untold and not self._is_closing:
                taken.append(_left_out(self._untold))
                self._untold = 0
        return "\n".join(taken)

    def _is_written(self, file: "Rotating", batch: str) -> bool:
        error = file.write(batch)
        is_well = error is None
        if is_well != self._is_well and not self._is_closing:  # who closes waits for this thread
            log = logging.getLogger(__name__)
            if is_well:
                log.warning("the log file is written again")
            else:
                log.warning("the log file cannot be written: %s", error)
        self._is_well = is_well
        return is_well

    def _has_patience(self) -> bool:
        """Wait before the next try; False where the process ends."""
        with self._wake:
            if not self._is_closing:
                self._wake.wait_for(lambda: self._is_closing, RETRY_S)
            return not self._is_closing


def _left_out(count: int) -> str:
    """Return the line that stands for those that are missing."""
    return orjson.dumps(
        {"event": "log lines were left out", "level": "warning", "logger": __name__, "lines": count}
    ).decode()


def _prepare(path: Path) -> None:
    """See to it that the file is there, and ours alone.

    Raises:
        InvalidInput: It cannot be.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.stat().st_mode & stat.S_IWOTH:  # anybody could put a link there
            raise InvalidInput(f"the log file {path} is in a folder that everybody may write")
        descriptor = os.open(path, flags, MODE)
    except OSError as error:
        if error.errno in _NO_ROOM:
            return
        raise InvalidInput(f"the log file {path} cannot be written: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise InvalidInput(f"the log file {path} is no file of the user that runs Legato")
        os.fchmod(descriptor, MODE)
    finally:
        os.close(descriptor)
