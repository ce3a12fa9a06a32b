# SPDX-License-Identifier: Apache-2.0
"""Stores a result again when the store was away for a moment: the work behind it is done and paid.

Rules: LG27.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from legato.errors import Unavailable

T = TypeVar("T")


async def patiently(operation: Callable[[], Awaitable[T]], pauses_s: Iterable[float]) -> T:
    """Do it, and again after each pause while the store does not answer.

    Args:
        operation: May be done more than once.
        pauses_s: Seconds before each further try; an endless iterable means: until it answers.

    Raises:
        Unavailable: It did not answer after the last pause either, or waiting mends nothing.
    """
    for pause_s in pauses_s:
        try:
            return await operation()
        except Unavailable as error:
            if not error.retryable:
                raise
            await asyncio.sleep(pause_s)
    return await operation()
