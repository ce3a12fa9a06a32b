# SPDX-License-Identifier: Apache-2.0
"""`legato schema`: the JSON Schema of workflow files, for editors. Rules: CL7, DO20."""

import json

import click

from legato.cli.invocation import OK, Invocation, command_options, examples


@click.command(
    epilog=examples(
        "legato schema > workflow.schema.json",
        "# then, in the first line of a workflow file:",
        "# yaml-language-server: $schema=./workflow.schema.json",
    )
)
@command_options
def schema(invocation: Invocation) -> int:
    """Print the JSON Schema of workflow files."""
    from legato.model.document.schema import workflow_schema

    found = workflow_schema()
    invocation.terminal.json(found)
    invocation.terminal.lines(json.dumps(found, indent=2, ensure_ascii=False).splitlines())
    return OK
