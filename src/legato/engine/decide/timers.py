# SPDX-License-Identifier: Apache-2.0
"""Act on what is due: ends of waits, retries, the duration budget."""

import heapq

from legato.engine.decide.cancel import stop_running
from legato.engine.decide.child import cancel_children
from legato.engine.decide.decision import Decision
from legato.engine.decide.evaluated import make_ready
from legato.model import events as ev
from legato.model.signals import FireTimers


def fire_timers(d: Decision, _signal: FireTimers) -> None:
    """Pop every timer that is due at the turn's time."""
    state = d.state
    deadline = state.deadline()
    if deadline is not None and deadline <= d.now and state.stopping is None:
        d.emit(ev.CancelRequested("", "budget.duration is used up", "timed_out"))
        stop_running(d)
        return
    while state.timers and state.timers[0][0] <= d.now:
        due, index, item = heapq.heappop(state.timers)
        if not state.is_timer_live(due, index, item):
            continue
        node = state.nodes[index]
        if item >= 0 and node.items is not None:
            node.items.retry_ready.append(item)
        elif node.status == "retrying":
            if node.phase == "idle":
                make_ready(d, index)
        else:
            _end_wait(d, index)


def _end_wait(d: Decision, index: int) -> None:
    """A delay is over: success. Any other wait: it timed out."""
    node = d.state.nodes[index]
    spec = d.state.spec(index)
    if node.wait == "delay":
        d.emit(ev.NodeCompleted(spec.id))
        return
    cancel_children(d, index, f"{spec.id} timed out")
    error = ev.NodeError("timeout", f"nobody answered within {spec.timeout_ms} ms", retryable=False)
    d.emit(ev.NodeFailed(spec.id, error))
