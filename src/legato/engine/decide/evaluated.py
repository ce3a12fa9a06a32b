# SPDX-License-Identifier: Apache-2.0
"""Take the answers of evaluations: conditions, lists, configs, loop ends, outputs.

An answer counts only while the node is in the phase that asked for it. If the execution was
paused or is stopping by then, the question is simply asked again later (evaluation is pure).
"""

from collections import deque
from datetime import datetime

from legato.engine.decide.child import call_child, loop_goes_on
from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.errors import InvalidInput
from legato.model import events as ev
from legato.model.durations import parse_duration
from legato.model.effects import Evaluate, RunAttempt
from legato.model.policy import ENGINE_DEATHS_BEFORE_ISOLATION
from legato.model.signals import ReportEvaluated
from legato.model.values import NULL, Value, inline, load

_NO_VALUE = ev.NodeError("expression_error", "the evaluation gave no value", retryable=False)
_NOTHING = inline(b"[]")


def report_evaluated(d: Decision, signal: ReportEvaluated) -> None:
    """Go on with whatever the evaluation was asked for."""
    d.state.evaluating = max(0, d.state.evaluating - 1)
    if signal.node is None:
        _outputs(d, signal)
        return
    index = d.find(signal.node)
    if index is None:
        return
    if signal.item is not None:
        _item(d, index, signal.item, signal)
        return
    node = d.state.nodes[index]
    if node.phase != signal.what:
        return
    node.phase = "idle"
    holds_slot = signal.what == "config" and d.state.spec(index).kind == "task"
    if d.state.stopping is not None or (d.state.paused and signal.what not in {"collect", "until"}):
        if holds_slot:
            d.give_slot(index)
        ask_again(d, index)
    elif signal.error is not None:
        if holds_slot:
            d.give_slot(index)
        d.emit(ev.NodeFailed(signal.node, signal.error))
    else:
        _go_on(d, index, signal, signal.value or NULL)


def ask_again(d: Decision, index: int) -> None:
    """Put a node back to where `settle` finds it once the execution goes on."""
    node = d.state.nodes[index]
    if node.status == "pending":
        d.state.decidable.append(index)
    elif node.status == "retrying":
        make_ready(d, index)


def make_ready(d: Decision, index: int) -> None:
    """Queue a node for its next attempt, wait or child."""
    d.state.nodes[index].phase = "ready"
    spec = d.state.spec(index)
    pool = spec.pool if spec.kind == "task" else ""
    d.state.ready.setdefault(pool, deque()).append(index)


def after_when(d: Decision, index: int) -> None:
    """Go on with a node that is to run: its list, or its config."""
    if d.state.graph.has_foreach[index]:
        d.state.nodes[index].phase = "foreach"
        d.evaluate(Evaluate(d.state.spec(index).id, "foreach"))
    else:
        make_ready(d, index)


def _go_on(d: Decision, index: int, signal: ReportEvaluated, value: Value) -> None:
    spec = d.state.spec(index)
    if signal.what == "when":
        if bytes(value.json) == b"true":
            after_when(d, index)
        else:
            d.emit(ev.NodeSkipped(spec.id, "when"))
    elif signal.what == "foreach":
        if signal.count == 0:
            d.emit(ev.NodeCompleted(spec.id, _NOTHING))
        else:
            d.emit(ev.ItemsPlanned(spec.id, signal.count, signal.hash))
    elif signal.what == "config":
        if spec.kind == "task":
            _start_attempt(d, index, signal, value)
        else:
            _start_wait(d, index, value)
    elif signal.what == "input":
        call_child(d, index, None, max(signal.iteration, 1), value)
    elif signal.what == "until":
        loop_goes_on(d, index, None, signal.iteration, is_over=bytes(value.json) == b"true")
    elif signal.what == "collect":
        node = d.state.nodes[index]
        d.emit(ev.NodeCompleted(spec.id, value, errors=node.errors))


def _start_attempt(d: Decision, index: int, signal: ReportEvaluated, config: Value) -> None:
    spec = d.state.spec(index)
    node = d.state.nodes[index]
    if node.input_hash and node.input_hash != signal.hash:
        d.give_slot(index)
        message = "its input is no longer what the first attempt saw"
        d.emit(ev.NodeFailed(spec.id, ev.NodeError("input_changed", message, retryable=False)))
        return
    isolated = node.engine_deaths >= ENGINE_DEATHS_BEFORE_ISOLATION or node.process_deaths > 0
    attempt = node.attempt + 1
    d.emit(ev.AttemptStarted(spec.id, attempt, signal.hash, isolated))
    d.effects.append(
        RunAttempt(
            spec.id, attempt, None, spec.effect, spec.timeout_ms, isolated, config, spec.pool
        )
    )


def _start_wait(d: Decision, index: int, config: Value) -> None:
    spec = d.state.spec(index)
    until = None if spec.timeout_ms is None else d.now + spec.timeout_ms
    if spec.kind == "delay":
        try:
            until = _end_of_delay(d.now, load(config.json))
        except (InvalidInput, ValueError) as error:
            refusal = ev.NodeError("invalid_config", str(error), retryable=False)
            d.emit(ev.NodeFailed(spec.id, refusal))
            return
        d.emit(ev.NodeWaiting(spec.id, "delay", until, config))
        return
    if spec.kind == "signal":
        name = str(load(config.json).get("name", spec.id))
        kept = d.state.signals.get(name)
        if kept:
            payload, by = kept[0]
            d.emit(ev.NodeCompleted(spec.id, payload, by=by, consumed=name))
            return
        d.emit(ev.NodeWaiting(spec.id, "signal", until, config))
        return
    d.emit(ev.NodeWaiting(spec.id, "form" if spec.kind == "form" else "approval", until, config))


def _end_of_delay(now: int, config: dict[str, object]) -> int:
    """Return when a delay ends, in ms; `for` counts from now, `until` is an RFC 3339 instant."""
    until = config.get("until")
    if until is not None:
        instant = datetime.fromisoformat(str(until))
        if instant.tzinfo is None:
            raise InvalidInput(f"until: {until} has no time zone; write it as RFC 3339")
        return int(instant.timestamp() * 1000)
    return now + parse_duration(config.get("for", 0))


def _item(d: Decision, index: int, item: int, signal: ReportEvaluated) -> None:
    """Start one item with its config, or its child with its input; or go on with its loop."""
    node = d.state.nodes[index]
    items = node.items
    if items is None or (signal.what != "until" and item not in items.evaluating):
        return
    spec = d.state.spec(index)
    items.evaluating.discard(item)
    if signal.error is not None and d.state.stopping is None:
        if spec.kind == "task":
            d.give_slot(index)
        d.emit(ev.ItemFailed(spec.id, item, items.attempts.get(item, 0), signal.error))
        return
    if d.state.stopping is not None or (d.state.paused and signal.what != "until"):
        if spec.kind == "task":
            d.give_slot(index)
        if item not in items.children:  # a loop between iterations is asked again on resume
            items.retry_ready.append(item)
        return
    value = signal.value or NULL
    if signal.what == "config":
        attempt = items.attempts.get(item, 0) + 1
        d.starting.setdefault(index, []).append((item, attempt, signal.hash, value))
    elif signal.what == "input":
        call_child(d, index, item, max(signal.iteration, 1), value)
    elif signal.what == "until":
        loop_goes_on(d, index, item, signal.iteration, is_over=bytes(value.json) == b"true")


def _outputs(d: Decision, signal: ReportEvaluated) -> None:
    if not d.state.outputs_pending:
        return
    d.state.outputs_pending = False
    if d.state.stopping is not None:
        return
    if signal.error is not None or signal.value is None:
        error = signal.error or _NO_VALUE
        end_execution(d, ev.ExecutionEnded("failed", error=error))
    else:
        end_execution(d, ev.ExecutionEnded("completed", signal.value))
