# SPDX-License-Identifier: Apache-2.0
"""What is done again and again beside requests and turns, in a task of its own.

A store that does not answer ends nothing: it is said once, and the next round tries again.

Rules: TR13, TR41, TR50.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from legato.errors import LegatoError
from legato.telemetry import logger


class Rounds:
    """One loop, from `start` to `stop`. What goes round gives `_round`, and perhaps `_pause`."""

    TROUBLE: ClassVar[str] = "what goes round cannot be done now"
    """Said once of an outage; a subclass has its own words."""

    def __init__(self, every_s: float, *, waits_first: bool = False) -> None:
        """Make it.

        Args:
            every_s: The pause between two rounds.
            waits_first: The first one comes after a pause, too.
        """
        self._every_s = every_s
        self._waits_first = waits_first
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._go_round())

    def stop(self) -> None:
        """End; whatever was begun is complete, or is another's, or goes on in the next round."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _round(self) -> bool:
        """Go round once; tell whether there is more to do at once.

        Raises:
            LegatoError: It cannot be done now; the next round does it.
        """
        raise NotImplementedError

    async def _pause(self) -> None:
        """Wait for the next round."""
        await asyncio.sleep(self._every_s)

    async def _go_round(self) -> None:
        if self._waits_first:
            await self._pause()
        is_well = True
        while True:
            is_more = False
            try:
                is_more = await self._round()
                is_well = True
            except LegatoError as error:
                if is_well:
                    logger(type(self).__module__).warning(self.TROUBLE, error=error.code)
                is_well = False
            if not is_more:
                await self._pause()
