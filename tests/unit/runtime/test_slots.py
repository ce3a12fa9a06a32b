# SPDX-License-Identifier: Apache-2.0
"""Places for running attempts."""

from legato.model.ids import ExecutionId
from legato.runtime.slots import HeldSlots, SlotPool

A, B = ExecutionId("a"), ExecutionId("b")


def _refused(pool: SlotPool, name: str = "default") -> HeldSlots:
    """Return the places of an execution that found none."""
    held = HeldSlots(pool)
    assert not held.take(name, 0)
    return held


def test_places_are_bounded_in_all_and_per_pool() -> None:
    """Neither the engine's nor a pool's bound is passed, and places come back [OW11]."""
    pool = SlotPool(3, {"gpu": 1}, lambda _: None)
    held = HeldSlots(pool)
    assert held.take("gpu", 0)
    assert not held.take("gpu", 0)
    assert held.refused
    assert held.take("default", 0) and held.take("default", 0)
    assert not held.take("default", 0)
    held.give("gpu")
    assert held.take("gpu", 0)
    held.release()
    assert pool.used == 0 and pool.holders == 0


def test_an_executions_own_bound_is_not_the_pools_fault() -> None:
    """`concurrency` of a workflow stops it without making it wait for the pool [OW11]."""
    held = HeldSlots(SlotPool(10, {}, lambda _: None))
    assert held.take("default", 1)
    assert not held.take("default", 1)
    assert not held.refused


def test_who_waits_longest_is_woken_first_when_places_are_left() -> None:
    """Waiting executions are fed first come first served, one per free place [OW11]."""
    woken: list[ExecutionId] = []
    pool = SlotPool(2, {}, woken.append)
    held = HeldSlots(pool)
    assert held.take("default", 0) and held.take("default", 0)
    pool.wait(A, _refused(pool))
    pool.wait(B, _refused(pool))
    pool.feed()
    assert woken == []
    held.give("default")
    pool.feed()
    pool.feed()
    assert woken == [A]
    pool.turn_begins(A)
    pool.feed()
    assert woken == [A, B]


def test_nobody_is_woken_for_a_place_that_it_may_not_have() -> None:
    """Who waits for a full pool sleeps on although the engine has places: no idle turns [OW11]."""
    woken: list[ExecutionId] = []
    pool = SlotPool(4, {"gpu": 1}, woken.append)
    first = HeldSlots(pool)
    assert first.take("gpu", 0)
    pool.wait(A, _refused(pool, "gpu"))
    pool.feed()
    assert woken == []
    first.give("gpu")
    pool.feed()
    assert woken == [A]


def test_nobody_holds_more_than_a_fair_share_while_others_wait() -> None:
    """A wide execution shrinks to its share as soon as somebody waits [OW11]."""
    pool = SlotPool(16, {}, lambda _: None)
    wide = HeldSlots(pool)
    for _ in range(16):
        assert wide.take("default", 0)
    pool.wait(A, _refused(pool))
    wide.give("default")
    assert not wide.take("default", 0)
    small = HeldSlots(pool)
    assert small.take("default", 0)
    pool.forget(A)
    small.release()
    assert wide.take("default", 0)


def test_a_closed_pool_gives_nothing_and_wakes_nobody() -> None:
    """While draining no attempt starts [EN14]."""
    woken: list[ExecutionId] = []
    pool = SlotPool(2, {}, woken.append)
    pool.closed = True
    pool.wait(A, _refused(pool))
    pool.feed()
    assert not HeldSlots(pool).take("default", 0)
    assert woken == []


def test_an_attempt_that_runs_already_counts_beyond_the_bound() -> None:
    """After a reload running attempts hold their places whatever the bounds [LG6]."""
    pool = SlotPool(1, {"gpu": 1}, lambda _: None)
    held = HeldSlots(pool)
    held.hold("gpu")
    held.hold("gpu")
    assert pool.used == 2
    held.give("gpu")
    held.give("gpu")
    held.give("gpu")
    assert pool.used == 0
