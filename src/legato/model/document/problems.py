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


_CODES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (code, re.compile(pattern))
    for code, pattern in (
        ("unknown_node_type", r"there is no node type "),
        ("unknown_node", r"there is no node "),
        ("unknown_input", r"there is no input "),
        ("unknown_key", r"unknown key "),
        ("missing", r"\S+ is missing$"),
        ("expression", r"expression: |a key cannot hold an expression"),
        ("cycle", r"the nodes need each other|.* needs itself$"),
        ("duplicate", r".* (stands twice|is needed twice)"),
        ("secret", r".*\bsecret\b"),
        (
            "limit",
            r".* (out of bounds|too (long|many|deep).*)$|there are too many|the document has ",
        ),
        ("unknown_value", r".* is not known$"),
    )
)
UNREADABLE: Final = "unreadable"
"""Code of a problem that leaves nothing to check: the text is no document."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem. `line` and `column` count from 1; `path` is a JSON path such as `nodes.log`.

    `steps` is the same path in parts. `end_line` and `end_column` are the place after its last
    character, where that is known.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str | None = None
    got: str | None = None
    nearest: str | None = None
    steps: Path = ()
    end_line: int | None = None
    end_column: int | None = None

    @property
    def code(self) -> str:
        """What kind of problem it is, in a word that stays."""
        found = (code for code, pattern in _CODES if pattern.match(self.message))
        return next(found, "invalid")

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
