# SPDX-License-Identifier: Apache-2.0
"""Wishes from the command line to an execution of any process.

A wish goes into the inbox, durable before anything else is said; whoever owns the execution takes
it. The command waits a moment for the effect and says honestly if nobody is there to take it. What
comes of a wish is found out as at every other door (`runtime.wishes`).
Rules: CL1, CL6, XW1, XW4.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from legato.cli.invocation import OK, Invocation

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.servers import KnownServer
    from legato.model.signals import AnyWish
    from legato.runtime.history import LogReader

_LOOK_S: Final = 0.1


async def act(
    invocation: Invocation, execution: str, signal: AnyWish, server: KnownServer | None = None
) -> int:
    """Send a signal to the execution that a person names, and say what comes of it.

    Args:
        invocation: Where it is said.
        execution: An id or its beginning.
        signal: The wish.
        server: Where the execution is; None: in the store here.

    Returns:
        The exit code.
    """
    if server is not None:
        from legato.cli.executions_server import tell

        return await tell(invocation, server, execution, signal)
    from legato.app import build
    from legato.cli.history import find_execution
    from legato.runtime.history import LogReader

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        return await send(app, invocation, reader, signal)


async def send(app: App, invocation: Invocation, reader: LogReader, signal: AnyWish) -> int:
    """Send a signal, wait for what comes of it, and say it.

    Args:
        app: Whose store is used.
        invocation: Where it is said.
        reader: Has read the execution's log so far.
        signal: The wish.

    Returns:
        The exit code.

    Raises:
        Conflict: The execution has ended, or the engine refused the wish.
        LegatoError: As `Outcome.check`.
    """
    from legato.cli.text import word
    from legato.errors import Conflict
    from legato.model.signals import encode_signal
    from legato.runtime.history import ownership
    from legato.runtime.wishes import EFFECT_WAIT_S, named, outcome_of

    terminal = invocation.terminal
    execution_id = reader.state.execution_id
    if reader.state.ended is not None:
        raise Conflict(f"{execution_id} has ended already: it is {word(reader.state.ended)}")
    wish, key = named(signal, app.clock.new_id())
    deadline = asyncio.get_running_loop().time() + EFFECT_WAIT_S
    await app.stores.inbox.send(execution_id, key, encode_signal(wish))
    outcome = await outcome_of(app.stores, app.bus, execution_id, wish, after=reader.state.seq)
    outcome.check(execution_id)
    await reader.read()
    if reader.state.cancel is not None:
        await _until_end(app, reader, deadline)
    status = reader.state.status
    result = {"execution_id": execution_id, "signal": type(signal).__name__, "status": status}
    if outcome.kind == "taken":
        terminal.json({**result, "taken": True})
        terminal.line(f"done: {execution_id} is {word(status)}")
        return OK
    row = await app.stores.executions.get(execution_id)
    looked_after = row is not None and not (await ownership(app.stores, row)).is_unattended
    terminal.json({**result, "taken": False, "looked_after": looked_after})
    if looked_after:
        terminal.line("it is stored and will be taken; the engine has not answered so far")
    else:
        terminal.line("it is stored, but no live engine owns this execution.")
        terminal.line(
            f"it takes effect when an engine runs it: legato executions resume {execution_id}"
        )
    return OK


async def _until_end(app: App, reader: LogReader, deadline: float) -> None:
    """Read on until the execution that is being cancelled has ended, or it is too late."""
    try:
        async with asyncio.timeout_at(deadline):
            while reader.state.ended is None:
                await app.stores.changes.wait(_LOOK_S)
                await reader.read()
    except TimeoutError:
        return
