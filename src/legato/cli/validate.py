# SPDX-License-Identifier: Apache-2.0
"""`legato validate`: every problem of every file, or its nodes in the order they run.

Rules: CL5, DO2, DO3, DO4.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from legato.cli.invocation import BAD_INPUT, OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.model.workflow import Workflow
    from legato.testing.workflow.read import Surroundings
    from legato.testing.workflow.suite import Suite


@click.command(
    epilog=examples("legato validate report.yaml", "legato validate workflows/*.yaml --json")
)
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@command_options
def validate(invocation: Invocation, files: tuple[Path, ...]) -> int:
    """Check workflow files, and tests of them, and print every problem. Nothing is executed."""
    from legato.cli.tests import surroundings

    given = replace(surroundings(invocation.settings().limits), is_dry=True)
    are_good = [_check(invocation.terminal, file, given) for file in files]
    return OK if all(are_good) else BAD_INPUT


def _check(terminal: Terminal, file: Path, given: Surroundings) -> bool:
    from legato.cli.inputs import read_bytes
    from legato.cli.problems import problems_json, report_problems
    from legato.cli.text import plural
    from legato.errors import InvalidDocument, InvalidInput
    from legato.model.document.validate import load_workflow
    from legato.testing.workflow.read import read_suite
    from legato.testing.workflow.suite import ENDINGS

    try:
        text = read_bytes(file, given.limits.max_document_bytes)
        if file.name.endswith(ENDINGS):
            _write_suite(terminal, read_suite(text, file, given))
        else:
            workflow = load_workflow(
                text, file=str(file), catalogue=given.catalogue, limits=given.limits
            )
            _write(terminal, file, workflow)
    except InvalidDocument as error:
        terminal.json({"file": str(file), "ok": False, "problems": problems_json(error)})
        if not terminal.as_json:
            report_problems(terminal, error)
            terminal.note(f"{file}: {plural(len(error.problems), 'problem')}")
        return False
    except InvalidInput as error:
        terminal.json({"file": str(file), "ok": False, "error": str(error)})
        if not terminal.as_json:
            terminal.error(error.code, error.message, error.hint)
        return False
    return True


def _write_suite(terminal: Terminal, suite: Suite) -> None:
    from legato.cli.text import plural

    file, name, cases = str(suite.file), suite.workflow.name, [each.name for each in suite.cases]
    terminal.json({"file": file, "ok": True, "tests": name, "cases": cases})
    terminal.line(f"{file}: ok, {plural(len(cases), 'case')} of {name}; legato test runs them")


def _write(terminal: Terminal, file: Path, workflow: Workflow) -> None:
    from legato.cli.text import plural, table
    from legato.model.graph import Graph

    graph = Graph(workflow)
    order = sorted(range(len(graph.nodes)), key=graph.phase_numbers.__getitem__)
    nodes = [graph.nodes[index] for index in order]
    terminal.json(
        {
            "file": str(file),
            "ok": True,
            "workflow": workflow.name,
            "nodes": [
                {"id": node.id, "uses": node.uses, "effect": node.effect,
                 "needs": [need.node for need in node.needs]}
                for node in nodes
            ],
        }
    )  # fmt: skip
    terminal.line(f"{file}: ok, {workflow.name}, {plural(len(nodes), 'node')}")
    rows = [
        (
            str(number), node.id, node.uses, node.effect.replace("_", " "),
            "after " + ", ".join(need.node for need in node.needs) if node.needs else "",
        )
        for number, node in enumerate(nodes, start=1)
    ]  # fmt: skip
    terminal.lines(f"  {line}".rstrip() for line in table(rows))
