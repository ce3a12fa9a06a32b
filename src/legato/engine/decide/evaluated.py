# SPDX-License-Identifier: Apache-2.0
"""Take the answers of evaluations: conditions, lists, configs, loop ends, outputs.

An answer counts only while the node is in the phase that asked for it. If the execution was
paused by then, the question is simply asked again later (evaluation is pure).

Rules: EX4, EX8, EX13, AT1, AT15, AT20, GR6, GR7, GR13.
"""

from collections import deque
from typing import Any, Final

import msgspec

from legato.engine.decide.child import call_child, loop_goes_on
from legato.engine.decide.decision import Decision
from legato.engine.decide.end import end_execution
from legato.engine.decide.items import item_evaluated, list_errors
from legato.engine.waits import check_signal, chosen_case, end_of_delay, signal_name
from legato.errors import InvalidInput
from legato.model import events as ev
from legato.model.effects import Evaluate, RunAttempt
from legato.model.forms import form_schema
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import ReportEvaluated
from legato.model.values import NULL, Value, inline, load
from legato.model.workflow import KINDS_WITH_ITEMS, NodeKind, NodeSpec

_NO_VALUE: Final = ev.NodeError("expression_error", "the evaluation gave no value", retryable=False)
_NOTHING: Final = inline(b"[]")
_WAIT_OF: Final[dict[NodeKind, ev.WaitKind]] = {
    "approval": "approval", "form": "form", "signal": "signal",
}  # fmt: skip


def report_evaluated(d: Decision, signal: ReportEvaluated) -> None:
    """Go on with whatever the evaluation was asked for."""
    state = d.state
    state.evaluating = max(0, state.evaluating - 1)
    if signal.node is None:
        _outputs(d, signal)
        return
    index = d.find(signal.node)
    if index is None:
        return
    if signal.item is not None:
        item_evaluated(d, index, signal.item, signal)
        return
    node = state.nodes[index]
    if node.phase != signal.what:
        return
    node.phase = "idle"
    if state.stopping is not None:
        release(d, index)
    elif state.paused and signal.what not in {"collect", "until"}:
        release(d, index)
        _ask_again(d, index)
    elif signal.error is not None:
        release(d, index)
        d.emit(ev.NodeFailed(signal.node, signal.error))
    else:
        _go_on(d, index, signal, signal.value or NULL)


def release(d: Decision, index: int) -> None:
    """Give back the slot of a node whose config was asked for, if it holds one."""
    if index in d.state.holding:
        del d.state.holding[index]
        d.give_slot(index)


def _ask_again(d: Decision, index: int) -> None:
    """Put a node back to where `settle` finds it once the execution goes on.

    A loop between two iterations is asked again by the resume itself.
    """
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
    spec = d.state.spec(index)
    if not d.state.graph.has_foreach[index]:
        make_ready(d, index)
    elif spec.kind in KINDS_WITH_ITEMS:
        d.state.nodes[index].phase = "foreach"
        d.evaluate(Evaluate(spec.id, "foreach"))
    else:
        _refuse_config(d, spec, f"foreach cannot be used with {spec.uses}")


def _go_on(d: Decision, index: int, signal: ReportEvaluated, value: Value) -> None:
    spec = d.state.spec(index)
    node = d.state.nodes[index]
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
            _start_attempt(d, index, signal.hash, value)
        else:
            _start_wait(d, index, value)
    elif signal.what == "input":
        call_child(d, index, None, signal.iteration, value)
    elif signal.what == "until":
        loop_goes_on(d, index, None, node.iteration, is_over=bytes(value.json) == b"true")
    else:
        errors = None if node.items is None else list_errors(node.items)
        d.emit(ev.NodeCompleted(spec.id, value, errors=errors))


def _start_attempt(d: Decision, index: int, input_hash: str, config: Value) -> None:
    spec = d.state.spec(index)
    node = d.state.nodes[index]
    if node.input_hash and node.input_hash != input_hash:
        release(d, index)
        message = "its input is no longer what the first attempt saw"
        d.emit(ev.NodeFailed(spec.id, ev.NodeError("input_changed", message, retryable=False)))
        return
    del d.state.holding[index]  # from here on the slot is the attempt's
    attempt = node.attempt + 1
    isolated = node.needs_process
    d.emit(ev.AttemptStarted(spec.id, attempt, input_hash, isolated))
    d.effects.append(
        RunAttempt(
            spec.id, attempt, None, spec.effect, spec.timeout_ms, isolated, config, spec.pool
        )
    )


def _start_wait(d: Decision, index: int, config: Value) -> None:
    """Begin a wait, or go on at once where there is nothing to wait for."""
    spec = d.state.spec(index)
    try:
        loaded = _loaded(config)
        if spec.kind == "switch":
            case = chosen_case(loaded)
            output = inline(msgspec.json.encode({"case": case}))
            d.emit(ev.NodeCompleted(spec.id, output, case=case))
        elif spec.kind == "delay":
            _start_delay(d, spec, end_of_delay(d.now, loaded), config)
        else:
            if spec.kind == "signal":
                check_signal(loaded)
            elif spec.kind == "form" and "schema" in loaded:
                form_schema(loaded)
            _wait_for_somebody(d, spec, config)
    except InvalidInput as error:
        _refuse_config(d, spec, str(error))


def _loaded(config: Value) -> dict[str, Any]:
    """Return a config that an event may hold.

    Raises:
        InvalidInput: It is no map, or too large.
    """
    loaded = load(config.json) if config.is_inline else None
    if not isinstance(loaded, dict) or config.size > INLINE_BYTES_MAX:
        raise InvalidInput(f"`with` must be a map of at most {INLINE_BYTES_MAX} bytes")
    return loaded


def _refuse_config(d: Decision, spec: NodeSpec, message: str) -> None:
    d.emit(ev.NodeFailed(spec.id, ev.NodeError("invalid_config", message, retryable=False)))


def _start_delay(d: Decision, spec: NodeSpec, end: int, config: Value) -> None:
    expiry = _expiry(d, spec)
    if expiry is not None and expiry < end:
        d.emit(ev.NodeWaiting(spec.id, "delay", expiry, config, expires=True))
    else:
        d.emit(ev.NodeWaiting(spec.id, "delay", end, config))


def _wait_for_somebody(d: Decision, spec: NodeSpec, config: Value) -> None:
    """Wait for a person or signal; a signal that is kept already is taken at once."""
    name = signal_name(spec, config)
    kept = d.state.signals.get(name) if spec.kind == "signal" else None
    if kept:
        payload, by = kept[0]
        d.emit(ev.NodeCompleted(spec.id, payload, by=by, consumed=name))
    else:
        d.emit(ev.NodeWaiting(spec.id, _WAIT_OF[spec.kind], _expiry(d, spec), config))


def _expiry(d: Decision, spec: NodeSpec) -> int | None:
    return None if spec.timeout_ms is None else d.now + spec.timeout_ms


def _outputs(d: Decision, signal: ReportEvaluated) -> None:
    if not d.state.outputs_pending:
        return
    d.state.outputs_pending = False
    if signal.error is not None or signal.value is None:
        error = signal.error or _NO_VALUE
        end_execution(d, ev.ExecutionEnded("failed", error=error))
    else:
        end_execution(d, ev.ExecutionEnded("completed", signal.value))
