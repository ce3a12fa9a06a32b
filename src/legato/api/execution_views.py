# SPDX-License-Identifier: Apache-2.0
"""What an execution shows of itself at a point of its log: nodes, attempts, items, values.

Made of the folded state and nothing else, so that now and the past look alike.
Rules: XR23, XR25, XR26.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import BaseModel

from legato.api.times import time_or_none, time_text
from legato.engine.state import ExecutionState, ItemsState, NodeState
from legato.engine.view import node_set
from legato.model import events as e
from legato.model.events import NodeError, Recorded
from legato.model.frames import NodeStatus

MESSAGE_MAX: Final = 2_000


class FaultView(BaseModel):
    """Why something failed. `may_have_happened`: its effect is not certain to be undone."""

    kind: str
    message: str
    may_have_happened: bool


class ItemCount(BaseModel):
    """How far a node is that runs once per element of a list."""

    total: int
    running: int
    completed: int
    failed: int
    retrying: int
    needs_attention: int


class NodeView(BaseModel):
    """A node. `wait`: what it waits for; `park`: why it needs a person; `cause`: why it is skipped.

    `child` is the execution that it called last; `output_size` are bytes of JSON.
    """

    node: str
    title: str
    uses: str
    kind: str
    phase_number: int
    needs: list[str]
    status: NodeStatus
    attempt: int
    started_at: str | None
    completed_at: str | None
    retry_at: str | None
    wait: str | None
    wait_until: str | None
    park: str | None
    cause: str | None
    case: str | None
    by: str
    error: FaultView | None
    reused: bool
    edited: bool
    outcome_unknown: bool
    items: ItemCount | None
    child: str | None
    iteration: int
    output_size: int | None


class AttemptView(BaseModel):
    """One try. `outcome` is null while it runs; `lost` where nobody knows what it did."""

    attempt: int
    started_at: str | None
    ended_at: str | None
    outcome: str | None
    isolated: bool
    error: FaultView | None
    retry_at: str | None


class ItemView(BaseModel):
    """One element of a node's list."""

    item: int
    status: str
    attempt: int
    error: FaultView | None
    retry_at: str | None
    park: str | None
    child: str | None
    output_size: int | None


def fault(error: NodeError | None) -> dict[str, Any] | None:
    """Return an error."""
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message[:MESSAGE_MAX],
        "may_have_happened": error.may_have_happened,
    }


def node_views(state: ExecutionState) -> list[dict[str, Any]]:
    """Return every node in the order of phases."""
    order = sorted(range(len(state.nodes)), key=state.graph.phase_numbers.__getitem__)
    return [node_view(state, index) for index in order]


def node_view(state: ExecutionState, index: int) -> dict[str, Any]:
    """Return one node."""
    shown, node, spec = node_set(state, index), state.nodes[index], state.graph.nodes[index]
    items = shown.items
    return {
        "node": spec.id,
        "title": shown.title,
        "uses": spec.uses,
        "kind": spec.kind,
        "phase_number": shown.phase_number,
        "needs": [need.node for need in spec.needs],
        "status": shown.status,
        "attempt": shown.attempt,
        "started_at": time_or_none(shown.started_at),
        "completed_at": time_or_none(shown.completed_at),
        "retry_at": time_or_none(shown.retry_at),
        "wait": shown.wait,
        "wait_until": time_or_none(shown.wait_until),
        "park": node.park if shown.status == "needs_attention" else None,
        "cause": shown.cause,
        "case": node.case,
        "by": node.by,
        "error": fault(node.error),
        "reused": node.reused,
        "edited": node.edited,
        "outcome_unknown": shown.outcome_unknown,
        "items": None
        if items is None
        else {name: getattr(items, name) for name in ItemCount.model_fields},
        "child": shown.child,
        "iteration": node.iteration,
        "output_size": shown.output_size,
    }


def item_status(items: ItemsState, item: int) -> str:
    """Return what one element is doing."""
    if item in items.errors:
        return "failed"
    if items.done[item]:
        return "completed"
    if item in items.running:
        return "running"
    if item in items.children:
        return "waiting"
    if item in items.parked:
        return "needs_attention"
    if item in items.retry_at:
        return "retrying"
    return "pending"


def item_view(node: NodeState, items: ItemsState, item: int) -> dict[str, Any]:
    """Return one element."""
    output = items.outputs[item]
    child = items.children.get(item)
    status = item_status(items, item)
    return {
        "item": item,
        "status": "cancelled" if node.is_final and status not in _ENDED else status,
        "attempt": items.attempts.get(item, 0),
        "error": fault(items.errors.get(item)),
        "retry_at": time_or_none(items.retry_at.get(item)),
        "park": items.parked.get(item),
        "child": child[0] if child else None,
        "output_size": None if output is None else output.size,
    }


_ENDED: Final = frozenset({"completed", "failed"})


def attempts(
    recorded: Sequence[Recorded], node: str, item: int | None = None
) -> list[dict[str, Any]]:
    """Return the tries of a node, or of one of its items, the first one first."""
    made: dict[int, dict[str, Any]] = {}
    for each in recorded:
        for number, changes in _steps(each, node, item):
            blank = dict.fromkeys(AttemptView.model_fields) | {"isolated": False}
            made.setdefault(number, blank | {"attempt": number}).update(changes)
    return [made[number] for number in sorted(made)]


def _steps(each: Recorded, node: str, item: int | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what an event says of tries: their numbers and what changes."""
    event, at = each.event, time_text(each.at)
    if getattr(event, "node", None) != node:
        return
    if item is not None:
        yield from _item_steps(event, at, item)
        return
    match event:
        case e.AttemptStarted():
            yield event.attempt, {"started_at": at, "isolated": event.isolated}
        case e.AttemptFailed():
            retry_at = time_text(event.retry_at)
            yield event.attempt, _end(at, "failed", event.error, retry_at)
        case e.AttemptLost():
            yield event.attempt, _end(at, "lost", None, time_or_none(event.retry_at))
        case e.NodeCompleted() if event.attempt:
            yield event.attempt, _end(at, "completed")
        case e.NodeFailed() if event.attempt:
            yield event.attempt, _end(at, "failed", event.error)
        case e.NodeCancelled() if event.attempt:
            yield event.attempt, _end(at, "cancelled")
        case _:
            return


def _item_steps(event: e.AnyEvent, at: str, item: int) -> Iterator[tuple[int, dict[str, Any]]]:
    match event:
        case e.ItemsStarted() if item in event.items:
            number = event.attempts[event.items.index(item)]
            yield number, {"started_at": at, "isolated": event.isolated}
        case e.ItemFailed() if event.item == item:
            retry_at = time_or_none(event.retry_at)
            yield event.attempt, _end(at, "failed", event.error, retry_at)
        case _:
            return


def _end(
    at: str, outcome: str, error: NodeError | None = None, retry_at: str | None = None
) -> dict[str, Any]:
    return {"ended_at": at, "outcome": outcome, "error": fault(error), "retry_at": retry_at}
