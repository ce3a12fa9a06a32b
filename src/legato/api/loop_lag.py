# SPDX-License-Identifier: Apache-2.0
"""How late the event loop comes to what is due: whatever blocks it shows here. Rules: HT54."""

from __future__ import annotations

import asyncio
from typing import Final

EACH_S: Final = 0.25
WINDOW_S: Final = 60.0
"""The worst of this long is shown, and of up to as long before: no scrape comes too late to see
it."""


class LoopLag:
    """Looks at the clock four times a second, from `start` to `stop`."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.last_s = 0.0
        self._worst = (0.0, 0.0)  # of this window and the one before
        self._window_ends = 0.0
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @property
    def worst_s(self) -> float:
        """The worst of the last one to two minutes."""
        return max(self._worst)

    def start(self) -> None:
        """Begin, in the running loop."""
        loop = asyncio.get_running_loop()
        self._window_ends = loop.time() + WINDOW_S
        self._wait(loop)

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + EACH_S
        self._handle = loop.call_at(self._due, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.last_s = max(now - self._due, 0.0)
        worst, before = self._worst
        if now >= self._window_ends:
            self._window_ends = now + WINDOW_S
            worst, before = 0.0, worst
        self._worst = (max(worst, self.last_s), before)
        self._wait(loop)
