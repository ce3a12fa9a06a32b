# SPDX-License-Identifier: Apache-2.0
"""`legato completion SHELL`: the script that has a shell complete commands, ids, names, types.

Rules: CL37.
"""

from __future__ import annotations

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=examples(
        'eval "$(legato completion bash)"     # in ~/.bashrc',
        'eval "$(legato completion zsh)"      # in ~/.zshrc',
        "legato completion fish > ~/.config/fish/completions/legato.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
@command_options
def completion(invocation: Invocation, shell: str) -> int:
    """Print the completion script of a shell: bash (4.4 or newer), zsh or fish."""
    from click.shell_completion import get_completion_class

    from legato.cli.main import COMPLETE_VARIABLE, legato

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    script = _script(kind(legato, {}, "legato", COMPLETE_VARIABLE))
    invocation.terminal.json({"shell": shell, "script": script})
    invocation.terminal.lines(script.splitlines())
    return OK


def _script(complete: click.shell_completion.ShellComplete) -> str:
    """Return the script; click's own method also starts bash to look at its version."""
    return complete.source_template % complete.source_vars()
