# SPDX-License-Identifier: Apache-2.0
"""How things look as text: statuses, durations, times, sizes, tables, short JSON.

Pure: the same values give the same text. No markup of a workflow is ever interpreted.
Rules: CL2, CL9, VW8, VW9.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from legato.telemetry import escape_control

ICONS: Final = {
    "pending": ("○", "."),
    "queued": ("○", "."),
    "running": ("●", "*"),
    "waiting": ("◔", "~"),
    "paused": ("‖", "="),
    "retrying": ("↻", "^"),
    "needs_attention": ("▲", "!"),
    "completed": ("✓", "+"),
    "failed": ("✗", "x"),
    "timed_out": ("✗", "x"),
    "skipped": ("↷", "-"),
    "cancelled": ("⊘", "0"),
}
"""Status -> (sign, sign for terminals without Unicode); the word always stands beside it."""
COLOURS: Final = {
    "running": "36",
    "waiting": "34",
    "paused": "34",
    "retrying": "33",
    "needs_attention": "1;33",
    "completed": "32",
    "failed": "31",
    "timed_out": "31",
    "skipped": "2",
    "pending": "2",
    "queued": "2",
    "cancelled": "35",
}
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"))


def escape(text: str) -> str:
    """Return text that cannot steer a terminal."""
    return escape_control(text)


@dataclass(frozen=True, slots=True)
class Style:
    """What the terminal can show."""

    is_coloured: bool = False
    is_unicode: bool = True

    def paint(self, text: str, code: str) -> str:
        """Escape a text and give it a colour (SGR code) if there are colours."""
        safe = escape(text)
        return f"\x1b[{code}m{safe}\x1b[0m" if self.is_coloured and code and safe else safe

    def status(self, status: str, *, width: int = 0) -> str:
        """Return sign and word of a status, padded to `width` characters, in its colour."""
        return self.paint(f"{self.icon(status)} {word(status)}".ljust(width), COLOURS[status])

    def icon(self, status: str) -> str:
        """Return the sign of a status."""
        return ICONS[status][0 if self.is_unicode else 1]

    def dim(self, text: str) -> str:
        """Return escaped text in the background."""
        return self.paint(text, "2")


def word(status: str) -> str:
    """Return a status as people read it."""
    return status.replace("_", " ")


def local_time(at_ms: int | None) -> str:
    """Return an instant in the zone of this machine, to the second."""
    if at_ms is None:
        return "-"
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def duration(ms: int) -> str:
    """Return a duration in the two largest units that matter: `0.12 s`, `4.1 s`, `3m 20s`."""
    ms = max(ms, 0)
    if ms < 1_000:
        return f"{ms / 1000:.2f} s"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    for position, (size, unit) in enumerate(_UNITS):
        if ms >= size:
            below, below_unit = _UNITS[position + 1] if position + 1 < len(_UNITS) else (1_000, "s")
            return f"{ms // size}{unit} {ms % size // below}{below_unit}"
    return f"{ms} ms"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / (1024 * 1024):.1f} MiB"


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: `1 node`, `3 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cells(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def fit(text: str, width: int) -> str:
    """Cut a text to a number of columns, with an ellipsis if something is missing."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    kept = text[: width - 1]
    while cells(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def pad(text: str, width: int) -> str:
    """Fill a text with spaces to a number of columns."""
    return text + " " * max(width - cells(text), 0)


def table(rows: Sequence[Sequence[str]], *, gap: str = "  ") -> list[str]:
    """Return rows as aligned lines; the last column is not padded."""
    if not rows:
        return []
    shown = [[escape(cell) for cell in row] for row in rows]
    widths = [max(cells(row[column]) for row in shown) for column in range(len(shown[0]) - 1)]
    return [
        gap.join([*(pad(cell, width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in shown
    ]


def pretty_json(value: Any, *, lines_max: int, more: str, width: int = 100) -> list[str]:
    """Return JSON indented for a person, cut to a number of lines.

    Args:
        value: The value.
        lines_max: Lines to show.
        more: Where the rest can be seen; it stands in the last line if something was cut.
        width: A value that fits into one line of this width stays in one.
    """
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= width:
        return [escape(text)]
    lines = [escape(line) for line in json.dumps(value, ensure_ascii=False, indent=2).splitlines()]
    lines = [fit(line, 4 * width) for line in lines]
    if len(lines) <= lines_max:
        return lines
    return [*lines[:lines_max], f"… {len(lines) - lines_max} more lines: {more}"]


def pretty_text(text: str, *, lines_max: int, more: str, width: int = 200) -> list[str]:
    """Return a text of several lines as it is, cut to a number of lines and columns."""
    lines = [fit(line.expandtabs(), width) for line in text.rstrip("\n").split("\n")]
    if len(lines) <= lines_max:
        return lines
    return [*lines[:lines_max], f"… {len(lines) - lines_max} more lines: {more}"]
