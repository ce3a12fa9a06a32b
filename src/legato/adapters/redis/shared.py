# SPDX-License-Identifier: Apache-2.0
"""Counters that are never off: shared while the store of all answers, of this process otherwise.

What is let in by the shared ones is counted here as well, so that an outage begins where this
process was, not with empty counters. Rules: AU93, AU94.
"""

import contextlib
from typing import Final

from legato.errors import Unavailable
from legato.model.rate import Rate
from legato.ports.counters import Counters, Taken

_BETWEEN: Final = "/"


class SharedCounters:
    """Keeps `ports.counters.Counters`, without `Unavailable`."""

    def __init__(self, shared: Counters, here: Counters) -> None:
        """Make them.

        Args:
            shared: Decide, while they answer.
            here: Decide otherwise; they always answer.
        """
        self._shared = shared
        self._here = here

    async def take(self, key: str, *, limit: int, window_ms: int) -> Taken:
        """Keep `Counters.take`. The mark is both marks; of an outage only the one here."""
        try:
            there = await self._shared.take(key, limit=limit, window_ms=window_ms)
        except Unavailable:
            here = await self._here.take(key, limit=limit, window_ms=window_ms)
            return here if here.mark is None else Taken(_BETWEEN + here.mark)
        if there.mark is None:
            return there
        here = await self._here.take(key, limit=limit, window_ms=window_ms)
        return Taken(f"{there.mark}{_BETWEEN}{here.mark or ''}")

    async def give_back(self, key: str, mark: str) -> None:
        """Keep `Counters.give_back`. What Redis does not hear stays taken until its window ends."""
        there, _, here = mark.partition(_BETWEEN)
        if here:
            await self._here.give_back(key, here)
        if there:
            with contextlib.suppress(Unavailable):
                await self._shared.give_back(key, there)

    async def peek(self, key: str, *, window_ms: int) -> int:
        """Keep `Counters.peek`."""
        here = await self._here.peek(key, window_ms=window_ms)
        try:
            return max(here, await self._shared.peek(key, window_ms=window_ms))
        except Unavailable:
            return here

    async def remember(self, key: str, *, ttl_ms: int) -> None:
        """Keep `Counters.remember`."""
        await self._here.remember(key, ttl_ms=ttl_ms)
        with contextlib.suppress(Unavailable):
            await self._shared.remember(key, ttl_ms=ttl_ms)

    async def remembers(self, key: str) -> bool:
        """Keep `Counters.remembers`."""
        if await self._here.remembers(key):
            return True
        try:
            return await self._shared.remembers(key)
        except Unavailable:
            return False

    async def spend(self, key: str, rate: Rate) -> int:
        """Keep `Counters.spend`."""
        try:
            wait_ms = await self._shared.spend(key, rate)
        except Unavailable:
            return await self._here.spend(key, rate)
        if not wait_ms:
            await self._here.spend(key, rate)
        return wait_ms
