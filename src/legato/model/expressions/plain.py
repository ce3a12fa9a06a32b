# SPDX-License-Identifier: Apache-2.0
"""What an expression may return: plain JSON values, checked and in one fixed order.

Timestamps become RFC 3339 text, durations text as CEL writes it (`5400s`, `1.5s`), maps get their
keys in alphabetical order (CEL maps have none). Bytes, types, NaN, infinities, keys that are no
text and integers beyond 64 bits are refused by name.

Rules: EX10, EX17, DO7.
"""

import datetime as dt
import math
from typing import Final

from legato.errors import ExpressionError
from legato.model.values import INT64_MAX, INT64_MIN, JSON_DEPTH_MAX

_SCALARS: Final = frozenset({str, bool, type(None)})
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def to_json(value: object, place: str = "the result", depth: int = 0) -> object:
    """Return the value built of dict, list, str, int, float, bool and None.

    Args:
        value: What the CEL runtime or one of our functions returned.
        place: Named in the error.
        depth: Levels above the value.

    Raises:
        ExpressionError: The value is no JSON value.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, int):
        if INT64_MIN <= value <= INT64_MAX:
            return value
        raise ExpressionError(f"{place} is an integer beyond 64 bits.", hint="Send it as text.")
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise ExpressionError(f"{place} is {value}, which JSON does not have")
    if isinstance(value, list | dict):
        if depth >= JSON_DEPTH_MAX:
            raise ExpressionError(f"{place} is nested deeper than {JSON_DEPTH_MAX} levels")
        if isinstance(value, list):
            return [to_json(element, place, depth + 1) for element in value]
        return _map_to_json(value, place, depth)
    return _other_to_json(value, place)


def _map_to_json(value: dict[object, object], place: str, depth: int) -> dict[str, object]:
    for key in value:
        if not isinstance(key, str):
            raise ExpressionError(
                f"{place} has a map with the key {key!r:.40}; keys must be text.",
                hint="Write string(key).",
            )
    names = sorted(key for key in value if isinstance(key, str))
    return {name: to_json(value[name], place, depth + 1) for name in names}


def _other_to_json(value: object, place: str) -> str:
    if isinstance(value, dt.datetime):
        return time_text(value)
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    if isinstance(value, bytes | bytearray):
        raise ExpressionError(
            f"{place} is bytes, which JSON does not have.",
            hint="Write base64.encode(…) or string(…).",
        )
    raise ExpressionError(f"{place} is a type or a function, not a value")


def time_text(value: dt.datetime) -> str:
    """Return RFC 3339 text in UTC, with a fraction only if there is one."""
    value = value.astimezone(dt.UTC)
    unit = "seconds"
    if value.microsecond:
        unit = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=unit).replace("+00:00", "Z")


def duration_text(value: dt.timedelta) -> str:
    """Return seconds and their fraction, as CEL writes a duration: `5400s`, `1.5s`."""
    total = value // _MICROSECOND
    sign = "-" if total < 0 else ""
    whole, fraction = divmod(abs(total), 1_000_000)
    return f"{sign}{whole}" + (f".{fraction:06d}".rstrip("0") if fraction else "") + "s"


def kind_name(value: object) -> str:
    """Return the word for a value's kind that people know."""
    if value is None:
        return "null"
    names = {
        bool: "true or false", int: "an integer", float: "a number", str: "text",
        list: "a list", dict: "a map",
    }  # fmt: skip
    return names.get(type(value), f"a {type(value).__name__}")
