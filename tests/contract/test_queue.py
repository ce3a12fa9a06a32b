# SPDX-License-Identifier: Apache-2.0
"""The queue port on the local adapter."""

import asyncio

import pytest

from legato.adapters.local_queue import LocalQueue
from legato.errors import Unavailable
from legato.model.ids import NodeId
from legato.ports.queue import Ring
from tests.contract.build import execution_id


def ring(attempt: int, pool: str = "gpu") -> Ring:
    """Return a ring for an attempt."""
    return Ring(pool, execution_id(1), NodeId("n"), attempt)


async def test_rings_come_out_in_order_per_pool() -> None:
    """A worker gets what was rung for its pools, once [EN10]."""
    queue = LocalQueue()
    for each in (ring(1), ring(2, "cpu"), ring(3)):
        await queue.ring(each)
    assert await queue.next(("gpu",)) == ring(1)
    assert await queue.next(("gpu", "cpu")) == ring(3)
    assert await queue.next(("gpu", "cpu")) == ring(2, "cpu")


async def test_a_waiting_worker_is_woken() -> None:
    """A ring reaches who already waits, and only who serves its pool [EN10]."""
    queue = LocalQueue()
    gpu = asyncio.ensure_future(queue.next(("gpu",)))
    cpu = asyncio.ensure_future(queue.next(("cpu",)))
    await asyncio.sleep(0)
    await queue.ring(ring(1, "cpu"))
    assert await cpu == ring(1, "cpu")
    assert not gpu.done()
    await queue.ring(ring(2))
    assert await gpu == ring(2)


async def test_a_worker_that_gives_up_takes_no_ring_along() -> None:
    """A cancelled wait loses nothing [EN10]."""
    queue = LocalQueue()
    waiting = asyncio.ensure_future(queue.next(("gpu",)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await queue.ring(ring(1))
    assert await queue.next(("gpu",)) == ring(1)


async def test_acknowledging_is_harmless() -> None:
    """A ring that was taken does not come again [EN10]."""
    queue = LocalQueue()
    await queue.ring(ring(1))
    await queue.acknowledge(await queue.next(("gpu",)))
    waiting = asyncio.ensure_future(queue.next(("gpu",)))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_too_many_rings_are_refused() -> None:
    """The queue is bounded; the caller rings again later [EN19]."""
    queue = LocalQueue(rings_max=2)
    await queue.ring(ring(1))
    await queue.ring(ring(2, "cpu"))
    with pytest.raises(Unavailable):
        await queue.ring(ring(3))
