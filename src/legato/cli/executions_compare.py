# SPDX-License-Identifier: Apache-2.0
"""`legato executions compare`: two executions node by node, and where they first part.

Rules: CL27.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.remote import client_of, server_of, server_option

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.engine.compare import Comparison
    from legato.runtime.history import History


@click.command(
    epilog=examples(
        "legato executions compare ID OTHER", "legato executions compare ID OTHER --json"
    )
)
@click.argument("one", metavar="ID", shell_complete=execution_ids)
@click.argument("other", metavar="OTHER", shell_complete=execution_ids)
@server_option
@command_options
def compare(invocation: Invocation, one: str, other: str, server: str | None) -> int:
    """Compare two executions node by node: status, time, and the first place where they part."""
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.engine.compare import compare as compare_states
    from legato.runtime.comparison import comparison_json
    from legato.runtime.history import load_history

    known = server_of(invocation, server)

    async def work() -> None:
        if known is not None:
            from legato.cli.server_look import compare_there

            async with client_of(invocation, known) as client:
                await compare_there(client, invocation.terminal, one, other)
            return
        async with build(invocation.settings(), role="reader") as app:
            rows = [await find_execution(app.stores, each) for each in (one, other)]
            left, right = [await load_history(app.stores, row.execution_id) for row in rows]
        found = compare_states(left.state, right.state)
        if invocation.as_json:
            ids = left.row.execution_id, right.row.execution_id
            invocation.terminal.json(comparison_json(*ids, found))
        else:
            _write(invocation.terminal, left, right, found)

    run(work())
    return OK


def _write(terminal: Terminal, left: History, right: History, found: Comparison) -> None:
    from legato.cli.comparing import WORDS, cells
    from legato.cli.text import table, word

    for name, each in (("A", left), ("B", right)):
        status = word(each.state.status)
        terminal.line(f"{name}  {each.row.execution_id}  {each.row.workflow}  {status}")
    if not found.same_version:
        terminal.line("their versions differ")
    if not found.same_inputs:
        terminal.line("their inputs differ")
    lines = [("", "NODE", "A", "TOOK", "B", "TOOK", "")]
    for row in found.rows:
        mark = ">" if row.node == found.first else ""
        words = ", ".join(WORDS[aspect] for aspect in row.differs)
        lines.append((mark, row.node, *cells(row.one), *cells(row.other), words))
    terminal.lines(line.rstrip() for line in table(lines))
    if found.first is None:
        terminal.line("no node differs")
    else:
        terminal.line(f"they part at {found.first}")
