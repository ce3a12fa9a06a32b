# SPDX-License-Identifier: Apache-2.0
"""Room in the write-ahead log ahead of need: commits into it are twice as fast.

While the log grows, every commit also has to make the file's new size durable: 0.30 ms instead of
0.14 ms (ext4, measured). SQLite makes room page by page until the first checkpoint, which many
processes never reach. So zeros are written ahead, while nothing waits to be written.

That is safe: the log's own format ends at the first frame whose checksum does not fit, which zeros
never do; the write lock is held, so nobody appends meanwhile; and SQLite takes no locks on this
file, which closing a descriptor of it could drop.

Rules: LG13.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from legato.adapters.sql.sqlite.connection import CHECKPOINT_PAGES

FIRST_BYTES: Final = 1024 * 1024
LARGE_BYTES: Final = 64 * 1024
"""A commit that adds more than this is large."""
PAGE_BYTES: Final = 4096
ENOUGH_BYTES: Final = CHECKPOINT_PAGES * PAGE_BYTES
"""Where a checkpoint makes SQLite begin again at the start of the file."""


class SideFile:
    """The `-wal` file of a database, as the writer's thread sees it."""

    def __init__(self, path: Path) -> None:
        """Look at nothing yet.

        Args:
            path: The database file.
        """
        self._path = f"{path}-wal"
        self._size = 0

    def grow(self, connection: sqlite3.Connection, *, is_idle: bool) -> None:
        """Make room if commits have reached the end of the file. Costs 2 µs if not.

        Failing (a full disk, for example) changes nothing: the next commit tells.

        Args:
            connection: The write connection, outside a transaction.
            is_idle: Nothing waits to be written. Else only a little room is made, and only if
                commits are small: large ones would eat it up faster than it can be made.
        """
        with suppress(OSError, sqlite3.Error):
            size = os.stat(self._path).st_size
            if size <= self._size or size >= ENOUGH_BYTES:
                return
            is_large = size - self._size > LARGE_BYTES and self._size > 0
            self._size = size  # if it fails, not again until the file has grown
            if not is_idle and is_large:
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._size = _extend(self._path, FIRST_BYTES if not is_idle else size)
            finally:
                connection.execute("ROLLBACK")


def _extend(path: str, by_bytes: int) -> int:
    """Write zeros to the end of a file, at least `FIRST_BYTES` in all, and return its size."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        wanted = min(max(FIRST_BYTES, size + by_bytes), ENOUGH_BYTES)
        while size < wanted:
            size += os.pwrite(descriptor, bytes(min(FIRST_BYTES, wanted - size)), size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size
