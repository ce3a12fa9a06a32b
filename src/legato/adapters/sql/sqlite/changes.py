# SPDX-License-Identifier: Apache-2.0
"""Tells that another process has committed to the same SQLite file.

`PRAGMA data_version` on the write connection changes with the commits of others and not with our
own. To ask it the writer's thread has to wake up; therefore, and because nothing happens most of
the time, the side file's change time is looked at first (2 µs). That time is coarse, so once a
second the database is asked in any case.

Rules: EN10, EN18.
"""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from legato.adapters.sql.sqlite.writer import Job, Priority, Writer
from legato.errors import LegatoError

POLL_S: Final = 0.05
SURE_S: Final = 1.0
"""How often the database itself is asked at least, while somebody waits."""


class _Version:
    """Reads the data version. It is not a write and needs no transaction."""

    priority = Priority.JOBS

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Keep `Kind.run`."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        for job in jobs:
            job.result = version

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Keep `Kind.run_alone`."""
        self.run(connection, jobs)
        return True


class SqliteChanges:
    """Keeps `ports.bus.Changes`. True once per burst of commits of other processes."""

    def __init__(self, writer: Writer, path: Path) -> None:
        """Make it.

        Args:
            writer: The process's writer.
            path: The database file.
        """
        self._writer = writer
        self._side_file = f"{path}-wal"
        self._kind = _Version()
        self._version: int | None = None
        self._stamp: tuple[int, int] | None = None
        self._sure_at = 0.0
        self._count = 0
        self._told = 0

    async def start(self) -> None:
        """Take what is there now as seen."""
        self._version = await self._writer.submit(self._kind, None)

    async def wait(self, timeout_s: float) -> bool:
        """Keep `Changes.wait`. Everybody who waits at the same time is told."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        seen = self._told
        while self._count == seen:
            await self._look(loop.time())
            left_s = end - loop.time()
            if self._count == seen:
                if left_s <= 0:
                    return False
                await asyncio.sleep(min(POLL_S, left_s))
        self._told = self._count
        return True

    async def _look(self, now: float) -> None:
        """Count a change if the database has one that is not ours."""
        stamp = self._stamp_now()
        if stamp == self._stamp and now < self._sure_at:
            return
        self._stamp = stamp
        self._sure_at = now + SURE_S
        try:
            version: int = await self._writer.submit(self._kind, None)
        except LegatoError:
            return  # whoever reads or writes will get the error
        if version != self._version:
            self._version = version
            self._count += 1

    def _stamp_now(self) -> tuple[int, int] | None:
        # Never opened: closing any descriptor of it would drop this process's locks (POSIX).
        try:
            found = os.stat(self._side_file)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
