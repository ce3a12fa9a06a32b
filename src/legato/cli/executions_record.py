# SPDX-License-Identifier: Apache-2.0
"""`legato executions record`: a real run as a test that passes at once.

Rules: CL47, TK19.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.terminal import Terminal
    from legato.runtime.history import History
    from legato.settings import Settings

SMALL_BYTES: Final = 400
"""Outputs up to this size become expectations; larger ones a golden file."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the test goes, and where its workflow is."""

    test: Path
    workflow: Path
    force: bool

    @property
    def where(self) -> str:
        """The workflow's file from the folder of the test."""
        return os.path.relpath(self.workflow, self.test.parent)

    @property
    def golden(self) -> Path:
        """The file for outputs that are too large for expectations."""
        name = self.test.name
        for ending in (".test.yaml", ".test.yml"):
            name = name.removesuffix(ending)
        return self.test.with_name(f"{name}.golden.json")


@click.command(
    epilog=examples(
        "legato executions record ID",
        "legato executions record ID --into tests/weekly.test.yaml --workflow report.yaml",
    )
)
@click.argument("execution", metavar="ID")
@click.option(
    "--into", type=click.Path(dir_okay=False, path_type=Path),
    help="The test file; default NAME.test.yaml.",
)  # fmt: skip
@click.option(
    "--workflow", type=click.Path(dir_okay=False, path_type=Path),
    help="The workflow's file; default NAME.yaml beside the test, written if it is not there.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite a test that is there.")
@command_options
def record(invocation: Invocation, execution: str, **given: Any) -> int:
    """Turn a run that has ended into a test: its inputs, what came from outside, its outcome.

    Nodes that touched the outside are pinned to what they returned; data.* nodes run in the test.
    """
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.runtime.history import load_history

    async def work() -> int:
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            history = await load_history(app.stores, row.execution_id)
            target = _target(history, given)
            await _record(app, invocation.terminal, history, target)
        return OK

    return run(work())


def _target(history: History, given: dict[str, Any]) -> Target:
    from legato.errors import Conflict, InvalidInput
    from legato.testing.workflow.suite import ENDINGS

    name = history.row.workflow
    test = given["into"] or Path(f"{name}.test.yaml")
    if not test.name.endswith(ENDINGS[:2]):
        raise InvalidInput(f"{test}: a test file is called NAME.test.yaml")
    target = Target(test, given["workflow"] or test.with_name(f"{name}.yaml"), given["force"])
    there = [str(each) for each in (target.test, target.golden) if each.exists()]
    if there and not target.force:
        raise Conflict(
            f"{', '.join(there)}: there already, nothing was written",
            hint="Choose another file with --into, or overwrite with --force.",
        )
    return target


async def _record(app: App, terminal: Terminal, history: History, target: Target) -> None:
    from legato.cli.recording import recorded_case, redacted_paths, test_text

    case = {
        "name": f"as run {history.row.execution_id}",
        **await recorded_case(app.stores, history),
    }
    written = await _write_workflow(app, history, target)
    comments = [f"Recorded from execution {history.row.execution_id}."]
    redacted = list(redacted_paths(case))
    if redacted:
        comments += [
            "A secret was replaced in these values; where the workflow needs one, fill in another:",
            *(f"  {path}" for path in redacted),
        ]
    golden, notes = await _expect(app, history, target, case)
    text = test_text(target.where, case, [*comments, *notes])
    files = [*written, *_write(target, text, golden)]
    terminal.json(
        {"type": "recorded", "execution_id": history.row.execution_id, "files": files,
         "redacted": redacted, "notes": notes}
    )  # fmt: skip
    terminal.lines(f"wrote {file}" for file in files)
    terminal.lines(f"note: {note}" for note in (*notes, *(f"fill in {path}" for path in redacted)))
    terminal.line(f"run it: legato test {target.test}")


async def _write_workflow(app: App, history: History, target: Target) -> list[str]:
    """Write the workflow as it ran beside the test, unless there is a file.

    Raises:
        NotFound: There is none, and the store has no text of it.
    """
    from legato.errors import NotFound

    if target.workflow.exists():
        return []
    row = await app.stores.versions.get(history.row.version)
    if row is None or not row.source:
        raise NotFound(
            f"there is no file {target.workflow}, and the store has not kept the workflow's text",
            hint="Name the file with --workflow.",
        )
    _save(target.workflow, row.source)
    return [str(target.workflow)]


async def _expect(
    app: App, history: History, target: Target, case: dict[str, Any]
) -> tuple[str | None, list[str]]:
    """Add expectations that hold in a test of this case; return golden text and notes.

    The case is run once: what differs from the real run (times, ids) cannot be expected.
    """
    import json

    from legato.cli.history import fetch
    from legato.testing.workflow.judge import golden_text

    state = history.state
    outputs = await fetch(app.stores, state.outputs) if state.ended == "completed" else {}
    case["expect"] = [f"status == '{state.ended}'"]
    if state.error is not None:
        case["expect"].append(f"execution.error.kind == '{state.error.kind}'")
    replayed = await _replayed(app.settings, target, case)
    notes = []
    if replayed.version not in {"", history.row.version}:
        notes.append(f"{target.workflow} is not the version that ran.")
    if replayed.problem:
        return None, [*notes, f"It does not pass yet: {replayed.problem}"]
    got = replayed.outputs
    differing = [
        name for name in outputs if not isinstance(got, dict) or got.get(name) != outputs[name]
    ]
    notes += [f"outputs.{name} differs from run to run and is not expected." for name in differing]
    is_small = len(json.dumps(outputs)) <= SMALL_BYTES
    if not outputs or (differing and len(differing) == len(outputs)):
        return None, notes
    if is_small or differing:
        case["expect"] += [
            f"outputs.{name} == {literal}" for name, value in outputs.items()
            if name not in differing and (literal := _literal(value)) is not None
        ]  # fmt: skip
        return None, notes
    case["golden"] = target.golden.name
    return golden_text(outputs), notes


def _literal(value: Any) -> str | None:
    """Return a short plain value as an expression, or None."""
    import json

    if isinstance(value, dict | list | float) and value not in ([], {}):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SMALL_BYTES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A case run once: its outputs, and why it does not pass, if so."""

    outputs: Any = None
    problem: str = ""
    version: str = ""


async def _replayed(settings: Settings, target: Target, case: dict[str, Any]) -> Replayed:
    from legato.cli.recording import test_text
    from legato.cli.tests import surroundings
    from legato.errors import InvalidDocument
    from legato.model.workflow import version_hash
    from legato.testing.workflow.case import run_outcome
    from legato.testing.workflow.judge import failures_of
    from legato.testing.workflow.read import read_suite

    text = test_text(target.where, case, [])
    try:
        suite = read_suite(text, target.test, surroundings(settings.limits))
    except InvalidDocument as error:
        return Replayed(problem=str(error.problems[0]))
    version = version_hash(suite.workflow)
    try:
        outcome = await run_outcome(suite, suite.cases[0], settings.limits)
    except TimeoutError:
        return Replayed(problem="it took too long", version=version)
    failures = failures_of(suite.cases[0], outcome, suite.workflow.name)
    first = failures[0].splitlines()[0] if failures else ""
    return Replayed(outputs=outcome.outputs, problem=first, version=version)


def _write(target: Target, text: bytes, golden: str | None) -> list[str]:
    files = [str(target.test)]
    _save(target.test, text)
    if golden is not None:
        _save(target.golden, golden.encode())
        files.append(str(target.golden))
    return files


def _save(file: Path, text: bytes) -> None:
    from legato.errors import Unavailable

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None
