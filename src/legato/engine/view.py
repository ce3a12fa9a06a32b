# SPDX-License-Identifier: Apache-2.0
"""Events to frames: absolute values that anybody allowed on the topic may see.

Frames are made from the state at `to_seq`, so applying one twice changes nothing. Values of
inputs and outputs never enter a frame: they are fetched by those who may.

Rules: VW1-VW7.
"""

from collections.abc import Iterable

from legato.engine.evolve import EXECUTION
from legato.engine.state import ExecutionState, NodeState
from legato.model.events import UNKNOWN_PARKS
from legato.model.frames import (
    AnySet,
    ExecutionFrame,
    Frame,
    ItemCounters,
    NodeFrame,
    NodeStatus,
)

_MESSAGE_CHARS_MAX = 500


def frame(state: ExecutionState, touched: Iterable[int], *, from_seq: int, epoch: int) -> Frame:
    """Return the frame for a turn.

    Args:
        state: At the turn's last seq.
        touched: Node indices that its events touched (`EXECUTION` among them or not).
        from_seq: Head seq before the turn.
        epoch: Incarnation of the store.
    """
    sets: list[AnySet] = [execution_set(state)]
    sets.extend(node_set(state, index) for index in touched if index != EXECUTION)
    return Frame(state.execution_id, epoch, from_seq, state.seq, tuple(sets))


def snapshot(state: ExecutionState, *, epoch: int) -> Frame:
    """Return everything at the current seq: what a new watcher begins with."""
    return frame(state, range(len(state.nodes)), from_seq=0, epoch=epoch)


def execution_set(state: ExecutionState) -> ExecutionFrame:
    """Return the execution's own visible state."""
    started = state.started
    parent = started.parent if started is not None else None
    source = started.forked_from if started is not None else None
    error = state.error if state.ended in {"failed", None} else None
    return ExecutionFrame(
        execution_id=state.execution_id,
        workflow=started.workflow if started is not None else state.graph.workflow.name,
        status=state.status,
        total_phases=state.graph.total_phases,
        completed_phases=state.final_count,
        started_at=started.at if started is not None else None,
        completed_at=state.ended_at,
        error=None if error is None else error.message[:_MESSAGE_CHARS_MAX],
        error_node=state.error_node if error is not None else None,
        parent=parent.execution_id if parent is not None else None,
        forked_from=source.execution_id if source is not None else None,
    )


def node_set(state: ExecutionState, index: int) -> NodeFrame:
    """Return one node's visible state."""
    node = state.nodes[index]
    spec = state.graph.nodes[index]
    error = node.error
    return NodeFrame(
        node_id=spec.id,
        status=visible_status(node),
        phase_number=state.graph.phase_numbers[index],
        total_phases=state.graph.total_phases,
        title=spec.title or spec.id,
        attempt=node.attempt,
        started_at=node.started_at,
        completed_at=node.ended_at,
        retry_at=node.retry_at if node.status == "retrying" else None,
        wait=node.wait if node.status == "waiting" else None,
        wait_until=node.wait_until if node.status == "waiting" else None,
        message=node.park,
        error=None if error is None else error.message[:_MESSAGE_CHARS_MAX],
        error_kind=None if error is None else error.kind,
        cause=node.cause if node.status == "skipped" else None,
        reused=node.reused,
        outcome_unknown=node.outcome_unknown or node.park in UNKNOWN_PARKS,
        items=_counters(node),
        child=node.child,
        output_size=node.output.size if node.status == "completed" else None,
    )


def visible_status(node: NodeState) -> NodeStatus:
    """Return a node's status; a foreach node shows what its items do, as an execution does."""
    items = node.items
    if items is None or node.is_final:
        return node.status
    if items.running or items.can_move:
        return "running"
    if items.retry_at:
        return "retrying"
    if items.parked:
        return "needs_attention"
    return "waiting" if items.children else node.status


def _counters(node: NodeState) -> ItemCounters | None:
    items = node.items
    if items is None:
        return None
    return ItemCounters(
        total=items.count,
        running=len(items.running) + len(items.children),
        completed=items.completed,
        failed=len(items.errors),
        retrying=len(items.retry_at),
        needs_attention=len(items.parked),
    )
