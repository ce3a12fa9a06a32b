# SPDX-License-Identifier: Apache-2.0
"""`legato openapi`: the description of the HTTP API, for those who make clients.

Rules: CC5.
"""

import json

import click

from legato.cli.invocation import OK, Invocation, command_options, examples


@click.command(
    epilog=examples("legato openapi > openapi.json", "legato openapi --json | jq '.paths | keys'")
)
@command_options
def openapi(invocation: Invocation) -> int:
    """Print the description of the HTTP API (OpenAPI 3.1) that a server of this version has."""
    from legato.api.server import describe

    found = describe()
    invocation.terminal.json(found)
    invocation.terminal.lines(json.dumps(found, indent=1, ensure_ascii=False).splitlines())
    return OK
