# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them: `500ms`, `30s`, `1h30m`, `2d`.

Rules: DO25.
"""

import re
from typing import Final

from legato.errors import InvalidInput

DURATION_MS_MAX: Final = 10 * 366 * 24 * 3600 * 1000
"""Ten years: no wait that a workflow can mean is longer, and sums stay far below 64 bits."""

_UNITS_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_WHOLE: Final = "([0-9]{1,12})"
_PATTERN: Final = (
    f"(?:{_WHOLE}d)?(?:{_WHOLE}h)?(?:{_WHOLE}m)?"
    f"(?:([0-9]{{1,12}}(?:[.][0-9]{{1,3}})?)s)?(?:{_WHOLE}ms)?"
)
DURATION_PATTERN: Final = f"^{_PATTERN}$"
"""Regular expression of the text form (and of the empty text), also valid in JSON Schema."""
_DURATION: Final = re.compile(_PATTERN)


def parse_duration(value: str | int) -> int:
    """Return a duration in milliseconds.

    Args:
        value: `2d`, `1h30m`, `1.5s`, `500ms` (units from large to small), or an integer of seconds.

    Raises:
        InvalidInput: It is no duration, zero, or longer than ten years.
    """
    if isinstance(value, int):
        milliseconds = value * 1_000
    else:
        match = _DURATION.fullmatch(value)
        if match is None or not value:
            raise InvalidInput(f"{value!r:.40} is no duration; write it as 500ms, 30s, 1h30m or 2d")
        milliseconds = sum(
            round(float(number) * unit) if "." in number else int(number) * unit
            for number, unit in zip(match.groups(default="0"), _UNITS_MS.values(), strict=True)
        )
    if milliseconds <= 0:
        raise InvalidInput(f"the duration {value} is not positive")
    if milliseconds > DURATION_MS_MAX:
        raise InvalidInput(f"the duration {value} is longer than ten years")
    return milliseconds


def format_duration(milliseconds: int) -> str:
    """Return the shortest text that `parse_duration` reads back; zero is `0s`."""
    if milliseconds == 0:
        return "0s"
    rest = abs(milliseconds)
    text = "" if milliseconds > 0 else "-"
    for unit, size in _UNITS_MS.items():
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text
