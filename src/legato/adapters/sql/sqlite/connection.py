# SPDX-License-Identifier: Apache-2.0
"""Connections to one SQLite file: how they are opened, and what the driver's errors mean.

Rules: LG13, LG27, LG28.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from legato.adapters.sql.sqlite.statements import SQL
from legato.errors import DiskFull, StoreDamaged, StoreUnavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5_000
"""How long a write waits for another process's transaction."""
CHECKPOINT_PAGES: Final = 4_000
"""Pages in the write-ahead log (16 MB) before they are moved into the database. With SQLite's own
1 000, every tenth large batch would pay for it."""
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
WRITE_CACHE_KIB: Final = 16 * 1024
READ_CACHE_KIB: Final = 4 * 1024
STATEMENTS_CACHED: Final = 256
QUICK_CHECK_BYTES_MAX: Final = 32 * 1024 * 1024
"""A file up to this size is checked whole when it is opened (20 ms). In a larger one SQLite finds a
malformed page when it reads it."""
SQLITE_MIN: Final = (3, 35, 0)
SYNCHRONOUS_FULL: Final = 2


def prepare_file(path: Path) -> None:
    """Make the folder (0700) and the file (0600) if they are missing.

    Raises:
        StoreUnavailable: They cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its side files the mode of the database.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"cannot write the database {path}: {error.strerror}.",
            hint="Check the folder's owner, its rights and the space on its disk.",
        ) from error


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes, with full durability.

    Raises:
        StoreUnavailable: The file cannot be opened, or durability cannot be had on it.
    """
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise StoreUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed."
        )
    connection = _connect(path, "rw", WRITE_CACHE_KIB)
    try:
        # Several processes may meet here on a new file; only one can turn the mode at a time.
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error, path) from error
    if mode != "wal" or synchronous != SYNCHRONOUS_FULL:
        connection.close()
        raise StoreUnavailable(
            f"the database {path} cannot be written durably: journal mode {mode}, "
            f"synchronous {synchronous}.",
            hint="Put it on a local disk: network file systems cannot keep a write-ahead log.",
        )
    return connection


def connect_reader(path: Path, *, busy_ms: int = BUSY_TIMEOUT_MS) -> sqlite3.Connection:
    """Open a connection that cannot write.

    Args:
        path: The database file.
        busy_ms: How long a read waits where it has to, which is seldom.

    Raises:
        StoreUnavailable: The file cannot be opened.
    """
    connection = _connect(path, "ro", READ_CACHE_KIB, busy_ms)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(
    path: Path, mode: str, cache_kib: int, busy_ms: int = BUSY_TIMEOUT_MS
) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
            timeout=busy_ms / 1000,
        )
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    return connection


def unavailable(error: Exception, path: Path) -> StoreUnavailable:
    """Say what a driver's error means and what to do about it."""
    name = getattr(error, "sqlite_errorname", "") or ""
    place = f"the database {path}"
    if name == "SQLITE_FULL":
        return DiskFull(
            f"the disk of {place} is full; nothing was written.",
            hint="Free some space: the work goes on by itself.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return StoreUnavailable(
            f"{place} cannot be written: it or its folder is read-only.",
            hint="Check owner and rights of the folder and of the files in it.",
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreUnavailable(
            f"{place} cannot be opened: {error}.", hint="Check that its folder exists."
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(path, str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreUnavailable(
            f"{place} was locked by another program for more than {BUSY_TIMEOUT_MS // 1000} s.",
            hint="Find the program that holds it open in a long transaction.",
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreUnavailable(
            f"{place} cannot be read or written: {error} ({name}).",
            hint="Check the disk; it may be full or failing.",
        )
    return StoreUnavailable(f"{place}: {error}" + (f" ({name})" if name else ""))


def corrupt(path: Path, what: str) -> StoreDamaged:
    """Say that the file is damaged."""
    return StoreDamaged(
        f"the database {path} is damaged: {what}.",
        hint="Stop every Legato on it, keep a copy, and restore a backup.",
    )


def quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage in the file's structure, if the file is small enough for a start-up.

    Raises:
        StoreDamaged: It is.
    """
    if path.stat().st_size > QUICK_CHECK_BYTES_MAX:
        return
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    if found != "ok":
        raise corrupt(path, found)


class Query:
    """A compiled query whose one row holds one JSON text, decoded into a given type.

    Named parameters; lists are passed as JSON text (`ids_json`).
    """

    def __init__(self, name: str, shape: type[T]) -> None:
        """Make the query.

        Args:
            name: A name in `compiled.sql`.
            shape: What the JSON is decoded into.
        """
        self._sql = SQL[name]
        # Not strict: what is true or false is 1 or 0 here.
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(shape, strict=False)

    def run(self, connection: sqlite3.Connection, **parameters: object) -> Any:
        """Run it and return the decoded value.

        Raises:
            sqlite3.Error: The database says no.
            msgspec.DecodeError: What is stored is damaged.
        """
        (text,) = connection.execute(self._sql, parameters).fetchone()
        return self._decoder.decode(text)


def as_json(values: object) -> str:
    """Return a list parameter."""
    return msgspec.json.encode(values).decode()
