# SPDX-License-Identifier: Apache-2.0
"""Reading: two threads, each with a connection that cannot write, and one for the loop.

Rules: LG7, LG9, LG28.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from legato.adapters.sql.checksum import Damaged
from legato.adapters.sql.sqlite.connection import connect_reader, corrupt, unavailable
from legato.errors import Unavailable

T = TypeVar("T")

READERS: Final = 2
"""Threads that read. More would only wait for the interpreter lock."""


class Readers:
    """Runs functions of a read-only connection, off the event loop or, the quickest, in it."""

    def __init__(self, path: Path) -> None:
        """Make readers; connections are opened when they are first needed.

        Args:
            path: The database file, which exists.
        """
        self._path = path
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._here: sqlite3.Connection | None = None
        self._connections: list[sqlite3.Connection] = []

    def start(self) -> None:
        """Begin."""
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="legato-reader")

    async def stop(self) -> None:
        """Wait for what runs and close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
            self._here = None
            while self._connections:
                with suppress(sqlite3.Error):
                    self._connections.pop().close()

    async def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on one of the threads.

        Raises:
            StoreUnavailable: The database cannot be read or is damaged.
            Unavailable: The store is closed.
        """
        if self._pool is None:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._run, function)

    def call_here(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that reads a few pages, here and now; nothing is waited for.

        Raises:
            sqlite3.Error: It cannot be done now; `call` knows what to say about it.
            Unavailable: The store is closed.
        """
        if self._pool is None:
            raise Unavailable("the store is closed")
        if self._here is None:
            self._here = connect_reader(self._path, busy_ms=0)
            self._connections.append(self._here)
        try:
            return function(self._here)
        except sqlite3.Error:
            here, self._here = self._here, None
            self._close(here)
            raise

    def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return function(self._connection())
        except sqlite3.Error as error:
            # A new connection next time: this one may be what is broken.
            self._drop()
            raise unavailable(error, self._path) from error
        except (msgspec.DecodeError, Damaged) as error:
            raise corrupt(self._path, str(error)) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect_reader(self._path)
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _drop(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._close(connection)

    def _close(self, connection: sqlite3.Connection) -> None:
        self._connections.remove(connection)
        with suppress(sqlite3.Error):
            connection.close()
