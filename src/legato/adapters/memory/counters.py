# SPDX-License-Identifier: Apache-2.0
"""Counters in the memory of one process, bounded in size.

A key holds the times of the places that are taken, at most `limit` of them, so its window slides
exactly. When there are too many keys, what was used longest ago is forgotten, each kind among its
own: a flood of requests does not wash failed log-ins away.

Rules: AU50-AU53, AU90.
"""

import itertools
from collections import OrderedDict
from typing import Final

import msgspec

from legato.model.rate import Rate
from legato.ports.clock import Clock
from legato.ports.counters import Taken

KEYS_MAX: Final = 100_000
"""Of each kind; some 40 MB when full of places, 30 of buckets, and that only under an attack."""


class _Places(msgspec.Struct):
    """Places of a key: mark to the ms at which it was taken, in order."""

    taken: dict[str, int]
    window_ms: int

    def forget_before(self, now_ms: int) -> None:
        """Drop what has left the window. Cost: what is dropped."""
        while self.taken:
            mark, at = next(iter(self.taken.items()))
            if at + self.window_ms > now_ms:
                return
            del self.taken[mark]


class MemoryCounters:
    """Keeps `ports.counters.Counters`."""

    def __init__(self, clock: Clock, *, keys_max: int = KEYS_MAX) -> None:
        """Make them.

        Args:
            clock: Gives the time; its monotonic side, so that a step of the clock opens nothing.
            keys_max: Keys that are kept, of each kind.
        """
        self._clock = clock
        self._keys_max = keys_max
        self._places: OrderedDict[str, _Places] = OrderedDict()
        self._remembered: OrderedDict[str, int] = OrderedDict()
        self._due_us: OrderedDict[str, int] = OrderedDict()
        self._marks = itertools.count(1)

    async def take(self, key: str, *, limit: int, window_ms: int) -> Taken:
        """Keep `Counters.take`."""
        now_ms = self._now_ms()
        places = self._places.setdefault(key, _Places({}, window_ms))
        self._places.move_to_end(key)
        places.window_ms = window_ms
        places.forget_before(now_ms)
        if len(places.taken) >= limit:
            # The place that must leave so that fewer than `limit` are taken.
            leaving = list(places.taken.values())[len(places.taken) - limit]
            return Taken(None, max(1, leaving + window_ms - now_ms))
        mark = str(next(self._marks))
        places.taken[mark] = now_ms
        if len(self._places) > self._keys_max:
            self._places.popitem(last=False)
        return Taken(mark)

    async def give_back(self, key: str, mark: str) -> None:
        """Keep `Counters.give_back`."""
        places = self._places.get(key)
        if places is None:
            return
        places.taken.pop(mark, None)
        if not places.taken:
            del self._places[key]

    async def peek(self, key: str, *, window_ms: int) -> int:
        """Keep `Counters.peek`."""
        places = self._places.get(key)
        since = self._now_ms() - window_ms
        return 0 if places is None else sum(at > since for at in places.taken.values())

    async def remember(self, key: str, *, ttl_ms: int) -> None:
        """Keep `Counters.remember`."""
        self._remembered[key] = self._now_ms() + ttl_ms
        self._remembered.move_to_end(key)
        if len(self._remembered) > self._keys_max:
            self._remembered.popitem(last=False)

    async def remembers(self, key: str) -> bool:
        """Keep `Counters.remembers`."""
        until = self._remembered.get(key)
        if until is None:
            return False
        if until <= self._now_ms():
            del self._remembered[key]
            return False
        return True

    async def spend(self, key: str, rate: Rate) -> int:
        """Keep `Counters.spend`."""
        known = self._due_us
        now_us = int(self._clock.monotonic() * 1_000_000)
        known[key], wait_us = rate.spend(known.get(key, 0), now_us)
        known.move_to_end(key)
        if len(known) > self._keys_max:
            known.popitem(last=False)
        return -(-wait_us // 1000)

    def _now_ms(self) -> int:
        return int(self._clock.monotonic() * 1000)
