# SPDX-License-Identifier: Apache-2.0
"""What the rules share: moving nodes and items between statuses with every counter kept true.

Rules: ST, GR.
"""

from typing import Final

from legato.engine.state import ExecutionState, ItemsState, NodeState
from legato.engine.waits import signal_name
from legato.model.frames import NodeStatus
from legato.model.ids import NodeId

_OPEN_WAITS: Final[frozenset[NodeStatus]] = frozenset({"waiting", "retrying", "needs_attention"})


def index_of(state: ExecutionState, node_id: NodeId) -> int:
    """Return the index of the node that an event names."""
    return state.graph.index_of[node_id]


def keep_budget(state: ExecutionState, at: int) -> None:
    """Run the duration clock, except while paused, needing attention or ended."""
    counts = state.status not in {"paused", "needs_attention", "queued"} and state.ended is None
    if counts and state.budget_since is None:
        state.budget_since = at
    elif not counts and state.budget_since is not None:
        state.budget_used_ms += at - state.budget_since
        state.budget_since = None


def make_due(state: ExecutionState, index: int) -> None:
    """Note that a pending node is to be decided."""
    node = state.nodes[index]
    state.decidable.append(index)
    if not node.is_due:
        node.is_due = True
        state.moving += 1


def set_status(state: ExecutionState, index: int, status: NodeStatus) -> None:
    """Move a node between statuses and keep the counters and the lists of waits true."""
    node = state.nodes[index]
    if node.is_due:
        node.is_due = False
        state.moving -= 1
    if node.status == "waiting":
        _leave_wait(state, index, node)
    _count(state, node, node.status, -1)
    _count(state, node, status, 1)
    if status in _OPEN_WAITS:
        state.open_waits[index] = None
    elif node.status in _OPEN_WAITS:
        del state.open_waits[index]
    node.status = status
    node.phase = "idle"


def _leave_wait(state: ExecutionState, index: int, node: NodeState) -> None:
    if node.wait == "signal":
        del state.signal_waits[signal_name(state.spec(index), node.wait_config)][index]
    elif node.wait == "child" and node.child is None:
        state.moving -= 1


def _count(state: ExecutionState, node: NodeState, status: NodeStatus, step: int) -> None:
    """Count a node by its status; a foreach node counts by its items instead."""
    if status == "running":
        if node.items is None:
            state.running += step
    elif status == "waiting":
        state.waiting += step
    elif status == "retrying":
        state.retrying += step
    elif status == "needs_attention":
        state.parked += step


def leave(state: ExecutionState, items: ItemsState, item: int) -> None:
    """Take an item out of whatever it is in."""
    if item in items.running:
        items.running.discard(item)
        state.running -= 1
    elif item in items.children:
        child, _ = items.children.pop(item)
        items.child_until.pop(item, None)
        state.waiting -= 1
        state.moving -= not child
    elif items.retry_at.pop(item, None) is not None:
        state.retrying -= 1
    elif items.parked.pop(item, None) is not None:
        state.parked -= 1
    else:
        items.pending -= 1
        items.next_pending = max(items.next_pending, item + 1)


def finish(items: ItemsState, item: int) -> None:
    """Mark an item as ended, whichever way."""
    items.done[item] = 1
    items.hashes.pop(item, None)


def look_again(state: ExecutionState, index: int) -> int:
    """Have `decide` look at a foreach node after a change of its items; return its index."""
    items = state.items(index)
    if state.is_failing(index):
        can_move = not items.running
    elif items.pending:
        can_move = items.in_flight < state.item_bound(index)
    else:
        can_move = not (items.in_flight or items.retry_at or items.parked)
    state.moving += can_move - items.can_move
    items.can_move = can_move
    state.pump(index)
    return index


def end_node(state: ExecutionState, index: int, status: NodeStatus, at: int) -> int:
    """Make a node final and settle the edges out of it; return its index."""
    node = state.nodes[index]
    if node.items is not None:
        _drop_items(state, node.items)
    set_status(state, index, status)
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
        _settle_edge(state, index, edge.target, satisfied=satisfied)
    return index


def _settle_edge(state: ExecutionState, source: int, target: int, *, satisfied: bool) -> None:
    node = state.nodes[target]
    node.unmet -= 1
    if satisfied:
        node.met += 1
    elif node.cause is None:
        node.cause = state.graph.nodes[source].id
    if node.status != "pending":
        return
    is_first = satisfied and node.met == 1
    if node.unmet == 0 or (is_first and state.graph.nodes[target].join == "any"):
        make_due(state, target)


def _drop_items(state: ExecutionState, items: ItemsState) -> None:
    """Take whatever items still count out of the counters."""
    state.running -= len(items.running)
    state.waiting -= len(items.children)
    state.retrying -= len(items.retry_at)
    state.parked -= len(items.parked)
    state.moving -= items.can_move + sum(1 for child, _ in items.children.values() if not child)
    items.can_move = False
    items.running.clear()
    items.children.clear()
    items.child_until.clear()
    items.retry_at.clear()
    items.parked.clear()
    items.hashes.clear()
