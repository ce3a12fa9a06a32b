# SPDX-License-Identifier: Apache-2.0
"""Lets executions go that wait for others of their workflow: at a hint soon, by poll in any case.

Rules: TR50, TR51.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from legato.errors import LegatoError
from legato.ports.admission import Admissions
from legato.telemetry import logger

POLL_S: Final = 0.5
GAP_S: Final = 0.01
"""Between two looks, however many executions end."""
_log = logger(__name__)


class Releaser:
    """One loop, from `start` to `stop`."""

    def __init__(
        self, admissions: Admissions, on_release: Callable[[], None], *, poll_s: float = POLL_S
    ) -> None:
        """Make it.

        Args:
            admissions: Knows who waits.
            on_release: Called when somebody has been let go, so that an engine looks.
            poll_s: Between two looks while nobody hints.
        """
        self._admissions = admissions
        self._on_release = on_release
        self._poll_s = poll_s
        self._hinted = asyncio.Event()
        self._is_waited = False
        self._is_well = True
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """End; who waits is let go by the next."""
        if self._task is not None:
            self._task.cancel()

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

    async def _run(self) -> None:
        while True:
            self._hinted.clear()
            try:
                self._is_waited = await self.look()
                self._is_well = True
            except LegatoError as error:
                if self._is_well:
                    _log.warning("who waits cannot be let go now", error=error.code)
                self._is_well = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._hinted.wait()
                    await asyncio.sleep(GAP_S)
