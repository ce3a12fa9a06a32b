# SPDX-License-Identifier: Apache-2.0
"""What limiters count with: places in a sliding window, things to remember, buckets that refill.

Keys are short texts without anything that somebody typed. Nothing here is durable: who loses it
counts anew, which an adapter that many processes share makes rare.

Rules: AU50-AU53, AU90.
"""

from typing import Protocol

import msgspec

from legato.model.rate import Rate


class Taken(msgspec.Struct, frozen=True):
    """What came of taking a place: a mark to give it back with, or how long to wait for one."""

    mark: str | None
    wait_ms: int = 0


class Counters(Protocol):
    """Count and remember."""

    async def take(self, key: str, *, limit: int, window_ms: int) -> Taken:
        """Take one of `limit` places of a key for `window_ms`; refused, nothing is counted.

        Of any number at once exactly as many succeed as there are places.

        Returns:
            A mark, or the ms until a place is free, at least 1.

        Raises:
            Unavailable: The store does not answer.
        """
        ...

    async def give_back(self, key: str, mark: str) -> None:
        """Free a place that was taken; nothing happens if it is free already."""
        ...

    async def peek(self, key: str, *, window_ms: int) -> int:
        """Return how many places of a key were taken in the last `window_ms`."""
        ...

    async def remember(self, key: str, *, ttl_ms: int) -> None:
        """Remember a key for that long from now."""
        ...

    async def remembers(self, key: str) -> bool:
        """Tell whether a key is remembered still."""
        ...

    async def spend(self, key: str, rate: Rate) -> int:
        """Take a place of a key's bucket; refused, nothing is taken.

        Costs less than `take`, and one number per key: for what every request asks.

        Returns:
            0, or the ms until it may succeed, at least 1.

        Raises:
            Unavailable: The store does not answer.
        """
        ...
