# SPDX-License-Identifier: Apache-2.0
"""The templates of a document: compiled, never evaluated; what they read is noted.

Rules: EX1, EX3, EX12, EX15, DO3, DO4.
"""

from collections.abc import Collection, Iterator
from typing import Final

from legato.errors import ExpressionError
from legato.model.document.problems import Path
from legato.model.document.scope import Read, Scope
from legato.model.expressions.compile import Compiled, compile_expression
from legato.model.expressions.lexer import offset_of, offset_of_path
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.template import OPEN, Hole, has_hole, moved, split_text

ALWAYS: Final = frozenset({"inputs", "nodes", "run", "trigger"})
_WHERE: Final = {
    "item": "item is known only in the `with` of a node with `foreach`",
    "index": "index is known only in the `with` of a node with `foreach`",
    "previous": "previous is known only in `input` and `until` of loop.until",
}


def texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text of a value that could hold an expression, with its path.

    The depth is bounded by the reader.
    """
    if isinstance(value, str):
        if "{{" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from texts(element, (*path, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from texts(element, (*path, index))


def check_template(
    scope: Scope, value: object, path: Path, extra: Collection[str] = ()
) -> list[Read]:
    """Compile every hole of a value and report what is wrong.

    Args:
        scope: Where problems go.
        value: Plain data of the document.
        path: Its place.
        extra: Variables that are known here beside `ALWAYS`.

    Returns:
        The nodes that it reads.
    """
    reads: list[Read] = []
    for below, text in texts(value, path):
        try:
            parts = split_text(text, scope.limits.max_expression_bytes)
        except ExpressionError as error:
            _report(scope, below, text, error)
            continue
        for part in parts:
            if isinstance(part, Hole):
                reads.extend(_check_hole(scope, below, (text, part), extra))
    _check_keys(scope, value, path)
    return reads


def _check_hole(
    scope: Scope, path: Path, place: tuple[str, Hole], extra: Collection[str]
) -> Iterator[Read]:
    text, hole = place
    source = hole.source.strip()
    try:
        compiled = compile_expression(source, limits=scope.limits)
    except ExpressionError as error:
        _report(scope, path, text, moved(error, text, hole))
        return
    start = hole.offset + len(hole.source) - len(hole.source.lstrip())
    for root in compiled.roots:
        if root not in ALWAYS and root not in extra:
            scope.report.add(path, _WHERE[root], at=start + offset_of_path(source, (root,)))
    _check_inputs(scope, path, compiled, start)
    for node in compiled.node_refs:
        yield Read(node, path, start + _read_offset(compiled, node))


def _check_inputs(scope: Scope, path: Path, compiled: Compiled, start: int) -> None:
    """Report an input that the document does not declare."""
    for read in compiled.paths:
        if scope.inputs is None or read[0] != "inputs" or len(read) == 1 or read[1] in scope.inputs:
            continue
        near = nearest_name(read[1], scope.inputs)
        known = f"one of {', '.join(scope.inputs)}" if scope.inputs else "it declared in `inputs`"
        scope.report.add(
            path, f"there is no input {read[1]}", expected=None if near else known, nearest=near,
            at=start + offset_of_path(compiled.source, read[:2]),
        )  # fmt: skip


def _read_offset(compiled: Compiled, node: str) -> int:
    return offset_of_path(compiled.source, ("nodes", node))


def _report(scope: Scope, path: Path, text: str, error: ExpressionError) -> None:
    offset = offset_of(text, *error.place) if error.place is not None else 0
    message = error.message if error.hint is None else f"{error.message.rstrip('.')}. {error.hint}"
    scope.report.add(
        path, f"expression: {message}", expected=error.expected, nearest=error.nearest, at=offset
    )


def _check_keys(scope: Scope, value: object, path: Path) -> None:
    """Refuse holes in keys: they would be taken as written."""
    if isinstance(value, dict):
        for key, element in value.items():
            if OPEN in key and has_hole(key):
                scope.report.add((*path, key), "a key cannot hold an expression", at="key")
            _check_keys(scope, element, (*path, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            _check_keys(scope, element, (*path, index))


def is_whole(text: str, limit: int) -> bool:
    """Tell whether a text is exactly one hole (closed or not is reported elsewhere)."""
    try:
        parts = split_text(text, limit)
    except ExpressionError:
        return True
    return len(parts) == 1 and isinstance(parts[0], Hole)
