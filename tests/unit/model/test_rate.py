# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of rates."""

from hypothesis import given
from hypothesis import strategies as st

from legato.model.rate import MINUTE_US, PER_MINUTE_MAX, Rate, per_minute

RATES = st.builds(Rate, st.integers(1, 10_000_000), st.integers(1, 500))


@given(RATES, st.lists(st.integers(0, 20_000_000), max_size=60))
def test_no_time_ever_lets_more_in_than_the_bucket_and_its_refill(
    rate: Rate, pauses: list[int]
) -> None:
    """In any span at most `at_once` and one per interval that has passed are let in [AU90]."""
    now, due, let_in = 10**15, 0, []
    for pause in pauses:
        now += pause
        due, wait = rate.spend(due, now)
        if not wait:
            let_in.append(now)
    for first, since in enumerate(let_in):
        for last in range(first, len(let_in)):
            span = let_in[last] - since
            assert last - first + 1 <= rate.at_once + span // rate.interval_us


@given(RATES, st.integers(0, 10**16), st.integers(10**15, 10**15 + 10**9))
def test_the_wait_that_is_told_is_the_wait(rate: Rate, due: int, now: int) -> None:
    """A µs sooner is refused, then is let in; refused tries change nothing [AU90]."""
    kept, wait = rate.spend(due, now)
    if not wait:
        assert now < kept <= now + rate.interval_us * rate.at_once
        return
    assert 0 < wait <= rate.interval_us
    assert rate.spend(kept, now) == (kept, wait)
    if wait > 1:
        assert rate.spend(kept, now + wait - 1) == (kept, 1)
    assert rate.spend(kept, now + wait)[1] == 0


def test_a_rate_of_a_minute_is_an_interval_and_a_depth() -> None:
    """As many at once as in a minute, unless it says how many [AU90]."""
    assert per_minute(3_000) == Rate(20_000, 3_000)
    assert per_minute(600, 200) == Rate(100_000, 200)
    assert per_minute(1) == Rate(MINUTE_US, 1)
    assert per_minute(PER_MINUTE_MAX).interval_us == 10
