# SPDX-License-Identifier: Apache-2.0
"""The numbers that only the store knows: bounded queries, kept for some seconds. Rules: HT53."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from legato.api.metrics import Family, figure, figures
from legato.errors import LegatoError
from legato.model.frames import OPEN_EXECUTION
from legato.ports.stores import Stores

FRESH_S: Final = 5.0
TIMEOUT_S: Final = 2.0


class StoreFigures:
    """Asks the store, at most once at a time and once in `FRESH_S`."""

    def __init__(self, stores: Stores, monotonic: Callable[[], float]) -> None:
        """Args: monotonic gives seconds that only grow."""
        self._stores = stores
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._known: tuple[float, list[Family]] | None = None

    async def look(self) -> list[Family]:
        """Return what the store knows; where it does not answer, that it does not."""
        async with self._lock:
            if self._known is None or self._monotonic() - self._known[0] >= FRESH_S:
                found = await self._ask()
                self._known = (self._monotonic(), found)
            return self._known[1]

    async def _ask(self) -> list[Family]:
        up = "Whether the store answered."
        try:
            async with asyncio.timeout(TIMEOUT_S):
                counts = await self._stores.executions.open_counts()
                unsealed = await self._stores.audit.unsealed()
                head = await self._stores.audit.head()
        except (LegatoError, TimeoutError):
            return [figure("legato_store_up", up, 0)]
        by_status = {str(each): counts.get(each, 0) for each in OPEN_EXECUTION}
        return [
            figure("legato_store_up", up, 1),
            figures(
                "legato_executions", "Executions that have not ended, by status.", "status",
                by_status, kind="gauge",
            ),
            figure("legato_audit_unsealed", "Audit rows that wait to be sealed.", unsealed),
            figure("legato_audit_head_seq", "Audit rows that are sealed.", head.seq),
        ]  # fmt: skip
