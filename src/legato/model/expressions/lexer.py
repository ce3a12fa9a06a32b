# SPDX-License-Identifier: Apache-2.0
"""The words of an expression, just well enough to see where it ends and where a name stands.

The grammar belongs to the CEL parser; this knows only texts, comments, names and brackets.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s++|//[^\n]*+)
    | (?P<text>
          [bB]?[rR][bB]?(?:\"{3}(?s:.*?)\"{3}|'{3}(?s:.*?)'{3}|"[^"\n]*+"|'[^'\n]*+')
        | [bB]?(?:\"{3}(?s:\\.|(?!\"{3}).)*+\"{3}|'{3}(?s:\\.|(?!'{3}).)*+'{3}
              |"(?:\\.|[^"\\\n])*+"|'(?:\\.|[^'\\\n])*+')
        | `[^`\n]*+`
      )
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*+)
    | (?P<number>[0-9][A-Za-z0-9_]*+)
    | (?P<sign>.)
    """,
    re.VERBOSE,
)
_OPEN: Final = "([{"
_CLOSE: Final = ")]}"


class Token(NamedTuple):
    """One word: its kind (`space`, `text`, `name`, `number`, `sign`), text and offset."""

    kind: str
    text: str
    offset: int


def tokens(source: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Yield every word from `start` on; together they are the whole text."""
    for match in _TOKEN.finditer(source, start, len(source) if end is None else end):
        yield Token(match.lastgroup or "sign", match.group(), match.start())


def hole_end(text: str, start: int, end: int) -> int | None:
    """Return the offset of the `}}` that closes a hole, or None.

    Braces of map literals and anything inside texts and comments do not close it.

    Args:
        text: The text that holds the hole.
        start: Offset just behind `${{`.
        end: Do not look beyond this offset.
    """
    depth = 0
    for token in tokens(text, start, end):
        if token.kind != "sign":
            continue
        if token.text in _OPEN:
            depth += 1
        elif token.text in _CLOSE:
            if depth == 0 and text.startswith("}}", token.offset):
                return token.offset
            depth -= 1
    return None


def names(source: str) -> list[Token]:
    """Return the names of an expression, without those inside texts and comments."""
    return [token for token in tokens(source) if token.kind == "name"]


def offset_of_path(source: str, path: tuple[str, ...]) -> int:
    """Return the offset where `path` (`nodes`, `log`) is first read, or 0.

    Both `nodes.log`, `nodes.?log` and `nodes['log']` are found.
    """
    words = [token for token in tokens(source) if token.kind != "space"]
    for at, token in enumerate(words):
        if token.kind == "name" and token.text == path[0] and _follows(words[at + 1 :], path[1:]):
            return token.offset
    return 0


def _follows(words: list[Token], path: tuple[str, ...]) -> bool:
    wanted = list(path)
    for token in words:
        if not wanted:
            return True
        if token.kind in {"name", "text"} and token.text.strip("'\"`") == wanted[0]:
            wanted.pop(0)
        elif token.text not in {".", "?", "[", "]"}:
            return False
    return not wanted


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the place of an offset, both from 1."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


def offset_of(text: str, line: int, column: int) -> int:
    """Return the offset of a place given from 1; the inverse of `line_and_column`."""
    start = 0
    for _ in range(line - 1):
        found = text.find("\n", start)
        if found < 0:
            break
        start = found + 1
    return min(start + column - 1, len(text))
