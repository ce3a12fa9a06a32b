# SPDX-License-Identifier: Apache-2.0
"""The compiled statements by name. Loaded in about a millisecond, without SQLAlchemy.

Rules: LG.
"""

import json
from pathlib import Path
from typing import Any, Final

COMPILED: Final = Path(__file__).with_name("compiled.sql")


class Statement:
    """A statement and the order in which it takes its parameters."""

    __slots__ = ("_order", "sql")

    def __init__(self, sql: str, order: list[Any]) -> None:
        """Hold both.

        Args:
            sql: Text with `$1`, `$2` …
            order: For each of them a name, or a list of one constant.
        """
        self.sql = sql
        self._order = order

    @property
    def names(self) -> list[str]:
        """The names of its parameters."""
        return [each for each in self._order if isinstance(each, str)]

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """Return named values in the order of the text."""
        return [each[0] if isinstance(each, list) else values[each] for each in self._order]


def _load() -> dict[str, Statement]:
    statements: dict[str, Statement] = {}
    name, order = "", "[]"
    for line in COMPILED.read_text(encoding="utf-8").splitlines():
        if line.startswith("-- "):
            name, _, order = line[3:].partition(": ")
        else:
            statements[name] = Statement(line.rstrip(";"), json.loads(order))
    return statements


SQL: Final = _load()
"""The statements by name."""
