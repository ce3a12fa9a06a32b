# SPDX-License-Identifier: Apache-2.0
"""The counters port, on every adapter: places in a sliding window, things remembered, buckets."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.adapters.memory.counters import MemoryCounters
from legato.model.rate import Rate, per_minute
from legato.ports.counters import Counters
from legato.testing.clock import FakeClock
from tests.contract.counted import Hand, redis_hand


@pytest.fixture(params=["memory", "redis"])
async def hand(request: pytest.FixtureRequest) -> AsyncIterator[Hand]:
    """Counters of each adapter, and the time."""
    if request.param == "memory":
        yield Hand()
        return
    async with redis_hand(request.getfixturevalue("redis_server")) as made:
        yield made


@pytest.fixture
def counters(hand: Hand) -> Counters:
    """Return counters of each adapter."""
    return hand.counters


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


async def test_a_place_is_free_after_its_window(hand: Hand) -> None:
    """A place is taken for the window from when it was taken; the wait says how long [AU50]."""
    counters = hand.counters
    await taken(counters)
    hand.let_pass(4)
    await taken(counters)
    await taken(counters)
    refused = await counters.take("k", limit=3, window_ms=10_000)
    assert refused.mark is None
    assert hand.is_about(refused.wait_ms, 6_000)
    hand.let_pass(5.999 - hand.slack_ms / 1000)
    assert await taken(counters) is None
    hand.let_pass(0.001 + hand.slack_ms / 1000)
    assert await counters.peek("k", window_ms=10_000) == 2
    assert await taken(counters) is not None
    refused = await counters.take("k", limit=3, window_ms=10_000)
    assert hand.is_about(refused.wait_ms, 4_000)


async def test_a_lower_limit_waits_for_enough_places(hand: Hand) -> None:
    """With a smaller limit than before, the wait is until fewer are taken [AU50]."""
    for _ in range(3):
        await taken(hand.counters)
        hand.let_pass(1)
    for limit, wait_ms in ((1, 9_000), (2, 8_000)):
        refused = await hand.counters.take("k", limit=limit, window_ms=10_000)
        assert hand.is_about(refused.wait_ms, wait_ms)


async def test_of_many_at_once_as_many_succeed_as_there_are_places(hand: Hand) -> None:
    """Takers at once, of several processes, never get more places than the limit [AU50, AU92]."""
    ones, others = hand.counters, hand.another()
    tries = (taken(each, limit=7) for each in (ones, others) * 25)
    found = await asyncio.gather(*tries)
    marks = [each for each in found if each is not None]
    assert len(marks) == len(set(marks)) == 7


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


async def test_a_thing_is_remembered_for_its_time(hand: Hand) -> None:
    """A key is remembered until its time is over; remembering again begins anew [AU52]."""
    counters, slack_s = hand.counters, hand.slack_ms / 1000
    assert not await counters.remembers("k")
    await counters.remember("k", ttl_ms=10_000)
    hand.let_pass(9)
    assert await counters.remembers("k")
    assert not await counters.remembers("other")
    await counters.remember("k", ttl_ms=10_000)
    hand.let_pass(9.999 - slack_s)
    assert await counters.remembers("k")
    hand.let_pass(0.001 + slack_s)
    assert not await counters.remembers("k")


async def test_a_bucket_gives_so_many_at_once_and_then_evenly(hand: Hand) -> None:
    """What is refused uses nothing up, and the wait that is told is the wait [AU90]."""
    counters, rate = hand.counters, per_minute(30, 5)
    assert [await counters.spend("k", rate) for _ in range(5)] == [0] * 5
    for _ in range(20):
        assert hand.is_about(await counters.spend("k", rate), 2_000)
    assert await counters.spend("other", rate) == 0
    hand.let_pass(2 - (hand.slack_ms + 1) / 1000)
    assert await counters.spend("k", rate) > 0
    hand.let_pass((hand.slack_ms + 1) / 1000)
    assert await counters.spend("k", rate) == 0
    assert hand.is_about(await counters.spend("k", rate), 2_000)
    hand.let_pass(60)
    assert [await counters.spend("k", rate) for _ in range(5)] == [0] * 5
    assert await counters.spend("k", rate) > 0


async def test_a_bucket_follows_another_rate_at_once(hand: Hand) -> None:
    """After a change of the settings nobody waits for a larger bucket to refill [AU90]."""
    for _ in range(1_000):
        assert await hand.counters.spend("k", per_minute(1_000)) == 0
    refused = await hand.counters.spend("k", Rate(interval_us=3_000_000, at_once=1))
    assert hand.is_about(refused, 3_000)
    hand.let_pass(3)
    assert await hand.counters.spend("k", Rate(interval_us=3_000_000, at_once=1)) == 0


async def test_of_many_at_once_a_bucket_lets_as_many_in_as_it_holds(hand: Hand) -> None:
    """Also when several processes ask [AU90, AU92]."""
    ones, others, rate = hand.counters, hand.another(), per_minute(1, 9)
    waits = await asyncio.gather(*(each.spend("k", rate) for each in (ones, others) * 30))
    assert waits.count(0) == 9


async def test_kinds_of_keys_are_apart(counters: Counters) -> None:
    """A place, a thing remembered and a bucket of one name know nothing of each other [AU50]."""
    await taken(counters)
    await counters.remember("k", ttl_ms=10_000)
    assert await counters.spend("k", per_minute(1)) == 0
    assert await counters.spend("k", per_minute(1)) > 0
    assert await counters.peek("k", window_ms=10_000) == 1
    assert await counters.remembers("k")


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


async def test_memory_forgets_what_was_used_longest_ago() -> None:
    """In memory there are so many keys of each kind; a flood of one spares the other [AU53]."""
    counters = MemoryCounters(FakeClock(), keys_max=10)
    await counters.remember("known", ttl_ms=10**9)
    for number in range(10):
        await taken(counters, f"k{number}", 1)
    assert await taken(counters, "k0", 1) is None, "looked at: it is used again"
    for number in range(10, 19):
        await taken(counters, f"k{number}", 1)
    assert await taken(counters, "k0", 1) is None
    assert await taken(counters, "k1", 1) is not None
    for number in range(30):
        assert await counters.spend(f"b{number}", per_minute(1)) == 0
    assert await counters.spend("b29", per_minute(1)) > 0
    assert await counters.spend("b0", per_minute(1)) == 0
    assert await taken(counters, "k0", 1) is None
    assert await counters.remembers("known")
    for number in range(30):
        await counters.remember(f"r{number}", ttl_ms=10**9)
    assert not await counters.remembers("known")
    assert await counters.remembers("r29")
    for kept in (counters._places, counters._remembered, counters._due_us):
        assert len(kept) <= 10
