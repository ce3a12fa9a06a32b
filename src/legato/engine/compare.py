# SPDX-License-Identifier: Apache-2.0
"""Two executions side by side: what each node came to, and where they first part. Pure.

Rules: CL27.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from legato.engine.state import ExecutionState
from legato.engine.view import visible_status
from legato.model.frames import NodeStatus
from legato.model.ids import NodeId
from legato.model.values import Value, load
from legato.model.workflow import node_hash

Aspect = Literal["only_one", "definition", "input", "status", "case", "output"]
"""In what a node differs, the most telling first."""
_SAID_BY_A_PERSON: Final = ("approved", "comment", "data")
"""Of an answer; who gave it and when differs always and means nothing."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a node came to in one of them. `took_ms` is None while it has not begun and ended."""

    status: NodeStatus
    took_ms: int | None
    attempts: int
    reused: bool
    edited: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One node in both; None where a version does not have it."""

    node: NodeId
    one: Side | None
    other: Side | None
    differs: tuple[Aspect, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows in the order in which the first of them runs; `first` is where they part."""

    rows: tuple[Row, ...]
    same_version: bool
    same_inputs: bool
    first: NodeId | None = field(default=None)


def compare(one: ExecutionState, other: ExecutionState) -> Comparison:
    """Compare two folded executions node by node. Cost: O(nodes + bytes of inline outputs)."""
    names = [one.spec(index).id for index in _order(one)]
    known = set(names)
    names += [name for index in _order(other) if (name := other.spec(index).id) not in known]
    rows = tuple(_row(one, other, name) for name in names)
    started, other_started = one.started, other.started
    return Comparison(
        rows,
        same_version=_version(one) == _version(other),
        same_inputs=started is not None
        and other_started is not None
        and _same(started.inputs, other_started.inputs),
        first=next((row.node for row in rows if row.differs), None),
    )


def _order(state: ExecutionState) -> list[int]:
    return sorted(range(len(state.nodes)), key=state.graph.phase_numbers.__getitem__)


def _version(state: ExecutionState) -> str:
    return "" if state.started is None else state.started.version


def _row(one: ExecutionState, other: ExecutionState, name: NodeId) -> Row:
    places = one.graph.index_of.get(name), other.graph.index_of.get(name)
    if places[0] is None or places[1] is None:
        left = None if places[0] is None else _side(one, places[0])
        right = None if places[1] is None else _side(other, places[1])
        return Row(name, left, right, ("only_one",))
    return Row(
        name,
        _side(one, places[0]),
        _side(other, places[1]),
        _aspects(one, places[0], other, places[1]),
    )


def _side(state: ExecutionState, index: int) -> Side:
    node = state.nodes[index]
    took = (
        None
        if node.started_at is None or node.ended_at is None
        else node.ended_at - node.started_at
    )
    return Side(visible_status(node), took, node.attempt, node.reused, node.edited)


def _aspects(
    one: ExecutionState, index: int, other: ExecutionState, place: int
) -> tuple[Aspect, ...]:
    left, right = one.nodes[index], other.nodes[place]
    # A reused node had no attempt here: only two known inputs can differ.
    inputs = {left.input_hash, right.input_hash} - {""}
    is_answer = one.spec(index).kind in {"approval", "form"}
    found: dict[Aspect, bool] = {
        "definition": node_hash(one.spec(index)) != node_hash(other.spec(place)),
        "input": len(inputs) > 1,
        "status": visible_status(left) != visible_status(right),
        "case": left.case != right.case,
        "output": not _same(left.output, right.output, is_answer=is_answer),
    }
    return tuple(aspect for aspect, differs in found.items() if differs)


def _same(one: Value, other: Value, *, is_answer: bool = False) -> bool:
    """Tell whether two values are the same JSON, whatever the order of keys."""
    if one.ref is not None or other.ref is not None:
        return one.ref == other.ref
    if bytes(one.json) == bytes(other.json):
        return True
    left, right = load(one.json), load(other.json)
    return bool(_said(left) == _said(right)) if is_answer else bool(left == right)


def _said(answer: Any) -> Any:
    if not isinstance(answer, dict):
        return answer
    return {name: answer.get(name) for name in _SAID_BY_A_PERSON}
