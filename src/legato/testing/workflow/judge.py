# SPDX-License-Identifier: Apache-2.0
"""Judges an outcome: expectations with the values they read, golden outputs with what differs.

Rules: TK14, TK15.
"""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from legato.errors import ExpressionError, InvalidInput, Unavailable
from legato.model.document.problems import path_text
from legato.model.values import decode
from legato.testing.workflow.outcome import Outcome
from legato.testing.workflow.suite import Case, Expectation

SHOWN: Final = 300
DIFFERENCES_MAX: Final = 50
_NOTHING: Final = object()


def failures_of(case: Case, outcome: Outcome, workflow: str) -> list[str]:
    """Return what is wrong, apart from the golden outputs.

    A case that expects nothing of `status` or `execution` expects that the run completed.
    """
    failures = list(outcome.trouble)
    variables = outcome.variables(workflow)
    for expectation in case.expectations:
        failure = _judge(expectation, variables)
        if failure is not None:
            failures.append(failure)
    says_how = any(
        {"status", "execution"}.intersection(each.compiled.roots) for each in case.expectations
    )
    if outcome.status != "completed" and not says_how:
        failures.append(f"the execution is {outcome.status}; expected completed")
    if failures and outcome.failure:
        failures.append(f"it failed: {outcome.failure}")
    if failures:
        failures += [
            f"{name} needs attention: {node['error'] or 'its outcome is unknown'}"
            for name, node in outcome.nodes.items()
            if node["status"] == "needs_attention"
        ]
    return failures


def _judge(expectation: Expectation, variables: dict[str, Any]) -> str | None:
    try:
        value = expectation.compiled.evaluate(variables)
    except ExpressionError as error:
        head = f"line {expectation.line}: {expectation.source.strip()}: {error}"
    else:
        if value is True:
            return None
        head = f"line {expectation.line}: {expectation.source.strip()}"
        head += "  is false" if value is False else f"  is {_short(value)}; expected true"
    lines = [
        f"  {path_text(path)} = {_short(_at(variables, path))}"
        for path in expectation.compiled.paths
    ]
    return "\n".join([head, *lines])


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return _NOTHING
        value = value[step]
    return value


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def golden_text(outputs: Any) -> str:
    """Return the text of a golden file."""
    return json.dumps(outputs, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write_golden(file: Path, outputs: Any) -> None:
    """Write a golden file.

    Raises:
        Unavailable: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(golden_text(outputs), encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None


def compare_golden(file: Path, outputs: Any) -> str | None:
    """Return how the outputs differ from a golden file, or None.

    Raises:
        InvalidInput: The file cannot be read, or is no JSON.
    """
    try:
        expected = decode(file.read_bytes(), what=str(file))
    except FileNotFoundError:
        return f"there is no golden file {file}; look at the outputs and write it with --update"
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}") from None
    found = list(_differences(expected, outputs, ()))
    if not found:
        return None
    shown = found[:DIFFERENCES_MAX]
    if len(found) > len(shown):
        shown.append(f"  and {len(found) - len(shown)} more")
    return "\n".join([f"the outputs are not those of {file} (--update takes them):", *shown])


def _differences(expected: Any, got: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    """Yield what differs, place by place; texts of several lines line by line."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in dict.fromkeys((*expected, *got)):
            yield from _differences(
                expected.get(key, _NOTHING), got.get(key, _NOTHING), (*path, key)
            )
    elif isinstance(expected, list) and isinstance(got, list):
        for index in range(max(len(expected), len(got))):
            one = expected[index] if index < len(expected) else _NOTHING
            other = got[index] if index < len(got) else _NOTHING
            yield from _differences(one, other, (*path, index))
    elif not _is_same(expected, got):
        where = path_text(("outputs", *path))
        if isinstance(expected, str) and isinstance(got, str) and "\n" in expected + got:
            lines = difflib.unified_diff(
                expected.splitlines(), got.splitlines(), "expected", "got", n=2, lineterm=""
            )
            yield "\n".join([f"  {where}:", *(f"    {line}" for line in lines)])
        else:
            yield f"  {where}: expected {_short(expected)}, got {_short(got)}"


def _is_same(one: Any, other: Any) -> bool:
    """Compare plain values; true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
