# SPDX-License-Identifier: Apache-2.0
"""Lets executions go that wait for others of their workflow: at a hint soon, by poll in any case.

Rules: TR50, TR51.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from legato.ports.admission import Admissions
from legato.runtime.rounds import Rounds

POLL_S: Final = 0.5
GAP_S: Final = 0.01
"""Between two looks, however many executions end."""


class Releaser(Rounds):
    """One loop, from `start` to `stop`."""

    TROUBLE = "who waits cannot be let go now"

    def __init__(
        self, admissions: Admissions, on_release: Callable[[], None], *, poll_s: float = POLL_S
    ) -> None:
        """Make it.

        Args:
            admissions: Knows who waits.
            on_release: Called when somebody has been let go, so that an engine looks.
            poll_s: Between two looks while nobody hints.
        """
        super().__init__(poll_s)
        self._admissions = admissions
        self._on_release = on_release
        self._hinted = asyncio.Event()
        self._is_waited = False

    def hint(self) -> None:
        """Tell that an execution has ended. Costs nothing while nobody waits."""
        if self._is_waited:
            self._hinted.set()

    async def look(self) -> bool:
        """Let go whom there is room for; tell whether anybody waits or waited."""
        if not await self._admissions.has_held():
            return False
        if await self._admissions.release():
            self._on_release()
        return True

    async def _round(self) -> bool:
        self._hinted.clear()
        self._is_waited = await self.look()
        return False

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._hinted.wait()
                await asyncio.sleep(GAP_S)
