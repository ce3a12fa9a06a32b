# SPDX-License-Identifier: Apache-2.0
"""Rules for the events of the execution itself.

Rules: ST, GR, LG.
"""

from collections import deque

from legato.engine.evolve.counters import make_due
from legato.engine.state import EXECUTION, ExecutionState
from legato.model import events as ev


def execution_started(state: ExecutionState, event: ev.ExecutionStarted, _at: int) -> int:
    """Begin: every node without needs is to be decided."""
    state.started = event
    for index, node in enumerate(state.nodes):
        if node.unmet == 0:
            make_due(state, index)
    return EXECUTION


def execution_adopted(state: ExecutionState, event: ev.ExecutionAdopted, _at: int) -> int:
    """Remember under which number it is owned; one that was restored waits for a person."""
    state.epoch_fence = event.fence
    if event.cause == "restored":
        state.restored = True
        state.paused = True
    return EXECUTION


def cancel_requested(state: ExecutionState, event: ev.CancelRequested, _at: int) -> int:
    """Nothing new starts; the end will be the one asked for."""
    state.cancel = event.status
    state.stopping = event.status
    return EXECUTION


def execution_paused(state: ExecutionState, event: ev.ExecutionPaused, _at: int) -> int:
    """Nothing new starts until resumed."""
    state.paused = True
    state.paused_by = event.by
    return EXECUTION


def execution_resumed(state: ExecutionState, _event: ev.ExecutionResumed, _at: int) -> int:
    """The pause is over."""
    state.paused = False
    state.restored = False
    state.paused_by = ""
    return EXECUTION


def execution_ended(state: ExecutionState, event: ev.ExecutionEnded, at: int) -> int:
    """The one end."""
    state.ended = event.status
    state.ended_at = at
    state.outputs = event.outputs
    if event.error is not None:
        state.error = event.error
        state.error_node = event.node
    return EXECUTION


def signal_received(state: ExecutionState, event: ev.SignalReceived, _at: int) -> int:
    """Keep a signal until a node waits for its name."""
    state.signals.setdefault(event.name, deque()).append((event.payload, event.by))
    state.kept += 1
    return EXECUTION


def signal_rejected(state: ExecutionState, _event: ev.SignalRejected, _at: int) -> int:
    """Count it: such records are bounded."""
    state.rejections += 1
    return EXECUTION
