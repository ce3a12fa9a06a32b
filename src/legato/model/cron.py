# SPDX-License-Identifier: Apache-2.0
"""Cron schedules: five fields and a time zone, and the instants at which they fall due.

Instants are integers of ms since the Unix epoch. Where clocks are put forward, what should have
been in the gap falls due once right after it; where they are put back, a fixed hour counts once.
cronsim does as Debian's cron does; what is here keeps its answers strictly growing, and bounded.

Rules: TR1-TR6.
"""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from legato.errors import InvalidInput

if TYPE_CHECKING:
    import zoneinfo

Missed = Literal["skip", "run_once", "run_all"]

EXPRESSION_MAX: Final = 200
ZONE_MAX: Final = 64
LATE_MS: Final = 60_000
"""A tick that is later than this was missed."""
RUN_ALL_MAX: Final = 100
"""Missed ticks that `run_all` makes good, the latest of them."""
MISSED_COUNTED_MAX: Final = 1_000
"""Missed ticks that are counted; of more one says that they are at least so many."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PROBED_FROM: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
"""A schedule is tried out from here: leap days and all weekdays lie in the fifty years to come."""
_WINDOW_MS: Final = 2 * 3_600_000
_WIDER: Final = 8


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule owes at some instant, all in ms and in order.

    `run` are the ticks to start. `missed` of `missed_count` were too late; those of them that the
    policy makes good are in `run`. `missed_from` and `missed_to` are the first and the last of them
    as far as they were counted. `next` follows; None if there is none.
    """

    run: tuple[int, ...] = ()
    missed_count: int = 0
    missed_from: int | None = None
    missed_to: int | None = None
    next: int | None = None


class Cron:
    """One schedule."""

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        """Read it.

        Raises:
            InvalidInput: The expression or the zone is none, or it never falls due.
        """
        self.expression = " ".join(expression.split())
        self.timezone = timezone
        self._zone = zone_of(timezone)
        if len(expression) > EXPRESSION_MAX or len(self.expression.split(" ")) != 5:
            raise InvalidInput("it should have five fields: minute hour day month weekday")
        if next(self._times(_PROBED_FROM), None) is None:
            raise InvalidInput("it never falls due")

    @property
    def words(self) -> str:
        """What it says, in words."""
        import cronsim  # noqa: PLC0415 - only where schedules are

        said: str = cronsim.CronSim(self.expression, _PROBED_FROM).explain()
        return f"{said} ({self.timezone})"

    def ticks(self, after: int, until: int | None = None) -> Iterator[int]:
        """Yield the ticks after an instant, up to and with another."""
        last = after
        for time in self._times(_EPOCH + dt.timedelta(milliseconds=after)):
            at = _ms(time)
            if until is not None and at > until:
                return
            # After a change of clocks the library may name an instant twice, or one that is over.
            if at > last:
                last = at
                yield at

    def next_after(self, after: int) -> int | None:
        """Return the first tick after an instant."""
        return next(self.ticks(after), None)

    def latest(self, after: int, until: int, count: int) -> list[int]:
        """Return the last ticks after an instant, up to and with another, in order.

        Cost: O(count) ticks, however many there were.
        """
        window = _WINDOW_MS
        while True:
            begin = max(after, until - window)
            found = list(self.ticks(begin, until))
            if len(found) >= count or begin == after:
                return found[-count:]
            window *= _WIDER

    def local(self, at: int) -> dt.datetime:
        """Return an instant as the zone's clocks show it."""
        return (_EPOCH + dt.timedelta(milliseconds=at)).astimezone(self._zone)

    def _times(self, after: dt.datetime) -> Iterator[dt.datetime]:
        import cronsim  # noqa: PLC0415 - only where schedules are

        try:
            # UTC as its own class: the library has a short way for it.
            zone = dt.UTC if self.timezone == "UTC" else self._zone
            found: Iterator[dt.datetime] = cronsim.CronSim(self.expression, after.astimezone(zone))
        except (cronsim.CronSimError, AssertionError, ValueError, TypeError) as error:
            raise InvalidInput(f"it is no cron expression: {_reason(error)}") from None
        return _bounded(found)


def zone_of(name: str) -> "zoneinfo.ZoneInfo":
    """Return a time zone of the IANA database.

    Raises:
        InvalidInput: There is none of that name.
    """
    import zoneinfo  # noqa: PLC0415 - slow to import

    try:
        if not 0 < len(name) <= ZONE_MAX:
            raise ValueError
        return zoneinfo.ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise InvalidInput("it is no time zone; expected a name like Europe/Berlin") from None


def due(cron: Cron, next_at: int, now: int, missed: Missed) -> Due:
    """Return what is to be done when the tick at `next_at` has come.

    Args:
        cron: The schedule.
        next_at: The earliest tick that was not looked at yet.
        now: The instant at which one looks.
        missed: What becomes of ticks that are too late.
    """
    if next_at > now:
        return Due(next=next_at)
    following = cron.next_after(now)
    edge = now - LATE_MS
    on_time = tuple(cron.ticks(max(next_at - 1, edge - 1), now))
    if next_at >= edge:
        return Due(run=on_time, next=following)
    late = cron.latest(next_at - 1, edge - 1, MISSED_COUNTED_MAX)
    if not late:  # the tick is none of this schedule, which was another one then
        return Due(run=on_time, next=following)
    kept = {"skip": 0, "run_once": 1, "run_all": RUN_ALL_MAX}[missed]
    return Due(
        run=(*(late[-kept:] if kept else ()), *on_time),
        missed_count=len(late),
        missed_from=late[0],
        missed_to=late[-1],
        next=following,
    )


def _bounded(times: Iterator[dt.datetime]) -> Iterator[dt.datetime]:
    """End before the year that the calendar of the library does not know."""
    while True:
        try:
            yield next(times)
        except (StopIteration, OverflowError, ValueError):
            return


def _ms(time: dt.datetime) -> int:
    return (time.astimezone(dt.UTC) - _EPOCH) // dt.timedelta(milliseconds=1)


def _reason(error: Any) -> str:
    """Return what is wrong in words of the library: "Bad minute"."""
    text = str(error)
    return text.lower() if text.startswith("Bad ") else "its form is not known"
