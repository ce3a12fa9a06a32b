# SPDX-License-Identifier: Apache-2.0
"""One connection to Redis for a whole server, over which nobody waits long.

Questions are written as they come and answered in order, so any number at once share the
connection and no question can get the answer to another. Redis refuses, hangs, has another
password or no memory left: whoever asks gets `Unavailable`, from then on at once, while a task
beside the requests tries to get it back. The log has one line when it is lost and one when it is
back. The URL may hold a password: it is in no error, log or `repr`.

Why no client library: docs/adr/0010. Rules: AU93, AU95.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from legato.adapters.redis.resp import Refusal, Replies, Reply, encode
from legato.errors import Unavailable
from legato.telemetry import logger

PORT: Final = 6379
PREFIX: Final = b"legato:"
"""Of every key."""
ASKED_MAX: Final = 4_096
"""Questions without an answer; a server has no more requests at once than connections."""

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


class Script:
    """A Lua script, run by its SHA-1 as Redis wants it."""

    def __init__(self, text: str) -> None:
        """Args: text is loaded anew for each connection."""
        self.text = text.encode("ascii")
        digest = hashlib.sha1(self.text, usedforsecurity=False)
        self.sha = digest.hexdigest().encode("ascii")


class RedisLink:
    """Asks Redis, or says at once that it is away."""

    def __init__(
        self, url: str, scripts: Collection[Script], patience: Patience | None = None
    ) -> None:
        """Make it; it connects when it is first asked.

        Args:
            url: As `settings.redis_url` checks it.
            scripts: All that `run` is given. The first is run once at the start of a connection,
                without arguments: it must write, so that a Redis which takes no writes is away.
            patience: Other times than the usual ones.
        """
        self._url = url
        self._scripts = tuple(scripts)
        self._patience = patience or Patience()
        is_tls = urlsplit(url).scheme == "rediss"
        self._tls = ssl.create_default_context() if is_tls else None
        self._channel: _Channel | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_settled = asyncio.Event()
        self._is_lost = False

    def __repr__(self) -> str:
        """Say no more than whether it is connected."""
        return f"RedisLink(is_open={self.is_open})"

    @property
    def is_open(self) -> bool:
        """Tell whether Redis answers, as far as is known."""
        return self._channel is not None and self._channel.is_open

    async def run(self, script: Script, key: bytes, *arguments: bytes) -> Reply:
        """Run a script on a key, in one round trip.

        Raises:
            Unavailable: Redis is away.
        """
        return await self.ask(b"EVALSHA", script.sha, b"1", key, *arguments)

    async def ask(self, *parts: bytes) -> Reply:
        """Carry out a command, in one round trip.

        Raises:
            Unavailable: Redis is away.
        """
        channel = self._channel
        if channel is None or not channel.is_open:
            channel = await self._opened()
        return await channel.ask(*parts)

    def close(self) -> None:
        """End it."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._channel is not None:
            self._channel.fail("it is closed")

    async def _opened(self) -> _Channel:
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if not self._is_settled.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_settled.wait(), self._patience.first_s)
        channel = self._channel
        if channel is None or not channel.is_open:
            raise Unavailable("Redis is away")
        return channel

    async def _keep(self) -> None:
        """Be connected, again and again."""
        while True:
            try:
                self._channel = await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                is_told = isinstance(error, Unavailable)
                await self._rest(str(error) if is_told else type(error).__name__)
                continue
            self._tell_back()
            self._is_settled.set()
            reason = await asyncio.shield(self._channel.lost)
            if reason:
                await self._rest(reason)
            # Else it was closed in order: idle for too long, or restarted. That is tried at once.

    async def _connect(self) -> _Channel:
        """Return a connection that has run a script.

        Raises:
            OSError: There is none, or TLS fails.
            TimeoutError: It takes too long.
            Unavailable: Redis refuses what it is asked.
        """
        parts = urlsplit(self._url)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._patience.connect_s):
            _, channel = await loop.create_connection(
                lambda: _Channel(self._patience.connect_s),
                parts.hostname or "",
                parts.port or PORT,
                ssl=self._tls,
            )
            try:
                await self._greet(channel)
            except BaseException:
                channel.fail("")
                raise
        channel.expect(self._patience.answer_s)
        return channel

    async def _greet(self, channel: _Channel) -> None:
        parts = urlsplit(self._url)
        asked: list[tuple[bytes, ...]] = []
        if parts.password is not None:
            who = [unquote(each).encode() for each in (parts.username, parts.password) if each]
            asked.append((b"AUTH", *who))
        database = parts.path.removeprefix("/")
        if database:
            asked.append((b"SELECT", database.encode("ascii")))
        asked += [(b"SCRIPT", b"LOAD", each.text) for each in self._scripts]
        asked.append((b"EVALSHA", self._scripts[0].sha, b"1", PREFIX + b"probe"))
        await asyncio.gather(*(channel.ask(*each) for each in asked))

    async def _rest(self, reason: str) -> None:
        if not self._is_lost:
            _log.warning("Redis is away: limits are counted by this process alone", reason=reason)
        self._is_lost = True
        self._is_settled.set()
        await asyncio.sleep(self._patience.pause_s)

    def _tell_back(self) -> None:
        if self._is_lost:
            _log.info("Redis is back: limits are shared again")
        self._is_lost = False


class _Channel(asyncio.Protocol):
    """A connection: what was asked, in order, and when."""

    def __init__(self, answer_s: float) -> None:
        """Args: answer_s is how long the oldest question may wait, until `expect` says another."""
        self._answer_s = answer_s
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Why it is of no use any more; empty if the other side just closed it."""
        self._asked: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it can be asked."""
        return not self.lost.done()

    def expect(self, answer_s: float) -> None:
        """Have questions from now on wait for another time."""
        self._answer_s = answer_s
        self._stop_timer()

    def ask(self, *parts: bytes) -> asyncio.Future[Reply]:
        """Send a command; what is returned ends with the answer, or with `Unavailable`."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None or self.lost.done() or len(self._asked) >= ASKED_MAX:
            future.set_exception(Unavailable("Redis is away"))
            return future
        now = self._loop.time()
        self._asked.append((future, now))
        self._transport.write(encode(*parts))
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._answer_s, self._look)
        return future

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand answers out."""
        try:
            for reply in self._replies.feed(data):
                future, _ = self._asked.popleft()
                if isinstance(reply, Refusal):
                    self._asked.appendleft((future, 0.0))
                    self.fail(reply.code or "error")
                    return
                if not future.done():  # who asked may be gone
                    future.set_result(reply)
        except (ValueError, IndexError):
            self.fail("it does not speak as Redis does")

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nobody says why."""
        del exc
        self.fail("")

    def fail(self, reason: str) -> None:
        """Hang up, and tell everybody who waits."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()
        while self._asked:
            future, _ = self._asked.popleft()
            if not future.done():
                future.set_exception(Unavailable(reason or "Redis is away"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Look whether the oldest question waits for too long.

        An answer that came while this process was busy is read by both loops before timers run.
        """
        self._timer = None
        if not self._asked:
            return
        due = self._asked[0][1] + self._answer_s
        if self._loop.time() >= due:
            self.fail("it does not answer in time")
        else:
            self._timer = self._loop.call_at(due, self._look)
