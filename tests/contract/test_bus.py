# SPDX-License-Identifier: Apache-2.0
"""The bus port on the local adapter."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from legato.adapters.local_bus import LocalBus
from legato.errors import LimitExceeded
from legato.model.frames import Frame
from tests.contract.build import execution_id

ONE, TWO = execution_id(1), execution_id(2)


def frame(seq: int, number: int = 1) -> Frame:
    """Return a frame that covers one seq."""
    return Frame(execution_id(number), 1, seq - 1, seq, ())


async def take(frames: AsyncIterator[Frame], count: int) -> list[int]:
    """Return the seqs of the next frames."""
    return [(await anext(frames)).to_seq for _ in range(count)]


async def test_a_subscriber_gets_frames_of_its_execution_in_order() -> None:
    """Nothing of another execution, nothing of before [VW1, EN10]."""
    bus = LocalBus()
    bus.publish_frame(frame(1))
    async with bus.subscribe(ONE) as frames:
        bus.publish_frame(frame(2))
        bus.publish_frame(frame(7, 2))
        bus.publish_frame(frame(3))
        assert await take(frames, 2) == [2, 3]


async def test_a_waiting_subscriber_is_woken() -> None:
    """A frame reaches who already waits [EN10]."""
    bus = LocalBus()
    async with bus.subscribe(ONE) as frames:
        waiting = asyncio.ensure_future(take(frames, 2))
        await asyncio.sleep(0)
        bus.publish_frame(frame(1))
        await asyncio.sleep(0)
        bus.publish_frame(frame(2))
        assert await waiting == [1, 2]


async def test_one_may_subscribe_to_everything() -> None:
    """Lists watch all executions [VW1]."""
    bus = LocalBus()
    async with bus.subscribe(None) as frames, bus.subscribe(TWO) as two:
        bus.publish_frame(frame(1, 1))
        bus.publish_frame(frame(5, 2))
        assert await take(frames, 2) == [1, 5]
        assert await take(two, 1) == [5]


async def test_it_is_known_whether_anybody_listens() -> None:
    """Frames that nobody gets need not be made [EN18]."""
    bus = LocalBus()
    assert not bus.has_subscribers(ONE)
    async with bus.subscribe(ONE), bus.subscribe(ONE):
        assert bus.has_subscribers(ONE)
        assert not bus.has_subscribers(TWO)
    assert not bus.has_subscribers(ONE)
    async with bus.subscribe(None):
        assert bus.has_subscribers(TWO)
    assert not bus.has_subscribers(TWO)


async def test_a_slow_subscriber_is_told_and_delays_nobody() -> None:
    """Its queue is bounded; instead of a silent gap it gets an error, others go on [EN19]."""
    bus = LocalBus(pending_max=4)
    async with bus.subscribe(ONE) as slow, bus.subscribe(ONE) as fast:
        for seq in range(1, 11):
            bus.publish_frame(frame(seq))
            assert await take(fast, 1) == [seq]
        with pytest.raises(LimitExceeded):
            await take(slow, 1)
        with pytest.raises(LimitExceeded):
            await take(slow, 1)


async def test_a_subscriber_that_gives_up_leaves_nothing_behind() -> None:
    """Cancelled while it waits: nobody is counted any more [EN19]."""
    bus = LocalBus()

    async def watch() -> None:
        async with bus.subscribe(ONE) as frames:
            await anext(frames)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    assert bus.has_subscribers(ONE)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert not bus.has_subscribers(ONE)
