# SPDX-License-Identifier: Apache-2.0
"""What is said when an execution of a server has ended, with the exit codes of a run here.

Rules: CC28, CC31.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from legato.cli.ending import EXIT_OF_STATUS, OUTPUT_LINES_MAX
from legato.cli.text import pretty_json

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.client.generated import models


def say_ended(terminal: Terminal, found: models.ExecutionDetail) -> int:
    """Say how an execution of a server ended; return the exit code."""
    code = EXIT_OF_STATUS[found.status]
    error = found.error
    fault = None if error is None else {"kind": error.kind, "message": error.message}
    terminal.json(
        {
            "type": "ended",
            "execution_id": found.id,
            "status": found.status,
            "outputs": found.outputs,
            "error": fault,
            "node": None if error is None else error.node,
            "ended_at": found.completed_at,
            "exit_code": code,
        }
    )
    terminal.styled(terminal.style.status(found.status))
    if error is not None:
        place = f"{error.node}: " if error.node else ""
        terminal.line(f"{place}{error.kind}: {error.message}")
    elif found.outputs not in (None, {}):
        terminal.lines(pretty_json(found.outputs, lines_max=OUTPUT_LINES_MAX, more="--json"))
    return code
