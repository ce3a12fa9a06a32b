# SPDX-License-Identifier: Apache-2.0
"""`legato executions cancel`, `approve`, `reject` and the three ways to settle a parked node.

A wish goes into the inbox, durable before anything else is said; whoever owns the execution takes
it. The command waits a moment for the effect and says honestly if nobody is there to take it.
Rules: CL1, CL6, EN15, ST8, ST12.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.history import LogReader
    from legato.model.events import AnyEvent
    from legato.model.signals import AnySignal

EFFECT_WAIT_S: Final = 2.0
"""Promise P9 gives a cancel this long; every other wish is faster."""
_LOOK_S: Final = 0.1

_node_argument = click.argument("node", metavar="NODE")
_execution_argument = click.argument("execution", metavar="ID")
_item_option = click.option("--item", type=click.IntRange(0), help="Index of one foreach item.")
_reason_option = click.option("--reason", default="", help="Kept in the log beside your name.")


@click.command(
    epilog=examples("legato executions cancel ID", "legato executions cancel ID --reason typo")
)
@_execution_argument
@_reason_option
@command_options
def cancel(invocation: Invocation, execution: str, reason: str) -> int:
    """Stop an execution: nothing new starts, running attempts are told and then killed."""
    from legato.cli.person import person
    from legato.model.events import CancelRequested
    from legato.model.signals import CancelExecution

    signal = CancelExecution(by=person(), reason=reason)
    return _run(
        _act(invocation, execution, signal, lambda event: isinstance(event, CancelRequested))
    )


@click.command(
    epilog=examples("legato executions approve ID ask", "legato executions approve ID --comment ok")
)
@_execution_argument
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--comment", default="", help="Part of the node's output.")
@command_options
def approve(invocation: Invocation, execution: str, node: str | None, comment: str) -> int:
    """Say yes to a node that waits for an answer; NODE may be left out if only one waits."""
    return _run(_answer(invocation, execution, node, approved=True, comment=comment))


@click.command(epilog=examples("legato executions reject ID ask --comment 'not on a Friday'"))
@_execution_argument
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--comment", default="", help="Part of the node's output.")
@command_options
def reject(invocation: Invocation, execution: str, node: str | None, comment: str) -> int:
    """Say no to a node that waits for an answer; NODE may be left out if only one waits."""
    return _run(_answer(invocation, execution, node, approved=False, comment=comment))


@click.command(
    "retry-node",
    epilog=examples(
        "legato executions retry-node ID send",
        "legato executions retry-node ID send --item 3",
    ),
)
@_execution_argument
@_node_argument
@_item_option
@_reason_option
@command_options
def retry_node(
    invocation: Invocation, execution: str, node: str, item: int | None, reason: str
) -> int:
    """Make the work of a parked node (or item) once more, as a new attempt."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import RetryNode

    return _run(_settle(invocation, execution, RetryNode(NodeId(node), person(), reason, item)))


@click.command(
    "skip-node", epilog=examples("legato executions skip-node ID send --reason 'sent by hand'")
)
@_execution_argument
@_node_argument
@_item_option
@_reason_option
@command_options
def skip_node(
    invocation: Invocation, execution: str, node: str, item: int | None, reason: str
) -> int:
    """Leave a parked node out; a parked item becomes null."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import SkipNode

    return _run(_settle(invocation, execution, SkipNode(NodeId(node), person(), reason, item)))


@click.command(
    "force-node",
    epilog=examples(
        "legato executions force-node ID send --output '{\"sent\": true}'",
        "legato executions force-node ID send --failed --reason 'it bounced'",
    ),
)
@_execution_argument
@_node_argument
@_item_option
@_reason_option
@click.option("--output", default="null", show_default=True, help="The node's output, as JSON.")
@click.option("--failed", is_flag=True, help="It failed, instead of: it was done.")
@command_options
def force_node(invocation: Invocation, execution: str, node: str, **given: Any) -> int:
    """Settle a parked node (or item) by hand: it was done, with this output, or it failed."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.policy import INLINE_BYTES_MAX
    from legato.model.signals import ForceNode
    from legato.model.values import decode, encode, inline

    value = encode(
        decode(given["output"], what="--output"), what="--output", size_bytes_max=INLINE_BYTES_MAX
    )
    signal = ForceNode(
        NodeId(node), "failed" if given["failed"] else "completed", inline(value), person(),
        given["reason"], given["item"],
    )  # fmt: skip
    return _run(_settle(invocation, execution, signal))


def _run(work: Coroutine[Any, Any, int]) -> int:
    from legato.app import run

    return run(work)


async def _answer(
    invocation: Invocation, execution: str, node: str | None, *, approved: bool, comment: str
) -> int:
    """Answer an approval after a look at the log: the door advises, the engine decides."""
    from legato.app import build
    from legato.cli.history import LogReader, find_execution
    from legato.cli.person import person
    from legato.errors import Conflict, InvalidInput
    from legato.model.events import NodeCompleted
    from legato.model.ids import NodeId
    from legato.model.signals import AnswerApproval

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        state = reader.state
        waiting = [
            state.spec(index).id
            for index, each in enumerate(state.nodes)
            if each.status == "waiting" and each.wait in {"approval", "form"}
        ]
        if node is None:
            if len(waiting) != 1:
                names = ", ".join(waiting) or "none"
                raise InvalidInput(f"name the node to answer; waiting for an answer: {names}")
            node = waiting[0]
        if node not in state.graph.index_of:
            raise InvalidInput(f"there is no node {node} in {row.workflow}")
        if node not in waiting:
            raise Conflict(_why_not_waiting(reader, NodeId(node)))
        signal = AnswerApproval(NodeId(node), approved, person(), comment)
        return await _send(
            app, invocation, reader, signal,
            lambda event: isinstance(event, NodeCompleted) and event.node == node,
        )  # fmt: skip


def _why_not_waiting(reader: LogReader, node: Any) -> str:
    from legato.cli.text import word

    state = reader.state
    found = state.nodes[state.graph.index_of[node]]
    if found.status == "completed" and found.by:
        return f"{node} has been answered already, by {found.by}"
    return f"{node} does not wait for an answer; it is {word(found.status)}"


async def _settle(invocation: Invocation, execution: str, signal: Any) -> int:
    from legato.app import build
    from legato.cli.history import LogReader, find_execution
    from legato.errors import Conflict, InvalidInput
    from legato.model import events as ev

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        index = reader.state.graph.index_of.get(signal.node)
        if index is None:
            raise InvalidInput(f"there is no node {signal.node} in {row.workflow}")
        node = reader.state.nodes[index]
        parked = sorted(node.items.parked) if node.items is not None else []
        if signal.item is None and node.status != "needs_attention":
            hint = f"Its parked items are {parked[:10]}: use --item." if parked else None
            raise Conflict(f"{signal.node} does not need attention", hint=hint)
        if signal.item is not None and signal.item not in parked:
            raise Conflict(f"item {signal.item} of {signal.node} does not need attention")
        settled = (ev.NodeUnparked, ev.NodeSkipped, ev.NodeCompleted, ev.NodeFailed, ev.ItemForced,
                   ev.ItemFailed)  # fmt: skip
        return await _send(
            app, invocation, reader, signal,
            lambda event: isinstance(event, settled) and event.node == signal.node,
        )  # fmt: skip


async def _act(
    invocation: Invocation,
    execution: str,
    signal: AnySignal,
    is_effect: Callable[[AnyEvent], bool],
) -> int:
    from legato.app import build
    from legato.cli.history import LogReader, find_execution

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        return await _send(app, invocation, reader, signal, is_effect)


async def _send(
    app: App,
    invocation: Invocation,
    reader: LogReader,
    signal: AnySignal,
    is_effect: Callable[[AnyEvent], bool],
) -> int:
    """Send a signal, wait for what comes of it, and say it."""
    from legato.cli.history import ownership
    from legato.cli.text import word
    from legato.errors import Conflict
    from legato.model.events import SignalRejected
    from legato.model.signals import encode_signal

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
