# SPDX-License-Identifier: Apache-2.0
"""Cancel: nothing new starts, running attempts are told to stop, the end follows."""

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


def stop_running(d: Decision) -> None:
    """Ask for a stop of every running attempt."""
    for index, node in enumerate(d.state.nodes):
        node_id = d.state.spec(index).id
        if node.items is not None:
            d.effects.extend(
                StopAttempt(node_id, node.items.attempts.get(item, 1), item)
                for item in sorted(node.items.running)
            )
        elif node.status == "running":
            d.effects.append(StopAttempt(node_id, node.attempt))
