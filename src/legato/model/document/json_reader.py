# SPDX-License-Identifier: Apache-2.0
"""Strict JSON -> nodes with their places. Rules: DO1, DO6, DO7, DO9."""

import json
import math
import re
from typing import Final

from legato.model.document.tree import Document, Node, Report
from legato.model.policy import Limits
from legato.model.values import INT64_MAX, INT64_MIN

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"', re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][-+]?[0-9]++)?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_DIGITS_MAX: Final = 400


class _NotJson(Exception):
    """Ends the reading; never leaves this module."""


class JsonReader:
    """Reads one document; duplicate keys are collected, what is no JSON ends it."""

    def __init__(self, text: str, file: str, limits: Limits) -> None:
        """Args: text has been checked for size and characters."""
        self._text = text
        self._limits = limits
        self.report = Report(Document(text, file, Node({}, 0, 0), is_json=True))
        self._at = 0
        self._count = 0

    def read(self) -> Node | None:
        """Return the root, or None if the text is no JSON."""
        try:
            node = self._value(0)
            self._skip()
            if self._at < len(self._text):
                self._fail("there is something behind the end of the document")
        except _NotJson:
            return None
        return node

    def _fail(self, message: str, expected: str | None = None) -> None:
        self._report(message, expected)
        raise _NotJson

    def _report(self, message: str, expected: str | None = None) -> None:
        self.report.add_at(min(self._at, len(self._text)), message, expected=expected)

    def _skip(self) -> str:
        match = _SPACE.match(self._text, self._at)
        assert match is not None, "the pattern matches nothing, too"
        self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Node:
        character = self._skip()
        start = self._at
        self._count += 1
        if self._count > self._limits.max_document_values:
            most = f"{self._limits.max_document_values} at most"
            self._fail("the document has too many values", most)
        if character in "{[" and character:
            if depth >= self._limits.max_json_depth:
                self._fail("this is nested too deep", f"{self._limits.max_json_depth} levels")
            node = self._map(depth) if character == "{" else self._list(depth)
            node.is_flow = True
            node.start, node.end = start, self._at
            return node
        if character == '"':
            return Node(self._string(), start, self._at, '"')
        value = self._number() if character in "-0123456789" and character else self._word()
        return Node(value, start, self._at)

    def _map(self, depth: int) -> Node:
        node = Node({}, 0, 0)
        children: dict[str, Node] = {}
        node.children = children
        self._at += 1
        if self._skip() == "}":
            self._at += 1
            return node
        while True:
            if self._skip() != '"':
                self._fail("this is no key", "text in double quotes")
            offset = self._at
            key = self._string()
            self._check_key(node, key, offset)
            if self._skip() != ":":
                self._fail("there is no value for this key", "a colon")
            self._at += 1
            child = self._value(depth + 1)
            children[key] = child
            node.value[key] = child.value
            if self._ends("}"):
                return node

    def _check_key(self, node: Node, key: str, offset: int) -> None:
        if key in node.keys:
            line, _ = self.report.document.place(node.keys[key])
            self.report.add_at(
                offset,
                f"the key {key!r:.60} stands twice; first in line {line}",
                expected="each key once",
            )
        node.keys.setdefault(key, offset)

    def _list(self, depth: int) -> Node:
        node = Node([], 0, 0)
        children: list[Node] = []
        node.children = children
        self._at += 1
        if self._skip() == "]":
            self._at += 1
            return node
        while True:
            child = self._value(depth + 1)
            children.append(child)
            node.value.append(child.value)
            if self._ends("]"):
                return node

    def _ends(self, closing: str) -> bool:
        character = self._skip()
        if character not in {",", closing}:
            self._fail("the list or map goes on without a comma", f"a comma or {closing}")
        self._at += 1
        return character == closing

    def _string(self) -> str:
        match = _STRING.match(self._text, self._at)
        if match is None:
            self._fail("this is no JSON text", "text in double quotes, control characters escaped")
        assert match is not None, "_fail raises"
        raw = match.group()
        text: str = json.loads(raw) if "\\" in raw else raw[1:-1]
        # Reported and replaced: what is returned can be checked further.
        if "\\" in raw and "\x00" in text:
            self._report("the text holds a NUL character")
            text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        if "\\" in raw and any("\ud800" <= character <= "\udfff" for character in text):
            self._report("the text holds a lone surrogate")
            text = text.encode("utf-8", "replace").decode()
        self._at = match.end()
        return text

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        if match is None or len(match.group()) > _DIGITS_MAX:
            self._fail("this is no JSON number")
        assert match is not None, "_fail raises"
        value: int | float
        if match[1] is None and match[2] is None:
            value = int(match.group())
            if not INT64_MIN <= value <= INT64_MAX:
                self._report("an integer beyond 64 bits", "text in quotes")
                value = 0
        else:
            value = float(match.group())
            if not math.isfinite(value):
                self._report("the number is too large", "a finite number")
                value = 0.0
        self._at = match.end()
        return value

    def _word(self) -> bool | None:
        match = _WORD.match(self._text, self._at)
        word = match.group() if match is not None else ""
        if word not in _WORDS:
            ends = self._at >= len(self._text)
            self._fail("the document ends too early" if ends else "this is no JSON", "a JSON value")
        self._at += len(word)
        return _WORDS[word]
