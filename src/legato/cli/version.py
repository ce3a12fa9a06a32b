# SPDX-License-Identifier: Apache-2.0
"""`legato version`: what is installed. Rules: CL3."""

import platform

import click

from legato import __version__
from legato.cli.invocation import OK, Invocation, command_options, examples


@click.command(epilog=examples("legato version", "legato version --json"))
@command_options
def version(invocation: Invocation) -> int:
    """Print the version."""
    invocation.terminal.json({"legato": __version__, "python": platform.python_version()})
    invocation.terminal.line(f"legato {__version__} (Python {platform.python_version()})")
    return OK
