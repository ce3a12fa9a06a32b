# SPDX-License-Identifier: Apache-2.0
"""Rules for the events of nodes and their attempts.

Rules: ST, AT, GR.
"""

from legato.engine.evolve.counters import (
    end_node,
    index_of,
    leave,
    look_again,
    set_status,
)
from legato.engine.state import ExecutionState, NodeState
from legato.engine.waits import signal_name
from legato.model import events as ev


def attempt_started(state: ExecutionState, event: ev.AttemptStarted, at: int) -> int:
    """The attempt runs."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    set_status(state, index, "running")
    node.attempt = event.attempt
    node.input_hash = event.input_hash
    node.isolated = event.isolated
    node.retry_at = None
    node.error = None
    _begin(node, at)
    return index


def attempt_failed(state: ExecutionState, event: ev.AttemptFailed, _at: int) -> int:
    """The node waits for its retry."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.failures += 1
    node.error = event.error
    node.retry_at = event.retry_at
    set_status(state, index, "retrying")
    state.add_timer(event.retry_at, index)
    return index


def attempt_lost(state: ExecutionState, event: ev.AttemptLost, _at: int) -> int:
    """The node waits for its next attempt, or is parked by the next event."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.losses += 1
    count_death(node, event.cause)
    if event.retry_at is not None:
        node.retry_at = event.retry_at
        set_status(state, index, "retrying")
        state.add_timer(event.retry_at, index)
    return index


def count_death(node: NodeState, cause: ev.LostCause) -> None:
    """Count what died during this node."""
    if cause == "engine_died":
        node.engine_deaths += 1
    elif cause == "process_died":
        node.process_deaths += 1


def node_waiting(state: ExecutionState, event: ev.NodeWaiting, at: int) -> int:
    """The node waits without a slot."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    set_status(state, index, "waiting")
    node.wait = event.kind
    node.wait_until = event.until
    node.wait_expires = event.expires
    node.wait_config = event.config
    _begin(node, at)
    if event.kind == "signal":
        name = signal_name(state.spec(index), event.config)
        state.signal_waits.setdefault(name, {})[index] = None
    if event.until is not None:
        state.add_timer(event.until, index)
    return index


def node_completed(state: ExecutionState, event: ev.NodeCompleted, at: int) -> int:
    """The one completion of the node."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.output = event.output
    node.errors = event.errors
    node.case = event.case
    node.by = event.by
    node.error = None
    _begin(node, at)
    if event.consumed is not None:
        state.signals[event.consumed].popleft()
        state.kept -= 1
    return end_node(state, index, "completed", at)


def node_failed(state: ExecutionState, event: ev.NodeFailed, at: int) -> int:
    """The node failed for good; unhandled, the execution begins to fail with it."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.error = event.error
    node.by = event.by
    node.outcome_unknown = event.outcome_unknown
    _begin(node, at)
    on_error = state.graph.nodes[index].on_error
    if on_error == "fail" or _is_skipped(state, on_error):
        _fail_with(state, index)
    return end_node(state, index, "failed", at)


def _is_skipped(state: ExecutionState, node_id: str) -> bool:
    """Tell whether the node that should handle a failure will never run."""
    index = state.graph.index_of.get(node_id)  # type: ignore[call-overload]
    return index is not None and state.nodes[index].status == "skipped"


def _fail_with(state: ExecutionState, index: int) -> None:
    """Nothing new starts any more: this node's failure is nobody's to handle."""
    if state.stopping is None:
        state.stopping = "failed"
        state.error = state.nodes[index].error
        state.error_node = state.spec(index).id


def node_skipped(state: ExecutionState, event: ev.NodeSkipped, at: int) -> int:
    """The node never runs; a failure that it should have handled stays unhandled."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.cause = event.cause
    node.by = event.by
    for need in state.spec(index).needs:
        source = state.graph.index_of[need.node]
        if need.kind == "failure" and state.nodes[source].status == "failed":
            _fail_with(state, source)
    return end_node(state, index, "skipped", at)


def node_cancelled(state: ExecutionState, event: ev.NodeCancelled, at: int) -> int:
    """The node ended with the execution."""
    index = index_of(state, event.node)
    state.nodes[index].outcome_unknown = event.outcome_unknown
    return end_node(state, index, "cancelled", at)


def node_parked(state: ExecutionState, event: ev.NodeParked, _at: int) -> int:
    """The node or item waits for a person."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    if event.error is not None:
        node.error = event.error
    if event.item is None:
        set_status(state, index, "needs_attention")
        node.retry_at = None
        node.park = event.reason
        return index
    items = state.items(index)
    leave(state, items, event.item)
    items.parked[event.item] = event.reason
    items.attempts[event.item] = max(event.attempt, 1)
    state.parked += 1
    return look_again(state, index)


def node_unparked(state: ExecutionState, event: ev.NodeUnparked, at: int) -> int:
    """The parked node or item is due for one more attempt."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    if event.item is None:
        node.park = None
        node.process_deaths = 0
        node.retry_at = at
        set_status(state, index, "retrying")
        state.add_timer(at, index)
        return index
    items = state.items(index)
    leave(state, items, event.item)
    items.deaths.pop(event.item, None)
    items.retry_at[event.item] = at
    state.retrying += 1
    state.add_timer(at, index, event.item)
    return look_again(state, index)


def node_reused(state: ExecutionState, event: ev.NodeReused, at: int) -> int:
    """The node has completed elsewhere."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    node.output = event.output
    node.errors = event.errors
    node.case = event.case
    node.by = event.by
    node.reused = True
    node.edited = event.edited
    _begin(node, at)
    return end_node(state, index, "completed", at)


def _begin(node: NodeState, at: int) -> None:
    if node.started_at is None:
        node.started_at = at
