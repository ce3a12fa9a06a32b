# SPDX-License-Identifier: Apache-2.0
"""Cancel: nothing new starts, running attempts are told to stop, the end follows.

A person, a parent or the deadline may ask for it.

Rules: EN8, EN12, AT19, GR26.
"""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.effects import StopAttempt
from legato.model.signals import CancelExecution


def cancel(d: Decision, signal: CancelExecution) -> None:
    """Record the wish once and tell every running attempt."""
    if d.state.cancel is not None:
        return
    d.emit(ev.CancelRequested(signal.by, signal.reason, signal.status))
    stop_running(d)


def cancel_overdue(d: Decision) -> bool:
    """Cancel if `budget.duration` is used up, and tell whether it was so.

    It comes before the signals of a turn: what they would start could not be told to stop.
    """
    deadline = d.state.deadline()
    if deadline is None or deadline > d.now or d.state.stopping is not None:
        return False
    d.emit(ev.CancelRequested("", "budget.duration is used up", "timed_out"))
    stop_running(d)
    return True


def stop_running(d: Decision) -> None:
    """Ask for a stop of every running attempt. Cost: O(nodes + items), once per execution."""
    for index, node in enumerate(d.state.nodes):
        node_id = d.state.spec(index).id
        if node.items is not None:
            d.effects.extend(
                StopAttempt(node_id, node.items.attempts.get(item, 1), item)
                for item in sorted(node.items.running)
            )
        elif node.status == "running":
            d.effects.append(StopAttempt(node_id, node.attempt))
