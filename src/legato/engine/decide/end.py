# SPDX-License-Identifier: Apache-2.0
"""The end of an execution, told to its parent in the same transaction."""

from msgspec.structs import replace

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.effects import SignalExecution
from legato.model.policy import CHILD_FAILED
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
        error=_placed(d, event),
        iteration=parent.iteration,
        item=parent.item,
    )
    key = f"child:{state.execution_id}"
    d.effects.append(SignalExecution(parent.execution_id, signal, key))


def _placed(d: Decision, event: ev.ExecutionEnded) -> ev.NodeError | None:
    """Name where it failed, once: what a caller says of its caller's caller stays as it is."""
    error = event.error
    if error is None or error.kind == CHILD_FAILED:
        return error
    node = "" if event.node is None else f" in {event.node}"
    name = d.state.graph.workflow.name
    return replace(error, message=f"{name} failed{node}: {error.kind}: {error.message}")
