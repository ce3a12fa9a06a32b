# SPDX-License-Identifier: Apache-2.0
"""The changes port on every store: hints that somebody else has written."""

import asyncio

from legato.ports.stores import Stores
from tests.contract.build import A, born, execution_id, new, turn
from tests.contract.conftest import MakeStores

SOON_S = 5.0
NOW_S = 0.12
ONE = execution_id(1)


async def settle(store: Stores) -> None:
    """Take what others did before the test as seen."""
    while await store.changes.wait(NOW_S):
        pass


async def test_a_commit_of_another_process_is_told(stores: MakeStores) -> None:
    """A new signal or execution wakes other engines [EN10]."""
    mine, other = await stores("a"), await stores("b")
    await other.log.append([born()])
    await settle(mine)
    waiting = asyncio.ensure_future(mine.changes.wait(SOON_S))
    await asyncio.sleep(0)
    await other.inbox.send(ONE, "k", b"{}")
    assert await waiting is True
    await settle(mine)
    waiting = asyncio.ensure_future(mine.changes.wait(SOON_S))
    await asyncio.sleep(0)
    await other.log.create([new(2)])
    assert await waiting is True
    await settle(mine)
    await other.log.append([turn(after=1)])
    assert await mine.changes.wait(SOON_S) is True


async def test_a_commit_before_the_wait_is_not_missed(stores: MakeStores) -> None:
    """What came between two waits counts for the next [EN10]."""
    mine, other = await stores("a"), await stores("b")
    await settle(mine)
    await other.log.create([new(1)])
    assert await mine.changes.wait(SOON_S) is True


async def test_own_commits_are_no_news(stores: MakeStores) -> None:
    """An engine does not wake itself [EN18]."""
    mine = await stores("a")
    await stores("b")
    await settle(mine)
    await mine.log.append([born()])
    await mine.inbox.send(ONE, "k", b"{}")
    assert await mine.changes.wait(NOW_S) is False
    await mine.owners.register(A, lease_ms=1_000, adopts=True)
    assert await mine.changes.wait(NOW_S) is False


async def test_silence_ends_with_the_time_out(stores: MakeStores) -> None:
    """Nothing happened: the poll goes on by itself [EN10]."""
    mine = await stores("a")
    await settle(mine)
    assert await mine.changes.wait(0.0) is False


async def test_all_who_wait_are_told(stores: MakeStores) -> None:
    """One change wakes the engine and whoever watches beside it [EN10]."""
    mine, other = await stores("a"), await stores("b")
    await settle(mine)
    waiting = [asyncio.ensure_future(mine.changes.wait(SOON_S)) for _ in range(3)]
    await asyncio.sleep(0)
    await other.log.create([new(1)])
    assert await asyncio.gather(*waiting) == [True] * 3
