# SPDX-License-Identifier: Apache-2.0
"""Functions over points in time and durations. None of them knows what time it is now.

A point in time is RFC 3339 text, an integer of milliseconds since 1970 in UTC, or a CEL timestamp.
Names of days and months are English. Time zones are IANA names, from the machine's tz database.

Rules: EX3, EX18, DO25.
"""

import datetime as dt
import re
from collections.abc import Callable
from typing import Final

from legato.errors import InvalidInput
from legato.model.durations import format_duration, parse_duration
from legato.model.expressions.functions.define import define, fault
from legato.model.expressions.plain import time_text

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_FORMAT_LENGTH_MAX: Final = 1_000
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")
# strptime knows more codes; these do not depend on the machine's language.
_PARSE_CODES: Final = frozenset("YymdHIMSfzj%")


def _offset(time: dt.datetime) -> str:
    text = time.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


# Not strftime: it takes names from the machine's language, and platforms differ.
_CODES: Final[dict[str, Callable[[dt.datetime], str]]] = {
    "Y": lambda t: f"{t.year:04d}",
    "y": lambda t: f"{t.year % 100:02d}",
    "m": lambda t: f"{t.month:02d}",
    "d": lambda t: f"{t.day:02d}",
    "e": lambda t: str(t.day),
    "H": lambda t: f"{t.hour:02d}",
    "I": lambda t: f"{(t.hour + 11) % 12 + 1:02d}",
    "M": lambda t: f"{t.minute:02d}",
    "S": lambda t: f"{t.second:02d}",
    "L": lambda t: f"{t.microsecond // 1000:03d}",
    "f": lambda t: f"{t.microsecond:06d}",
    "p": lambda t: "AM" if t.hour < 12 else "PM",
    "j": lambda t: f"{t.timetuple().tm_yday:03d}",
    "A": lambda t: _DAYS[t.weekday()],
    "a": lambda t: _DAYS[t.weekday()][:3],
    "B": lambda t: _MONTHS[t.month - 1],
    "b": lambda t: _MONTHS[t.month - 1][:3],
    "u": lambda t: str(t.isoweekday()),
    "G": lambda t: f"{t.isocalendar().year:04d}",
    "V": lambda t: f"{t.isocalendar().week:02d}",
    "z": _offset,
    "s": lambda t: str((t - _EPOCH) // dt.timedelta(seconds=1)),
    "F": lambda t: f"{t.year:04d}-{t.month:02d}-{t.day:02d}",
    "T": lambda t: f"{t.hour:02d}:{t.minute:02d}:{t.second:02d}",
    "%": lambda _: "%",
}


def time_of(name: str, value: str | int | dt.datetime) -> dt.datetime:
    """Return the point in time that a value names.

    Raises:
        ExpressionError: It names none.
    """
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    if isinstance(value, int):
        try:
            return _EPOCH + value * _MILLISECOND
        except OverflowError:
            raise fault(f"{name}: {value} ms is beyond the years 1 to 9999") from None
    try:
        time = dt.datetime.fromisoformat(value)
    except ValueError:
        raise fault(
            f"{name}: {value!r:.60} is no time; expected text like 2026-01-31T09:00:00Z"
        ) from None
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time


def _zone(name: str, zone: str) -> dt.tzinfo:
    match = _OFFSET.fullmatch(zone)
    if match is not None and int(match[2]) < 24 and int(match[3]) < 60:
        minutes = int(match[2]) * 60 + int(match[3])
        return dt.timezone(dt.timedelta(minutes=-minutes if match[1] == "-" else minutes))
    # Imported here: few expressions need it, and it is slow to import.
    import zoneinfo  # noqa: PLC0415

    try:
        return zoneinfo.ZoneInfo(zone)
    except (ValueError, KeyError, OSError):
        raise fault(
            f"{name}: {zone!r:.60} is no time zone; expected a name like Europe/Berlin or +02:00"
        ) from None


@define(
    "format_time(time, format, zone?) -> text",
    "Writes a time in UTC or a zone (`Europe/Berlin`, `+02:00`). Codes: %Y %y %m %b %B %d %e %j "
    "%a %A %u %G %V %H %I %p %M %S %L (milliseconds) %f (microseconds) %z %s %F %T %%.",
    group="times",
    example=("format_time('2026-01-31T23:30:00Z', '%a %e %b %Y, %H:%M', '+01:00')",
             '"Sun 1 Feb 2026, 00:30"'),
    takes=(("time", "text"), ("time", "text", "text")),
    growth=1,
)  # fmt: skip
def format_time(value: str | int | dt.datetime, pattern: str, zone: str = "UTC") -> str:
    """Write a time."""
    if len(pattern) > _FORMAT_LENGTH_MAX:
        raise fault(f"format_time: the format is longer than {_FORMAT_LENGTH_MAX} characters")
    time = time_of("format_time", value)
    try:
        time = time.astimezone(dt.UTC if zone == "UTC" else _zone("format_time", zone))
    except OverflowError:
        raise fault("format_time: the time is beyond the years 1 to 9999") from None
    parts: list[str] = []
    codes = iter(pattern)
    for character in codes:
        if character != "%":
            parts.append(character)
            continue
        code = next(codes, "")
        write = _CODES.get(code)
        if write is None:
            raise fault(f"format_time: unknown code %{code}; known are %{' %'.join(_CODES)}")
        parts.append(write(time))
    return "".join(parts)


@define(
    "parse_time(text, format?) -> int",
    "Reads a time as milliseconds since 1970 in UTC. Without a format: RFC 3339 or an ISO date; "
    "without a zone it is UTC. Codes: %Y %y %m %d %j %H %I %M %S %f %z %%.",
    group="times",
    example=("parse_time('1970-01-02')", "86400000"),
    takes=(("time",), ("text", "text")),
    growth=0,
)
def parse_time(value: str | int | dt.datetime, pattern: str | None = None) -> int:
    """Read a time."""
    if pattern is None or not isinstance(value, str):
        time = time_of("parse_time", value)
    else:
        unknown = set(re.findall(r"%(.?)", pattern.replace("%%", ""))) - _PARSE_CODES
        if unknown:
            raise fault(f"parse_time: unknown code %{min(unknown)}")
        try:
            time = dt.datetime.strptime(value, pattern)  # noqa: DTZ007 - UTC is added below
        except (ValueError, re.error):
            raise fault(f"parse_time: {value!r:.60} does not match {pattern!r:.60}") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.UTC)
    return (time - _EPOCH) // _MILLISECOND


@define(
    "add_time(time, duration) -> text",
    "A time plus a duration (`1h30m`, `2d`, milliseconds, or `-1d`), as RFC 3339 text in UTC.",
    group="times",
    example=("add_time('2026-01-31T09:00:00Z', '1d')", '"2026-02-01T09:00:00Z"'),
    takes=(("time", "text|int"),),
    growth=1,
)
def add_time(value: str | int | dt.datetime, duration: str | int) -> str:
    """Add a duration to a time."""
    try:
        return time_text(time_of("add_time", value) + duration_ms(duration) * _MILLISECOND)
    except OverflowError:
        raise fault("add_time: the time is beyond the years 1 to 9999") from None


@define(
    "duration_ms(duration) -> int",
    "Milliseconds of a duration written as `500ms`, `30s`, `1h30m` or `2d`.",
    group="times",
    example=("duration_ms('1h30m')", "5400000"),
    takes=(("text|int",),),
    growth=0,
)
def duration_ms(duration: str | int) -> int:
    """Read a duration; a number is milliseconds already."""
    if isinstance(duration, int):
        return duration
    negative = duration.startswith("-")
    try:
        milliseconds = parse_duration(duration.removeprefix("-"))
    except InvalidInput as error:
        raise fault(f"duration_ms: {error}") from None
    return -milliseconds if negative else milliseconds


@define(
    "format_duration(ms) -> text",
    "Writes milliseconds as `1h30m`, `2d`, `1s500ms`; the inverse of duration_ms.",
    group="times",
    example=("format_duration(5400000)", '"1h30m"'),
    takes=(("int",),),
    growth=1,
)
def written_duration(milliseconds: int) -> str:
    """Write a duration."""
    return format_duration(milliseconds)
