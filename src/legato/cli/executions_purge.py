# SPDX-License-Identifier: Apache-2.0
"""`legato executions purge`: forget an execution that has ended. Rules: BK42, BK44."""

from __future__ import annotations

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples


@click.command(epilog=examples("legato executions purge ID", "legato executions purge ID --yes"))
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option("--yes", is_flag=True, help="Do it without a question.")
@command_options
def purge(invocation: Invocation, execution: str, *, yes: bool) -> int:
    """Delete an execution that has ended, with all that it called; it cannot be undone.

    Forks of it keep what they took from it. The audit stays.
    """
    from legato.app import run
    from legato.cli.history import find_execution
    from legato.cli.people import administration, confirm, entry
    from legato.errors import Conflict

    async def work() -> None:
        async with administration(invocation) as app:
            row = await find_execution(app.stores, execution)
            named = row.execution_id
            confirm(invocation, f"Delete {named} of {row.workflow} for ever?", yes=yes)
            audit = entry("execution.purge", ("execution", named), workspace=row.workspace)
            outcome = "partly"
            while outcome == "partly":
                outcome = await app.stores.keeping.purge(row.workspace, named, audit)
            if outcome != "purged":
                reason = "was called by another one and goes with that"
                raise Conflict(f"{named} {reason if outcome == 'child' else 'has not ended'}")
            while await app.stores.keeping.sweep():
                pass
            invocation.terminal.json({"execution_id": named, "is_purged": True})
            invocation.terminal.line(f"{named} is deleted")

    run(work())
    return OK
