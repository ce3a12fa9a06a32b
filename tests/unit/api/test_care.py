# SPDX-License-Identifier: Apache-2.0
"""What a server does beside its requests."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from legato.api.care import Care
from legato.errors import StoreUnavailable
from legato.ports.audit import Head


class Desk:
    """An audit that fails at first, and accounts; both say that they were asked."""

    def __init__(self) -> None:
        """Nothing was asked."""
        self.seals = 0
        self.cleans = 0
        self.forgotten = 0
        self.is_busy = asyncio.Event()

    async def seal(self) -> Head:
        """Count."""
        self.seals += 1
        self._look()
        if self.seals == 1:
            raise StoreUnavailable
        return Head(self.seals, "0" * 64)

    async def clean(self) -> int:
        """Count, and fail at first."""
        self.cleans += 1
        self._look()
        if self.cleans == 1:
            raise StoreUnavailable
        return 0

    async def forget(self) -> int:
        """Count."""
        self.forgotten += 1
        return 0

    def _look(self) -> None:
        if self.seals > 2 and self.cleans > 2:
            self.is_busy.set()


async def test_it_goes_on_after_an_outage_and_seals_at_the_end() -> None:
    """Again and again, once more when it stops, and then no more [ID17, AM1]."""
    desk, closed = Desk(), asyncio.Event()
    stores: Any = SimpleNamespace(audit=desk, accounts=desk, admissions=desk)
    hang_up = AsyncMock()
    care = Care(stores, seal_s=0.001, clean_s=0.001, close=closed.set, hang_up=hang_up)
    care.start()
    await asyncio.wait_for(desk.is_busy.wait(), 30)
    before = desk.seals
    await care.stop()
    assert closed.is_set()
    assert hang_up.await_count == 1
    assert desk.seals > before
    assert desk.forgotten
    seals = desk.seals
    await care.stop()
    assert desk.seals == seals
