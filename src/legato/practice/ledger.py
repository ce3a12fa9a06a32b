# SPDX-License-Identifier: Apache-2.0
"""The ledger of the practice service: one file of JSON lines that only grows.

A row is on the disk before `append` returns. A process that was killed in the middle of a row
leaves a torn last line, which is no row. One process at a time may hold a ledger. Must not know
what the rows mean. Rules: PR5, PR6, PR7, PR9.
"""

import contextlib
import fcntl
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from legato.errors import Conflict, NotFound, Unavailable

FILE: Final = "ledger.jsonl"
LOCK: Final = "ledger.lock"
LEDGER_BYTES_MAX: Final = 16 * 1024 * 1024
"""Some 1 800 runs of the sample; read back in less than a second."""
PAGE_ROWS_MAX: Final = 1_000
PAGE_BYTES_MAX: Final = 1024 * 1024

Row = dict[str, Any]


class Ledger:
    """The rows of one folder, numbered from 1.

    Methods block on the disk and may be called from any thread.
    """

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        """Open the ledger of a folder, making both if needed, and let go of a torn last line.

        Args:
            folder: Made readable by its owner alone.
            now_ms: Milliseconds since the epoch, written into each row.

        Raises:
            Conflict: Another process holds it.
            Unavailable: It cannot be read, or a line that is not the last is no row.
        """
        self._file = folder / FILE
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._offsets = array("Q")
        self._end = 0
        self._is_broken = False
        self._open = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            try:
                self._open_files(folder, opened)
                self._read_back()
            except OSError as error:
                raise Unavailable(f"cannot open {self._file}: {error.strerror}") from None
            self._open = opened.pop_all()

    def _open_files(self, folder: Path, opened: contextlib.ExitStack) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        opened.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another process writes {self._file}") from None
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._file, flags, 0o600)
        opened.callback(os.close, self._descriptor)
        directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        opened.callback(os.close, directory)
        os.fsync(directory)

    def _read_back(self) -> None:
        size = os.fstat(self._descriptor).st_size
        if size > 2 * LEDGER_BYTES_MAX:
            raise Unavailable(f"{self._file} is larger than a ledger can be")
        data = self._pread(0, size)
        self._end = data.rfind(b"\n") + 1
        start = 0
        while start < self._end:
            stop = data.index(b"\n", start) + 1
            self._offsets.append(start)
            if not _is_row(data[start:stop], len(self._offsets)):
                raise Unavailable(
                    f"{self._file}: line {len(self._offsets)} is damaged",
                    hint="Move the file away to begin a new ledger.",
                )
            start = stop
        if self._end < len(data):
            os.ftruncate(self._descriptor, self._end)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._offsets)

    @property
    def is_full(self) -> bool:
        """Whether no more may be begun; what was begun may still be written down."""
        return self._end >= LEDGER_BYTES_MAX

    def append(self, event: str, **fields: Any) -> Row:
        """Write a row and return it once it is on the disk.

        Raises:
            Unavailable: It was not written; no part of it stays.
        """
        with self._lock:
            row = {"row": self.count + 1, "at_ms": self._now_ms(), "event": event, **fields}
            data = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            if self._is_broken:
                raise Unavailable(f"{self._file} could not be mended after a failed write")
            try:
                self._write(data)
            except OSError as error:
                self._take_back()
                raise Unavailable(f"cannot write {self._file}: {error.strerror}") from None
            self._offsets.append(self._end)
            self._end += len(data)
            return row

    def _write(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], self._end + done)
        os.fsync(self._descriptor)

    def _take_back(self) -> None:
        """Cut off what a failed write left, or write no more: a later row could join it."""
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError:
            self._is_broken = True

    def read(self, number: int) -> Row:
        """Return a row by its number."""
        with self._lock:
            if not 1 <= number <= self.count:
                raise NotFound(f"there is no row {number}")
            stop = self._offsets[number] if number < self.count else self._end
            start = self._offsets[number - 1]
        row: Row = json.loads(self._pread(start, stop - start))
        return row

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Yield the rows after a number."""
        for number in range(after + 1, self.count + 1):
            yield self.read(number)

    def _pread(self, start: int, size: int) -> bytes:
        parts = []
        while size > 0 and (part := os.pread(self._descriptor, size, start)):
            parts.append(part)
            start += len(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the ledger."""
        self._open.close()


def _is_row(line: bytes, number: int) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and row.get("row") == number and isinstance(row.get("event"), str)
