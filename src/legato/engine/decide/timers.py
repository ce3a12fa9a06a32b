# SPDX-License-Identifier: Apache-2.0
"""Act on what is due: ends of waits, retries, time-outs of children.

Rules: AT18, AT20, AT22, EN11.
"""

import heapq

from legato.engine.decide.child import cancel_child, cancel_children
from legato.engine.decide.decision import Decision
from legato.engine.decide.evaluated import make_ready
from legato.model import events as ev


def fire_timers(d: Decision) -> None:
    """Pop every timer that is due at the turn's time.

    A stopping execution has none to wait for; one that was restored waits for consent first.
    """
    state = d.state
    if state.restored:
        return
    while state.timers and state.timers[0][0] <= d.now and state.stopping is None:
        due, index, item = heapq.heappop(state.timers)
        if not state.is_timer_live(due, index, item):
            continue
        node = state.nodes[index]
        if item >= 0:
            _item_due(d, index, item)
        elif node.status == "retrying":
            if node.phase == "idle":
                make_ready(d, index)
        else:
            _end_wait(d, index)


def _item_due(d: Decision, index: int, item: int) -> None:
    """An item's retry is due, or its child has taken too long."""
    items = d.state.items(index)
    if item in items.retry_at:
        items.retry_ready.append(item)
        d.state.pump(index)
        return
    spec = d.state.spec(index)
    child, _ = items.children[item]
    if child:
        cancel_child(d, child, f"item {item} of {spec.id} timed out")
    items.asking.discard(item)
    d.emit(ev.ItemFailed(spec.id, item, 0, _timed_out(spec.timeout_ms)))


def _end_wait(d: Decision, index: int) -> None:
    """A delay is over: success. Any other wait: it timed out."""
    node = d.state.nodes[index]
    spec = d.state.spec(index)
    if node.wait == "delay" and not node.wait_expires:
        d.emit(ev.NodeCompleted(spec.id))
        return
    cancel_children(d, index, f"{spec.id} timed out")
    d.emit(ev.NodeFailed(spec.id, _timed_out(spec.timeout_ms)))


def _timed_out(timeout_ms: int | None) -> ev.NodeError:
    return ev.NodeError("timeout", f"the wait was not over within {timeout_ms} ms", retryable=False)
