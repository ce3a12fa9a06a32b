# SPDX-License-Identifier: Apache-2.0
"""A document as read: plain data beside the place of every value in the text.

Rules: DO1, DO3, DO21.
"""

import bisect
import re
from typing import Any, Final

from legato.errors import InvalidDocument
from legato.model.document.problems import PROBLEMS_MAX, Path, Problem, in_place_order, path_text

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_ESCAPE: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)")
_FOLD: Final = re.compile(r"(?:\\\r?\n[ \t]*)+")


class Node:
    """One value: its plain data and where it stands.

    `start` and `end` are offsets into the text; `style` is `'`, `"`, `|`, `>` or empty for a plain
    scalar. `keys` are the offsets of a map's keys, `children` the nodes of a map or list.
    """

    __slots__ = ("children", "end", "is_flow", "keys", "start", "style", "value")

    def __init__(self, value: Any, start: int, end: int, style: str = "") -> None:
        """Args: value is plain data; start and end are offsets."""
        self.value = value
        self.start = start
        self.end = end
        self.style = style
        self.is_flow = False
        self.keys: dict[str, int] = {}
        self.children: dict[str, Node] | list[Node] | None = None


class Document:
    """A document whose text could be read: one map with the places of everything in it."""

    def __init__(self, text: str, file: str, root: Node, *, is_json: bool) -> None:
        """Args: text is the whole source; file is named in problems."""
        self.text = text
        self.file = file
        self.root = root
        self.is_json = is_json
        self._line_starts: list[int] | None = None

    @property
    def data(self) -> Any:
        """The plain data: dict, list, str, int, float, bool, None."""
        return self.root.value

    def node(self, path: Path) -> Node:
        """Return the node at a path, or the nearest one above it."""
        node = self.root
        for step in path:
            below = _child(node, step)
            if below is None:
                return node
            node = below
        return node

    def offset(self, path: Path, *, at_key: bool = False) -> int:
        """Return the offset of a value (or of its key), or of what is nearest above."""
        if at_key and path and isinstance(path[-1], str):
            key = self.node(path[:-1]).keys.get(path[-1])
            if key is not None:
                return key
        return self.node(path).start

    def offset_in_text(self, path: Path, at: int) -> int:
        """Return the offset in the source of character `at` of a text value."""
        node = self.node(path)
        if not isinstance(node.value, str):
            return node.start
        return node.start + _source_offset(self.text[node.start : node.end], node, at)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both from 1."""
        return place_in(self._starts(), offset)

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            self._line_starts = line_starts(self.text)
        return self._line_starts


class Report:
    """Collects the problems of one document."""

    def __init__(self, document: Document) -> None:
        """Args: document gives the places."""
        self.document = document
        self.problems: list[Problem] = []
        self.count = 0

    def add(
        self, path: Path, message: str, *, at: int | str | None = None, **notes: str | None
    ) -> None:
        """Add a problem.

        Args:
            path: Which value it is about.
            message: What is wrong.
            at: `"key"` for the place of the key, an integer for a character of a text value.
            notes: `expected`, `got` (never a secret) and `nearest`.
        """
        node = self.document.node(path)
        if isinstance(at, int):
            offset = self.document.offset_in_text(path, at)
        else:
            offset = self.document.offset(path, at_key=at == "key")
        # A key ends where what follows it begins; a text or number where it ends.
        end = node.end if offset >= node.start else offset + len(str(path[-1]))
        self.add_at(offset, message, path=path, end=end, **notes)

    def add_at(
        self,
        offset: int,
        message: str,
        *,
        path: Path = (),
        end: int | None = None,
        **notes: str | None,
    ) -> None:
        """Add a problem at an offset of the text; notes are expected, got and nearest."""
        self.count += 1
        if self.count > PROBLEMS_MAX:
            return
        line, column = self.document.place(offset)
        last = (None, None) if end is None else self.document.place(max(end, offset))
        self.problems.append(
            Problem(
                file=self.document.file,
                line=line,
                column=column,
                path=path_text(path),
                message=message,
                steps=path,
                end_line=last[0],
                end_column=last[1],
                **notes,
            )
        )

    def finish(self) -> tuple[Problem, ...]:
        """Return the problems in the order of their place."""
        problems = in_place_order(self.problems)
        if self.count > PROBLEMS_MAX:
            last = problems[-1]
            more = Problem(
                file=last.file, line=last.line, column=last.column, path="",
                message=f"and {self.count - PROBLEMS_MAX} more problems",
            )  # fmt: skip
            problems = (*problems, more)
        return problems

    def raise_if_any(self) -> None:
        """Raise what was found.

        Raises:
            InvalidDocument: There is at least one problem.
        """
        if self.problems:
            raise InvalidDocument(self.finish())


def line_starts(text: str) -> list[int]:
    """Return the offset of the first character of every line."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def place_in(starts: list[int], offset: int) -> tuple[int, int]:
    """Return line and column of an offset, both from 1."""
    line = bisect.bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.children, dict):
        return node.children.get(step) if isinstance(step, str) else None
    if isinstance(node.children, list) and isinstance(step, int) and step < len(node.children):
        return node.children[step]
    return None


def _source_offset(source: str, node: Node, at: int) -> int:
    """Align a value with its source and return the offset of its character `at`.

    Escapes count as what they stand for; runs of white space are matched as a whole, because
    folding and indentation change them.
    """
    value = node.value
    i, j = 0, _content_start(source, node.style)
    while i < min(at, len(value)) and j < len(source):
        if value[i].isspace() and source[j].isspace():
            value_end, source_end = _skip_space(value, i), _skip_space(source, j)
            if at < value_end:
                return min(j + at - i, max(source_end - 1, j))
            i, j = value_end, source_end
        elif node.style == '"' and source[j] == "\\":
            match = _ESCAPE.match(source, j)
            length = len(match.group()) if match is not None else 2
            is_fold = match is not None and match.group()[1] in "\r\n"
            i, j = i + (0 if is_fold else 1), j + length
        elif node.style == "'" and source.startswith("''", j):
            i, j = i + 1, j + 2
        elif source[j].isspace():
            j += 1
        else:
            i, j = i + 1, j + 1
    fold = _FOLD.match(source, j) if node.style == '"' else None
    if fold is not None:
        return fold.end()
    # A block's first line begins behind its indentation.
    while node.style in {"|", ">"} and j < len(source) and source[j].isspace() and at < len(value):
        j += 1
    return min(j, len(source))


def _content_start(source: str, style: str) -> int:
    if style in {"'", '"'}:
        return 1
    if style in {"|", ">"}:
        return max(source.find("\n"), 0)
    return 0


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
