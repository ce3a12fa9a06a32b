# SPDX-License-Identifier: Apache-2.0
"""`legato executions cancel`, `approve`, `reject` and the three ways to settle a parked node.

Rules: CL1, CL6, CL26, EN15, ST8, ST12.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.remote import server_of, server_option

if TYPE_CHECKING:
    from legato.cli.questions import Question
    from legato.cli.servers import KnownServer
    from legato.model.signals import ForceNode, RetryNode, SkipNode

_node_argument = click.argument("node", metavar="NODE")
_execution_argument = click.argument("execution", metavar="ID", shell_complete=execution_ids)
_item_option = click.option("--item", type=click.IntRange(0), help="Index of one foreach item.")
_reason_option = click.option("--reason", default="", help="Kept in the log beside your name.")


@click.command(
    epilog=examples("legato executions cancel ID", "legato executions cancel ID --reason typo")
)
@_execution_argument
@_reason_option
@server_option
@command_options
def cancel(invocation: Invocation, execution: str, reason: str, server: str | None) -> int:
    """Stop an execution: nothing new starts, running attempts are told and then killed."""
    from legato.cli.person import person
    from legato.cli.wishes import act
    from legato.model.signals import CancelExecution

    wish = CancelExecution(by=person(), reason=reason)
    return _run(act(invocation, execution, wish, server_of(invocation, server)))


@click.command(
    epilog=examples("legato executions approve ID ask", "legato executions approve ID --comment ok")
)
@_execution_argument
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--comment", default="", help="Part of the node's output.")
@server_option
@command_options
def approve(invocation: Invocation, execution: str, node: str | None, **given: Any) -> int:
    """Say yes to a node that waits for an answer; NODE may be left out if only one waits."""
    return _run(_answer(invocation, execution, node, approved=True, **given))


@click.command(epilog=examples("legato executions reject ID ask --comment 'not on a Friday'"))
@_execution_argument
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--comment", default="", help="Part of the node's output.")
@server_option
@command_options
def reject(invocation: Invocation, execution: str, node: str | None, **given: Any) -> int:
    """Say no to a node that waits for an answer; NODE may be left out if only one waits."""
    return _run(_answer(invocation, execution, node, approved=False, **given))


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
@server_option
@command_options
def retry_node(invocation: Invocation, execution: str, node: str, **given: Any) -> int:
    """Make the work of a parked node (or item) once more, as a new attempt."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import RetryNode

    signal = RetryNode(NodeId(node), person(), given["reason"], given["item"])
    return _run(_settle(invocation, execution, signal, given["server"]))


@click.command(
    "skip-node", epilog=examples("legato executions skip-node ID send --reason 'sent by hand'")
)
@_execution_argument
@_node_argument
@_item_option
@_reason_option
@server_option
@command_options
def skip_node(invocation: Invocation, execution: str, node: str, **given: Any) -> int:
    """Leave a parked node out; a parked item becomes null."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import SkipNode

    signal = SkipNode(NodeId(node), person(), given["reason"], given["item"])
    return _run(_settle(invocation, execution, signal, given["server"]))


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
@server_option
@command_options
def force_node(invocation: Invocation, execution: str, node: str, **given: Any) -> int:
    """Settle a parked node (or item) by hand: it was done, with this output, or it failed."""
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import ForceNode
    from legato.model.values import decode
    from legato.runtime.wishes import small

    value = small(decode(given["output"], what="--output"), what="--output")
    signal = ForceNode(
        NodeId(node), "failed" if given["failed"] else "completed", value, person(),
        given["reason"], given["item"],
    )  # fmt: skip
    return _run(_settle(invocation, execution, signal, given["server"]))


def _run(work: Coroutine[Any, Any, int]) -> int:
    from legato.app import run

    return run(work)


async def _answer(
    invocation: Invocation,
    execution: str,
    node: str | None,
    *,
    approved: bool,
    comment: str,
    server: str | None,
) -> int:
    """Answer an approval after a look at the log: the door advises, the engine decides."""
    known = server_of(invocation, server)
    if known is not None:
        return await _answer_there(invocation, known, execution, node, (approved, comment))
    from legato.app import build
    from legato.cli.history import find_execution
    from legato.cli.person import person
    from legato.cli.questions import choose_question, send_answer
    from legato.model.signals import AnswerApproval

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        question = await choose_question(app.stores, row, node)
        if approved:
            _refuse_form(question)
        signal = AnswerApproval(question.node, approved, person(), comment)
        return await send_answer(app, invocation, question, signal)


async def _answer_there(
    invocation: Invocation,
    server: KnownServer,
    execution: str,
    node: str | None,
    answer: tuple[bool, str],
) -> int:
    """Answer an approval of a server, which looks by itself."""
    from legato.cli.executions_server import tell
    from legato.cli.person import person
    from legato.model.ids import NodeId
    from legato.model.signals import AnswerApproval

    signal = AnswerApproval(NodeId(node or ""), answer[0], person(), answer[1])
    return await tell(invocation, server, execution, signal)


def _refuse_form(question: Question) -> None:
    """A form is not approved but filled in."""
    from legato.errors import InvalidInput

    if question.is_form:
        raise InvalidInput(
            f"{question.node} is a form: it needs its fields",
            hint=f"Fill it in: legato executions answer {question.execution_id} {question.node}",
        )


async def _settle(
    invocation: Invocation,
    execution: str,
    signal: RetryNode | SkipNode | ForceNode,
    server: str | None,
) -> int:
    known = server_of(invocation, server)
    if known is not None:
        from legato.cli.executions_server import tell

        return await tell(invocation, known, execution, signal)
    from legato.app import build, node_catalogue
    from legato.cli.history import find_execution
    from legato.cli.wishes import send
    from legato.errors import InvalidInput, NotFound
    from legato.model.signals import ForceNode
    from legato.model.values import load
    from legato.runtime.history import LogReader
    from legato.runtime.wishes import check_parked, forced_output

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        reader = await LogReader.open(app.stores, row.execution_id)
        await reader.read()
        try:
            check_parked(reader.state, signal.node, signal.item)
        except NotFound as error:  # what was typed is no id of a thing that may come to be
            raise InvalidInput(error.message) from None
        is_done = isinstance(signal, ForceNode) and signal.outcome == "completed"
        output = load(signal.output.json) if isinstance(signal, ForceNode) and is_done else None
        if output is not None:  # without one there is none
            forced_output(reader.state, signal.node, output, node_catalogue(), signal.item)
        return await send(app, invocation, reader, signal)
