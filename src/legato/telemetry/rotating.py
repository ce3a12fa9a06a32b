# SPDX-License-Identifier: Apache-2.0
"""The rotating file itself: one lock for all processes that write it. Rules: HT55, HT56."""

import logging
import os
import sys
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler


class Rotating(ConcurrentRotatingFileHandler):
    """Appends whole texts or nothing of them, and says what went wrong."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int, mode: int) -> None:
        """Args: as of `log_file.LogFile`; mode is of the files. Nothing is opened yet."""
        self._error: str | None = None
        super().__init__(
            str(path), maxBytes=max_bytes, backupCount=keep, encoding="utf-8", chmod=mode
        )

    def write(self, text: str) -> str | None:
        """Append a text and the end of its line; return what went wrong, or None."""
        self._error = None
        self.emit(logging.makeLogRecord({"msg": text}))
        return self._error

    def do_write(self, msg: str) -> None:
        """Append under the lock, past the buffers of the stream."""
        if self.stream is None or self.stream.closed:
            self.stream = self.do_open()
        descriptor = self.stream.fileno()
        rest = memoryview((msg + self.terminator).encode("utf-8", "backslashreplace"))
        size = os.fstat(descriptor).st_size
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            os.ftruncate(descriptor, size)  # half a line would spoil the next one
            raise

    def handleError(self, record: logging.LogRecord) -> None:
        """Note what went wrong."""
        del record
        error = sys.exception()
        self._error = getattr(error, "strerror", None) or type(error).__name__
