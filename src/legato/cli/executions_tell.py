# SPDX-License-Identifier: Apache-2.0
"""`legato executions pause`, `signal` and `answer`: what a person or program tells a run.

Rules: CL20, CL24, CL25, CL26, ND71, ND73.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import execution_ids
from legato.cli.invocation import Invocation, command_options, examples
from legato.cli.remote import server_of, server_option

if TYPE_CHECKING:
    from legato.cli.questions import Question
    from legato.cli.terminal import Terminal
    from legato.model.values import Value


@click.command(
    epilog=examples(
        "legato executions pause ID",
        "legato executions pause ID --reason 'the other side is down'",
        "legato executions resume ID",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.option("--reason", default="", help="Kept in the log beside your name.")
@server_option
@command_options
def pause(invocation: Invocation, execution: str, reason: str, server: str | None) -> int:
    """Start nothing new; running attempts finish, timers go on. `resume` ends the pause."""
    from legato.app import run
    from legato.cli.person import person
    from legato.cli.wishes import act
    from legato.model.signals import PauseExecution

    wish = PauseExecution(person(), reason)
    return run(act(invocation, execution, wish, server_of(invocation, server)))


@click.command(
    epilog=examples(
        "legato executions signal ID go",
        'legato executions signal ID order-paid --correlation 4711 --data \'{"by": "card"}\'',
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.argument("name", metavar="NAME")
@click.option("--data", default="null", show_default=True, help="What it carries, as JSON.")
@click.option("--correlation", metavar="TEXT", help="What it is about, such as an order number.")
@server_option
@command_options
def signal(invocation: Invocation, execution: str, name: str, **given: Any) -> int:
    """Give a named signal to the node that waits for it, or keep it until one does."""
    from legato.app import run
    from legato.cli.person import person
    from legato.cli.wishes import act
    from legato.model.signals import DeliverSignal
    from legato.runtime.wishes import check_signal

    check_signal(name, given["correlation"], what="--correlation")
    data = _json(given["data"], "--data")
    wish = DeliverSignal(name, data, person(), given["correlation"] or "")
    return run(act(invocation, execution, wish, server_of(invocation, given["server"])))


@click.command(
    epilog=examples(
        "legato executions answer ID budget --data '{\"amount\": 500}'",
        "legato executions answer ID budget --field amount=500 --field note=travel",
        "legato executions answer ID",
    )
)
@click.argument("execution", metavar="ID", shell_complete=execution_ids)
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--data", help="The fields as a JSON object.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option("--comment", default="", help="Part of the node's output.")
@command_options
def answer(invocation: Invocation, execution: str, node: str | None, **given: Any) -> int:
    """Fill in a form; NODE may be left out if only one waits.

    Without --data and --field a terminal asks field by field. What does not fit is refused with the
    place of each mistake, and the form waits on.
    """
    from legato.app import run

    if given["data"] is not None and given["fields"]:
        raise click.UsageError("give either --data or --field")
    question = run(_question(invocation, execution, node))
    # Outside of the event loop: a person takes time, and Ctrl-C must reach the prompt.
    value = _fill_in(invocation.terminal, question, given)
    return run(_send(invocation, question, value, given["comment"]))


async def _question(invocation: Invocation, execution: str, node: str | None) -> Question:
    """Return the form that a person means."""
    from legato.app import build
    from legato.cli.history import find_execution
    from legato.cli.questions import choose_question
    from legato.errors import Conflict

    async with build(invocation.settings(), role="reader") as app:
        row = await find_execution(app.stores, execution)
        question = await choose_question(app.stores, row, node)
    if not question.is_form:
        raise Conflict(
            f"{question.node} is an approval, not a form",
            hint=f"Use legato executions approve {question.execution_id} {question.node}",
        )
    return question


async def _send(invocation: Invocation, question: Question, value: Value, comment: str) -> int:
    from legato.app import build
    from legato.cli.person import person
    from legato.cli.questions import send_answer
    from legato.model.signals import AnswerApproval

    signal = AnswerApproval(question.node, True, person(), comment, value)
    async with build(invocation.settings(), role="reader") as app:
        return await send_answer(app, invocation, question, signal)


def _fill_in(terminal: Terminal, question: Question, given: dict[str, Any]) -> Value:
    """Return what a person gives for a form, checked as the engine will check it again.

    Raises:
        InvalidInput: It does not fit, or there is nothing and nobody can be asked.
    """
    from legato.cli.form import ask_fields, field_lines, read_fields
    from legato.errors import InvalidInput
    from legato.model.forms import check_answer
    from legato.model.policy import INLINE_BYTES_MAX
    from legato.model.values import decode, encode, inline

    if given["data"] is not None:
        answer = check_answer(question.config, decode(given["data"], what="--data"))
    elif given["fields"]:
        answer = check_answer(question.config, read_fields(question.config, given["fields"]))
    elif terminal.can_ask:
        answer = ask_fields(terminal, question.config)
    else:
        lines = "; ".join(field_lines(question.config)) or "none"
        raise InvalidInput(f"{question.node} needs --data or --field; its fields: {lines}")
    return inline(encode(answer, what="the answer", size_bytes_max=INLINE_BYTES_MAX))


def _json(text: str, what: str) -> Value:
    from legato.model.policy import INLINE_BYTES_MAX
    from legato.model.values import decode, encode, inline

    value = decode(text, what=what)
    return inline(encode(value, what=what, size_bytes_max=INLINE_BYTES_MAX))
