# SPDX-License-Identifier: Apache-2.0
"""How the problems of a document are written: one line each, or one JSON error with all of them.

Rules: CL5, CL10, DO3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from legato.cli.terminal import encode_json
from legato.cli.text import plural

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.errors import InvalidDocument


def report_problems(terminal: Terminal, error: InvalidDocument) -> None:
    """Write every problem on stderr."""
    if terminal.as_json:
        body = {
            "code": error.code,
            "message": plural(len(error.problems), "problem"),
            "hint": None,
            "problems": problems_json(error),
        }
        terminal.note(encode_json({"error": body}))
        return
    for problem in error.problems:
        terminal.note(f"error: {problem}")


def problems_json(error: InvalidDocument) -> list[dict[str, Any]]:
    """Return the problems as plain values."""
    return [msgspec.to_builtins(problem) for problem in error.problems]
