# SPDX-License-Identifier: Apache-2.0
"""`evolve(state, event, at)`: the only code that changes a state's facts; one function per event.

It never refuses, never looks at a clock and never decides: an event is true. It mutates the state
it owns (copying it per event costs fifty times as much). It returns the index of the node that the
event touched, or -1 for the execution itself, so that the view knows what to show anew.

Rules: ST, GR, AT, LG.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from legato.engine.evolve import children, execution, items, nodes
from legato.engine.evolve.counters import keep_budget
from legato.engine.state import EXECUTION, ExecutionState
from legato.errors import Internal
from legato.model import events as ev

__all__ = ["EXECUTION", "RULES", "evolve", "fold"]

Rule = Callable[[ExecutionState, Any, int], int]
"""(state, event, at in ms) -> index of the touched node, or `EXECUTION`."""

RULES: Final[dict[type, Rule]] = {
    ev.ExecutionStarted: execution.execution_started,
    ev.ExecutionAdopted: execution.execution_adopted,
    ev.CancelRequested: execution.cancel_requested,
    ev.ExecutionPaused: execution.execution_paused,
    ev.ExecutionResumed: execution.execution_resumed,
    ev.ExecutionEnded: execution.execution_ended,
    ev.SignalReceived: execution.signal_received,
    ev.SignalRejected: execution.signal_rejected,
    ev.AttemptStarted: nodes.attempt_started,
    ev.AttemptFailed: nodes.attempt_failed,
    ev.AttemptLost: nodes.attempt_lost,
    ev.NodeWaiting: nodes.node_waiting,
    ev.NodeCompleted: nodes.node_completed,
    ev.NodeFailed: nodes.node_failed,
    ev.NodeSkipped: nodes.node_skipped,
    ev.NodeCancelled: nodes.node_cancelled,
    ev.NodeParked: nodes.node_parked,
    ev.NodeUnparked: nodes.node_unparked,
    ev.NodeReused: nodes.node_reused,
    ev.ItemsPlanned: items.items_planned,
    ev.ItemsStarted: items.items_started,
    ev.ItemsEnded: items.items_ended,
    ev.ItemFailed: items.item_failed,
    ev.ItemsLost: items.items_lost,
    ev.ItemsReused: items.items_reused,
    ev.ItemForced: items.item_forced,
    ev.ChildStarted: children.child_started,
    ev.ChildEnded: children.child_ended,
}


def evolve(state: ExecutionState, event: ev.AnyEvent, at: int) -> int:
    """Apply one event at time `at` (ms) to the state, as its next seq.

    Returns:
        The index of the touched node, or `EXECUTION`.

    Raises:
        Internal: The event type is unknown; that execution must stop, never guess.

    Cost: O(edges out of the node) for an end, O(items) for events that name items, else O(1).
    """
    rule = RULES.get(type(event))
    if rule is None:
        raise Internal(f"no rule for the event {type(event).__name__}")
    state.seq += 1
    state.last_at = at
    touched = rule(state, event, at)
    if state.graph.workflow.budget.duration_ms is not None:
        keep_budget(state, at)
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
