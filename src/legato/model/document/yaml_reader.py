# SPDX-License-Identifier: Apache-2.0
"""YAML 1.2 (core schema) -> nodes, straight from the parser's events.

No object is constructed: tags, anchors, aliases and merge keys are refused as they appear, and the
number of values is counted, so that 306 bytes of aliases cannot become 435 million leaves.

Rules: DO1, DO5, DO6, DO7, DO9.
"""

import math
import re
from typing import Any, Final

from legato.model.document.tree import Document, Node, Report
from legato.model.policy import Limits
from legato.model.values import INT64_MAX, INT64_MIN

_INT: Final = re.compile(r"[-+]?[0-9]{1,40}", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]{1,40}", re.ASCII)
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,40}", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_UNREADABLE: Final = "this is not valid YAML"
_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class YamlReader:
    """Reads one document; problems that leave the shape intact are collected, others end it."""

    def __init__(self, text: str, file: str, limits: Limits) -> None:
        """Args: text has been checked for size and characters."""
        self._limits = limits
        self._text = text
        # Places are needed before there is a tree.
        self.report = Report(Document(text, file, Node({}, 0, 0), is_json=False))
        self._root: Node | None = None
        self._open: list[tuple[Node, str | None]] = []
        self._count = 0
        self._documents = 0
        self.is_broken = False

    def read(self) -> Node | None:
        """Return the root, or None if the text is no YAML or more than one document."""
        # Imported here: 0.1 s that a JSON document or `legato --help` need not pay.
        from ruamel.yaml import YAML  # noqa: PLC0415
        from ruamel.yaml.error import YAMLError  # noqa: PLC0415

        try:
            for event in YAML(typ="safe", pure=True).parse(self._text):
                self._take(event)
                if self.is_broken:
                    return None
        except YAMLError as error:
            self._syntax_error(error)
            return None
        except (ArithmeticError, LookupError, ValueError, AttributeError, AssertionError):
            # What the parser leaves uncaught for text such as "\U99999999".
            self._problem(0, _UNREADABLE)
            return None
        return self._root

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            self._begin(event, is_map=kind == "MappingStartEvent")
        elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
            self._end(event)
        elif kind == "AliasEvent":
            self._refuse(event, "aliases (*name) are not allowed", "the value written out")
        elif kind == "DocumentStartEvent":
            self._begin_document(event)

    def _begin_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event, "there is more than one document", "exactly one")
        elif event.tags or event.version not in {None, (1, 2)}:
            self._refuse(event, "directives are not allowed", "YAML 1.2 without %YAML or %TAG")

    def _refuse(self, event: Any, message: str, expected: str) -> None:
        self._problem(event.start_mark.index, message, expected)
        self.is_broken = True

    def _problem(self, offset: int, message: str, expected: str | None = None) -> None:
        self.report.add_at(offset, message, expected=expected)

    def _syntax_error(self, error: Any) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        offset = mark.index if mark is not None else getattr(error, "position", 0)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or _UNREADABLE
        context = getattr(error, "context", None)
        text = " ".join(str(what).split())[:200]
        if "found character '\\t'" in text or "\\t" in text:
            text = "a tab indents this line; YAML indents with spaces"
        self._problem(
            min(offset, len(self._text)), f"{text}" + (f" ({context})" if context else "")
        )

    def _begin(self, event: Any, *, is_map: bool) -> None:
        self._check_extras(event)
        node = Node({} if is_map else [], event.start_mark.index, event.start_mark.index)
        node.children = {} if is_map else []
        node.is_flow = bool(event.flow_style)
        if len(self._open) >= self._limits.max_json_depth:
            self._refuse(event, "this is nested too deep", f"{self._limits.max_json_depth} levels")
            return
        self._attach(node)
        self._open.append((node, None))

    def _end(self, event: Any) -> None:
        node, _ = self._open.pop()
        node.end = event.end_mark.index

    def _check_extras(self, event: Any) -> None:
        if event.anchor is not None:
            self._problem(event.start_mark.index, "anchors (&name) are not allowed")
        # Not event.tag: decoding a long one takes time squared.
        if event.ctag is not None:
            self._problem(event.start_mark.index, "tags (!name) are not allowed")

    def _scalar(self, event: Any) -> None:
        self._check_extras(event)
        start, end = event.start_mark.index, event.end_mark.index
        style = event.style or ""
        text: str = event.value
        is_key = bool(self._open) and self._is_key_next()
        if is_key:
            self._key(text, start, is_plain=not style)
            return
        value = self._checked(text, start) if style else self._resolve(text, start)
        self._attach(Node(value, start, end, style))

    def _is_key_next(self) -> bool:
        node, key = self._open[-1]
        return isinstance(node.value, dict) and key is None

    def _key(self, text: str, offset: int, *, is_plain: bool) -> None:
        node, _ = self._open[-1]
        text = self._checked(text, offset)
        if is_plain and text == "<<":
            self._problem(offset, "merge keys (<<) are not allowed", "the entries written out")
        if text in node.keys:
            line, _column = self.report.document.place(node.keys[text])
            self._problem(
                offset, f"the key {text!r:.60} stands twice; first in line {line}", "each key once"
            )
        node.keys.setdefault(text, offset)
        self._open[-1] = (node, text)

    def _attach(self, node: Node) -> None:
        self._count += 1
        if self._count > self._limits.max_document_values:
            self._problem(
                node.start, "the document has too many values",
                f"{self._limits.max_document_values} at most",
            )  # fmt: skip
            self.is_broken = True
            return
        if not self._open:
            self._root = self._root or node
            return
        parent, key = self._open[-1]
        if isinstance(parent.children, list):
            parent.children.append(node)
            parent.value.append(node.value)
            return
        if key is None:
            self._problem(node.start, "a key must be text", "a name, then a colon")
            self.is_broken = True
            return
        assert isinstance(parent.children, dict), "a container is a map or a list"
        parent.children[key] = node
        parent.value[key] = node.value
        self._open[-1] = (parent, None)

    def _checked(self, text: str, offset: int) -> str:
        """Report what no JSON text may hold; what is returned can be checked further."""
        if "\x00" in text:
            self._problem(offset, "the text holds a NUL character")
            text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self._problem(offset, "the text holds a lone surrogate")
            text = text.encode("utf-8", "replace").decode()
        return text

    def _resolve(self, text: str, offset: int) -> object:
        """Return what a plain scalar means in the core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text if text.isascii() else self._checked(text, offset)
        for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
            if pattern.fullmatch(text):
                number = int(text if base == 10 else text[2:], base)
                if not INT64_MIN <= number <= INT64_MAX:
                    self._problem(offset, "an integer beyond 64 bits", "text in quotes")
                    return 0
                return number
        if _NOT_FINITE.fullmatch(text):
            self._problem(offset, f"{text} is no JSON number", "a finite number, or text in quotes")
            return 0.0
        if _FLOAT.fullmatch(text):
            value = float(text)
            if not math.isfinite(value):
                self._problem(offset, f"{text:.40} is too large", "a finite number")
                return 0.0
            return value
        return self._checked(text, offset)
