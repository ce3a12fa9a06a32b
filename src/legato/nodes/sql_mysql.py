# SPDX-License-Identifier: Apache-2.0
"""`sql.query` on MySQL and MariaDB: a blocking driver in a thread, rows read one by one.

The driver binds nothing on the server, so parameters are written as literals that hold nothing
but digits: a text is the hexadecimal form of its UTF-8. There is no quote that a value could
close. The transaction is read-only on the server: the second wall beside the check of the text.

Rules: ND31, ND34, ND35, ND37, ND38.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import pymysql
import pymysql.connections
from pymysql.constants import CR, ER, FIELD_TYPE
from pymysql.cursors import SSCursor

from legato.model.values import INT64_MAX, INT64_MIN
from legato.nodes.sql_rows import Chunk, Row, Write, check_names, chunk_of
from legato.nodes.sql_session import (
    CONNECT_S,
    LOCK_S,
    STOP_S,
    Call,
    LaneSession,
    Place,
    Scalar,
    failed,
    not_connected,
    place_of,
    ssl_context,
)

GROUP_ROWS: Final = 4
"""A row may have 64 MB (`max_allowed_packet`), and the driver takes longer than the encoder."""
KILL_S: Final = 1
"""For the second connection, by which a running statement is stopped; the driver's least."""
SQL_MODE: Final = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""Fixed, for other modes change what a quote is (ANSI_QUOTES, NO_BACKSLASH_ESCAPES)."""
_NOT_ROLLED_BACK: Final = 1196
"""The warning that a table without transactions keeps what was written."""
_TIMED_OUT: Final = frozenset({1969, 3024})
_REFUSED_CONNECT: Final = frozenset({1044, 1045, 1049, 1698})
_WORTH_A_RETRY: Final = frozenset({1205, 1213})
_LOST: Final = frozenset(
    {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR,
     ER.SERVER_SHUTDOWN}
)  # fmt: skip


def _integer(text: str) -> int | str:
    """Read an integer; beyond 64 bits with a sign it stays text."""
    number = int(text)
    return number if INT64_MIN <= number <= INT64_MAX else text


def _bit(raw: bytes) -> int | str:
    return _integer(str(int.from_bytes(raw)))


_READERS: Final[Mapping[int, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.YEAR),
        int,
    ),
    FIELD_TYPE.LONGLONG: _integer,
    FIELD_TYPE.FLOAT: float,
    FIELD_TYPE.DOUBLE: float,
    FIELD_TYPE.BIT: _bit,
    FIELD_TYPE.DATETIME: lambda text: text.replace(" ", "T", 1),
    FIELD_TYPE.TIMESTAMP: lambda text: text.replace(" ", "T", 1),
}
"""By column type; all others come as the server writes them, bytes as bytes."""


class MysqlSession(LaneSession):
    """Keeps `Session`; the driver works in a thread of its own."""

    def __init__(self, call: Call) -> None:
        """Args: call is what to run."""
        super().__init__(call)
        self._place = place_of(call, 3306)
        self._connection: Any = None
        self._cursor: Any = None
        self._rows: Iterator[Row] = iter(())
        self._rows_read = 0
        self._is_done = False
        """The statement has sent all it had to send."""
        self._is_committed = False
        self._is_told_to_stop = False
        self._is_left = threading.Event()

    async def _close(self) -> None:
        self._is_left.set()
        connection = self._connection
        try:
            # Rows that nobody will read are not waited for: the server is told to stop first.
            if not (self._is_done or self._is_told_to_stop):
                await self._stop()
            if connection is not None and not self._lane.is_stuck:
                ending = asyncio.ensure_future(self._lane.run(self._end))
                await asyncio.wait({ending}, timeout=STOP_S)
        finally:
            if connection is not None:
                _hang_up(connection)
                _leave_rows(connection, self._cursor)
            self._lane.close()

    async def _stop(self) -> None:
        """Stop the statement on the server, from a second connection."""
        self._is_told_to_stop = True
        connection = self._connection
        if connection is None:
            return
        try:
            await asyncio.to_thread(self._kill, connection.thread_id())
        except (pymysql.Error, OSError, RuntimeError):
            _hang_up(connection)

    def _kill(self, thread_id: int) -> None:
        with _Connection(**_arguments(self.call, self._place, connect_s=KILL_S)) as second:
            second.query(f"KILL QUERY {thread_id:d}")

    # --- in the thread -------------------------------------------------------------------------

    def _start(self) -> None:
        call, statement = self.call, self.call.statement
        try:
            connection = _Connection(
                **_arguments(call, self._place, connect_s=min(CONNECT_S, call.timeout_s)),
                cursorclass=SSCursor,
                conv=dict(_READERS),
            )
        except Exception as error:  # noqa: BLE001 - what is no MySQL server may raise anything
            raise not_connected(
                call, _said(error), retryable=_number(error) not in _REFUSED_CONNECT
            ) from None
        if self._is_left.is_set():
            connection.close()
            return
        self._connection = connection
        try:
            for each in _beginning(call, is_mariadb="MariaDB" in connection.get_server_info()):
                connection.query(each)
            # From here on a table without transactions keeps what was written.
            self.in_doubt = statement.writes
            self._cursor = connection.cursor()
            self._cursor.execute(statement.text(lambda name: literal(call.params[name])))
        except (pymysql.Error, OSError, UnicodeError) as error:
            raise self._failure(error) from None
        self.names = tuple(each[0] for each in self._cursor.description or ())
        check_names(self.names)
        self._rows = self._each_row() if self.names else iter(())
        self._is_done = not self.names

    def _each_row(self) -> Iterator[Row]:
        while (row := self._cursor.fetchone()) is not None:
            self._rows_read += 1
            yield row
        self._is_done = True

    def _chunk(self, write: Write, rows_max: int) -> Chunk:
        try:
            return chunk_of(self._rows, write, rows_max, GROUP_ROWS)
        except (pymysql.Error, OSError, UnicodeError) as error:
            raise self._failure(error) from None

    def _finish(self) -> int | None:
        if not self.call.statement.writes:
            return None
        try:
            for _ in self._rows:
                pass
            changed = self._rows_read if self.names else self._cursor.rowcount
            self._connection.commit()
        except (pymysql.Error, OSError, UnicodeError) as error:
            raise self._failure(error) from None
        self._is_committed = True
        return int(changed)

    def _end(self) -> None:
        """Take back what was not committed, ask whether that worked, and hang up."""
        connection = self._connection
        try:
            if self.in_doubt and not self._is_committed:
                self._read_rest()
                connection.rollback()
                warnings = connection.show_warnings()
                self.in_doubt = any(each[1] == _NOT_ROLLED_BACK for each in warnings)
        except (pymysql.Error, OSError):
            pass  # nobody knows; the server rolls back by itself where it can
        with suppress(pymysql.Error, OSError):
            if self._is_done:
                connection.close()

    def _read_rest(self) -> None:
        """Read the rows that were sent before the statement was stopped."""
        with suppress(pymysql.Error):
            for _ in self._rows:
                pass

    def _failure(self, error: Exception) -> Exception:
        number = _number(error)
        if number in _TIMED_OUT:
            return failed("timeout", f"{_said(error)} after {self.call.timeout_s:g} s")
        if number in _LOST or isinstance(error, OSError):
            return not_connected(self.call, _said(error))
        return failed("sql.error", _said(error), retryable=number in _WORTH_A_RETRY)


class _Connection(pymysql.connections.Connection):  # type: ignore[misc]  # it has no types
    """The driver's connection, without 80 ms for a new TLS context each time."""

    def _create_ssl_ctx(self, given: Any) -> Any:
        return given or ssl_context("prefer")


def literal(value: Scalar) -> str:
    """Write a value as a literal without a quote: digits, a word, or hexadecimal digits."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "e" in text else f"{text}e0"  # without an exponent it would be a DECIMAL
    return f"_utf8mb4 X'{value.encode().hex()}'"


def _beginning(call: Call, *, is_mariadb: bool) -> list[str]:
    """Return what opens the transaction; all numbers are ours."""
    lock_s = max(1, int(min(LOCK_S, call.timeout_s)))
    seconds = f"max_statement_time = {call.timeout_s:.3f}"
    milliseconds = f"max_execution_time = {int(call.timeout_s * 1000)}"
    settings = (
        f"sql_mode = '{SQL_MODE}'",
        seconds if is_mariadb else milliseconds,
        f"lock_wait_timeout = {lock_s}",
        f"innodb_lock_wait_timeout = {lock_s}",
    )
    access = "READ WRITE" if call.statement.writes else "READ ONLY"
    return [
        "SET SESSION " + ", ".join(settings),
        # For the session too: CREATE would end the transaction and take place after it.
        f"SET SESSION TRANSACTION {access}",
        f"START TRANSACTION {access}",
    ]


def _arguments(call: Call, place: Place, *, connect_s: float) -> dict[str, Any]:
    """Return how to connect; no option file is read and no file of ours is ever sent."""
    at: dict[str, Any] = {"host": place.host, "port": place.port}
    if place.host.startswith("/"):
        at = {"unix_socket": place.host}
    if place.ssl_mode == "disable":
        at["ssl_disabled"] = True
    elif place.ssl_mode != "prefer":
        at["ssl"] = ssl_context(place.ssl_mode)
    return {
        **at,
        "user": place.user,
        "password": (call.password or "").encode(),
        "database": place.database,
        "charset": "utf8mb4",
        "connect_timeout": connect_s,
        "local_infile": False,
        "autocommit": None,
    }


def _hang_up(connection: Any) -> None:
    """End a connection whatever it is doing: a thread that reads from it wakes up."""
    sock = connection._sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _leave_rows(connection: Any, cursor: Any) -> None:
    """Have the driver not read the rest of the rows when it forgets these objects."""
    if connection._result is not None:
        connection._result.unbuffered_active = False
    if cursor is not None:
        cursor.connection = None
    connection._force_close()


def _number(error: Exception) -> int:
    first = error.args[0] if error.args else 0
    return first if isinstance(error, pymysql.Error) and isinstance(first, int) else 0


def _said(error: Exception) -> str:
    """Return the server's own words with its number."""
    if isinstance(error, pymysql.Error) and len(error.args) > 1:
        return f"{error.args[1]} ({error.args[0]})"
    return str(error) or type(error).__name__
