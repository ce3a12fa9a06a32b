# SPDX-License-Identifier: Apache-2.0
"""Start an execution, with whatever a fork or retry keeps of its source.

Rules: DO18, EN6, GR27, ST7.
"""

from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.model import events as ev
from legato.model.signals import StartExecution


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
