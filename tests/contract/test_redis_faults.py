# SPDX-License-Identifier: Apache-2.0
"""Counters in Redis when Redis is away: they go on in the process, and nobody waits."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import uvloop
from structlog.testing import capture_logs

from legato.adapters.memory.counters import MemoryCounters
from legato.adapters.redis.counters import RedisCounters
from legato.adapters.redis.link import CONNECTIONS_MAX, Patience, RedisLink
from legato.adapters.redis.shared import SharedCounters
from legato.errors import Unavailable
from legato.model.rate import per_minute
from legato.testing.clock import FakeClock
from tests.contract.counted import PATIENT
from tests.redis_service import OwnRedis
from tests.support.certify import certify

QUICK = Patience(answer_s=0.5, first_s=5, connect_s=5, pause_s=0.02)
SLOW = Patience(answer_s=0.1, first_s=5, connect_s=5, pause_s=60)
FIVE = per_minute(1, 5)
LOST = "Redis is away: limits are counted by this process alone"
BACK = "Redis is back: limits are shared again"


class Process:
    """What one server counts with."""

    def __init__(self, url: str, patience: Patience) -> None:
        """Make it."""
        self.link = RedisLink(url, patience)
        self.redis = RedisCounters(self.link)
        self.counters = SharedCounters(self.redis, MemoryCounters(FakeClock()))

    async def spend(self, times: int, key: str = "k") -> int:
        """Ask so often; return how many were let in."""
        waits = [await self.counters.spend(key, FIVE) for _ in range(times)]
        return waits.count(0)

    async def until(self, *, is_open: bool) -> None:
        """Wait for the link to open or to be lost."""
        await until(lambda: self.link.is_open is is_open)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)


class Relay:
    """A port behind which Redis is, over TLS, slow, or by ways that are broken."""

    def __init__(self, port: int, delay_s: float) -> None:
        """Make it."""
        self.url = ""
        self.connections = 0
        self.ended = 0
        self.broken = 0
        """So many of the first connections stay open, and no answer comes over them."""
        self.delay_s = delay_s
        self.tasks: list[asyncio.Task[None] | None] = []
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on."""
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        number, loop = self.connections, asyncio.get_running_loop()
        answers, questions = await asyncio.open_connection("127.0.0.1", self._port)

        def answer(data: bytes) -> None:
            if number > self.broken:
                loop.call_later(self.delay_s, writer.write, data)

        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(answers, answer))
            await _pass(reader, questions.write)
            questions.close()
        writer.close()
        self.ended += 1


async def _pass(source: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            take(data)


@asynccontextmanager
async def relay(
    port: int, *, delay_s: float = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Relay]:
    """Give one for this block, which ends after those who use it."""
    made = Relay(port, delay_s)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls) as server:
        made.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
        await asyncio.gather(*filter(None, made.tasks))


@asynccontextmanager
async def process(url: str, patience: Patience = QUICK) -> AsyncIterator[Process]:
    """Give one for this block."""
    made = Process(url, patience)
    try:
        yield made
    finally:
        await made.link.close()


async def test_a_killed_redis_costs_nobody_a_place_or_a_wait(own_redis: OwnRedis) -> None:
    """What was let in is known here; afterwards all count together again [AU93, AU94]."""
    async with process(own_redis.url) as one, process(own_redis.url) as other:
        with capture_logs() as lines:
            assert (await one.spend(3), await other.spend(1)) == (3, 1)
            own_redis.kill()
            assert await one.spend(5) == 2, "3 of its 5 places were taken before"
            assert await other.spend(9) == 4
            await until(lambda: len(lines) == 2)
            own_redis.start()
            await one.until(is_open=True)
            await other.until(is_open=True)
            assert await one.spend(2) + await other.spend(8) == 5, "an empty Redis decides again"
        for text in (LOST, BACK):
            assert [each["event"] for each in lines].count(text) == 2, "one line per process"
        assert {each["reason"] for each in lines if "reason" in each} == {"ConnectionRefusedError"}


async def test_a_hanging_redis_delays_only_those_that_wait_already(own_redis: OwnRedis) -> None:
    """All together a tenth of a second; who comes later does not ask it [AU93]."""
    async with process(own_redis.url, SLOW) as one:
        assert await one.spend(1) == 1
        own_redis.freeze()
        with capture_logs() as lines:
            began = time.monotonic()
            waits = await asyncio.gather(*(one.counters.spend("k", FIVE) for _ in range(50)))
            first_s = time.monotonic() - began
            assert waits.count(0) == 4
            began = time.monotonic()
            assert await one.spend(1_000) == 0
            assert 0.1 <= first_s < 1 > time.monotonic() - began, "it is not asked a thousand times"
        assert [each["event"] for each in lines] == [LOST]


async def test_a_redis_that_hangs_from_the_start_is_waited_for_once(own_redis: OwnRedis) -> None:
    """By those who ask first [AU93]."""
    own_redis.freeze()
    patience = Patience(first_s=0.1, connect_s=0.1, pause_s=60)
    async with process(own_redis.url, patience) as one:
        began = time.monotonic()
        await asyncio.gather(*(one.spend(1) for _ in range(50)))
        assert 0.1 <= time.monotonic() - began < 4, "fifty who waited in turn would take 5 s"
        began = time.monotonic()
        await one.spend(1_000)
        assert time.monotonic() - began < 4, "it is not asked a thousand times"


async def test_a_hanging_redis_that_goes_on_is_shared_again(own_redis: OwnRedis) -> None:
    """Late answers to old questions reach nobody [AU93]."""
    async with process(own_redis.url) as one, process(own_redis.url) as other:
        assert await one.spend(1) + await other.spend(1) == 2
        own_redis.freeze()
        await one.spend(1)
        assert not one.link.is_open
        own_redis.thaw()
        await one.until(is_open=True)
        with own_redis.client() as client:
            client.flushall()
        assert [await one.spend(1), await other.spend(2), await one.spend(4)] == [1, 2, 2]


async def test_marks_survive_an_outage(own_redis: OwnRedis) -> None:
    """A place is given back where it was taken; what Redis did not hear ends by itself [AU94]."""
    async with process(own_redis.url) as one:
        take: Callable[[], Awaitable[Any]] = lambda: one.counters.take(  # noqa: E731
            "k", limit=3, window_ms=60_000
        )
        both, kept = await take(), await take()
        assert both.mark and kept.mark
        await one.counters.remember("known", ttl_ms=60_000)
        own_redis.freeze()
        here = await take()
        assert here.mark
        assert (await take()).mark is None, "three are taken, two of them before"
        await one.counters.give_back("k", both.mark)
        assert await one.counters.peek("k", window_ms=60_000) == 2
        assert await one.counters.remembers("known")
        assert not await one.counters.remembers("unknown")
        own_redis.thaw()
        await one.until(is_open=True)
        with own_redis.client() as client:
            there = [each.decode() for each in client.zrange("legato:p:k", 0, -1)]
        both_there, kept_there = both.mark.partition("/")[0], kept.mark.partition("/")[0]
        assert {both_there, kept_there} <= set(there), "it has not heard of what was given back"
        assert here.mark.partition("/")[0] == ""
        for mark in (here.mark, kept.mark):
            await one.counters.give_back("k", mark)
        assert await one.redis.peek("k", window_ms=60_000) == len(there) - 1


async def test_connections_that_redis_closes_are_made_again(own_redis: OwnRedis) -> None:
    """At once and without a word in the log, seen while it is idle or when it is asked [AU93]."""
    async with process(own_redis.url, PATIENT) as one:
        with capture_logs() as lines, own_redis.client() as client:
            for key in "ab":
                assert await one.redis.spend(key, FIVE) == 0
                client.client_kill_filter(_type="normal", skipme=True)
                assert await one.spend(1, key) == 1, "whoever asks first may have to count here"
                await one.until(is_open=True)
                client.client_kill_filter(_type="normal", skipme=True)
                for _ in range(3):
                    await asyncio.sleep(0)  # the loop hears of it
                assert await one.redis.spend(f"idle-{key}", FIVE) == 0
        assert lines == []


async def test_who_gets_no_connection_in_time_counts_here(own_redis: OwnRedis) -> None:
    """So many are bounded, and Redis is not to blame for a queue of ours [AU93]."""
    async with process(own_redis.url) as one:
        assert await one.spend(1, "first") == 1
        with capture_logs() as lines, own_redis.client() as client:
            waiting = asyncio.gather(
                *(one.link.client.blpop("legato:list", 0) for _ in range(CONNECTIONS_MAX))
            )
            await until(lambda: client.info()["blocked_clients"] == CONNECTIONS_MAX)
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await one.redis.spend("k", FIVE)
            assert time.monotonic() - began < QUICK.answer_s
            assert await one.spend(1) == 1
            assert one.link.is_open
            client.lpush("legato:list", *range(CONNECTIONS_MAX))
            await waiting
            assert await one.redis.spend("k", FIVE) == 0
            assert client.info()["connected_clients"] <= CONNECTIONS_MAX + 1
        assert lines == []


async def test_a_slow_redis_is_not_back_before_it_is_quick(own_redis: OwnRedis) -> None:
    """Also where it does answer the task beside the requests [AU93]."""
    patience = Patience(answer_s=0.02, first_s=5, connect_s=5, pause_s=0.02)
    async with relay(own_redis.port, delay_s=0.25) as slow, process(slow.url, patience) as one:
        with capture_logs() as lines:
            assert await one.spend(9) == 5
            await until(lambda: slow.connections == 3 or one.link.is_open)
            assert not one.link.is_open
            slow.delay_s = 0
            await one.until(is_open=True)
        assert [each["event"] for each in lines] == [LOST, BACK]


async def test_of_connections_that_lead_nowhere_one_is_tried(own_redis: OwnRedis) -> None:
    """As after a failover: the first that does not answer ends them all [AU93]."""
    async with relay(own_redis.port) as changing, process(changing.url) as one:
        await asyncio.gather(*(one.counters.spend("many", FIVE) for _ in range(50)))
        changing.broken = changing.connections
        assert changing.broken > 10
        assert await one.spend(1) == 1
        assert not one.link.is_open
        await until(lambda: changing.ended == changing.broken)
        await one.until(is_open=True)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_tls_trusts_whom_the_machine_trusts(
    own_redis: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_trusted: bool
) -> None:
    """All connections of a crowd; a certificate that nobody knows is none [AU93, AU95]."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certify(key, certificate)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with own_redis.client() as client:
        client.config_set("requirepass", "canary")
    read = Mock(wraps=ssl.create_default_context)
    monkeypatch.setattr(ssl, "create_default_context", read)
    async with relay(own_redis.port, tls=context) as secure:
        url = secure.url.replace("redis://", "rediss://:canary@")
        async with process(url, PATIENT) as one:
            with capture_logs() as lines:
                waits = await asyncio.gather(*(one.counters.spend("k", FIVE) for _ in range(50)))
                assert waits.count(0) == 5
                assert one.link.is_open is is_trusted
            assert read.call_count == 1, "it takes the loop 80 ms"
            reasons = [each["reason"] for each in lines]
            assert reasons == [] if is_trusted else ["SSLCertVerificationError"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--requirepass", "canary-of-another"), "WRONGPASS"),
        (("--maxmemory", "1"), "OOM"),
        (("--rename-command", "EVALSHA", ""), "ERR"),
    ],
)
async def test_a_redis_that_refuses_is_away(
    own_redis: OwnRedis, options: tuple[str, ...], reason: str
) -> None:
    """Another password, no memory left, no right: counted here, told once [AU93, AU95]."""
    own_redis.kill()
    own_redis.start(*options)
    url = own_redis.url.replace("://", "://:canary-wrong@" if reason == "WRONGPASS" else "://")
    with capture_logs() as lines:
        async with process(url) as one:
            assert await one.spend(9) == 5
            with pytest.raises(Unavailable) as caught:
                await one.redis.spend("k", FIVE)
            assert "canary" not in f"{caught.value}{one.link!r}"
    assert [(each["event"], each["reason"]) for each in lines] == [(LOST, reason)]


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1\r\n" * 9_999, b"$x\r\n", b"x" * 200_000, b""]
)
async def test_what_is_no_redis_is_away(said: bytes) -> None:
    """A port on which something else answers [AU93]."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if said:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, process(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as one:
        assert await one.spend(9) == 5


async def test_user_password_and_number_of_the_url_are_used(own_redis: OwnRedis) -> None:
    """Signs in the password are written with a percent sign [AU95]."""
    with own_redis.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "ann", "on", ">pa/ss@1", "~legato:*", "+@all", "-@dangerous"
        )
    url = own_redis.url.replace("://", "://ann:pa%2Fss%401@") + "/3"
    async with process(url) as one:
        assert await one.redis.spend("k", FIVE) == 0
        shown = f"{one.link!r}{one.link.client!r}{one.link.client.connection_pool!r}"
        assert "pa/ss" not in shown and "ann" not in shown
    with own_redis.client(db=3) as client:
        assert client.exists("legato:b:k")


def _be_busy(ours: socket.socket, server: OwnRedis) -> None:
    ours.recv(1)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    server.thaw()


@pytest.mark.parametrize("is_paused", [False, True])
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_busy_process_does_not_blame_redis(
    own_redis: OwnRedis, loop: Callable[[], asyncio.AbstractEventLoop], *, is_paused: bool
) -> None:
    """Nor one whose machine was paused: an answer that comes right after is in time [AU93]."""

    async def work() -> None:
        async with process(own_redis.url, SLOW) as one:
            await one.redis.spend("before", FIVE)
            if is_paused:
                own_redis.freeze()
            asked = asyncio.create_task(one.redis.spend("busy", FIVE))
            await asyncio.sleep(0)
            ours, theirs = socket.socketpair()
            with ours, theirs:
                asyncio.get_running_loop().add_reader(ours, _be_busy, ours, own_redis)
                theirs.send(b"x")
                assert await asked == 0
                asyncio.get_running_loop().remove_reader(ours)

    with (
        ThreadPoolExecutor(1) as pool,
        asyncio.Runner(loop_factory=loop) as runner,
    ):
        pool.submit(runner.run, work()).result()


async def test_redis_keeps_little_and_not_for_long(redis_server: OwnRedis) -> None:
    """Every key ends by itself when it says nothing any more [AU92]."""
    with redis_server.client() as client:
        client.flushall()
        async with process(redis_server.url) as one:
            for _ in range(20):
                await one.redis.take("places", limit=3, window_ms=60_000)
                await one.redis.spend("bucket", FIVE)
            await one.redis.remember("thing", ttl_ms=1_000)
        left = {key: client.pttl(key) for key in client.keys("*") if key != b"legato:probe"}
        assert left.keys() == {b"legato:p:places", b"legato:b:bucket", b"legato:r:thing"}
        assert 0 < left[b"legato:p:places"] <= 60_000
        assert 240_000 < left[b"legato:b:bucket"] <= 300_000
        assert 0 < left[b"legato:r:thing"] <= 1_000
        assert client.zcard("legato:p:places") == 3
