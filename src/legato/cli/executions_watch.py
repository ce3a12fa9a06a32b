# SPDX-License-Identifier: Apache-2.0
"""`legato executions watch` and `resume`: an execution live, elsewhere or taken over here.

Rules: CL2, CL6, OW9, OW10, VW10.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.remote import client_of, refuse_local_only, server_of, server_option

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.display import Display
    from legato.model.ids import ExecutionId


@click.command(epilog=examples("legato executions watch ID", "legato executions watch ID --json"))
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@server_option
@command_options
def watch(invocation: Invocation, execution: str, server: str | None) -> int:
    """Watch an execution live, whichever process runs it. Ctrl-C only stops watching."""
    from legato.app import build, run
    from legato.cli.history import find_execution

    known = server_of(invocation, server)

    async def work() -> int:
        if known is not None:
            from legato.cli.executions_server import find_there
            from legato.cli.server_watch import watch_there

            async with client_of(invocation, known) as client:
                found = await find_there(client, execution)
                return await watch_there(invocation, client, found)
        async with build(invocation.settings(), role="reader") as app:
            row = await find_execution(app.stores, execution)
            return await watch_stored(app, invocation, row.execution_id) or OK

    return run(work())


@click.command(
    epilog=examples(
        "legato executions resume ID", "legato executions resume ID --allow-program git"
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option(
    "--allow-program", "programs", multiple=True, metavar="PROGRAM",
    help="Grant a program to shell.run while this command runs; repeatable.",
)  # fmt: skip
@server_option
@command_options
def resume(
    invocation: Invocation, execution: str, programs: tuple[str, ...], server: str | None
) -> int:
    """End a pause; without a live owner, take the execution over and run it here.

    On a server it only ends the pause: its engine runs what has no owner by itself.
    """
    from legato.app import build, run
    from legato.cli.history import find_execution
    from legato.cli.permission import programs_ahead, with_grants
    from legato.runtime.history import load_history

    known = server_of(invocation, server)
    if known is not None:
        from legato.cli.executions_server import tell
        from legato.cli.person import person
        from legato.model.signals import ResumeExecution

        refuse_local_only(known, allow_program=programs)
        return run(tell(invocation, known, execution, ResumeExecution(by=person())))

    async def work() -> int:
        settings = invocation.settings(programs=programs)
        async with build(settings, role="reader") as app:
            row = await find_execution(app.stores, execution)
            history = await load_history(app.stores, row.execution_id)
            needed = await programs_ahead(app.stores, history)
        settings = with_grants(invocation, settings, needed, given=programs)
        async with build(settings, role="run") as app:
            return await _resume(app, invocation, row.execution_id)

    return run(work())


async def _resume(app: App, invocation: Invocation, execution_id: ExecutionId) -> int:
    """Run it here if nobody alive owns it; else watch, and take over when its owner dies."""
    from legato.cli.ending import report_ending
    from legato.cli.session import Session
    from legato.runtime.history import load_history

    while True:
        history = await load_history(app.stores, execution_id)
        if history.state.ended is not None:
            file = invocation.settings_file(app.settings)
            invocation.terminal.note(f"{execution_id} has ended already")
            return await report_ending(invocation.terminal, app.stores, history, None, file)
        session = Session(app, invocation, execution_id)
        await session.watch()
        try:
            is_ours = await app.engine.resume(execution_id)
        except BaseException:
            await session.close()
            raise
        if history.state.paused:
            await _end_pause(app, execution_id)
        if is_ours:
            session.show()
            return await session.run()
        await session.close()
        invocation.terminal.note(f"{await _owner_name(app, execution_id)} runs it; watching")
        code = await watch_stored(app, invocation, execution_id, until_lost=True)
        if code is not None:
            return code
        invocation.terminal.note("its owner is gone; taking over")


async def _owner_name(app: App, execution_id: ExecutionId) -> str:
    owner = await app.stores.owners.owner_of(execution_id)
    return "another engine" if owner is None else f"process {owner.pid} on {owner.host}"


async def _end_pause(app: App, execution_id: ExecutionId) -> None:
    from legato.cli.person import person
    from legato.model.signals import ResumeExecution

    key = f"resume:{app.clock.new_id()}"
    await app.engine.send(execution_id, ResumeExecution(by=person()), key)


async def watch_stored(
    app: App, invocation: Invocation, execution_id: ExecutionId, *, until_lost: bool = False
) -> int | None:
    """Show an execution that another process runs, to its end or to Ctrl-C.

    Args:
        app: Whose store is read.
        invocation: How to show it.
        execution_id: Which one.
        until_lost: Return when its owner is gone, instead of waiting for the next one.

    Returns:
        The exit code, or None if its owner is gone.
    """
    from legato.cli.board import Boards
    from legato.cli.display import choose_display
    from legato.cli.ending import report_ending
    from legato.cli.feed import Feed, StoredFeed
    from legato.cli.history import ownership_text
    from legato.runtime.history import Ownership, load_history

    boards = Boards(execution_id)
    display = choose_display(invocation.terminal, boards, app.clock)
    stored = StoredFeed(app.stores, Feed(boards, display))

    def tell(found: Ownership) -> None:
        if found.is_unattended and until_lost:
            raise _OwnerGone
        display.say(ownership_text(found))
        if found.is_unattended:
            display.say(f"  go on: legato executions resume {execution_id}")
            invocation.terminal.json({"type": "owner_lost", "execution_id": execution_id})

    try:
        await _until_stopped(stored.follow(tell), display)
    except _OwnerGone:
        return None
    except asyncio.CancelledError:
        invocation.terminal.note("stopped watching; the execution is not touched")
        return OK
    history = await load_history(app.stores, execution_id)
    file = invocation.settings_file(app.settings)
    return await report_ending(invocation.terminal, app.stores, history, boards, file)


class _OwnerGone(Exception):
    """Nobody runs the execution any more."""


async def _until_stopped(work: Coroutine[Any, Any, None], display: Display) -> None:
    """Do the work while the display is drawn; Ctrl-C and SIGTERM cancel it."""
    from legato.cli.display import DRAWS_PER_S

    async def draw() -> None:
        while True:
            display.tick()
            await asyncio.sleep(1 / DRAWS_PER_S)

    working, drawing = asyncio.ensure_future(work), asyncio.ensure_future(draw())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        await working
    finally:
        drawing.cancel()
        display.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
