# SPDX-License-Identifier: Apache-2.0
"""The indexer: moves texts of executions into the full-text index, off the append path.

A turn only stores its text. Within about a second this job moves a batch of texts into the index
and comes back while there are more. What a crash leaves behind is found at the next start; a search
looks through waiting texts meanwhile.

Rules: LG25.
"""

import asyncio
from contextlib import suppress
from typing import Final

from legato.adapters.sql.indexing import Indexing
from legato.errors import LegatoError

DELAY_S: Final = 0.5
"""Pause between the first waiting text and its batch: many turns share one."""
RETRY_S: Final = 5.0
"""Pause after the store was not available."""


class Indexer:
    """Runs batches when it was told that there may be something to index."""

    def __init__(self, indexing: Indexing) -> None:
        self._indexing = indexing
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = True

    def start(self) -> None:
        """Begin, with what an earlier process may have left."""
        self._is_stopped = False
        self.wake()

    def wake(self, delay_s: float = DELAY_S) -> None:
        """See to it that a batch runs soon. Cheap when one is coming anyway."""
        if self._timer is None and self._task is None and not self._is_stopped:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    async def stop(self) -> None:
        """Let the running batch finish; what waits is left to the next process."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await self._task

    async def run_now(self) -> None:
        """Index everything that waits."""
        while await self._indexing.batch():
            pass

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        delay_s = None
        try:
            if await self._indexing.batch():
                delay_s = 0.0
        except LegatoError:
            delay_s = RETRY_S
        finally:
            self._task = None
        if delay_s is not None:
            with suppress(RuntimeError):
                self.wake(delay_s)
