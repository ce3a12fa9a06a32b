# SPDX-License-Identifier: Apache-2.0
"""The end of an execution, told to its parent in the same transaction."""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.effects import SignalExecution
from legato.model.signals import ReportChild


def end_execution(d: Decision, event: ev.ExecutionEnded) -> None:
    """Record the one end; a child's parent gets it through its inbox."""
    state = d.state
    d.emit(event)
    if state.started is None or state.started.parent is None:
        return
    parent = state.started.parent
    if parent.node is None:
        return
    signal = ReportChild(
        node=parent.node,
        child=state.execution_id,
        status=event.status,
        output=event.outputs,
        error=event.error,
        iteration=parent.iteration,
        item=parent.item,
    )
    key = f"child:{state.execution_id}"
    d.effects.append(SignalExecution(parent.execution_id, signal, key))
