# SPDX-License-Identifier: Apache-2.0
"""`sql.query` on PostgreSQL: a prepared statement in a transaction, read through a portal.

The server prepares one statement only, binds the parameters itself, and refuses writes in a
read-only transaction: the second wall beside the check of the text.

Rules: ND34, ND37, ND38, ND39.
"""

import asyncio
import base64
import binascii
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import asyncpg

from legato.nodes.sql_guard import invalid
from legato.nodes.sql_rows import CHUNK_BYTES, Chunk, Row, Write, check_names, chunk_of
from legato.nodes.sql_session import (
    CONNECT_S,
    LOCK_S,
    STOP_S,
    Call,
    Place,
    Scalar,
    Session,
    failed,
    not_connected,
    place_of,
    ssl_context,
)

ROWS_AT_ONCE_MAX: Final = 1_000
"""More gain nothing (measured: 500 reach 95 %), and the driver has them all in memory."""
BATCH_BYTES_MAX: Final = 64 * 1024 * 1024
"""What the server may send for one batch; a row of 1 GB must not end the engine."""
_TEXTUAL: Final = frozenset({"interval"})
"""Types that the driver would change (it makes 30 days of a month): they come as text."""
_OWN_TABLES: Final = ("events", "inbox", "engines", "node_steps", "attempt_logs")
_NOT_RETRYABLE_CONNECT: Final = ("28", "3D", "0A")
_WORTH_A_RETRY: Final = ("08", "40", "53", "55", "57")
_UNCLEAR: Final = ("08", "57")
"""Classes of errors after which nobody knows whether a commit took place."""


class PostgresSession(Session):
    """Keeps `Session`."""

    def __init__(self, call: Call) -> None:
        """Args: call is what to run."""
        super().__init__(call)
        self._connection: Any = None
        self._cursor: Any = None
        self._meter: _Meter | None = None
        self._records: Iterator[Row] = iter(())
        self._is_at_end = False
        self._rows_at_once = 1
        self._rows_read = 0
        self._status = ""

    async def _open(self) -> None:
        call, statement = self.call, self.call.statement
        self._connection = await _connect(call, place_of(call, 5432))
        self._meter = _Meter.between(self._connection)
        try:
            await self._connection.execute(_beginning(call))
            if await self._connection.fetchval(_IS_OWN, list(_OWN_TABLES)):
                raise not_connected(
                    call,
                    "it is Legato's own database, which no workflow may reach",
                    retryable=False,
                )
            numbers = {name: index for index, name in enumerate(statement.distinct, 1)}
            text = statement.text(lambda name: f"${numbers[name]}")
            prepared = await self._prepared(text)
            self.names = tuple(each.name for each in prepared.get_attributes())
            check_names(self.names)
            values = [
                _bound(name, call.params[name], kind)
                for name, kind in zip(numbers, prepared.get_parameters(), strict=True)
            ]
            if self.names:
                self._cursor = await prepared.cursor(*values)
            else:
                await prepared.fetch(*values)
                self._status = prepared.get_statusmsg()
                self._is_at_end = True
        except _ERRORS as error:
            raise self._failure(error) from None

    async def _prepared(self, text: str) -> Any:
        prepared = await self._connection.prepare(text)
        kinds = [each.type for each in prepared.get_attributes()]
        textual = {each.name for each in (*kinds, *prepared.get_parameters())} & _TEXTUAL
        for name in textual:
            await self._connection.set_type_codec(
                name, schema="pg_catalog", encoder=str, decoder=str, format="text"
            )
        return await self._connection.prepare(text) if textual else prepared

    async def chunk(self, write: Write, rows_max: int) -> Chunk:
        """Keep `Session.chunk`."""
        parts: list[bytes] = []
        count = size = 0
        while size < CHUNK_BYTES:
            part = chunk_of(self._records, write, rows_max - count, ROWS_AT_ONCE_MAX)
            parts.append(part.data)
            count += part.count
            size += len(part.data)
            if count == rows_max:
                if not part.has_more:
                    await self._fetch(1)
                is_more = part.has_more or next(self._records, None) is not None
                return Chunk(b"".join(parts), count, is_more)
            if self._is_at_end and not part.has_more:
                return Chunk(b"".join(parts), count, has_more=False)
            if not part.has_more:
                await self._fetch(min(self._rows_at_once, rows_max - count + 1))
        return Chunk(b"".join(parts), count, has_more=True)

    async def _fetch(self, wanted: int) -> None:
        """Read the next rows; next time as many as make a chunk, going up by twice at most."""
        if self._is_at_end:
            return
        assert self._meter is not None, "it is open"
        self._meter.count = 0
        try:
            records = await self._cursor.fetch(wanted)
        except _ERRORS as error:
            raise self._failure(error) from None
        self._records = iter(records)
        self._is_at_end = len(records) < wanted
        self._rows_read += len(records)
        fitting = CHUNK_BYTES * wanted // max(self._meter.count, 1)
        self._rows_at_once = max(1, min(wanted * 2, fitting, ROWS_AT_ONCE_MAX))

    async def finish(self) -> int | None:
        """Keep `Session.finish`."""
        if not self.call.statement.writes:
            return None
        while not self._is_at_end:
            await self._fetch(self._rows_at_once)
        self.in_doubt = True
        try:
            status = await self._connection.execute("COMMIT")
        except _ERRORS as error:
            state = getattr(error, "sqlstate", None) or "08"
            self.in_doubt = state.startswith(_UNCLEAR)
            raise self._failure(error) from None
        if status != "COMMIT":
            self.in_doubt = False
            raise failed("sql.error", f"the database answered COMMIT with {status}")
        last = self._status.rpartition(" ")[2]  # INSERT 0 5, UPDATE 5
        return self._rows_read if self._cursor is not None else int(last) if last else None

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # The driver asks the server to cancel what still runs, and waits for it.
            async with asyncio.timeout(STOP_S):
                await connection.close()
        except Exception:  # noqa: BLE001, S110 - it is closed one way or the other
            pass
        finally:
            if not connection.is_closed():
                connection.terminate()

    def _failure(self, error: BaseException) -> Exception:
        """Say what the server said; never the statement's parameters."""
        if self._meter is not None and self._meter.is_over:
            return failed(
                "result_too_large",
                f"the database sent more than {BATCH_BYTES_MAX} bytes for a few rows",
                retryable=False,
            )
        state = getattr(error, "sqlstate", None)
        if isinstance(error, asyncpg.QueryCanceledError) and "statement timeout" in str(error):
            return failed("timeout", f"{error} after {self.call.timeout_s:g} s")
        if state is None or state.startswith("08"):
            if isinstance(error, asyncpg.DataError | ValueError | OverflowError):
                return failed("sql.error", str(error), retryable=False)
            return not_connected(self.call, str(error) or type(error).__name__)
        return failed(
            "sql.error", f"{error} (SQLSTATE {state})", retryable=state.startswith(_WORTH_A_RETRY)
        )


class _Meter(asyncio.Protocol):
    """Counts what comes in, and hangs up when it is too much: the driver reads without limit."""

    def __init__(self, transport: asyncio.Transport, inner: asyncio.Protocol) -> None:
        self._transport = transport
        self._inner = inner
        self.count = 0
        self.is_over = False

    @classmethod
    def between(cls, connection: Any) -> "_Meter":
        """Stand between a connection's transport and its protocol.

        The driver has no name for its transport that is meant for others; its version is bounded.
        """
        transport = connection._transport
        meter = cls(transport, transport.get_protocol())
        transport.set_protocol(meter)
        return meter

    def data_received(self, data: bytes) -> None:
        self.count += len(data)
        if self.count > BATCH_BYTES_MAX:
            self.is_over = True
            self._transport.abort()
            return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, OverflowError)
"""What the driver raises; ValueError and OverflowError for values that it cannot read."""

_IS_OWN: Final = """
SELECT count(DISTINCT relname) = 5 FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'p') AND relname = ANY($1)
"""


async def _connect(call: Call, place: Place) -> Any:
    """Connect, without anything from the environment: no PGPASSWORD, no password file."""
    mode = place.ssl_mode
    security: Any = {"disable": False, "prefer": "prefer"}.get(mode)
    if security is None:
        security = await asyncio.to_thread(ssl_context, mode)
    try:
        return await asyncpg.connect(
            host=place.host,
            port=place.port,
            user=place.user,
            password=call.password or "",
            passfile=os.devnull,
            database=place.database,
            ssl=security,
            timeout=CONNECT_S,
            statement_cache_size=0,
        )
    except TimeoutError:
        raise not_connected(call, f"no connection within {CONNECT_S:g} s") from None
    except Exception as error:  # noqa: BLE001 - what is no PostgreSQL server may raise anything
        state = getattr(error, "sqlstate", None) or ""
        raise not_connected(
            call, error, retryable=not state.startswith(_NOT_RETRYABLE_CONNECT)
        ) from None


def _beginning(call: Call) -> str:
    """Return what opens the transaction; all numbers are ours."""
    access = "READ WRITE" if call.statement.writes else "READ ONLY"
    timeout_ms = int(call.timeout_s * 1000)
    settings = {
        "statement_timeout": timeout_ms,
        "lock_timeout": int(min(LOCK_S, call.timeout_s) * 1000),
        "idle_in_transaction_session_timeout": timeout_ms,
        "search_path": "pg_catalog, public, pg_temp",
        "standard_conforming_strings": "on",
    }
    lines = [f"SET LOCAL {name} = {value}" for name, value in settings.items()]
    return "; ".join([f"BEGIN {access}", *lines])


def _whole(value: Scalar) -> int:
    """Take a number for a whole one; an expression makes a double of many."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("a whole number")


def _number(value: Scalar) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a number")
    return Decimal(str(value))


def _float(value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return float(value)


def _bool(value: Scalar) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _str(value: Scalar) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


_BINDERS: Final[Mapping[str, Callable[[Scalar], Any]]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), _whole),
    **dict.fromkeys(("float4", "float8"), _float),
    "numeric": _number,
    "bool": _bool,
    "date": lambda value: date.fromisoformat(_str(value)),
    "time": lambda value: time.fromisoformat(_str(value)),
    "timetz": lambda value: time.fromisoformat(_str(value)),
    "timestamp": lambda value: datetime.fromisoformat(_str(value)),
    "timestamptz": lambda value: datetime.fromisoformat(_str(value)),
    "uuid": lambda value: uuid.UUID(_str(value)),
    "bytea": lambda value: base64.b64decode(_str(value), validate=True),
}
"""By the type that the server found for a parameter; all others take text."""


def _bound(name: str, value: Scalar, kind: Any) -> Any:
    """Return a parameter as the driver wants it for a type of the server."""
    if value is None:
        return None
    try:
        return _BINDERS.get(kind.name, _str)(value)
    except (ValueError, InvalidOperation, binascii.Error):
        got = "a text" if isinstance(value, str) else "true or false"
        got = "a number" if not isinstance(value, str | bool) else got
        raise invalid(
            f"the parameter :{name} is {got}, where the database expects {kind.name}; pass another "
            f"value, or say what it is: CAST(:{name} AS …)"
        ) from None
