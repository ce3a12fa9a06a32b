# SPDX-License-Identifier: Apache-2.0
"""Who asked a moment ago, so that a page that asks ten things is looked up once.

Only safe requests stand on it, and on nothing older than `FRESH_S`, counted from before the look-up
began: what another process ended, disabled or lowered counts within a second. What this process
changes counts at once: every request that may change something empties it. Nobody is remembered as
unknown. Rules: HT60.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from legato.ports.accounts import Principal

FRESH_S: Final = 0.8
"""A second is promised: this leaves some of it to a slow look-up and to the request itself."""
KEPT_MAX: Final = 2_000


class Recent:
    """Remembers look-ups of one process."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Args: monotonic are seconds that only grow."""
        self._monotonic = monotonic
        self._found: dict[Hashable, tuple[float, Principal]] = {}
        self._changes = 0

    @property
    def count(self) -> int:
        """How many are remembered."""
        return len(self._found)

    async def find(
        self, key: Hashable, look_up: Callable[[], Awaitable[Principal | None]]
    ) -> Principal | None:
        """Return who a credential stands for, looked up now or a moment ago.

        Args:
            key: The credential that was verified, and what it was asked for.
            look_up: Asks the store.
        """
        began = self._monotonic()
        known = self._found.get(key)
        if known is not None and began - known[0] < FRESH_S:
            return known[1]
        changes = self._changes
        found = await look_up()
        # What was read before a change may be stored after it.
        if found is not None and changes == self._changes:
            if len(self._found) >= KEPT_MAX:
                self._found.clear()
            self._found[key] = (began, found)
        return found

    def forget(self) -> None:
        """Have everybody looked up anew: something may have changed."""
        self._changes += 1
        self._found.clear()
