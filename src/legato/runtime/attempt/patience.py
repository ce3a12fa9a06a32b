# SPDX-License-Identifier: Apache-2.0
"""Stores a result again when the store was away for a moment: the work behind it is done and paid.

Rules: LG27.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from legato.errors import Unavailable

T = TypeVar("T")


async def patiently(operation: Callable[[], Awaitable[T]], pauses_s: Sequence[float]) -> T:
    """Do it, and again after each pause while the store does not answer.

    Raises:
        Unavailable: It did not answer after the last pause either.
    """
    for pause_s in pauses_s:
        try:
            return await operation()
        except Unavailable:
            await asyncio.sleep(pause_s)
    return await operation()
