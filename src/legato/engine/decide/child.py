# SPDX-License-Identifier: Apache-2.0
"""Children: `workflow.call` and `loop.until` start executions of their own and wait for their end.

A child's id follows from its place, so starting it is idempotent. The parent holds no slot.

Rules: GR19-GR26.
"""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.effects import Evaluate, SignalExecution, StartChild
from legato.model.ids import ExecutionId, child_execution_id
from legato.model.policy import CALL_DEPTH_MAX, CHILD_FAILED
from legato.model.signals import CancelExecution, PauseExecution, ReportChild, ResumeExecution
from legato.model.values import Value
from legato.model.workflow import version_hash


def call_child(d: Decision, index: int, item: int | None, iteration: int, value: Value) -> None:
    """Start the child of a node (or item), or fail if what it calls is not pinned or too deep."""
    state = d.state
    spec = state.spec(index)
    started = state.started
    assert spec.call is not None and started is not None, "only calls of a begun execution ask"
    name = spec.call.workflow or f"{started.workflow}.{spec.id}"
    version = (
        version_hash(spec.call.body)
        if spec.call.body is not None
        else started.pins.get(spec.call.workflow or "")
    )
    if version is None:
        message = f"the workflow {name} was not known when this execution started"
        fail_call(d, index, item, ev.NodeError("unknown_workflow", message, retryable=False))
        return
    if started.depth >= CALL_DEPTH_MAX:
        message = f"workflows call each other deeper than {CALL_DEPTH_MAX} levels"
        fail_call(d, index, item, ev.NodeError("call_depth", message, retryable=False))
        return
    child = child_execution_id(state.execution_id, spec.id, item, iteration)
    until = None if spec.timeout_ms is None or iteration > 1 else d.now + spec.timeout_ms
    d.emit(ev.ChildStarted(spec.id, child, iteration, item, until))
    d.effects.append(
        StartChild(
            child=child,
            workflow=name,
            version=version,
            input=value,
            parent=ev.Source(state.execution_id, spec.id, item, iteration),
            root=started.root or state.execution_id,
            depth=started.depth + 1,
            pins=started.pins,
            by=started.by,
        )
    )


def report_child(d: Decision, signal: ReportChild) -> None:
    """Take a child's end: the call is done, the loop is asked, or the node fails with it."""
    index = d.find(signal.node)
    if index is None:
        return
    node = d.state.nodes[index]
    items = node.items
    if signal.item is not None:
        waits = items is not None and items.children.get(signal.item, ("", 0))[0] == signal.child
    else:
        waits = node.status == "waiting" and node.child == signal.child
    if not waits:
        return
    d.emit(
        ev.ChildEnded(
            signal.node,
            signal.child,
            signal.status,
            signal.output,
            signal.error,
            signal.iteration,
            signal.item,
        )
    )
    spec = d.state.spec(index)
    if signal.status != "completed":
        reason = f"the called workflow was {signal.status}"
        if signal.error is not None:
            reason = signal.error.message
        fail_call(d, index, signal.item, ev.NodeError(CHILD_FAILED, reason))
    elif spec.kind == "loop":
        ask_until(d, index, signal.item, signal.iteration, signal.output)
    else:
        complete_call(d, index, signal.item, signal.output)


def ask_until(d: Decision, index: int, item: int | None, iteration: int, last: Value) -> None:
    """Ask whether a loop is over after this iteration."""
    if item is None:
        d.state.nodes[index].phase = "until"
    else:
        d.state.items(index).asking.add(item)
    d.evaluate(Evaluate(d.state.spec(index).id, "until", item, iteration, last))


def ask_open_loops(d: Decision) -> None:
    """Ask for every loop that stands between two iterations and is not being asked."""
    for index in list(d.state.open_waits):
        node = d.state.nodes[index]
        if node.wait == "child" and node.child is None and node.phase == "idle":
            ask_until(d, index, None, node.iteration, node.previous)
    for index in list(d.state.foreach_open):
        items = d.state.items(index)
        ended = d.ended_items.get(index, ())  # in this turn, but not recorded yet
        for item, (child, iteration) in sorted(items.children.items()):
            if not child and item not in items.asking and item not in ended:
                ask_until(d, index, item, iteration, items.previous[item])


def loop_goes_on(
    d: Decision, index: int, item: int | None, iteration: int, *, is_over: bool
) -> None:
    """End the loop, ask for the input of its next iteration, or fail it at its bound."""
    spec = d.state.spec(index)
    assert spec.call is not None, "only loops are asked whether they go on"
    node = d.state.nodes[index]
    last = node.previous if item is None else d.state.items(index).previous[item]
    if is_over:
        complete_call(d, index, item, last)
        return
    bound = spec.call.max_iterations
    if iteration >= bound:
        message = f"`until` was still false after {bound} iterations"
        fail_call(d, index, item, ev.NodeError("max_iterations", message, retryable=False))
        return
    if item is None:
        node.phase = "input"
    else:
        d.state.items(index).asking.add(item)
    d.evaluate(Evaluate(spec.id, "input", item, iteration + 1, last))


def complete_call(d: Decision, index: int, item: int | None, output: Value) -> None:
    """Complete the calling node, or its item."""
    if item is None:
        d.emit(ev.NodeCompleted(d.state.spec(index).id, output))
    else:
        d.ended_items.setdefault(index, {})[item] = output


def fail_call(d: Decision, index: int, item: int | None, error: ev.NodeError) -> None:
    """Fail the calling node, or its item; a call is never retried by itself."""
    if item is None:
        d.emit(ev.NodeFailed(d.state.spec(index).id, error))
    else:
        d.emit(ev.ItemFailed(d.state.spec(index).id, item, 0, error))


def running_children(d: Decision, index: int) -> list[ExecutionId]:
    """Return the children of a node that have not reported their end."""
    node = d.state.nodes[index]
    found = [node.child] if node.status == "waiting" and node.child else []
    if node.items is not None:
        found.extend(child for child, _ in node.items.children.values() if child)
    return found


def tell_children(d: Decision, signal: PauseExecution | ResumeExecution, key: str) -> None:
    """Send a signal down to every running child, in this turn's transaction."""
    for index in [*d.state.open_waits, *d.state.foreach_open]:
        d.effects.extend(
            SignalExecution(child, signal, key) for child in running_children(d, index)
        )


def cancel_children(d: Decision, index: int, reason: str) -> None:
    """Cancel every running child of a node."""
    for child in running_children(d, index):
        cancel_child(d, child, reason)


def cancel_child(d: Decision, child: ExecutionId, reason: str) -> None:
    """Cancel one child."""
    signal = CancelExecution(by=f"execution:{d.state.execution_id}", reason=reason)
    d.effects.append(SignalExecution(child, signal, "cancel:parent"))
