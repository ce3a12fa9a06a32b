# SPDX-License-Identifier: Apache-2.0
"""Start an execution, with whatever a fork, a retry or a pin brings along.

Rules: DO18, EN6, GR27, ST7, XW2, XW3.
"""

from typing import Final

from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.model import events as ev
from legato.model.signals import StartExecution

LEFT_OUT: Final = "left_out"
"""The cause that a node is skipped for which a run of a part of the workflow is not about."""


def start(d: Decision, signal: StartExecution) -> None:
    """Record the start once; a second start of the same id changes nothing."""
    if d.state.started is not None:
        return
    d.emit(signal.started)
    if signal.refusal is not None:
        end_execution(d, ev.ExecutionEnded("failed", error=signal.refusal))
        return
    for reuse in signal.reused:
        if d.find(reuse.node) is None:
            continue
        if reuse.items:
            d.emit(ev.ItemsReused(reuse.node, reuse.list_hash, reuse.items, reuse.outputs))
        else:
            d.emit(
                ev.NodeReused(
                    reuse.node,
                    reuse.output,
                    reuse.source,
                    reuse.edited,
                    reuse.by,
                    reuse.case,
                    reuse.errors,
                )
            )
    if signal.started.part is not None:
        _leave_out(d, signal.started.part, signal.started.by)


def _leave_out(d: Decision, part: ev.Part, by: str) -> None:
    """Skip every node that the run is not about and that brings no result along."""
    about = frozenset(part.nodes)
    for index, node in enumerate(d.state.nodes):
        name = d.state.spec(index).id
        if name not in about and not node.is_final:
            d.emit(ev.NodeSkipped(name, LEFT_OUT, by))
