# SPDX-License-Identifier: Apache-2.0
"""What an execution, and everything it called, asks of a person.

A person knows the execution that was started; a question may stand in a workflow that it called,
rounds deep. Rules: CL6, CL25, CL26, ND73.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from legato.cli.history import LogReader, fetch
from legato.cli.text import pretty_json, pretty_text, word
from legato.errors import Conflict, InvalidInput
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId, NodeId

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.invocation import Invocation
    from legato.model.signals import AnswerApproval
    from legato.ports.executions import ExecutionRow
    from legato.ports.stores import Stores

FAMILY_READ_MAX: Final = 10_000
"""Called executions among which questions are looked for."""
DETAIL_LINES_MAX: Final = 60
LOGS_READ_MAX: Final = 500
"""Of those that are open so many are read: a person is shown no more questions than that."""


@dataclass(frozen=True, slots=True)
class Question:
    """A node that waits for a person. `config` is what it shows."""

    execution_id: ExecutionId
    node: NodeId
    is_form: bool
    config: dict[str, Any]

    @property
    def message(self) -> str:
        """What it asks."""
        return str(self.config.get("message") or "")

    def detail_lines(self) -> list[str]:
        """Return what a person should see to decide: the `details` of an approval, indented."""
        details = self.config.get("details")
        if details is None:
            return []
        more = f"legato executions show {self.execution_id} --json"
        if isinstance(details, str):
            lines = pretty_text(details, lines_max=DETAIL_LINES_MAX, more=more)
        else:
            lines = pretty_json(details, lines_max=DETAIL_LINES_MAX, more=more)
        return [f"  {line}" for line in lines]


async def open_readers(stores: Stores, row: ExecutionRow) -> list[LogReader]:
    """Return the log of an execution, read, and of those it called that have not ended."""
    family = await stores.executions.descendants(row.execution_id, limit=FAMILY_READ_MAX)
    still_open = [each for each in family if each.status not in FINAL_EXECUTION]
    readers: list[LogReader] = []
    for each in [row, *still_open[:LOGS_READ_MAX]]:
        reader = await LogReader.open(stores, each.execution_id)
        await reader.read()
        readers.append(reader)
    return readers


async def questions_of(stores: Stores, readers: list[LogReader]) -> list[Question]:
    """Return every question in logs that were read, the root's first."""
    found: list[Question] = []
    for reader in readers:
        state = reader.state
        for index in state.open_waits:
            node = state.nodes[index]
            if node.wait not in {"approval", "form"} or state.ended is not None:
                continue
            config = await fetch(stores, node.wait_config)
            shown = config if isinstance(config, dict) else {}
            spec = state.spec(index)
            found.append(Question(state.execution_id, spec.id, node.wait == "form", shown))
    return found


async def choose_question(stores: Stores, row: ExecutionRow, node: str | None) -> Question:
    """Return the question that a person means.

    Args:
        stores: Where logs are.
        row: The execution that was named.
        node: Its node, or one of what it called; None if only one question is open.

    Raises:
        InvalidInput: There is no such node, or it is not clear which question is meant.
        Conflict: The node does not wait for an answer.
    """
    readers = await open_readers(stores, row)
    found = await questions_of(stores, readers)
    meant = [each for each in found if node is None or each.node == node]
    own = [each for each in meant if each.execution_id == row.execution_id]
    if len(own) == 1 or len(meant) == 1:
        return (own if len(own) == 1 else meant)[0]
    if meant:
        names = ", ".join(f"{each.execution_id} {each.node}" for each in meant[:10])
        raise InvalidInput(f"name execution and node to answer; waiting for an answer: {names}")
    if node is None:
        raise InvalidInput("name the node to answer; waiting for an answer: none")
    raise _not_waiting(readers, row, NodeId(node))


def _not_waiting(
    readers: list[LogReader], row: ExecutionRow, node: NodeId
) -> InvalidInput | Conflict:
    states = [reader.state for reader in readers if node in reader.state.graph.index_of]
    if not states:
        return InvalidInput(f"there is no node {node} in {row.workflow}, nor in what it called")
    found = states[0].nodes[states[0].graph.index_of[node]]
    if found.status == "completed" and found.by:
        return Conflict(f"{node} has been answered already, by {found.by}")
    return Conflict(f"{node} does not wait for an answer; it is {word(found.status)}")


async def send_answer(
    app: App, invocation: Invocation, question: Question, signal: AnswerApproval
) -> int:
    """Send an answer to the execution that asks, and say what came of it."""
    from legato.cli.wishes import send

    reader = await LogReader.open(app.stores, question.execution_id)
    await reader.read()
    return await send(app, invocation, reader, signal)


def how_to_answer(execution_id: ExecutionId, node: str, *, is_form: bool) -> list[str]:
    """Return the commands that answer a question."""
    verbs = ("answer", "reject") if is_form else ("approve", "reject")
    return [f"legato executions {verb} {execution_id} {node}" for verb in verbs]
