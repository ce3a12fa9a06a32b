# SPDX-License-Identifier: Apache-2.0
"""Rules for the events of child executions.

Rules: GR.
"""

from legato.engine.evolve.counters import index_of, leave, look_again, set_status
from legato.engine.state import ExecutionState
from legato.model import events as ev
from legato.model.ids import ExecutionId


def child_started(state: ExecutionState, event: ev.ChildStarted, at: int) -> int:
    """The node (or item) waits for a child."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    if event.item is not None:
        items, item = state.items(index), event.item
        until = items.child_until.get(item, event.until)
        leave(state, items, item)
        items.children[item] = (event.child, event.iteration)
        state.waiting += 1
        if until is not None:
            items.child_until[item] = until
        if event.until is not None:
            state.add_timer(event.until, index, item)
        return look_again(state, index)
    if node.status != "waiting":
        set_status(state, index, "waiting")
    else:
        state.moving -= 1  # a loop that stood between two iterations
    node.phase = "idle"
    node.wait = "child"
    node.child = event.child
    node.iteration = event.iteration
    if node.started_at is None:
        node.started_at = at
    if event.until is not None:
        node.wait_until = event.until
        state.add_timer(event.until, index)
    return index


def child_ended(state: ExecutionState, event: ev.ChildEnded, _at: int) -> int:
    """The child is over; the place stays taken until the loop goes on or the node or item ends."""
    index = index_of(state, event.node)
    node = state.nodes[index]
    if event.item is not None:
        items = state.items(index)
        items.children[event.item] = (ExecutionId(""), event.iteration)
        items.previous[event.item] = event.output
        state.moving += 1
        return look_again(state, index)
    node.previous = event.output
    node.child = None
    state.moving += 1
    return index
