# SPDX-License-Identifier: Apache-2.0
"""Cron schedules over changes of clocks, and what is owed after an outage."""

import datetime as dt
from itertools import islice

import pytest

from legato.errors import InvalidInput
from legato.model.cron import MISSED_COUNTED_MAX, RUN_ALL_MAX, Cron, Due, due
from legato.model.cron import Missed as Policy


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def ticks(expression: str, zone: str, begin: str, end: str) -> list[str]:
    cron = Cron(expression, zone)
    return [cron.local(at).strftime("%H:%M%z") for at in cron.ticks(ms(begin), ms(end))]


SPRING = ("2026-03-28T23:59:00+01:00", "2026-03-29T04:00:00+02:00")
AUTUMN = ("2026-10-25T00:29:00+02:00", "2026-10-25T03:30:00+01:00")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["03:00+0200"]),
        ("0,15,30 2 * * *", ["03:00+0200"]),
        ("30 2,3 * * *", ["03:00+0200", "03:30+0200"]),
        ("0 2,3 * * *", ["03:00+0200"]),
        ("30 * * * *", ["00:30+0100", "01:30+0100", "03:30+0200"]),
    ],
)
def test_a_tick_in_the_gap_falls_due_once_right_after_it(
    expression: str, expected: list[str]
) -> None:
    """Clocks put forward: what has no time of its own runs once, when the gap is over [TR2]."""
    assert ticks(expression, "Europe/Berlin", *SPRING) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["02:30+0200"]),
        ("30 1,2,3 * * *", ["01:30+0200", "02:30+0200", "03:30+0100"]),
        (
            "30 * * * *",
            ["00:30+0200", "01:30+0200", "02:30+0200", "02:30+0100", "03:30+0100"],
        ),
        ("*/30 2 * * *", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
    ],
)
def test_a_fixed_hour_counts_once_where_clocks_are_put_back(
    expression: str, expected: list[str]
) -> None:
    """Clocks put back: a fixed time runs once, what runs all the time goes on [TR3]."""
    assert ticks(expression, "Europe/Berlin", *AUTUMN) == expected


def test_from_inside_the_overlap_no_tick_comes_back() -> None:
    """Whoever asks in the second 02:10 is not given the 02:30 that is over [TR3]."""
    cron = Cron("30 2 * * *", "Europe/Berlin")
    again = cron.next_after(ms("2026-10-25T02:10:00+01:00"))
    assert again == ms("2026-10-26T02:30:00+01:00")


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]
)
@pytest.mark.parametrize("expression", ["*/7 * * * *", "5,35 1,2,3 * * *", "0 0 L * *"])
def test_ticks_only_grow(zone: str, expression: str) -> None:
    """Over two changes of clocks each instant stands once, in order [TR2, TR3]."""
    found = list(islice(Cron(expression, zone).ticks(ms("2026-03-01T00:00:00+00:00")), 4_000))
    assert found == sorted(set(found))


def test_a_step_through_ticks_is_the_same_as_a_walk() -> None:
    """Asked one by one, each after the last, a schedule gives what it gives in a row [TR2, TR3]."""
    cron = Cron("10,40 1,2 * * *", "Europe/Berlin")
    begin, end = ms("2026-01-01T00:00:00+00:00"), ms("2026-12-31T00:00:00+00:00")
    at, found = begin, []
    while (following := cron.next_after(at)) is not None and following <= end:
        found.append(at := following)
    assert found == list(cron.ticks(begin, end))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("*/0 * * * *", "bad minute"),
        ("* * * * 1#9", "bad day-of-week"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * 2 1L,1#2/3", "bad"),
        ("* * */20 * 1L", "never falls due"),
        ("1 " * 400, "five fields"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, reason: str) -> None:
    """Five fields that some day fall due, or the reason [TR1]."""
    with pytest.raises(InvalidInput, match=reason):
        Cron(expression)


@pytest.mark.parametrize(
    "zone", ["", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "x" * 99]
)
def test_what_is_no_zone_is_refused(zone: str) -> None:
    """A zone is a name of the IANA database, no file of this machine [TR1]."""
    with pytest.raises(InvalidInput, match="no time zone"):
        Cron("0 9 * * *", zone)


def test_a_schedule_says_itself_in_words() -> None:
    """People read words and a zone [TR4]."""
    assert Cron("0  9 * * mon", "Europe/Berlin").words == "At 09:00 on Monday (Europe/Berlin)"


MINUTELY = Cron("* * * * *")
NOON = ms("2026-05-05T12:00:00+00:00")
MIN = 60_000


@pytest.mark.parametrize(("missed", "made_good"), [("skip", 0), ("run_once", 1), ("run_all", 5)])
def test_what_was_missed_follows_the_policy(missed: Policy, made_good: int) -> None:
    """More than a minute late is missed; what is not that late runs in any case [TR5]."""
    late = [NOON - n * MIN for n in (5, 4, 3, 2, 1)]
    assert due(MINUTELY, NOON - 5 * MIN, NOON + 1, missed) == Due(
        run=(*late[len(late) - made_good :], NOON),
        missed_count=5,
        missed_from=NOON - 5 * MIN,
        missed_to=NOON - MIN,
        next=NOON + MIN,
    )


def test_a_minute_late_is_not_missed() -> None:
    """Exactly 60 s late is on time, one ms more is not [TR5]."""
    hourly = Cron("0 * * * *")
    assert due(hourly, NOON, NOON + 60_000, "skip").run == (NOON,)
    late = due(hourly, NOON, NOON + 60_001, "skip")
    assert (late.run, late.missed_count, late.next) == ((), 1, NOON + 60 * MIN)


def test_a_year_of_minutes_is_bounded() -> None:
    """`run_all` makes the latest hundred good; counting ends at a thousand [TR5]."""
    found = due(MINUTELY, NOON - 365 * 1440 * MIN, NOON + 1, "run_all")
    assert len(found.run) == RUN_ALL_MAX + 1
    assert found.missed_count == MISSED_COUNTED_MAX
    assert found.run == tuple(sorted(found.run))


def test_a_clock_that_jumps_back_gives_no_tick_again() -> None:
    """What comes next stays where it is, however late it seems to be now [TR6]."""
    found = due(MINUTELY, NOON + MIN, NOON - 3_600_000, "run_all")
    assert found == Due(next=NOON + MIN)


def test_a_next_tick_of_another_schedule_is_no_tick_of_this_one() -> None:
    """A place that no tick of the schedule has is passed over [TR6]."""
    hourly = Cron("0 * * * *")
    found = due(hourly, NOON + 5, NOON + 10 * MIN, "run_all")
    assert (found.run, found.missed_count, found.next) == ((), 0, NOON + 60 * MIN)
