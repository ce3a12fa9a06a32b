# SPDX-License-Identifier: Apache-2.0
"""What the three databases of `sql.query` have in common: a call, a session, a thread, failures.

Rules: ND34, ND37, ND38.
"""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from legato.nodes.sql_guard import Statement
from legato.nodes.sql_rows import Chunk, Write
from legato.ports.grants import SqlConnection
from legato.ports.node import NodeFailure

CONNECT_S: Final = 10.0
STOP_S: Final = 1.2
"""From asking a statement to stop to leaving its connection behind; an attempt has 2 s."""
LOCK_S: Final = 5.0
"""How long a statement waits for a lock that somebody else holds."""

T = TypeVar("T")
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One checked statement, and where it runs. `name` is how the operator calls the database."""

    name: str
    connection: SqlConnection
    password: str | None
    statement: Statement
    params: Mapping[str, Scalar]
    timeout_s: float


class Session(ABC):
    """A connection of its own for one statement in one transaction.

    As a context manager: opens, runs the statement, and at the end leaves nothing behind, on the
    server either. Nothing is kept unless `finish` returns.
    """

    def __init__(self, call: Call) -> None:
        """Note what is asked; nothing is opened."""
        self.call = call
        self.has_simple_values = False
        """Rows hold nothing but text, bytes, numbers of 64 bits and None; see `sql_rows`."""
        self.names: tuple[str, ...] = ()
        """The columns, from when it is open."""
        self.in_doubt = False
        """Something may have been written; false when it certainly was not."""
        self._coming: asyncio.Task[Chunk] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        coming, self._coming = self._coming, None
        try:
            if coming is not None and not coming.done():
                coming.cancel()
                await asyncio.wait({coming}, timeout=2 * STOP_S)
        finally:
            if coming is not None:
                coming.add_done_callback(forget)
            await self._close()

    async def read(self, write: Write, rows_max: int) -> Chunk:
        """Return the next rows, at most `rows_max`, and begin to read those after them.

        The database and the blob store then work at the same time.

        Args:
            write: Writes the rows; the same in every call.
            rows_max: What is left of the rows that are wanted.

        Raises:
            NodeFailure: As `chunk`.
        """
        coming, self._coming = self._coming, None
        chunk = await (self.chunk(write, rows_max) if coming is None else coming)
        if chunk.has_more and chunk.count < rows_max:
            left = rows_max - chunk.count
            self._coming = asyncio.ensure_future(self.chunk(write, left))
        return chunk

    @abstractmethod
    async def _open(self) -> None:
        """Connect, begin the transaction and start the statement.

        Raises:
            NodeFailure: `connection`, `sql.error`, `invalid_query`, `timeout`.
        """

    @abstractmethod
    async def chunk(self, write: Write, rows_max: int) -> Chunk:
        """Return the next rows, at most `rows_max`.

        Raises:
            NodeFailure: As `_open`, and `result_too_large`, `invalid_value`.
        """

    @abstractmethod
    async def finish(self) -> int | None:
        """Commit what was written; return how many rows that were, where the database says so.

        Raises:
            NodeFailure: `sql.error` or `connection`; `in_doubt` tells whether it may be kept.
        """

    @abstractmethod
    async def _close(self) -> None:
        """Stop what still runs and close. Raises nothing; takes less than 2 s."""


class Lane:
    """One thread for a blocking driver: what it is asked is done one after the other.

    Not the loop's own threads: those are few, and a statement may hold one for minutes.
    """

    def __init__(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Args: stop asks what runs in the thread to end soon; called in the loop."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="legato-sql")
        self._stop = stop
        self.is_stuck = False
        """What runs there did not end when it was asked to."""

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Do it in the thread; if this is cancelled the work is stopped, and waited for."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.done():
                await self._stop()
                await asyncio.wait({future}, timeout=STOP_S)
            self.is_stuck = not future.done()
            future.add_done_callback(forget)
            raise

    def close(self) -> None:
        """Take no more work; the thread ends with what it does."""
        self._pool.shutdown(wait=False)


class LaneSession(Session):
    """A session whose driver blocks: its work is done in a thread of its own."""

    def __init__(self, call: Call) -> None:
        """Args: call is what to run."""
        super().__init__(call)
        self.has_simple_values = True
        self._lane = Lane(self._stop)

    async def _open(self) -> None:
        await self._lane.run(self._start)

    async def chunk(self, write: Write, rows_max: int) -> Chunk:
        """Keep `Session.chunk`."""
        return await self._lane.run(self._chunk, write, rows_max)

    async def finish(self) -> int | None:
        """Keep `Session.finish`."""
        return await self._lane.run(self._finish)

    @abstractmethod
    async def _stop(self) -> None:
        """Ask what runs in the thread to end soon; called in the loop."""

    @abstractmethod
    def _start(self) -> None:
        """Do `_open`, in the thread."""

    @abstractmethod
    def _chunk(self, write: Write, rows_max: int) -> Chunk:
        """Do `chunk`, in the thread."""

    @abstractmethod
    def _finish(self) -> int | None:
        """Do `finish`, in the thread."""


def forget(future: "asyncio.Future[Any]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def failed(kind: str, message: str, *, retryable: bool = True) -> NodeFailure:
    """Make a failure; whether something may have happened is the session's to say."""
    return NodeFailure(kind, message, may_have_happened=False, retryable=retryable)


def not_connected(call: Call, why: object, *, retryable: bool = True) -> NodeFailure:
    """Make the failure of a connection that was not made or was lost."""
    return failed("connection", f"connection {call.name!r}: {why}", retryable=retryable)


def is_local(host: str) -> bool:
    """Tell whether a host is this machine: a socket's path or loopback."""
    return host.startswith("/") or host in {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database server as a connection's URL names it."""

    host: str
    port: int
    user: str
    database: str
    ssl_mode: str


def place_of(call: Call, default_port: int) -> Place:
    """Read a server's URL. A host that begins with `%2F` is a socket's path.

    Raises:
        NodeFailure: `connection`: it holds an option that is not known.
    """
    parts = urlsplit(call.connection.url)
    if not parts.username:
        raise not_connected(call, "its url names no user: SCHEME://USER@HOST/NAME", retryable=False)
    host = unquote(parts.hostname or "")
    mode = "prefer" if is_local(host) else "verify-full"
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key != "sslmode" or value not in SSL_MODES:
            raise not_connected(
                call,
                f"its url has {key}={value}; only sslmode={'|'.join(SSL_MODES)} can be given there",
                retryable=False,
            )
        mode = value
    return Place(
        host=host,
        port=_port_of(parts) or default_port,
        user=unquote(parts.username),
        database=unquote(parts.path.lstrip("/")),
        ssl_mode=mode,
    )


SSL_MODES: Final = ("disable", "prefer", "require", "verify-full")
"""As libpq calls them. Where the URL names none: `verify-full`, on this machine `prefer`."""


@cache
def ssl_context(mode: str) -> ssl.SSLContext:
    """Return the context for a mode; the first for `verify-full` takes 80 ms to make."""
    if mode == "verify-full":
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _port_of(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
