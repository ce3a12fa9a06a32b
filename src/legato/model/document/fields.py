# SPDX-License-Identifier: Apache-2.0
"""Reading single keys of a map: each returns the value or None, and reports what is wrong with it.

Rules: DO2, DO3, DO16, DO25.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from legato.errors import InvalidInput
from legato.model.document.problems import Path
from legato.model.document.tree import Report
from legato.model.durations import parse_duration
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.plain import kind_name

SLUG_PATTERN: Final = r"^[a-z][a-z0-9-]{0,62}$"
NODE_ID_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"
SLUG: Final = re.compile(SLUG_PATTERN[:-1] + r"\Z")
UUID_SHAPED: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
"""A slug must not be one: what names a workflow would mean two."""
NODE_ID: Final = re.compile(NODE_ID_PATTERN[:-1] + r"\Z")
CEL_RESERVED: Final = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
    "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
})  # fmt: skip
"""Words that CEL keeps for itself. Source: google/cel-spec, doc/langdef.md."""
TITLE_LENGTH_MAX: Final = 200
_SHOWN: Final = 60


def shown(value: object) -> str:
    """Return a value as a problem may show it: short, and text in quotes."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return kind_name(value)


def whole(value: object) -> object:
    """Return a double without a fraction as an integer: JSON Schema counts 1.0 as one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Fields:
    """The keys of one map."""

    def __init__(self, report: Report, data: Mapping[str, Any], path: Path) -> None:
        """Args: data stands at path."""
        self.report = report
        self.data = data
        self.path = path

    def below(self, *steps: str | int) -> Path:
        """Return the path of something below."""
        return (*self.path, *steps)

    def wrong(self, key: str, message: str, expected: str) -> None:
        """Report a value that is not what it should be."""
        self.report.add(self.below(key), message, expected=expected, got=shown(self.data[key]))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Report every key that is not known, with the nearest one that is."""
        names = list(known)
        for key in self.data:
            if key not in names:
                near = nearest_name(key, names)
                self.report.add(
                    self.below(key), f"unknown key {shown(key)}", nearest=near, at="key",
                    expected=None if near else f"one of {', '.join(names)}",
                )  # fmt: skip

    def require(self, key: str, expected: str) -> bool:
        """Report a key that is missing; tell whether it is there."""
        if key in self.data:
            return True
        self.report.add(self.path, f"{key} is missing", expected=expected)
        return False

    def text(self, key: str, *, length_max: int | None = None) -> str | None:
        """Return a text."""
        value = self.data.get(key)
        if key not in self.data:
            return None
        if not isinstance(value, str):
            self.wrong(key, f"{key} is not text", "text")
            return None
        if length_max is not None and len(value) > length_max:
            self.wrong(key, f"{key} is too long", f"{length_max} characters at most")
            return None
        return value

    def choice(self, key: str, options: tuple[str, ...]) -> str | None:
        """Return one of several words."""
        value = self.data.get(key)
        if key not in self.data or (isinstance(value, str) and value in options):
            return value
        near = nearest_name(value, options) if isinstance(value, str) else None
        self.report.add(
            self.below(key), f"{key} is not known", expected=f"one of {', '.join(options)}",
            got=shown(value), nearest=near,
        )  # fmt: skip
        return None

    def integer(self, key: str, least: int, most: int) -> int | None:
        """Return an integer within bounds."""
        value = whole(self.data.get(key))
        if key not in self.data:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(key, f"{key} is out of bounds", f"an integer from {least} to {most}")
            return None
        return value

    def positive(self, key: str) -> float | None:
        """Return a number above zero."""
        value = self.data.get(key)
        if key not in self.data:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            self.wrong(key, f"{key} is not a positive number", "a number above 0")
            return None
        return float(value)

    def duration_ms(self, key: str) -> int | None:
        """Return a duration in milliseconds: text, or an integer of seconds."""
        value = whole(self.data.get(key))
        if key not in self.data:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.wrong(key, f"{key} is not a duration", "a duration such as 500ms, 30s or 1h30m")
            return None
        try:
            return parse_duration(value)
        except InvalidInput as error:
            self.wrong(key, str(error), "a duration such as 500ms, 30s or 1h30m")
            return None

    def mapping(self, key: str) -> "Fields | None":
        """Return a map."""
        value = self.data.get(key)
        if key not in self.data:
            return None
        if not isinstance(value, dict):
            self.wrong(key, f"{key} is not a map", "a map")
            return None
        return Fields(self.report, value, self.below(key))
