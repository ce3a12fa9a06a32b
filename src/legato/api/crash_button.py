# SPDX-License-Identifier: Apache-2.0
"""The button that has this server killed in the middle of its work, to show what survives.

Whoever holds the pipe of a supervisor can be killed and started again; the rest of the server only
asks. Rules: UP10, UP12.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from legato.errors import RateLimited, Unavailable

GAP_MS: Final = 10_000
FLUSH_S: Final = 1.0
"""A client that does not take the answer for so long goes without."""
_LOOK_S: Final = 0.005


class CrashButton:
    """Asks for SIGKILL, once in 10 s: the time of the last one is in a file, which survives."""

    def __init__(self, ask: Callable[[], None], memory: Path, now_ms: Callable[[], int]) -> None:
        """Make it.

        Args:
            ask: Tells the supervisor to kill this process.
            memory: An empty file whose time is that of the last press.
            now_ms: Milliseconds since the epoch.
        """
        self._ask = ask
        self._memory = memory
        self._now_ms = now_ms

    def press(self) -> None:
        """Take note of the press, or refuse it; nothing is killed by this.

        Raises:
            RateLimited: The last one was less than 10 s ago.
            Unavailable: No note can be taken.
        """
        now_ms = self._now_ms()
        try:
            since_ms = now_ms - self._last_ms()
            # A clock that was set back is no reason to refuse for longer.
            if 0 <= since_ms < GAP_MS:
                rest_s = math.ceil((GAP_MS - since_ms) / 1000)
                raise RateLimited("The server was crashed a moment ago.", retry_after_s=rest_s)
            self._memory.touch(mode=0o600)
            os.utime(self._memory, ns=(now_ms * 1_000_000, now_ms * 1_000_000))
        except OSError:
            raise Unavailable("The press cannot be noted in the folder of Legato.") from None

    def _last_ms(self) -> int:
        try:
            return self._memory.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return 0

    async def crash(self, unsent_bytes: Callable[[], int]) -> None:
        """Wait until the answer has left this process, then ask to be killed.

        Args:
            unsent_bytes: How much of what was answered the system has not taken.
        """
        await asyncio.sleep(0)  # what was written in this turn of the loop is counted after it
        rest_s = FLUSH_S
        while unsent_bytes() and rest_s > 0:
            await asyncio.sleep(_LOOK_S)
            rest_s -= _LOOK_S
        self._ask()
