# SPDX-License-Identifier: Apache-2.0
"""Clocks that a simulation moves: one per process, with skew and jumps, and one of the database.

Rules: SM1, OW15.
"""

import random
from typing import Final

from tests.sim.loop import VirtualLoop

EPOCH_MS: Final = 1_750_000_000_000
"""Where the virtual wall clock begins: some day in 2025."""


class SimClock:
    """Keeps `ports.clock.Clock`. Its wall time never goes back, as the port asks."""

    def __init__(self, loop: VirtualLoop, name: str, seed: int, *, skew_ms: int = 0) -> None:
        """Args: name makes ids of different clocks differ; skew_ms is how wrong it is."""
        self._loop = loop
        self._random = random.Random(f"{seed}/{name}")
        self._name = f"{sum(ord(c) * 131**i for i, c in enumerate(name)) % 0xFFFF:04x}"
        self._count = 0
        self._ahead_ms = skew_ms
        self._last_ms = 0

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        now = EPOCH_MS + int(self._loop.time() * 1000) + self._ahead_ms
        self._last_ms = max(self._last_ms, now)
        return self._last_ms

    def monotonic(self) -> float:
        """Keep `Clock.monotonic`."""
        return self._loop.time()

    def chance(self) -> float:
        """Keep `Clock.chance`."""
        return self._random.random()

    def new_id(self) -> str:
        """Keep `Clock.new_id`: ordered by time, different by clock, the same in every run."""
        self._count += 1
        now = f"{self.now_ms():012x}"
        return f"{now[:8]}-{now[8:]}-7{self._count & 0xFFF:03x}-8000-{self._name}{self._count:08x}"

    def jump(self, ms: int) -> None:
        """Set the wall clock forward. Set back, it would go on at its pace: nothing to simulate."""
        self._ahead_ms += ms
