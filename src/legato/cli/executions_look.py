# SPDX-License-Identifier: Apache-2.0
"""`legato executions list`, `show` and `events`: what is stored, read only.

Rules: CL3, CL6, CL9, LG25.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids, workflow_names
from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.remote import client_of, refuse_local_only, server_of, server_option

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.terminal import Terminal
    from legato.ports.executions import ExecutionRow
    from legato.runtime.history import History, Ownership

STATUSES = (
    "queued", "running", "waiting", "paused", "needs_attention", "completed", "failed",
    "cancelled", "timed_out",
)  # fmt: skip
PAGE_MAX = 1_000


@click.command(
    "list",
    epilog=examples(
        "legato executions list",
        "legato executions list --status failed --workflow repo-report",
        "legato executions list --search order-4711",
        "legato executions list --limit 20 --before LAST_ID_OF_THE_PAGE",
    ),
)
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Repeatable."
)
@click.option(
    "--workflow", help="Only of the workflow with this name.", shell_complete=workflow_names
)
@click.option("--search", help="Only with these words in their inputs or outputs.")
@click.option("--children", is_flag=True, help="Also those that other executions called.")
@click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=50, show_default=True)
@click.option(
    "--before",
    metavar="ID",
    help="The page after this id: older executions.",
    shell_complete=execution_ids,
)
@server_option
@command_options
def list_executions(invocation: Invocation, server: str | None, **wanted: Any) -> int:
    """List executions, the newest first."""
    from legato.app import build, run, system_clock

    known = server_of(invocation, server)
    refuse_local_only(known, children=wanted["children"])

    async def work() -> None:
        if known is not None:
            from legato.cli.server_look import rows_there

            async with client_of(invocation, known) as client:
                rows = await rows_there(client, wanted)
            looked = [(row, None) for row in rows]
            _write_rows(invocation.terminal, looked, wanted, system_clock().now_ms())
            return
        async with build(invocation.settings(), role="reader") as app:
            await _list(app, invocation.terminal, wanted)

    run(work())
    return 0


@click.command(epilog=examples("legato executions show ID", "legato executions show ID --json"))
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@server_option
@command_options
def show(invocation: Invocation, execution: str, server: str | None) -> int:
    """Show one execution: its nodes, outputs, error, and what you can do."""
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.cli.showing import show_json, show_text
    from legato.runtime.history import load_history

    known = server_of(invocation, server)

    async def work() -> None:
        if known is not None:
            from legato.cli.server_look import show_there

            async with client_of(invocation, known) as client:
                await show_there(client, invocation.terminal, execution)
            return
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            history = await load_history(app.stores, row.execution_id)
            shown = show_json if invocation.as_json else show_text
            await shown(app, invocation.terminal, history, invocation.settings_file(app.settings))

    run(work())
    return 0


@click.command(
    epilog=examples("legato executions events ID", "legato executions events ID --json --after 41")
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option("--after", type=click.IntRange(0), default=0, help="Only events after this seq.")
@server_option
@command_options
def events(invocation: Invocation, execution: str, after: int, server: str | None) -> int:
    """Print the log of an execution: seq, time, type and what it says.

    A server gives its public form.
    """
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.runtime.history import load_history

    known = server_of(invocation, server)

    async def work() -> None:
        if known is not None:
            from legato.cli.server_look import events_there

            async with client_of(invocation, known) as client:
                await events_there(client, invocation.terminal, execution, after)
            return
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            history = await load_history(app.stores, row.execution_id)
            _print_events(invocation.terminal, history, after)

    run(work())
    return 0


async def _list(app: App, terminal: Terminal, wanted: dict[str, Any]) -> None:
    from legato.cli.history import find_execution
    from legato.model.ids import LOCAL_WORKSPACE
    from legato.ports.executions import ExecutionFilter
    from legato.runtime.history import live_engines, owner_among

    before = wanted["before"]
    if before is not None:
        before = (await find_execution(app.stores, before)).execution_id
    rows = await app.stores.executions.find(
        ExecutionFilter(
            workspace=LOCAL_WORKSPACE,
            workflow=wanted["workflow"],
            statuses=wanted["statuses"],
            search=wanted["search"],
            with_children=wanted["children"],
            before=before,
            limit=wanted["limit"],
        )
    )
    alive = await live_engines(app.stores)
    looked = [(row, owner_among(alive, row)) for row in rows]
    _write_rows(terminal, looked, wanted, app.clock.now_ms())


def _write_rows(
    terminal: Terminal,
    rows: Sequence[tuple[ExecutionRow, Ownership | None]],
    wanted: dict[str, Any],
    now_ms: int,
) -> None:
    """Write rows, each with who runs it if that is known."""
    from legato.cli.text import duration, local_time, table, word
    from legato.model.frames import FINAL_EXECUTION
    from legato.runtime.wire import ownership_json, row_json

    lines = [("ID", "WORKFLOW", "STATUS", "NODES", "STARTED", "TOOK", "")]
    for row, found in rows:
        is_open = row.status not in FINAL_EXECUTION
        terminal.json({**row_json(row), **({} if found is None else ownership_json(found))})
        end = row.ended_at if row.ended_at is not None else now_ms
        took = "-" if row.started_at is None else duration(end - row.started_at)
        absence = "" if found is None else found.absence
        note = row.waiting_for if is_open else row.error
        lines.append(
            (
                row.execution_id, row.workflow, absence or word(row.status),
                f"{row.nodes_done}/{row.nodes_total}", local_time(row.created_at), took, note or "",
            )
        )  # fmt: skip
    terminal.lines(line.rstrip() for line in table(lines))
    if not rows:
        terminal.note("no executions" if not _is_filtered(wanted) else "no executions match")
    elif len(rows) == wanted["limit"]:
        terminal.note(f"more: legato executions list --before {rows[-1][0].execution_id}")


def _is_filtered(wanted: dict[str, Any]) -> bool:
    return any(wanted[name] for name in ("statuses", "workflow", "search", "before"))


def _print_events(terminal: Terminal, history: History, after: int) -> None:
    from legato.cli.summaries import summary
    from legato.cli.text import local_time, table
    from legato.runtime.wire import event_json

    shown = [recorded for recorded in history.events if recorded.seq > after]
    if terminal.as_json:
        for recorded in shown:
            terminal.json(event_json(recorded))
        return
    terminal.lines(
        line.rstrip()
        for line in table(
            [
                (
                    str(recorded.seq),
                    f"{local_time(recorded.at)}.{recorded.at % 1000:03d}",
                    type(recorded.event).__name__,
                    summary(recorded.event),
                )
                for recorded in shown
            ]
        )
    )
