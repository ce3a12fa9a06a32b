# SPDX-License-Identifier: Apache-2.0
"""A clock that a test holds in its hand.

Rules: TK2.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

START: Final = datetime(2027, 1, 15, 8, tzinfo=UTC)
"""Some morning: what a test does not choose must not depend on the day it runs."""


class Alarm:
    """A function that is called when the clock comes to its time, unless it is cancelled."""

    __slots__ = ("arguments", "call", "due_ms")

    def __init__(
        self, due_ms: int, call: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        """Args: due_ms is the clock's time in milliseconds."""
        self.due_ms = due_ms
        self.call: Callable[..., object] | None = call
        self.arguments = arguments

    def cancel(self) -> None:
        """Do not call it."""
        self.call = None


class FakeClock:
    """Keeps `legato.ports.clock.Clock`; time stands still until `advance` moves it.

    clock = FakeClock(datetime(2027, 3, 1, tzinfo=UTC))
    clock.advance(90)          # seconds
    """

    def __init__(self, now: datetime = START, *, seed: int = 0) -> None:
        """Make a clock.

        Args:
            now: What it shows, with a time zone.
            seed: Chance and ids are the same for the same seed.

        Raises:
            ValueError: `now` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("the time needs a zone, for example tzinfo=UTC")
        self._start_ms = self.ms = round(now.timestamp() * 1000)
        self._random = random.Random(seed)  # noqa: S311 - repeatable is what is wanted
        self._count = itertools.count()
        self._alarms: list[tuple[int, int, Alarm]] = []

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        return self.ms

    def monotonic(self) -> float:
        """Keep `Clock.monotonic`."""
        return (self.ms - self._start_ms) / 1000

    def chance(self) -> float:
        """Keep `Clock.chance`."""
        return self._random.random()

    def new_id(self) -> str:
        """Keep `Clock.new_id`: a UUIDv7 of the clock's own time and chance."""
        time, count = f"{self.ms:012x}", next(self._count)
        tail = f"{self._random.getrandbits(48):012x}"
        return f"{time[:8]}-{time[8:]}-7{count >> 12 & 0xFFF:03x}-8{count & 0xFFF:03x}-{tail}"

    def call_later(self, delay_s: float, call: Callable[..., object], *arguments: Any) -> Alarm:
        """Call a function once the clock has been moved by that many seconds."""
        alarm = Alarm(self.ms + round(delay_s * 1000), call, arguments)
        heapq.heappush(self._alarms, (alarm.due_ms, next(self._count), alarm))
        return alarm

    def advance(self, seconds: float) -> None:
        """Move time on; what was due meanwhile is called soon, in order.

        Raises:
            ValueError: Time does not go back.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back, got {seconds} s")
        self.ms += round(seconds * 1000)
        while self._alarms and self._alarms[0][0] <= self.ms:
            alarm = heapq.heappop(self._alarms)[2]
            if alarm.call is not None:
                # Not from inside the step of whoever moves the clock: it may be what is stopped.
                asyncio.get_running_loop().call_soon(_ring, alarm)


def _ring(alarm: Alarm) -> None:
    if alarm.call is not None:
        alarm.call(*alarm.arguments)
