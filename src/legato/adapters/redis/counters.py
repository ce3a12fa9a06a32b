# SPDX-License-Identifier: Apache-2.0
"""Counters in Redis: every server that asks it counts together.

Each method is one round trip, decided by Redis at Redis' own time, so that servers whose clocks
differ agree. Every key has a time to live and holds one number, or as many as a window has places.
Lua's numbers are written out whole: its own way of writing them keeps 14 digits, and µs have 16.

Rules: AU50-AU52, AU90, AU92.
"""

import itertools
import secrets
from typing import Final

from legato.adapters.redis.link import PREFIX, RedisLink, Script
from legato.adapters.redis.resp import Reply
from legato.errors import Unavailable
from legato.model.rate import Rate
from legato.ports.counters import Taken

_SPEND: Final = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, at_once = tonumber(ARGV[1] or 1), tonumber(ARGV[2] or 1)
local depth = interval * at_once
local known = tonumber(redis.call('GET', KEYS[1]) or now) or now
local due = math.min(math.max(known, now), now + depth)
local wait = due + interval - depth - now
if wait <= 0 then
  due = due + interval
  wait = 0
end
if due ~= known then
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
end
return math.ceil(wait / 1000)
""")
"""`model.rate.Rate.spend`; without arguments it is the probe of a connection."""

_TAKE: Final = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local taken = redis.call('ZCARD', KEYS[1])
if taken >= limit then
  local leaving = redis.call('ZRANGE', KEYS[1], taken - limit, taken - limit, 'WITHSCORES')
  return math.max(1, leaving[2] + window - now)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return 0
""")

_PEEK: Final = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - ARGV[1]), '+inf')
""")

SCRIPTS: Final = (_SPEND, _TAKE, _PEEK)


class RedisCounters:
    """Keeps `ports.counters.Counters`."""

    def __init__(self, link: RedisLink) -> None:
        """Args: link has `SCRIPTS`."""
        self._link = link
        self._own = secrets.token_hex(8)
        self._marks = itertools.count(1)

    async def take(self, key: str, *, limit: int, window_ms: int) -> Taken:
        """Keep `Counters.take`."""
        mark = f"{self._own}-{next(self._marks)}"
        wait_ms = _number(
            await self._link.run(
                _TAKE, _key("p", key), b"%d" % limit, b"%d" % window_ms, mark.encode("ascii")
            )
        )
        return Taken(None, wait_ms) if wait_ms else Taken(mark)

    async def give_back(self, key: str, mark: str) -> None:
        """Keep `Counters.give_back`."""
        await self._link.ask(b"ZREM", _key("p", key), mark.encode("utf-8", "replace"))

    async def peek(self, key: str, *, window_ms: int) -> int:
        """Keep `Counters.peek`."""
        return _number(await self._link.run(_PEEK, _key("p", key), b"%d" % window_ms))

    async def remember(self, key: str, *, ttl_ms: int) -> None:
        """Keep `Counters.remember`."""
        await self._link.ask(b"SET", _key("r", key), b"1", b"PX", b"%d" % ttl_ms)

    async def remembers(self, key: str) -> bool:
        """Keep `Counters.remembers`."""
        return bool(_number(await self._link.ask(b"EXISTS", _key("r", key))))

    async def spend(self, key: str, rate: Rate) -> int:
        """Keep `Counters.spend`."""
        return _number(
            await self._link.run(
                _SPEND, _key("b", key), b"%d" % rate.interval_us, b"%d" % rate.at_once
            )
        )


def _key(kind: str, key: str) -> bytes:
    """Return the name in Redis: places, things remembered and buckets are kept apart."""
    return PREFIX + f"{kind}:{key}".encode("utf-8", "surrogatepass")


def _number(reply: Reply) -> int:
    if not isinstance(reply, int):
        raise Unavailable("Redis answers something else than a number")
    return reply
