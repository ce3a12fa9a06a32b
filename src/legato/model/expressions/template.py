# SPDX-License-Identifier: Apache-2.0
"""Templates: JSON values whose texts may hold `${{ … }}`, where `…` is an expression.

A text that is exactly one hole keeps the type of its value. Otherwise each hole becomes text: text
as it is, anything else as compact JSON. `$${{` stands for the characters `${{`. What a hole gives
is data and is never looked at again. `{secret: name}` and `credential: name` pass through as
written. Keys of maps are never templates.

Rules: EX1, EX2, EX5, EX14.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from legato.errors import ExpressionError
from legato.model.expressions.compile import Compiled, compile_expression
from legato.model.expressions.lexer import hole_end, line_and_column
from legato.model.ids import NodeId
from legato.model.policy import Limits
from legato.model.values import decode, encode

OPEN: Final = "${{"
CACHE_SIZE: Final = 1_024
_CACHED_BYTES_MAX: Final = 64 * 1024
GROWTH_MAX: Final = 64
"""A bounded template makes no value larger than its inputs this many times (4 MiB)."""
WORK_MAX: Final = 128

_Evaluate = Callable[[Mapping[str, object]], Any]


class Hole(NamedTuple):
    """One `${{ … }}`: the source inside, and its offset in the text around it."""

    source: str
    offset: int


class Template:
    """A compiled template. Immutable and safe to use from several threads."""

    __slots__ = ("_evaluate", "holes", "is_bounded", "node_refs", "roots", "variables_needed")

    def __init__(self, evaluate: "_Evaluate | None", value: object, holes: list[Compiled]) -> None:
        """Args: evaluate is None if there are no holes; value is then what it gives."""
        self._evaluate: _Evaluate = (lambda _: value) if evaluate is None else evaluate
        self.holes: tuple[Compiled, ...] = tuple(holes)
        self.node_refs: tuple[NodeId, ...] = _union([hole.node_refs for hole in holes])
        self.roots: tuple[str, ...] = _union([hole.roots for hole in holes])
        self.variables_needed: tuple[tuple[str, ...], ...] = _union([hole.paths for hole in holes])
        self.is_bounded: bool = (
            all(hole.is_bounded for hole in holes)
            and sum(hole.analysis.growth for hole in holes) <= GROWTH_MAX
            and sum(hole.analysis.work for hole in holes) <= WORK_MAX
        )

    @property
    def is_static(self) -> bool:
        """Tell whether it holds no expression."""
        return not self.holes

    def evaluate(self, variables: Mapping[str, object]) -> Any:
        """Return the value as plain JSON data; it must not be changed.

        Args:
            variables: Values of the variables by name; only those in `roots` are looked at.

        Raises:
            ExpressionError: A hole cannot be evaluated; the message begins with its JSON path.

        Cost: about 1 µs for a plain reference, 5 µs for another hole, nothing without holes.
        """
        return self._evaluate(variables)


def compile_template(value: object, *, limits: Limits) -> Template:
    """Compile a template.

    Args:
        value: JSON text as `bytes` or `msgspec.Raw` (cached), or JSON data; a `str` is data.
        limits: `max_expression_bytes` bounds each hole.

    Raises:
        InvalidInput: The bytes are no JSON.
        ExpressionError: A hole is not closed or not valid; the message begins with its JSON path,
            `place` is the line and column in that text.
    """
    if isinstance(value, msgspec.Raw):
        value = bytes(value)
    if not isinstance(value, bytes):
        return _Compiler(limits).template(value)
    if len(value) <= _CACHED_BYTES_MAX:
        return _compile_cached(value, limits.max_expression_bytes)
    return _Compiler(limits).template(decode(value, what="template"))


@lru_cache(maxsize=CACHE_SIZE)
def _compile_cached(data: bytes, expression_bytes_max: int) -> Template:
    limits = Limits(max_expression_bytes=expression_bytes_max)
    return _Compiler(limits).template(decode(data, what="template"))


def evaluate_json(
    template: Template,
    variables: Mapping[str, object],
    *,
    what: str = "value",
    size_bytes_max: int | None = None,
) -> bytes:
    """Evaluate and return strict JSON.

    Args:
        template: What to evaluate.
        variables: See `Template.evaluate`.
        what: Named in errors.
        size_bytes_max: Refuse a longer text.

    Raises:
        ExpressionError: It cannot be evaluated.
        InvalidInput: The value is no strict JSON.
        LimitExceeded: It is longer than `size_bytes_max`.
    """
    return encode(template.evaluate(variables), what=what, size_bytes_max=size_bytes_max)


def split_text(text: str, expression_bytes_max: int) -> list[str | Hole]:
    """Split a text into literal parts (unescaped) and holes.

    Raises:
        ExpressionError: A hole is never closed; `place` is in the text.
    """
    parts: list[str | Hole] = []
    literal = ""
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        if start > at and text[start - 1] == "$":
            literal += text[at : start - 1] + OPEN
            at = start + len(OPEN)
            continue
        literal += text[at:start]
        inside = start + len(OPEN)
        # One character is at least one byte: a hole that ends later is too long anyway.
        end = hole_end(text, inside, min(len(text), inside + expression_bytes_max + 2))
        if end is None:
            raise ExpressionError(
                f"`{OPEN}` is not closed within {expression_bytes_max} bytes",
                expected="}} at the end of the expression",
                place=line_and_column(text, start),
            )
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(Hole(text[inside:end], inside))
        at = end + 2
    literal += text[at:]
    if literal or not parts:
        parts.append(literal)
    return parts


def has_hole(text: str) -> bool:
    """Tell whether a text holds an expression (or an unclosed one)."""
    at = text.find(OPEN)
    while at >= 0:
        if at == 0 or text[at - 1] != "$":
            return True
        at = text.find(OPEN, at + len(OPEN))
    return False


def is_whole_hole(text: str) -> bool:
    """Tell cheaply whether a text looks like exactly one hole."""
    return text.startswith(OPEN) and text.endswith("}}")


class _Compiler:
    """Turns a value into nested functions, so that evaluating only walks what varies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._holes: list[Compiled] = []

    def template(self, value: object) -> Template:
        evaluate, static = self._node(value, "")
        return Template(evaluate, static, self._holes)

    def _node(self, value: object, path: str) -> tuple[_Evaluate | None, object]:
        """Return how to evaluate, or None and the value if nothing in it varies."""
        if isinstance(value, str):
            return self._text(value, path) if "{{" in value else (None, value)
        if isinstance(value, dict):
            return self._map(value, path)
        if isinstance(value, list | tuple):
            return self._list(list(value), path)
        return None, value

    def _map(self, value: dict[str, object], path: str) -> tuple[_Evaluate | None, object]:
        static: dict[str, object] = {}
        varying: list[tuple[str, _Evaluate]] = []
        for key, element in value.items():
            below = f"{path}.{key}" if path else str(key)
            if has_hole(key):
                raise ExpressionError(f"{below[:200]}: a key cannot hold an expression")
            evaluate, static[key] = self._node(element, below)
            if evaluate is not None:
                varying.append((key, evaluate))
        if not varying:
            return None, static

        def evaluate_map(variables: Mapping[str, object]) -> dict[str, object]:
            made = static.copy()
            for key, evaluate in varying:
                made[key] = evaluate(variables)
            return made

        return evaluate_map, None

    def _list(self, value: list[object], path: str) -> tuple[_Evaluate | None, object]:
        static: list[object] = []
        varying: list[tuple[int, _Evaluate]] = []
        for index, element in enumerate(value):
            evaluate, constant = self._node(element, f"{path}[{index}]")
            static.append(constant)
            if evaluate is not None:
                varying.append((index, evaluate))
        if not varying:
            return None, static

        def evaluate_list(variables: Mapping[str, object]) -> list[object]:
            made = static.copy()
            for index, evaluate in varying:
                made[index] = evaluate(variables)
            return made

        return evaluate_list, None

    def _text(self, text: str, path: str) -> tuple[_Evaluate | None, object]:
        try:
            parts = split_text(text, self._limits.max_expression_bytes)
            compiled = [part if isinstance(part, str) else self._hole(text, part) for part in parts]
        except ExpressionError as error:
            raise _placed(error, path) from None
        if all(isinstance(part, str) for part in compiled):
            return None, parts[0]
        if len(compiled) == 1 and isinstance(compiled[0], Compiled):
            return _whole(compiled[0], path), None
        return _joined(compiled, path), None

    def _hole(self, text: str, hole: Hole) -> Compiled:
        source = hole.source.strip()
        try:
            compiled = compile_expression(source, limits=self._limits)
        except ExpressionError as error:
            raise moved(error, text, hole) from None
        self._holes.append(compiled)
        return compiled


def moved(error: ExpressionError, text: str, hole: Hole) -> ExpressionError:
    """Return the error with its place in the text instead of the expression inside its hole."""
    source = hole.source.strip()
    start = hole.offset + len(hole.source) - len(hole.source.lstrip())
    line, column = error.place or (1, 1)
    lines = source.split("\n")
    offset = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
    return ExpressionError(
        error.message,
        hint=error.hint,
        place=line_and_column(text, start + min(offset, len(source))),
        expected=error.expected,
        nearest=error.nearest,
    )


def _placed(error: ExpressionError, path: str) -> ExpressionError:
    """Return the error with the JSON path in front of its message."""
    if not path:
        return error
    return ExpressionError(
        f"{path[:200]}: {error.message}",
        hint=error.hint,
        place=error.place,
        expected=error.expected,
        nearest=error.nearest,
    )


def _whole(compiled: Compiled, path: str) -> _Evaluate:
    inner = compiled.evaluate
    if not path:
        return inner

    def evaluate_whole(variables: Mapping[str, object]) -> object:
        try:
            return inner(variables)
        except ExpressionError as error:
            raise _placed(error, path) from None

    return evaluate_whole


def _joined(parts: list[str | Compiled], path: str) -> _Evaluate:
    def evaluate_text(variables: Mapping[str, object]) -> str:
        try:
            return "".join(
                part if isinstance(part, str) else as_text(part.evaluate(variables))
                for part in parts
            )
        except ExpressionError as error:
            raise _placed(error, path) from None

    return evaluate_text


def as_text(value: object) -> str:
    """Return what a hole inside a text becomes: text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _union(groups: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))
