# SPDX-License-Identifier: Apache-2.0
"""Counters of each adapter, with time in one's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from legato.adapters.memory.counters import MemoryCounters
from legato.adapters.redis.counters import SCRIPTS, RedisCounters
from legato.adapters.redis.link import RedisLink
from legato.ports.counters import Counters
from legato.testing.clock import FakeClock
from tests.redis_service import OwnRedis


class Hand:
    """Counters, more processes that count with the same, and the time."""

    slack_ms = 0
    """By how much a time may be off: Redis reads a clock that goes on by itself."""

    def __init__(self) -> None:
        """Make those in memory."""
        self.clock = FakeClock()
        self.counters: Counters = MemoryCounters(self.clock)

    def another(self) -> Counters:
        """Return the counters of one more process; in memory there is only one."""
        return self.counters

    def let_pass(self, seconds: float) -> None:
        """Have time go on."""
        self.clock.advance(seconds)

    def is_about(self, found_ms: int, expected_ms: int) -> bool:
        """Tell whether a time to wait is what it should be."""
        return found_ms > 0 and expected_ms - self.slack_ms <= found_ms <= expected_ms


class RedisHand(Hand):
    """Those in a Redis, which is emptied for them."""

    slack_ms = 400

    def __init__(self, server: OwnRedis) -> None:
        """Make them."""
        self._server = server
        self._links: list[RedisLink] = []
        with server.client() as client:
            client.flushall()
        self.counters = self.another()

    def another(self) -> Counters:
        """Return counters with a connection of their own."""
        self._links.append(RedisLink(self._server.url, SCRIPTS))
        return RedisCounters(self._links[-1])

    def let_pass(self, seconds: float) -> None:
        """Move all that is stored into the past, which is the same to Redis as waiting."""
        ms = round(seconds * 1000)
        with self._server.client() as client:
            for key in client.keys("legato:*"):
                left_ms = client.pttl(key)
                assert left_ms != -1, f"{key} lives for ever"
                if left_ms <= ms:
                    client.delete(key)
                    continue
                self._move(client, key, ms)
                client.pexpire(key, left_ms - ms)

    def _move(self, client: Any, key: bytes, ms: int) -> None:
        kind = client.type(key)
        if kind == b"zset":
            for member in client.zrange(key, 0, -1):
                client.zincrby(key, -ms, member)
        elif key.startswith(b"legato:b:"):
            client.incrby(key, -ms * 1000)

    def close(self) -> None:
        """Hang up."""
        for link in self._links:
            link.close()


@asynccontextmanager
async def redis_hand(server: OwnRedis) -> AsyncIterator[RedisHand]:
    """Give counters in Redis for this block."""
    hand = RedisHand(server)
    try:
        yield hand
    finally:
        hand.close()
        await asyncio.sleep(0)  # the loop closes the sockets
