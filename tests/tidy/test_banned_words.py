# SPDX-License-Identifier: Apache-2.0
"""Words, names and calls that have no place in the project."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tidy import places

# Written in two parts each, so that this file does not hold them.
MACHINE_WORDS: Final = tuple(
    first + second
    for first, second in (
        ("/wo", "rk/"), ("/o", "pt/"), ("/ro", "ot/"), ("file:", "///opt"), (".pyenv/", "shims"),
        ("co-authored", "-by"), ("generated ", "with "), ("anthro", "pic"), ("clau", "de"),
    )
)  # fmt: skip
"""Machine paths and the like: the project speaks of Legato alone."""
UNFINISHED: Final = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b|not yet implem" r"ented", re.I)
EMPTY_NAMES: Final = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
LOCK_FILES: Final = {"uv.lock", "requirements.lock"}

ALLOWED_SLEEPS: Final[dict[str, str]] = {}
"""`path::function` of a test that may sleep, with the reason; waiting for something is none."""


def test_no_file_speaks_of_the_machine_it_was_written_on() -> None:
    """No file holds a path or word of a machine or tool that made it."""
    found = [
        f"{path}: {word}"
        for path in places.files()
        for word in MACHINE_WORDS
        if word in places.text(path).lower()
    ]
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    """No marker of unfinished work stands in any file."""
    found = [
        f"{path}: {match.group()}"
        for path in places.files()
        if path.name not in LOCK_FILES
        for match in UNFINISHED.finditer(places.text(path))
    ]
    assert found == []


def test_no_module_has_an_empty_name() -> None:
    """A module is named for what it holds."""
    found = [
        str(path)
        for path in places.python_files("src", "tests", "benchmarks")
        if EMPTY_NAMES & {path.stem, *path.parent.parts}
    ]
    assert found == []


def _sleeps(path: Path) -> Iterator[str]:
    for function in ast.walk(places.tree(path)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _is_sleep(node):
                yield f"{path}::{function.name}"


def _is_sleep(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else None
    name = call.func.id if isinstance(call.func, ast.Name) else name
    if name != "sleep" or not call.args:
        return False
    length = call.args[0]
    return not (isinstance(length, ast.Constant) and length.value == 0)


def test_no_test_sleeps_to_wait() -> None:
    """Tests wait for events and ends of processes, never for time to pass."""
    found = [name for path in places.python_files("tests") for name in _sleeps(path)]
    assert [name for name in found if name not in ALLOWED_SLEEPS] == []
