# SPDX-License-Identifier: Apache-2.0
"""The queue port inside one process: bounded, in order, each ring once.

Rules: EN10, EN19.
"""

import asyncio
from collections import deque
from typing import Final

from legato.errors import Unavailable
from legato.ports.queue import Ring

RINGS_MAX: Final = 10_000
"""Rings that may wait; beyond it the caller rings again later, as with any broker."""


class LocalQueue:
    """Keeps `ports.queue.Queue` for the pools of one process."""

    def __init__(self, *, rings_max: int = RINGS_MAX) -> None:
        """Args: rings_max bounds how many rings wait over all pools."""
        self._rings: dict[str, deque[Ring]] = {}
        self._count = 0
        self._rings_max = rings_max
        self._changed = asyncio.Condition()

    async def ring(self, ring: Ring) -> None:
        """Keep `Queue.ring`."""
        async with self._changed:
            if self._count >= self._rings_max:
                raise Unavailable(f"{self._count} rings wait already")
            self._rings.setdefault(ring.pool, deque()).append(ring)
            self._count += 1
            self._changed.notify_all()

    async def next(self, pools: tuple[str, ...]) -> Ring:
        """Keep `Queue.next`."""
        async with self._changed:
            while True:
                for pool in pools:
                    waiting = self._rings.get(pool)
                    if waiting:
                        self._count -= 1
                        return waiting.popleft()
                await self._changed.wait()

    async def acknowledge(self, ring: Ring) -> None:
        """Keep `Queue.acknowledge`: a ring that was taken never comes again by itself."""
