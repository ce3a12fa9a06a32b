# SPDX-License-Identifier: Apache-2.0
"""Waits until the log of an execution may have grown, whichever process appends to it.

The engine of this process gives a frame after each commit, another process a change of the store.
Both are hints: whoever waits reads the log afterwards, and looks again after a while in any case.

Rules: VW4, XR32.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from legato.errors import LimitExceeded
from legato.model.frames import Frame
from legato.ports.stores import Stores

LOOK_S: Final = 1.0
"""How long a hint may be missing before we look anyway."""


async def hint(stores: Stores, frames: AsyncIterator[Frame], wait_s: float = LOOK_S) -> None:
    """Return when the log may have grown, or after `wait_s`.

    Args:
        stores: Tell of other processes.
        frames: Those of the execution; one that is taken here is dropped.
        wait_s: At most.
    """
    waits = {
        asyncio.ensure_future(_next(frames, wait_s)),
        asyncio.ensure_future(_change(stores, wait_s)),
    }
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _next(frames: AsyncIterator[Frame], wait_s: float) -> None:
    try:
        await anext(frames)
    except LimitExceeded:  # too many frames at once: the log has them all, and the look finds it
        await asyncio.sleep(wait_s)


async def _change(stores: Stores, wait_s: float) -> None:
    await stores.changes.wait(wait_s)
