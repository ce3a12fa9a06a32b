# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a document, and where. Rules: DO2, DO3."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

Path = tuple[str | int, ...]
"""Keys and indices from the top of the document."""

PROBLEMS_MAX: Final = 500
"""Problems that are reported of one document; a broken generator makes the same one many times."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem. `line` and `column` count from 1; `path` is a JSON path such as `nodes.log`."""

    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str | None = None
    got: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        """Return one line: place, path, message, and in brackets what helps to mend it."""
        notes = []
        if self.expected is not None:
            notes.append(f"expected {self.expected}")
        if self.got is not None:
            notes.append(f"got {self.got}")
        text = ", ".join(notes)
        if self.nearest is not None:
            text += f"{'; ' if text else ''}did you mean {self.nearest}?"
        where = f"{self.file}:{self.line}:{self.column}: "
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.message}" + (f" ({text})" if text else "")


def path_text(path: Path) -> str:
    """Return a path as people write it: `nodes.log.with.args[1]`, `headers['X-A']`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step[:80]!r}]"
    return text


def in_place_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems by line and column, equal ones once."""
    return tuple(
        sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column))
    )
