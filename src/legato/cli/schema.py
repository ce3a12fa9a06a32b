# SPDX-License-Identifier: Apache-2.0
"""`legato schema`: the JSON Schema of workflow or test files, for editors.

Rules: CL7, CL49, DO20.
"""

import json

import click

from legato.cli.invocation import OK, Invocation, command_options, examples


@click.command(
    epilog=examples(
        "legato schema > workflow.schema.json",
        "legato schema test > test.schema.json",
        "# then, in the first line of a workflow file:",
        "# yaml-language-server: $schema=./workflow.schema.json",
    )
)
@click.argument("what", type=click.Choice(["workflow", "test"]), default="workflow")
@command_options
def schema(invocation: Invocation, what: str) -> int:
    """Print the JSON Schema of workflow files, or of test files."""
    from legato.model.document.schema import workflow_schema
    from legato.testing.workflow.schema import suite_schema

    found = suite_schema() if what == "test" else workflow_schema()
    invocation.terminal.json(found)
    invocation.terminal.lines(json.dumps(found, indent=2, ensure_ascii=False).splitlines())
    return OK
