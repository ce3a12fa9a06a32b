# SPDX-License-Identifier: Apache-2.0
"""The machine's time and chance."""

import time
from itertools import pairwise

import pytest

from legato.adapters.system_clock import SystemClock


class Machine:
    """Clocks that a test can set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the machine's clocks."""
        self.wall_ms = 1_000_000
        self.steady_ms = 50
        monkeypatch.setattr(time, "time_ns", lambda: self.wall_ms * 1_000_000)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.steady_ms * 1_000_000)

    def pass_time(self, ms: int) -> None:
        """Let both clocks go on."""
        self.wall_ms += ms
        self.steady_ms += ms


def test_time_is_that_of_the_machine() -> None:
    """Milliseconds since 1970 [OW15]."""
    assert abs(SystemClock().now_ms() - time.time_ns() // 1_000_000) < 1_000


def test_a_clock_set_back_does_not_turn_time_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on at the pace of the steady clock, so timers neither wait nor repeat [OW15]."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    before = clock.now_ms()
    machine.wall_ms -= 3_600_000
    assert clock.now_ms() == before
    machine.pass_time(2_000)
    assert clock.now_ms() == before + 2_000


def test_a_clock_set_forward_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was asleep catches up with the wall clock [OW15]."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    before = clock.now_ms()
    machine.wall_ms += 3_600_000
    assert clock.now_ms() == before + 3_600_000


def test_the_monotonic_clock_only_grows() -> None:
    """Durations are measured with it [OW15]."""
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_ids_are_unique_and_order_by_time() -> None:
    """UUIDv7: later ids are greater, so lists need no other order [LG8]."""
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(1_000)]
    assert len(set(ids)) == 1_000
    assert all(first < second for first, second in pairwise(ids))
    assert {(len(each), each[14]) for each in ids} == {(36, "7")}


def test_chance_is_a_fraction_and_repeats_by_its_seed() -> None:
    """Jitter can be held in a test's hand [SM1]."""
    assert all(0 <= SystemClock().chance() < 1 for _ in range(100))
    one, two = SystemClock(seed=7), SystemClock(seed=7)
    assert [one.chance() for _ in range(5)] == [two.chance() for _ in range(5)]
