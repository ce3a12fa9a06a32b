# SPDX-License-Identifier: Apache-2.0
"""After the signals of a turn: decide nodes, start what may start, end what is over.

Each node passes `decidable` and `ready` a bounded number of times, so a whole execution costs
O(nodes + edges). Nothing starts while paused; while stopping, only ends are recorded.

Rules: GR1-GR5, GR8, GR31, GR32, AT1, AT2, AT13, AT20, ST3.
"""

from typing import Final

from legato.engine.decide.child import cancel_children
from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.engine.decide.evaluated import after_when, release
from legato.engine.decide.items import close_all, flush_ended, flush_started, pump_all
from legato.engine.decide.recover import recover
from legato.engine.state import ItemsState
from legato.model import events as ev
from legato.model.effects import Evaluate
from legato.model.events import UNKNOWN_PARKS
from legato.model.policy import is_outcome_unknown
from legato.model.values import inline
from legato.model.workflow import JoinRule, NodeSpec

_NO_OUTPUTS: Final = inline(b"{}")


def settle(d: Decision) -> None:
    """Bring the execution as far as it can go now."""
    state = d.state
    if state.started is None or state.ended is not None:
        return
    if state.is_fresh:
        recover(d)
    flush_ended(d)
    flush_started(d)
    while state.stopping is None and _progresses(d):
        pass
    if state.stopping is not None:
        _stop_rest(d)
    _finish(d)


def _progresses(d: Decision) -> bool:
    """Go one step everywhere and tell whether anything happened."""
    before = len(d.events)
    if not d.state.paused:
        _decide_nodes(d)
        _start_ready(d)
        pump_all(d)
    close_all(d)
    return len(d.events) > before


def _decide_nodes(d: Decision) -> None:
    state = d.state
    queue = state.decidable
    part = None if state.started is None else state.started.part
    alone = None if part is None else part.alone
    while queue and state.stopping is None:
        index = queue.popleft()
        node = state.nodes[index]
        if node.status != "pending" or node.phase != "idle":
            continue
        spec = state.graph.nodes[index]
        needs = 0 if spec.id == alone else state.graph.needs_count[index]
        if not _may_run(spec.join, node.met, needs):
            d.emit(ev.NodeSkipped(spec.id, node.cause or "needs"))
        elif spec.when is not None:
            node.phase = "when"
            d.evaluate(Evaluate(spec.id, "when"))
        else:
            after_when(d, index)


def _may_run(join: JoinRule, met: int, needs: int) -> bool:
    if needs == 0 or join == "all_done":
        return True
    return met == needs if join == "all" else met > 0


def _start_ready(d: Decision) -> None:
    """Ask for the config of nodes that are ready, as long as there are slots."""
    state = d.state
    for pool, queue in state.ready.items():
        while queue:
            if pool and not d.take_slot(queue[0]):
                break
            _ask_config(d, queue.popleft())


def _ask_config(d: Decision, index: int) -> None:
    state = d.state
    spec = state.graph.nodes[index]
    node = state.nodes[index]
    if spec.call is not None:
        node.phase = "input"
        d.evaluate(Evaluate(spec.id, "input", None, 1))
        return
    node.phase = "config"
    if spec.kind == "task":
        state.holding[index] = None
    d.evaluate(Evaluate(spec.id, "config"))


def _stop_rest(d: Decision) -> None:
    """Cancel waits, due retries and parked nodes; running attempts end by themselves.

    Cost: O(open waits + foreach nodes) once, then O(foreach nodes touched by the turn).
    """
    state = d.state
    reason = f"the calling execution is {state.stopping}"
    if not state.is_halted:
        state.is_halted = True
        _drop_questions(d)
        state.closing.update(state.foreach_open)
    for index in list(state.open_waits):
        node = state.nodes[index]
        cancel_children(d, index, reason)
        unknown = node.park in UNKNOWN_PARKS
        d.emit(ev.NodeCancelled(state.spec(index).id, node.attempt, unknown))
    while state.closing:
        index, _ = state.closing.popitem()
        items = state.items(index)
        if index in state.foreach_open and not items.running:
            cancel_children(d, index, reason)
            spec = state.spec(index)
            d.emit(ev.NodeCancelled(spec.id, outcome_unknown=_is_unknown(spec, items)))


def _drop_questions(d: Decision) -> None:
    """Give back every slot that only a question holds; its answer will not be awaited."""
    state = d.state
    for index in list(state.holding):
        state.nodes[index].phase = "idle"
        release(d, index)
    for index in state.foreach_open:
        items = state.items(index)
        if state.spec(index).kind == "task":
            for _ in items.evaluating:
                d.give_slot(index)
        items.evaluating.clear()
        items.asking.clear()


def _is_unknown(spec: NodeSpec, items: ItemsState) -> bool:
    """Tell whether an item ended, or is parked, without anybody knowing what it did."""
    return not UNKNOWN_PARKS.isdisjoint(items.parked.values()) or any(
        error.may_have_happened
        and (
            error.kind == "cancelled"
            or (
                spec.effect == "non_idempotent"
                and is_outcome_unknown(error.kind, may_have_happened=True)
            )
        )
        for error in items.errors.values()
    )


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
    elif state.final_count == len(state.nodes) and not (state.outputs_pending or state.restored):
        is_part = state.started is not None and state.started.part is not None
        if is_part or bytes(state.graph.workflow.outputs) in {b"", b"{}"}:
            end_execution(d, ev.ExecutionEnded("completed", _NO_OUTPUTS))
        else:
            state.outputs_pending = True
            d.evaluate(Evaluate(None, "outputs"))
