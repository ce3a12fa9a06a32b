# SPDX-License-Identifier: Apache-2.0
"""Sizes: what has to be read at once stays small."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tidy import places

FILE_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 60
PARAMETERS_MAX: Final = 6
NESTING_MAX: Final = 3

EXCEPTIONS: Final[dict[str, str]] = {
    "src/legato/ports/node.py::node": "a declaration: each argument is one property of the type",
    "src/legato/adapters/sql/sqlite/definitions.py::_owners": "one list of queries, no logic",
}
"""`path`, or `path::function`, to the reason why it may be larger."""

GENERATED: Final = "src/legato/client/generated/"
"""Made of the API by codegen: as large as the API is, and read by nobody."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)


def _functions(path: Path) -> Iterator[tuple[str, Function]]:
    for node in ast.walk(places.tree(path)):
        if isinstance(node, Function):
            yield f"{path}::{node.name}", node


def _lines(function: Function) -> int:
    """Count from `def` to the end; the docstring is free."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _parameters(function: Function) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([each for each in named if each.arg not in {"self", "cls"}])


def _nesting(node: ast.AST) -> int:
    """Return the depth of branches and loops; `with` and the legs of one `if` do not add."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and [child] == node.orelse
        own = 1 if isinstance(child, _NESTING) and not is_elif else 0
        deepest = max(deepest, own + _nesting(child))
    return deepest


def _too_large() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in places.python_files("src"):
        if str(path).startswith(GENERATED):
            continue
        count = len(places.text(path).splitlines())
        if count > FILE_LINES_MAX:
            found[str(path)] = f"{count} lines, at most {FILE_LINES_MAX}"
        for name, function in _functions(path):
            measured = (
                (_lines(function), FUNCTION_LINES_MAX, "lines"),
                (_parameters(function), PARAMETERS_MAX, "parameters"),
                (_nesting(function), NESTING_MAX, "levels of nesting"),
            )
            problems = [
                f"{size} {what}, at most {top}" for size, top, what in measured if size > top
            ]
            if problems:
                found[name] = "; ".join(problems)
    return found


def test_files_and_functions_stay_within_the_house_sizes() -> None:
    """Files, functions, parameter lists and nesting stay within the house sizes."""
    found = _too_large()
    assert {name: why for name, why in found.items() if name not in EXCEPTIONS} == {}


def test_no_exception_outlives_its_reason() -> None:
    """An exception for something that has become small enough is taken out."""
    assert [name for name in EXCEPTIONS if name not in _too_large()] == []


def test_the_measures_see_what_they_should() -> None:
    """Nesting counts branches and loops, not the legs of one `if` and not inner functions."""
    source = """
def outer(self, a, b, *, c):
    if a:
        for each in b:
            with each:
                while c:
                    pass
    elif b:
        pass
    elif c:
        try:
            pass
        finally:
            pass
    def inner():
        if a:
            pass
"""
    (function,) = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    assert (_lines(function), _parameters(function), _nesting(function)) == (16, 3, 3)
