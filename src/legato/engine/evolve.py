# SPDX-License-Identifier: Apache-2.0
"""`evolve(state, recorded)`: the only code that changes a state's facts; one function per event.

It never refuses, never looks at a clock and never decides: an event is true. It mutates the state
it owns (copying it per event costs fifty times as much). It returns the index of the node that the
event touched, or -1 for the execution itself, so that the view knows what to show anew.

Rules: ST, GR, AT, LG.
"""

from collections import deque
from collections.abc import Callable, Iterable

from legato.errors import Internal
from legato.model import events as ev
from legato.model.frames import NodeStatus
from legato.model.ids import ExecutionId
from legato.model.values import NULL
from legato.engine.state import ExecutionState, ItemsState, NodeState

EXECUTION = -1
"""What `evolve` returns when the event is about the execution itself."""


def evolve(state: ExecutionState, event: ev.AnyEvent, at: int) -> int:
    """Apply one event at time `at` (ms) to the state, as its next seq.

    Returns:
        The index of the touched node, or `EXECUTION`.

    Raises:
        Internal: The event type is unknown; that execution must stop, never guess.
    """
    rule = _RULES.get(type(event))
    if rule is None:
        raise Internal(f"no rule for the event {type(event).__name__}")
    state.seq += 1
    state.last_at = at
    touched = rule(state, event, at)
    if state.graph.workflow.budget.duration_ms is not None:
        _keep_budget(state, at)
    return touched


def fold(state: ExecutionState, history: Iterable[ev.Recorded]) -> ExecutionState:
    """Apply a history in order.

    Raises:
        Internal: A seq is missing or doubled.
    """
    for recorded in history:
        if recorded.seq != state.seq + 1:
            raise Internal(
                f"{state.execution_id}: event {recorded.seq} where {state.seq + 1} was expected"
            )
        evolve(state, recorded.event, recorded.at)
    return state


_OPEN_WAITS: frozenset[NodeStatus] = frozenset({"waiting", "retrying", "needs_attention"})

# --- helpers -----------------------------------------------------------------------------------


def _keep_budget(state: ExecutionState, at: int) -> None:
    """Run the duration clock, except while paused, needing attention or ended."""
    counts = state.status not in {"paused", "needs_attention", "queued"} and state.ended is None
    if counts and state.budget_since is None:
        state.budget_since = at
    elif not counts and state.budget_since is not None:
        state.budget_used_ms += at - state.budget_since
        state.budget_since = None


def _set_status(state: ExecutionState, index: int, node: NodeState, status: NodeStatus) -> None:
    """Move a node between statuses and keep the counters and the list of waits true."""
    _count(state, node, node.status, -1)
    _count(state, node, status, 1)
    if status in _OPEN_WAITS:
        state.open_waits[index] = None
    elif node.status in _OPEN_WAITS:
        del state.open_waits[index]
    node.status = status
    node.phase = "idle"


def _count(state: ExecutionState, node: NodeState, status: NodeStatus, step: int) -> None:
    if status == "running":
        if node.items is None:
            state.running += step
    elif status == "waiting":
        state.waiting += step
    elif status == "retrying":
        state.retrying += step
    elif status == "needs_attention":
        state.parked += step


def _end_node(state: ExecutionState, index: int, status: NodeStatus, at: int) -> int:
    """Make a node final and settle the edges out of it."""
    node = state.nodes[index]
    _drop_items(state, node)
    _set_status(state, index, node, status)
    state.foreach_open.pop(index, None)
    node.ended_at = at
    node.wait = node.wait_until = node.retry_at = node.park = None
    state.final_count += 1
    on_error = state.graph.nodes[index].on_error
    failed = status == "failed"
    passes = status == "completed" or (failed and on_error == "continue")
    handled = failed and on_error not in {"fail", "continue"}
    for edge in state.graph.out_edges[index]:
        if edge.kind == "normal":
            satisfied = passes
        elif edge.kind == "failure":
            satisfied = handled
        else:
            satisfied = status == "completed" and edge.case == node.case
        target = state.nodes[edge.target]
        target.unmet -= 1
        if satisfied:
            target.met += 1
        elif target.cause is None:
            target.cause = state.graph.nodes[index].id
        if target.status == "pending" and (
            target.unmet == 0
            or (satisfied and target.met == 1 and state.graph.nodes[edge.target].join == "any")
        ):
            state.decidable.append(edge.target)
    return index


def _drop_items(state: ExecutionState, node: NodeState) -> None:
    """Take whatever items still count out of the counters."""
    items = node.items
    if items is None:
        return
    state.running -= len(items.running)
    state.waiting -= len(items.children)
    state.retrying -= len(items.retry_at)
    state.parked -= len(items.parked)
    items.running.clear()
    items.children.clear()
    items.retry_at.clear()
    items.parked.clear()


def _index(state: ExecutionState, node_id: str) -> int:
    return state.graph.index_of[node_id]  # type: ignore[index]


# --- the execution -----------------------------------------------------------------------------


def _execution_started(state: ExecutionState, event: ev.ExecutionStarted, at: int) -> int:
    state.started = event
    state.decidable.extend(i for i, node in enumerate(state.nodes) if node.unmet == 0)
    return EXECUTION


def _execution_adopted(state: ExecutionState, event: ev.ExecutionAdopted, at: int) -> int:
    state.epoch_fence = event.fence
    return EXECUTION


def _cancel_requested(state: ExecutionState, event: ev.CancelRequested, at: int) -> int:
    state.cancel = event.status
    state.stopping = event.status
    return EXECUTION


def _execution_paused(state: ExecutionState, event: ev.ExecutionPaused, at: int) -> int:
    state.paused = True
    state.paused_by = event.by
    return EXECUTION


def _execution_resumed(state: ExecutionState, event: ev.ExecutionResumed, at: int) -> int:
    state.paused = False
    return EXECUTION


def _execution_ended(state: ExecutionState, event: ev.ExecutionEnded, at: int) -> int:
    state.ended = event.status
    state.ended_at = at
    state.outputs = event.outputs
    if event.error is not None:
        state.error = event.error
        state.error_node = event.node
    return EXECUTION


def _signal_received(state: ExecutionState, event: ev.SignalReceived, at: int) -> int:
    state.signals.setdefault(event.name, deque()).append((event.payload, event.by))
    return EXECUTION


def _signal_rejected(state: ExecutionState, event: ev.SignalRejected, at: int) -> int:
    state.rejections += 1
    return EXECUTION


# --- attempts and nodes ------------------------------------------------------------------------


def _attempt_started(state: ExecutionState, event: ev.AttemptStarted, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    _set_status(state, index, node, "running")
    node.attempt = event.attempt
    node.input_hash = event.input_hash
    node.isolated = event.isolated
    node.retry_at = None
    node.error = None
    if node.started_at is None:
        node.started_at = at
    return index


def _attempt_failed(state: ExecutionState, event: ev.AttemptFailed, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.failures += 1
    node.error = event.error
    node.retry_at = event.retry_at
    _set_status(state, index, node, "retrying")
    state.add_timer(event.retry_at, index)
    return index


def _attempt_lost(state: ExecutionState, event: ev.AttemptLost, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.losses += 1
    _count_death(node, event.cause)
    if event.retry_at is not None:
        node.retry_at = event.retry_at
        _set_status(state, index, node, "retrying")
        state.add_timer(event.retry_at, index)
    return index


def _count_death(node: NodeState, cause: ev.LostCause) -> None:
    if cause == "engine_died":
        node.engine_deaths += 1
    elif cause == "process_died":
        node.process_deaths += 1


def _node_waiting(state: ExecutionState, event: ev.NodeWaiting, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    _set_status(state, index, node, "waiting")
    node.wait = event.kind
    node.wait_until = event.until
    node.wait_config = event.config
    if node.started_at is None:
        node.started_at = at
    if event.until is not None:
        state.add_timer(event.until, index)
    return index


def _node_completed(state: ExecutionState, event: ev.NodeCompleted, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.output = event.output
    node.errors = event.errors
    node.case = event.case
    node.by = event.by
    node.error = None
    if node.started_at is None:
        node.started_at = at
    if event.consumed is not None:
        state.signals[event.consumed].popleft()
    return _end_node(state, index, "completed", at)


def _node_failed(state: ExecutionState, event: ev.NodeFailed, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.error = event.error
    node.by = event.by
    if node.started_at is None:
        node.started_at = at
    if state.graph.nodes[index].on_error == "fail" and state.stopping is None:
        state.stopping = "failed"
        state.error = event.error
        state.error_node = event.node
    return _end_node(state, index, "failed", at)


def _node_skipped(state: ExecutionState, event: ev.NodeSkipped, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.cause = event.cause
    node.by = event.by
    return _end_node(state, index, "skipped", at)


def _node_cancelled(state: ExecutionState, event: ev.NodeCancelled, at: int) -> int:
    index = _index(state, event.node)
    state.nodes[index].outcome_unknown = event.outcome_unknown
    return _end_node(state, index, "cancelled", at)


def _node_parked(state: ExecutionState, event: ev.NodeParked, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    if event.item is None or node.items is None:
        _set_status(state, index, node, "needs_attention")
        node.park = event.reason
        node.error = event.error
        return index
    items = node.items
    _leave(state, items, event.item)
    items.parked[event.item] = event.reason
    state.parked += 1
    if event.error is not None:
        items.errors.pop(event.item, None)
        node.error = event.error
    return index


def _node_unparked(state: ExecutionState, event: ev.NodeUnparked, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    if event.item is None or node.items is None:
        node.park = None
        node.engine_deaths = node.process_deaths = 0
        node.retry_at = at
        _set_status(state, index, node, "retrying")
        state.add_timer(at, index)
        return index
    items = node.items
    if items.parked.pop(event.item, None) is not None:
        state.parked -= 1
    items.deaths.pop(event.item, None)
    items.retry_at[event.item] = at
    state.retrying += 1
    state.add_timer(at, index, event.item)
    return index


def _node_reused(state: ExecutionState, event: ev.NodeReused, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    node.output = event.output
    node.errors = event.errors
    node.case = event.case
    node.by = event.by
    node.reused = True
    node.started_at = at
    return _end_node(state, index, "completed", at)


# --- foreach -----------------------------------------------------------------------------------


def _leave(state: ExecutionState, items: ItemsState, item: int) -> None:
    """Take an item out of whatever it is in."""
    if item in items.running:
        items.running.discard(item)
        items.hashes.pop(item, None)
        state.running -= 1
    elif items.children.pop(item, None) is not None:
        state.waiting -= 1
    elif items.retry_at.pop(item, None) is not None:
        state.retrying -= 1
    elif items.parked.pop(item, None) is not None:
        state.parked -= 1


def _items_planned(state: ExecutionState, event: ev.ItemsPlanned, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    items = ItemsState(event.count, event.list_hash)
    node.items = items
    node.started_at = at
    _set_status(state, index, node, "running")
    state.foreach_open[index] = None
    reused = state.items_reused.pop(index, None)
    if reused is not None and reused[0] == event.list_hash:
        for item, output in zip(reused[1], reused[2], strict=True):
            items.outputs[item] = output
            items.done[item] = 1
            items.completed += 1
    return index


def _items_started(state: ExecutionState, event: ev.ItemsStarted, at: int) -> int:
    index = _index(state, event.node)
    items = _items_of(state, index)
    for item, attempt, digest in zip(event.items, event.attempts, event.input_hashes, strict=True):
        _leave(state, items, item)
        items.running.add(item)
        items.hashes[item] = digest
        if attempt > 1:
            items.attempts[item] = attempt
        state.running += 1
        items.next_pending = max(items.next_pending, item + 1)
    return index


def _items_ended(state: ExecutionState, event: ev.ItemsEnded, at: int) -> int:
    index = _index(state, event.node)
    items = _items_of(state, index)
    for item, output in zip(event.items, event.outputs, strict=True):
        _leave(state, items, item)
        items.outputs[item] = output
        items.done[item] = 1
        items.completed += 1
        items.next_pending = max(items.next_pending, item + 1)
    return index


def _item_failed(state: ExecutionState, event: ev.ItemFailed, at: int) -> int:
    index = _index(state, event.node)
    items = _items_of(state, index)
    _leave(state, items, event.item)
    items.failures[event.item] = items.failures.get(event.item, 0) + 1
    items.attempts[event.item] = max(event.attempt, 1)
    items.next_pending = max(items.next_pending, event.item + 1)
    if event.retry_at is None:
        items.errors[event.item] = event.error
        items.done[event.item] = 1
    else:
        items.retry_at[event.item] = event.retry_at
        state.retrying += 1
        state.add_timer(event.retry_at, index, event.item)
    return index


def _items_lost(state: ExecutionState, event: ev.ItemsLost, at: int) -> int:
    index = _index(state, event.node)
    items = _items_of(state, index)
    _count_death(state.nodes[index], event.cause)
    for item in event.items:
        _leave(state, items, item)
        items.attempts[item] = items.attempts.get(item, 1)
        items.losses[item] = items.losses.get(item, 0) + 1
        if event.cause == "process_died":
            items.deaths[item] = items.deaths.get(item, 0) + 1
        items.retry_at[item] = event.retry_at
        state.retrying += 1
        state.add_timer(event.retry_at, index, item)
    return index


def _items_reused(state: ExecutionState, event: ev.ItemsReused, at: int) -> int:
    index = _index(state, event.node)
    state.items_reused[index] = (event.list_hash, event.items, event.outputs)
    return index


def _item_forced(state: ExecutionState, event: ev.ItemForced, at: int) -> int:
    index = _index(state, event.node)
    items = _items_of(state, index)
    _leave(state, items, event.item)
    items.outputs[event.item] = event.output
    items.done[event.item] = 1
    items.completed += 1
    return index


def _items_of(state: ExecutionState, index: int) -> ItemsState:
    items = state.nodes[index].items
    if items is None:
        raise Internal(f"{state.spec(index).id} has no items yet")
    return items


# --- children ----------------------------------------------------------------------------------


def _child_started(state: ExecutionState, event: ev.ChildStarted, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    if event.item is not None and node.items is not None:
        _leave(state, node.items, event.item)
        node.items.children[event.item] = (event.child, event.iteration)
        node.items.next_pending = max(node.items.next_pending, event.item + 1)
        state.waiting += 1
        return index
    if node.status != "waiting":
        _set_status(state, index, node, "waiting")
    node.phase = "idle"
    node.wait = "child"
    node.child = event.child
    node.iteration = event.iteration
    if node.started_at is None:
        node.started_at = at
        timeout = state.graph.nodes[index].timeout_ms
        if timeout is not None:
            node.wait_until = at + timeout
            state.add_timer(node.wait_until, index)
    return index


def _child_ended(state: ExecutionState, event: ev.ChildEnded, at: int) -> int:
    index = _index(state, event.node)
    node = state.nodes[index]
    if event.item is not None and node.items is not None:
        # The place stays taken (no child's name in it) until the loop goes on or the item ends.
        node.items.children[event.item] = (ExecutionId(""), event.iteration)
        node.items.previous[event.item] = event.output
        return index
    node.previous = event.output
    node.child = None
    return index


_RULES: dict[type, Callable[[ExecutionState, "ev.AnyEvent", int], int]] = {  # type: ignore[assignment]
    ev.ExecutionStarted: _execution_started,
    ev.ExecutionAdopted: _execution_adopted,
    ev.CancelRequested: _cancel_requested,
    ev.ExecutionPaused: _execution_paused,
    ev.ExecutionResumed: _execution_resumed,
    ev.ExecutionEnded: _execution_ended,
    ev.SignalReceived: _signal_received,
    ev.SignalRejected: _signal_rejected,
    ev.AttemptStarted: _attempt_started,
    ev.AttemptFailed: _attempt_failed,
    ev.AttemptLost: _attempt_lost,
    ev.NodeWaiting: _node_waiting,
    ev.NodeCompleted: _node_completed,
    ev.NodeFailed: _node_failed,
    ev.NodeSkipped: _node_skipped,
    ev.NodeCancelled: _node_cancelled,
    ev.NodeParked: _node_parked,
    ev.NodeUnparked: _node_unparked,
    ev.NodeReused: _node_reused,
    ev.ItemsPlanned: _items_planned,
    ev.ItemsStarted: _items_started,
    ev.ItemsEnded: _items_ended,
    ev.ItemFailed: _item_failed,
    ev.ItemsLost: _items_lost,
    ev.ItemsReused: _items_reused,
    ev.ItemForced: _item_forced,
    ev.ChildStarted: _child_started,
    ev.ChildEnded: _child_ended,
}
