# SPDX-License-Identifier: Apache-2.0
"""The client of Redis for a whole server, for which nobody waits long.

Connections, protocol and TLS are redis-py's. This adds when it is asked at all: Redis refuses,
hangs, has another password or no memory left, and whoever asks gets `Unavailable`, from then on at
once, while a task beside the requests tries to get it back. The log has one line when it is lost
and one when it is back. The URL may hold a password: it is in no error, log or `repr`.

Why this client: docs/adr/0010. Rules: AU93, AU95.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from legato.errors import Unavailable
from legato.telemetry import logger

PREFIX: Final = b"legato:"
"""Of every key."""
CONNECTIONS_MAX: Final = 32
"""Of a server. A question costs it 0.1 ms, so as many keep it busy up to 3 ms away from Redis."""

_PROBE: Final = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
"""It writes, so that a Redis which takes no writes is away."""
_CODE: Final = re.compile(r"[A-Z]{1,32}\b")

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one waits, in seconds."""

    answer_s: float = 0.1
    """For an answer. One in the same data centre takes 1 ms."""
    first_s: float = 0.1
    """For the connection, and only by the first who ask after the start."""
    connect_s: float = 1.0
    """For the connection, by nobody but the task beside the requests."""
    pause_s: float = 2.0
    """Between two tries to get it back."""


class RedisLink:
    """Asks Redis, or says at once that it is away."""

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        """Make it; it connects when it is first asked.

        Args:
            url: As `settings.redis_url` checks it.
            patience: Other times than the usual ones.
        """
        self._patience = patience or Patience()
        self._pool = _Pool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            # Who gets a connection has the other half for the answer, so Redis is not blamed for a
            # queue of ours.
            timeout=self._patience.answer_s / 2,
            socket_connect_timeout=self._patience.connect_s,
            socket_timeout=None,  # `asking` waits, and its patience costs one timer instead of two
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # without a greeting; 3 would add nothing that is used
            driver_info=None,
        )
        self.client: Redis = Redis.from_pool(self._pool)
        """For scripts, and for what lasts (a subscription), which looks after its own time. It has
        the pool of `asking`; one connection of it is one less there."""
        self._probe = self.client.register_script(_PROBE)
        self._lost: asyncio.Future[str] | None = None
        """While it is open: ends with why it is not any more, or with nothing to tell."""
        self._keeping: asyncio.Task[None] | None = None
        self._is_settled = asyncio.Event()
        self._is_told = False

    def __repr__(self) -> str:
        """Say no more than whether it is connected."""
        return f"RedisLink(is_open={self.is_open})"

    @property
    def is_open(self) -> bool:
        """Tell whether Redis answers, as far as is known."""
        return self._lost is not None and not self._lost.done()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Redis]:
        """Give the client for a question, which is cut off when its time is over.

        Whatever it raises, and an answer that makes no sense, counts as an outage.

        Raises:
            Unavailable: Redis is away, or does not answer as it should.
        """
        lost = await self._opened()
        try:
            async with _within(self._patience.answer_s):
                yield self.client
        except Exception as error:  # noqa: BLE001 - what is no Redis makes a client raise anything
            if not _is_busy(error) and not lost.done():
                lost.set_result("" if _is_closed(error) else _reason(error))
            raise Unavailable("Redis is away") from None

    async def close(self) -> None:
        """End it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        with contextlib.suppress(exceptions.RedisError, OSError):
            await self.client.aclose()

    async def _opened(self) -> asyncio.Future[str]:
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if not self._is_settled.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_settled.wait(), self._patience.first_s)
        if self._lost is None or self._lost.done():
            raise Unavailable("Redis is away")
        return self._lost

    async def _keep(self) -> None:
        """Be open, again and again."""
        while True:
            try:
                await self._try()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                await self._rest(_reason(error))
                continue
            self._tell_back()
            self._lost = asyncio.get_running_loop().create_future()
            self._is_settled.set()
            reason = await self._lost
            if reason:
                await self._rest(reason)
            # Else a connection was closed: idle for too long, or restarted. That is tried at once.

    async def _try(self) -> None:
        """Write, over a new connection; then again, which has to be as quick as for requests.

        Without the second, a slow Redis would be lost and back every few seconds.
        """
        async with _within(self._patience.connect_s):
            await self._pool.disconnect(inuse_connections=False)  # they may lead nowhere
            await self._probe(keys=[PREFIX + b"probe"])
        async with _within(self._patience.answer_s):
            await self._probe(keys=[PREFIX + b"probe"])

    async def _rest(self, reason: str) -> None:
        if not self._is_told:
            _log.warning("Redis is away: limits are counted by this process alone", reason=reason)
        self._is_told = True
        self._is_settled.set()
        await asyncio.sleep(self._patience.pause_s)

    def _tell_back(self) -> None:
        if self._is_told:
            # As loud as the other line: who is told of the one waits for this one.
            _log.warning("Redis is back: limits are shared again")
        self._is_told = False


class _Pool(BlockingConnectionPool):
    """A pool whose connections share what TLS trusts.

    Each would read all authorities by itself, while the loop stands still for 80 ms.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tls: Any = None
        made = self.make_connection()
        if isinstance(made, SSLConnection):
            self._tls = made.ssl_context
            self._tls.get()

    def make_connection(self) -> Any:
        """Return one that is not connected yet."""
        made: Any = super().make_connection()  # type: ignore[no-untyped-call]
        if self._tls is not None:
            made.ssl_context = self._tls
        return made


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Cut the block off after its time, and as much later as this process came to it too late.

    So Redis is not to blame when the process was busy, or the machine did not let it run: an answer
    that came meanwhile is read first.

    Raises:
        TimeoutError: It took longer.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds

    def look() -> None:
        limit.reschedule(2 * loop.time() - due)

    async with asyncio.timeout(None) as limit:
        timer = loop.call_at(due, look)
        try:
            yield
        finally:
            timer.cancel()


def _is_busy(error: Exception) -> bool:
    """Tell whether there was no connection to ask over, as all were in use."""
    return type(error) is exceptions.ConnectionError and isinstance(error.__cause__, TimeoutError)


def _is_closed(error: Exception) -> bool:
    """Tell whether a connection was closed or could not be made, which is known anew at once."""
    return type(error) is exceptions.ConnectionError and not error.status_code


def _reason(error: Exception) -> str:
    """Say why, with nothing that was sent: the text of an answer may repeat it."""
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return "it does not answer in time"
    if isinstance(error, exceptions.RedisError):
        code = _CODE.match(error.status_code or str(error))
        if code:
            return code[0]
    cause = error.__cause__ or error.__context__
    return type(cause if isinstance(cause, OSError) else error).__name__
