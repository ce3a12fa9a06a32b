# SPDX-License-Identifier: Apache-2.0
"""Executions of a server: started, made again, and told what a person wishes.

A wish is the same signal that goes into the store here (`wishes.act`); each kind has its operation.
Rules: CC28, CC29.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from legato.cli.invocation import OK, Invocation
from legato.cli.text import word
from legato.client.generated import models
from legato.errors import InvalidInput, NotFound
from legato.model.ids import NodeId
from legato.model.signals import (
    AnswerApproval,
    AnyWish,
    CancelExecution,
    DeliverSignal,
    ForceNode,
    PauseExecution,
    ResumeExecution,
    RetryNode,
    SkipNode,
)
from legato.model.values import load

if TYPE_CHECKING:
    from legato.cli.servers import KnownServer
    from legato.client import Client
    from legato.model.values import Value

RECENT_MAX: Final = 1_000
"""Executions among which the beginning of an id is looked for."""
PREFIX_LENGTH_MIN: Final = 4
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Ask = Callable[["Client"], Awaitable[models.ExecutionBody]]


async def find_there(client: Client, text: str) -> str:
    """Return the id that a person means: whole, or the beginning of a recent one.

    Raises:
        InvalidInput: The beginning is too short, or names several.
        NotFound: It names none of the last ones.
    """
    found = text.strip().lower()
    if _ID.fullmatch(found):
        return found
    if len(found) < PREFIX_LENGTH_MIN:
        raise InvalidInput(f"an execution id needs at least {PREFIX_LENGTH_MIN} characters")
    fitting, looked_at = list[str](), 0
    async for each in client.all_executions(limit=200):
        if each.id.startswith(found):
            fitting.append(each.id)
        looked_at += 1
        if looked_at >= RECENT_MAX:
            break
    if len(fitting) > 1:
        raise InvalidInput(f"{found} is the beginning of several ids: {', '.join(fitting[:10])}")
    if not fitting:
        raise NotFound(f"none of the last executions begins with {found}", hint="Give the id.")
    return fitting[0]


async def waiting_node(client: Client, execution_id: str, node: str | None) -> str:
    """Return the node that a person answers, which may be left out if only one waits.

    Raises:
        InvalidInput: None or several wait.
    """
    if node is not None:
        return node
    found = await client.read_execution(execution_id)
    asking = [each.node for each in found.waiting_for if each.waits_for in {"approval", "form"}]
    if len(asking) != 1:
        names = ", ".join(asking) or "none"
        raise InvalidInput(f"name the node to answer; waiting for an answer: {names}")
    return asking[0]


async def tell(invocation: Invocation, server: KnownServer, execution: str, signal: AnyWish) -> int:
    """Tell an execution of a server what a person wishes, and say what comes of it.

    Returns:
        The exit code.

    Raises:
        Problem: It cannot be that, or not any more.
    """
    from legato.cli.remote import client_of

    statuses = list[int]()
    async with client_of(invocation, server, on_answer=statuses.append) as client:
        execution_id = await find_there(client, execution)
        if isinstance(signal, AnswerApproval):
            node = NodeId(await waiting_node(client, execution_id, signal.node or None))
            signal = msgspec.structs.replace(signal, node=node)
        found = await _told(client, execution_id, signal)
    is_taken = statuses[-1] == 200
    terminal = invocation.terminal
    terminal.json(
        {
            "execution_id": execution_id,
            "signal": type(signal).__name__,
            "status": found.status,
            "taken": is_taken,
        }
    )
    if is_taken:
        terminal.line(f"done: {execution_id} is {word(found.status)}")
    else:
        terminal.line("it is stored and will be taken; the engine has not answered so far")
    return OK


async def _told(client: Client, execution_id: str, signal: AnyWish) -> models.ExecutionBody:
    if isinstance(signal, CancelExecution):
        return await client.cancel_execution(execution_id, _because(signal.reason))
    if isinstance(signal, PauseExecution):
        return await client.pause_execution(execution_id, _because(signal.reason))
    if isinstance(signal, ResumeExecution):
        return await client.resume_execution(execution_id)
    if isinstance(signal, DeliverSignal):
        about = signal.correlation or None
        body = models.SignalBody(data=_plain(signal.payload), correlation=about)
        return await client.send_signal(execution_id, signal.name, body)
    if isinstance(signal, AnswerApproval):
        return await client.answer_approval(
            execution_id,
            signal.node,
            models.Decision(
                decision="approve" if signal.approved else "reject",
                comment=signal.comment,
                data=_plain(signal.payload),
            ),
        )
    return await _settled(client, execution_id, signal)


async def _settled(client: Client, execution_id: str, signal: AnyWish) -> models.ExecutionBody:
    assert isinstance(signal, RetryNode | SkipNode | ForceNode), "that is all that is wished"
    if isinstance(signal, ForceNode):
        if not signal.reason:
            raise InvalidInput("a server wants to know why", hint="Give --reason.")
        force = models.Force(
            item=signal.item,
            reason=signal.reason,
            outcome=signal.outcome,
            output=_plain(signal.output),
        )
        return await client.force_node(execution_id, signal.node, force)
    wish = models.NodeWish(item=signal.item, reason=signal.reason)
    ask = client.retry_node if isinstance(signal, RetryNode) else client.skip_node
    return await ask(execution_id, signal.node, wish)


async def run_name(
    invocation: Invocation,
    server: KnownServer,
    name: str,
    inputs: Callable[[bytes], Mapping[str, Any]],
    *,
    is_detached: bool,
) -> int:
    """Start a published workflow of a server, and wait for its end unless it is detached.

    Args:
        invocation: Where it is said.
        server: Where.
        name: `NAME`, or `NAME@3`.
        inputs: Makes the inputs, given the JSON Schema of what the version takes.
        is_detached: Only print the id.

    Returns:
        The exit code of its end, or of having left it to the server.
    """
    from legato.cli.catalogue import find
    from legato.cli.catalogue_server import ServerCatalogue
    from legato.cli.publications import split_name
    from legato.cli.remote import client_of
    from legato.model.values import encode

    async with client_of(invocation, server) as client:
        found = await find(ServerCatalogue(client), *split_name(name))
        version = await client.read_version(found.name, found.number)
        given = inputs(encode(version.inputs_schema, what="the schema of the inputs"))
        wanted = models.NewExecution(inputs=dict(given), version=found.number)
        started = await client.start_execution(found.name, wanted)
        return await _say_begun(invocation, client, started, is_detached=is_detached)


async def again(invocation: Invocation, server: KnownServer, ask: Ask, *, is_detached: bool) -> int:
    """Make an execution of a server again, by `ask`, and wait as `run_name` does."""
    from legato.cli.remote import client_of

    async with client_of(invocation, server) as client:
        started = await ask(client)
        return await _say_begun(invocation, client, started, is_detached=is_detached)


async def _say_begun(
    invocation: Invocation,
    client: Client,
    found: models.ExecutionBody,
    *,
    is_detached: bool,
) -> int:
    """Say that it has begun, and watch it to its end unless it is detached."""
    from legato.cli.server_watch import watch_there

    terminal = invocation.terminal
    terminal.json(
        {
            "type": "accepted" if is_detached else "started",
            "execution_id": found.id,
            "workflow": found.workflow_slug,
            "forked_from": found.forked_from,
        }
    )
    if is_detached:
        terminal.line(found.id)
        terminal.note("the server runs it; watch it with:")
        terminal.note(f"  legato executions watch {found.id}")
        return OK
    if not terminal.is_live:
        terminal.line(f"run {found.id}  {found.workflow_slug}")
    return await watch_there(invocation, client, found.id, stops_parked=True)


def _because(reason: str) -> models.Because | None:
    return models.Because(reason=reason) if reason else None


def _plain(value: Value) -> Any:
    return load(value.json)
