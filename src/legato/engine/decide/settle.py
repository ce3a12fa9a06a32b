# SPDX-License-Identifier: Apache-2.0
"""After the signals of a turn: decide nodes, start what may start, end what is over.

Each node passes `decidable` and `ready` a bounded number of times, so a whole execution costs
O(nodes + edges). Nothing starts while paused; while stopping, only ends are recorded.
"""

from legato.engine.decide.child import cancel_children
from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.engine.decide.evaluated import after_when
from legato.engine.decide.items import end_items, flush_ended, flush_started, pump_items
from legato.model import events as ev
from legato.model.effects import Evaluate
from legato.model.values import inline

_NO_OUTPUTS = inline(b"{}")


def settle(d: Decision) -> None:
    """Bring the execution as far as it can go now."""
    state = d.state
    if state.started is None or state.ended is not None:
        return
    flush_ended(d)
    if state.stopping is None:
        progressing = True
        while progressing and state.stopping is None:
            before = len(d.events)
            if not state.paused:
                _decide_nodes(d)
                _start_ready(d)
            for index in list(state.foreach_open):
                if not state.paused:
                    pump_items(d, index)
                end_items(d, index)
            progressing = len(d.events) > before
    flush_started(d)
    if state.stopping is not None:
        _stop_rest(d)
    _finish(d)


def _decide_nodes(d: Decision) -> None:
    state = d.state
    queue = state.decidable
    while queue and state.stopping is None:
        index = queue.popleft()
        node = state.nodes[index]
        if node.status != "pending" or node.phase != "idle":
            continue
        spec = state.graph.nodes[index]
        if not _may_run(spec.join, node.met, state.graph.needs_count[index]):
            d.emit(ev.NodeSkipped(spec.id, node.cause or "needs"))
        elif spec.when is not None:
            node.phase = "when"
            d.evaluate(Evaluate(spec.id, "when"))
        else:
            after_when(d, index)


def _may_run(join: str, met: int, needs: int) -> bool:
    if needs == 0 or join == "all_done":
        return True
    return met == needs if join == "all" else met > 0


def _start_ready(d: Decision) -> None:
    state = d.state
    for pool, queue in state.ready.items():
        while queue:
            index = queue[0]
            node = state.nodes[index]
            if node.phase != "ready":
                queue.popleft()
                continue
            spec = state.graph.nodes[index]
            if pool and not d.take_slot(index):
                break
            queue.popleft()
            if spec.call is not None:
                node.phase = "input"
                d.evaluate(Evaluate(spec.id, "input", None, 1))
            else:
                node.phase = "config"
                d.evaluate(Evaluate(spec.id, "config"))


def _stop_rest(d: Decision) -> None:
    """Cancel waits, due retries and parked nodes; running attempts end by themselves."""
    state = d.state
    for index in list(state.open_waits):
        node = state.nodes[index]
        cancel_children(d, index, f"the calling execution is {state.stopping}")
        unknown = node.status == "needs_attention"
        d.emit(ev.NodeCancelled(state.spec(index).id, node.attempt, unknown))
    for index in list(state.foreach_open):
        items = state.nodes[index].items
        if items is not None and not items.running:
            cancel_children(d, index, f"the calling execution is {state.stopping}")
            d.emit(ev.NodeCancelled(state.spec(index).id))


def _finish(d: Decision) -> None:
    state = d.state
    if state.stopping is not None:
        if state.running == 0 and not state.foreach_open:
            failed = state.stopping == "failed"
            end_execution(
                d,
                ev.ExecutionEnded(
                    state.stopping,
                    error=state.error if failed else None,
                    node=state.error_node if failed else None,
                ),
            )
    elif state.final_count == len(state.nodes) and not state.outputs_pending:
        if bytes(state.graph.workflow.outputs) in {b"", b"{}"}:
            end_execution(d, ev.ExecutionEnded("completed", _NO_OUTPUTS))
        else:
            state.outputs_pending = True
            d.evaluate(Evaluate(None, "outputs"))
