# SPDX-License-Identifier: Apache-2.0
"""`sql.query` on SQLite: a file opened read-only, with an authorizer that says no to all else.

The second wall, beside the check of the text: what SQLite itself prepares is looked at, so views
and triggers are held to the same list of functions and actions.

Rules: ND34, ND37, ND38, ND39.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from legato.nodes.sql_functions import FUNCTIONS
from legato.nodes.sql_rows import CELL_BYTES_MAX, Chunk, Row, Write, check_names, chunk_of
from legato.nodes.sql_session import LOCK_S, Call, LaneSession, failed, not_connected

BUSY_S: Final = 0.5
"""SQLite cannot be interrupted while it waits for a lock, so it waits in short turns."""
STEPS_BETWEEN_LOOKS: Final = 20_000
"""Instructions of SQLite's machine between two looks at the wish to stop: about a millisecond."""
PATTERN_BYTES_MAX: Final = 1_000
"""LIKE takes the square of it, and cannot be interrupted. Source: sqlite.org/limits.html."""
OWN_DATABASE: Final = "legato.db"
OWN_TABLES: Final = ("events", "inbox", "engines", "node_steps", "attempt_logs")
"""What tells a database of Legato from all others, whatever its file is called."""
_HIDDEN: Final = frozenset({"sqlite_dbpage", "dbstat", "sqlite_stmt", "bytecode", "tables_used"})
"""Virtual tables that show the engine's insides."""
_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_WRITING: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_WORTH_A_RETRY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_NO_DATABASE: Final = frozenset(
    {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT}
)


class SqliteSession(LaneSession):
    """Keeps `Session`; the driver works in a thread of its own."""

    def __init__(self, call: Call) -> None:
        """Args: call is what to run."""
        super().__init__(call)
        self._connection: sqlite3.Connection | None = None
        self._rows: Iterator[Row] = iter(())
        self._cursor: sqlite3.Cursor | None = None
        self._is_told_to_stop = threading.Event()

    async def _close(self) -> None:
        try:
            if self._connection is not None and not self._lane.is_stuck:
                await self._lane.run(self._connection.close)
        finally:
            self._lane.close()

    async def _stop(self) -> None:
        self._is_told_to_stop.set()
        if self._connection is not None:
            self._connection.interrupt()

    # --- in the thread -------------------------------------------------------------------------

    def _start(self) -> None:
        call, statement = self.call, self.call.statement
        path, identity = checked_path(call)
        mode = "rw" if statement.writes else "ro"
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}",
                uri=True,
                timeout=BUSY_S,
                isolation_level=None,
                check_same_thread=False,  # `interrupt` comes from the loop
            )
            self._guard(self._connection, writes=statement.writes)
        except sqlite3.Error as error:
            raise _failure(call, error) from None
        if checked_path(call)[1] != identity:
            raise not_connected(call, "the file was replaced while it was opened")
        numbers = {name: index for index, name in enumerate(statement.distinct, 1)}
        text = statement.text(lambda name: f"?{numbers[name]}")
        self._cursor = self._patiently(text, [call.params[name] for name in numbers])
        self.names = tuple(each[0] for each in self._cursor.description or ())
        check_names(self.names)
        self._rows = iter(self._cursor)

    def _guard(self, connection: sqlite3.Connection, *, writes: bool) -> None:
        connection.set_progress_handler(self._is_told_to_stop.is_set, STEPS_BETWEEN_LOOKS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL_BYTES_MAX)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)
        connection.execute("PRAGMA trusted_schema=OFF")
        if writes:
            connection.execute("PRAGMA foreign_keys=ON")
        else:
            connection.execute("PRAGMA query_only=ON")
        defensive = getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None)  # from Python 3.12
        if defensive is not None:
            connection.setconfig(defensive, True)  # type: ignore[attr-defined,unused-ignore]  # noqa: FBT003
        marks = ", ".join("?" * len(OWN_TABLES))
        query = f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ({marks})"  # noqa: S608 - question marks
        if self._patiently(query, OWN_TABLES).fetchone()[0] == len(OWN_TABLES):
            raise own_database(self.call)
        self._load_virtual_tables(connection)
        if writes:
            self._patiently("BEGIN IMMEDIATE")
        connection.set_authorizer(_authorizer(self.call, writes=writes))

    def _load_virtual_tables(self, connection: sqlite3.Connection) -> None:
        """Have modules such as full-text search prepare what they need before all is refused."""
        named = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%' LIMIT 1000"
        for (name,) in self._patiently(named).fetchall():
            quoted = name.replace('"', '""')
            with suppress(sqlite3.Error):  # of a module that is not there; it may not be wanted
                connection.execute(f'SELECT 1 FROM "{quoted}" LIMIT 0')  # noqa: S608 - quoted

    def _patiently(self, text: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute, and again for a while if the database is locked."""
        assert self._connection is not None, "it was opened first"
        until = time.monotonic() + LOCK_S
        while True:
            try:
                return self._connection.execute(text, values)
            except sqlite3.Error as error:
                is_busy = _code(error) in _WORTH_A_RETRY and time.monotonic() < until
                if not is_busy or self._is_told_to_stop.is_set():
                    raise _failure(self.call, error) from None
            except (OverflowError, ValueError, sqlite3.Warning) as error:
                raise failed("sql.error", str(error), retryable=False) from None

    def _chunk(self, write: Write, rows_max: int) -> Chunk:
        try:
            return chunk_of(self._rows, write, rows_max)
        except sqlite3.Error as error:
            raise _failure(self.call, error) from None

    def _finish(self) -> int | None:
        if not self.call.statement.writes:
            return None
        assert self._connection is not None and self._cursor is not None, "it ran first"
        for _ in self._rows:
            pass
        self._cursor.close()
        self._connection.set_authorizer(None)
        changed: int = self._connection.execute("SELECT changes()").fetchone()[0]
        self.in_doubt = True
        try:
            self._patiently("COMMIT")
        except BaseException:
            # Only a commit that SQLite itself took back did certainly not happen.
            self.in_doubt = not self._connection.in_transaction
            raise
        return changed


def own_database(call: Call) -> Exception:
    """Make the refusal of a database that is Legato's own."""
    return not_connected(
        call, "it is Legato's own database, which no workflow may reach", retryable=False
    )


def checked_path(call: Call) -> tuple[Path, tuple[int, int]]:
    """Return path and identity of the database: an ordinary file, and none of Legato's own.

    Raises:
        NodeFailure: `connection`.
    """
    path = Path(call.connection.url.removeprefix("sqlite:///"))
    try:
        found = os.lstat(path)
        real = path.parent.resolve(strict=True) / path.name
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise not_connected(call, f"{path}: {reason}", retryable=False) from None
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise not_connected(
            call, f"{path} is a link, has a second name, or is no file", retryable=False
        )
    if any((folder / OWN_DATABASE).exists() for folder in real.parents):
        raise own_database(call)
    return real, (found.st_dev, found.st_ino)


def _authorizer(call: Call, *, writes: bool) -> Any:
    """Return what SQLite asks before each action of a statement that it prepares."""
    functions = FUNCTIONS["sqlite"] | {each.lower() for each in call.connection.functions}
    allowed = _READING | _WRITING if writes else _READING

    def judge(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ:
            table = (first or "").lower()
            is_hidden = table.startswith("pragma_") or table in _HIDDEN
            return sqlite3.SQLITE_DENY if is_hidden else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            is_known = (second or "").lower() in functions
            return sqlite3.SQLITE_OK if is_known else sqlite3.SQLITE_DENY
        # What full-text search asks of its own tables.
        is_version = action == sqlite3.SQLITE_PRAGMA and (first, second) == ("data_version", None)
        return sqlite3.SQLITE_OK if action in allowed or is_version else sqlite3.SQLITE_DENY

    return judge


def _code(error: sqlite3.Error) -> int:
    """Return the primary code; the driver's own errors have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _failure(call: Call, error: sqlite3.Error) -> Exception:
    code = _code(error)
    name = getattr(error, "sqlite_errorname", "")
    said = f"{error} ({name})" if name else str(error)
    if code in _NO_DATABASE:
        return not_connected(call, said, retryable=False)
    if code == sqlite3.SQLITE_TOOBIG:
        return failed(
            "result_too_large", f"a value is larger than {CELL_BYTES_MAX} bytes", retryable=False
        )
    return failed("sql.error", said, retryable=code in _WORTH_A_RETRY)
