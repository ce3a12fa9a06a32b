# SPDX-License-Identifier: Apache-2.0
"""Pause and resume; both go down to running children.

Rules: AT20, GR26.
"""

from legato.engine.decide.child import ask_open_loops, tell_children
from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.signals import PauseExecution, ResumeExecution


def pause(d: Decision, signal: PauseExecution) -> None:
    """Start nothing new from now on."""
    if d.state.paused or d.state.stopping is not None:
        d.reject("PauseExecution", "illegal_state", "it is paused or ending already", signal.by)
        return
    d.emit(ev.ExecutionPaused(signal.by, signal.reason))
    tell_children(d, signal, f"pause:{d.state.seq}")


def resume(d: Decision, signal: ResumeExecution) -> None:
    """Go on."""
    if not d.state.paused or d.state.stopping is not None:
        d.reject("ResumeExecution", "illegal_state", "it is not paused", signal.by)
        return
    d.emit(ev.ExecutionResumed(signal.by))
    tell_children(d, signal, f"resume:{d.state.seq}")
    ask_open_loops(d)
