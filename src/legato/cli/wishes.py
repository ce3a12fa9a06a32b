# SPDX-License-Identifier: Apache-2.0
"""Wishes from the command line to an execution of any process.

A wish goes into the inbox, durable before anything else is said; whoever owns the execution takes
it. The command waits a moment for the effect and says honestly if nobody is there to take it.
Rules: CL1, CL6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from legato.cli.invocation import OK, Invocation

if TYPE_CHECKING:
    from legato.app import App
    from legato.model.events import AnyEvent
    from legato.model.signals import AnySignal
    from legato.runtime.history import LogReader

EFFECT_WAIT_S: Final = 2.0
"""Promise P9 gives a cancel this long; every other wish is faster."""
_LOOK_S: Final = 0.1


async def act(
    invocation: Invocation,
    execution: str,
    signal: AnySignal,
    is_effect: Callable[[AnyEvent], bool],
) -> int:
    """Send a signal to the execution that a person names, and say what comes of it.

    Args:
        invocation: Where it is said.
        execution: An id or its beginning.
        signal: The wish.
        is_effect: Tells the event that shows that the wish was taken.

    Returns:
        The exit code.
    """
    from legato.app import build
    from legato.cli.history import find_execution
    from legato.runtime.history import LogReader

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        return await send(app, invocation, reader, signal, is_effect)


async def send(
    app: App,
    invocation: Invocation,
    reader: LogReader,
    signal: AnySignal,
    is_effect: Callable[[AnyEvent], bool],
) -> int:
    """Send a signal, wait for what comes of it, and say it.

    Args:
        app: Whose store is used.
        invocation: Where it is said.
        reader: Has read the execution's log so far.
        signal: The wish.
        is_effect: Tells the event that shows that the wish was taken.

    Raises:
        Conflict: The execution has ended, or the engine refused the wish.
    """
    from legato.cli.text import word
    from legato.errors import Conflict
    from legato.model.events import SignalRejected
    from legato.model.signals import encode_signal
    from legato.runtime.history import ownership

    terminal = invocation.terminal
    execution_id = reader.state.execution_id
    if reader.state.ended is not None:
        raise Conflict(f"{execution_id} has ended already: it is {word(reader.state.ended)}")
    name = type(signal).__name__
    await app.stores.inbox.send(execution_id, f"{name}:{app.clock.new_id()}", encode_signal(signal))

    def is_news(event: AnyEvent) -> bool:
        return is_effect(event) or (isinstance(event, SignalRejected) and event.signal == name)

    news = await _wait_for(app, reader, is_news)
    status = reader.state.status
    result = {"execution_id": execution_id, "signal": name, "status": status}
    if isinstance(news, SignalRejected):
        raise Conflict(f"refused: {news.reason}")
    if news is not None:
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


async def _wait_for(
    app: App, reader: LogReader, is_news: Callable[[AnyEvent], bool]
) -> AnyEvent | None:
    """Return the first event that is news; after a cancel also wait for the end."""
    found: AnyEvent | None = None
    try:
        async with asyncio.timeout(EFFECT_WAIT_S):
            while True:
                fresh: list[Any] = []
                await reader.read(fresh)
                if found is None:
                    found = next((each.event for each in fresh if is_news(each.event)), None)
                is_cancelling = reader.state.cancel is not None
                if reader.state.ended or (found is not None and not is_cancelling):
                    return found
                await app.stores.changes.wait(_LOOK_S)
    except TimeoutError:
        return found
