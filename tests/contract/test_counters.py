# SPDX-License-Identifier: Apache-2.0
"""The counters port, on every adapter: places in a sliding window, things remembered."""

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.adapters.memory.counters import MemoryCounters
from legato.ports.counters import Counters
from legato.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of the counters."""
    return FakeClock()


@pytest.fixture(params=["memory"])
def counters(request: pytest.FixtureRequest, clock: FakeClock) -> Counters:
    """Return counters of each adapter."""
    assert request.param == "memory"
    return MemoryCounters(clock)


async def taken(counters: Counters, key: str = "k", limit: int = 3) -> str | None:
    """Take a place for 10 s."""
    return (await counters.take(key, limit=limit, window_ms=10_000)).mark


async def test_a_key_has_so_many_places(counters: Counters) -> None:
    """As many places as the limit can be taken, each with its own mark; keys are apart [AU50]."""
    marks = [await taken(counters) for _ in range(3)]
    assert None not in marks and len(set(marks)) == 3
    assert await taken(counters) is None
    assert await taken(counters, "other") is not None
    assert await counters.peek("k", window_ms=10_000) == 3
    assert await counters.peek("none", window_ms=10_000) == 0


async def test_a_place_is_free_after_its_window(counters: Counters, clock: FakeClock) -> None:
    """A place is taken for the window from when it was taken; the wait says how long [AU50]."""
    await taken(counters)
    clock.advance(4)
    await taken(counters)
    await taken(counters)
    refused = await counters.take("k", limit=3, window_ms=10_000)
    assert (refused.mark, refused.wait_ms) == (None, 6_000)
    clock.advance(5.999)
    assert await taken(counters) is None
    clock.advance(0.001)
    assert await counters.peek("k", window_ms=10_000) == 2
    assert await taken(counters) is not None
    assert (await counters.take("k", limit=3, window_ms=10_000)).wait_ms == 4_000


async def test_a_lower_limit_waits_for_enough_places(counters: Counters, clock: FakeClock) -> None:
    """With a smaller limit than before, the wait is until fewer are taken [AU50]."""
    for _ in range(3):
        await taken(counters)
        clock.advance(1)
    assert (await counters.take("k", limit=1, window_ms=10_000)).wait_ms == 9_000
    assert (await counters.take("k", limit=2, window_ms=10_000)).wait_ms == 8_000


async def test_of_many_at_once_as_many_succeed_as_there_are_places(counters: Counters) -> None:
    """Takers at once never get more places than the limit [AU50]."""
    found = await asyncio.gather(*(taken(counters, limit=7) for _ in range(50)))
    assert sum(each is not None for each in found) == 7


async def test_a_place_is_given_back_once(counters: Counters) -> None:
    """Giving back frees that one place; again, or of an unknown mark, does nothing [AU51]."""
    first = await taken(counters)
    for _ in range(2):
        await taken(counters)
    assert first is not None
    for _ in range(3):
        await counters.give_back("k", first)
    await counters.give_back("k", "unknown")
    await counters.give_back("none", first)
    assert await counters.peek("k", window_ms=10_000) == 2
    assert await taken(counters) is not None
    assert await taken(counters) is None


async def test_a_thing_is_remembered_for_its_time(counters: Counters, clock: FakeClock) -> None:
    """A key is remembered until its time is over; remembering again begins anew [AU52]."""
    assert not await counters.remembers("k")
    await counters.remember("k", ttl_ms=10_000)
    clock.advance(9)
    assert await counters.remembers("k")
    assert not await counters.remembers("other")
    await counters.remember("k", ttl_ms=10_000)
    clock.advance(9.999)
    assert await counters.remembers("k")
    clock.advance(0.001)
    assert not await counters.remembers("k")


@given(st.lists(st.tuples(st.integers(0, 4_000), st.booleans()), max_size=40))
async def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, bool]]) -> None:
    """Whatever the order of tries and pauses, any 10 s hold at most 3 places [AU50]."""
    clock = FakeClock()
    counters = MemoryCounters(clock)
    held: deque[tuple[int, str]] = deque()
    for pause_ms, gives_back in steps:
        clock.advance(pause_ms / 1000)
        while held and held[0][0] + 10_000 <= clock.ms:
            held.popleft()
        mark = await taken(counters)
        assert (mark is not None) == (len(held) < 3)
        if mark is None:
            continue
        if gives_back:
            await counters.give_back("k", mark)
        else:
            held.append((clock.ms, mark))


async def test_memory_forgets_what_was_used_longest_ago(clock: FakeClock) -> None:
    """In memory there are so many keys of each kind; a flood of one spares the other [AU53]."""
    counters = MemoryCounters(clock, keys_max=10)
    await counters.remember("known", ttl_ms=10**9)
    for number in range(10):
        await taken(counters, f"k{number}", 1)
    assert await taken(counters, "k0", 1) is None, "looked at: it is used again"
    for number in range(10, 19):
        await taken(counters, f"k{number}", 1)
    assert await taken(counters, "k0", 1) is None
    assert await taken(counters, "k1", 1) is not None
    assert await counters.remembers("known")
    for number in range(30):
        await counters.remember(f"r{number}", ttl_ms=10**9)
    assert not await counters.remembers("known")
    assert await counters.remembers("r29")
    assert len(counters._places) <= 10 and len(counters._remembered) <= 10
