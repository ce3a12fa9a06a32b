# SPDX-License-Identifier: Apache-2.0
"""Who waits for the end of an execution, and who waits no more."""

import asyncio

import pytest

from legato.runtime.callers import Callers
from tests.support.build import EXECUTION_ID


async def test_who_waits_no_more_is_forgotten_and_others_wait_on() -> None:
    """Or an execution that never ends would be looked for, for ever [XW10]."""
    callers = Callers()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await callers.wait_ended(EXECUTION_ID)
    assert callers.awaited == []
    first, second = (asyncio.create_task(callers.wait_ended(EXECUTION_ID)) for _ in range(2))
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])
    first.cancel()
    await asyncio.wait([first])
    assert callers.awaited == [EXECUTION_ID]
    callers.ended(EXECUTION_ID, "completed")
    assert await second == "completed"
    assert callers.awaited == []
