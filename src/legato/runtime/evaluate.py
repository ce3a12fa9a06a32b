# SPDX-License-Identifier: Apache-2.0
"""Carry out `Evaluate` effects: inside the turn where that is cheap and bounded, else outside.

Inside: static templates, plain references, and bounded expressions whose inputs are all inline
and together under 64 KiB. Everything else loads what it needs from the blob store and runs in a
killable helper process. Evaluation is pure, so asking again after a crash gives the same answer;
the hash in the log proves it.

Rules: EX.
"""

import itertools
from typing import Any, Final

import orjson
from msgspec.structs import replace

from legato.engine.state import NodeState
from legato.errors import ExpressionError, LegatoError, Unavailable
from legato.model.effects import Evaluate
from legato.model.events import NodeError
from legato.model.policy import Limits
from legato.model.signals import ReportEvaluated
from legato.model.values import Value, encode, inline, load
from legato.ports.blobs import Blobs
from legato.runtime.active import Active
from legato.runtime.attempt.patience import patiently
from legato.runtime.evaluation_process import EvaluationProcesses
from legato.runtime.plan import CompiledTemplate, digest

_MISSING: Final = object()
_VALUES_KEPT_MAX: Final = 4_096
STORE_RETRY_S: Final = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses while the store does not answer; the last one again and again."""
_OUTPUT_LOGGED: Final = frozenset({"input", "outputs", "collect"})
"""Evaluations whose value goes into an event, so that a large one needs a blob."""


class Evaluator:
    """Answers `Evaluate` effects."""

    def __init__(self, blobs: Blobs, processes: EvaluationProcesses, limits: Limits) -> None:
        """Args: processes run what must not run in the engine's loop."""
        self._blobs = blobs
        self._processes = processes
        self._limits = limits

    def inline(self, active: Active, effect: Evaluate) -> ReportEvaluated | None:
        """Answer now, or return None if it has to be done outside the turn."""
        index = -1 if effect.node is None else active.plan.graph.index_of[effect.node]
        if effect.what == "collect":
            return self._collect_inline(active, index, effect)
        template = active.plan.template(index, effect.what)
        if template.static is not None:
            if effect.what == "foreach":
                return self._report_list(active, index, effect, load(template.static.json))
            return _report(effect, template.static, template.static_hash)
        if effect.item is not None and index not in active.lists:
            return None
        try:
            if not template.template.is_bounded or not self._fits(active, template, effect):
                return None
            value = template.template.evaluate(self._variables(active, template, index, effect))
            if effect.what == "foreach":
                return self._report_list(active, index, effect, value)
            data = encode(value, what=effect.what, size_bytes_max=self._limits.max_output_bytes)
        except LegatoError as error:
            return _refusal(effect, error)
        if len(data) > self._limits.max_inline_bytes and effect.what in _OUTPUT_LOGGED:
            return None
        return self._checked(effect, data)

    async def outside(self, active: Active, effect: Evaluate) -> ReportEvaluated:
        """Answer with I/O and the helper process; never raises a LegatoError.

        A store that is away, or full, delays the answer until it is back, and no longer than this
        engine owns the execution: nothing is wrong with the expression.
        """
        try:
            pauses_s = itertools.chain(STORE_RETRY_S, itertools.repeat(STORE_RETRY_S[-1]))
            return await patiently(lambda: self._outside(active, effect), pauses_s)
        except LegatoError as error:
            return _refusal(effect, error)

    async def _outside(self, active: Active, effect: Evaluate) -> ReportEvaluated:
        index = -1 if effect.node is None else active.plan.graph.index_of[effect.node]
        if effect.what == "collect":
            return await self._collect(active, index, effect)
        if effect.item is not None:
            await self._ensure_list(active, index)
        template = active.plan.template(index, effect.what)
        effect = await self._load_values(active, template, effect)
        variables = self._variables(active, template, index, effect)
        if template.is_plain:
            limit = self._limits.max_output_bytes
            value = template.template.evaluate(variables)
            data = encode(value, what=effect.what, size_bytes_max=limit)
        elif template.static is not None:
            data = bytes(template.static.json)
        else:
            data = await self._processes.evaluate(template.source, orjson.dumps(variables))
        if effect.what == "foreach":
            return self._report_list(active, index, effect, load(data))
        if len(data) > self._limits.max_inline_bytes and effect.what in _OUTPUT_LOGGED:
            ref = await self._blobs.put(active.workspace, data)
            return _report(effect, Value(ref=ref), digest(data))
        return self._checked(effect, data)

    # --- inside the turn -----------------------------------------------------------------------

    def _fits(self, active: Active, template: CompiledTemplate, effect: Evaluate) -> bool:
        """Tell whether all it reads is inline and, unless it only refers, small together."""
        started = active.state.started
        if started is None or not started.inputs.is_inline or not effect.previous.is_inline:
            return False
        size = started.inputs.size + effect.previous.size
        if "trigger" in template.template.roots:
            if started.trigger_data.ref is not None:
                return False
            size += len(bytes(started.trigger))
        for ref in template.refs:
            output = active.state.nodes[ref].output
            if not output.is_inline:
                return False
            size += output.size
        return template.is_plain or size < self._limits.max_inline_bytes

    def _variables(
        self, active: Active, template: CompiledTemplate, index: int, effect: Evaluate
    ) -> dict[str, Any]:
        """Return what the template reads; every value must be in memory."""
        roots = template.template.roots
        variables: dict[str, Any] = {}
        if "inputs" in roots:
            variables["inputs"] = self._inputs(active)
        if "nodes" in roots:
            graph = active.plan.graph
            variables["nodes"] = {
                graph.nodes[ref].id: self._node(active, ref) for ref in template.refs
            }
        if "item" in roots or "index" in roots:
            variables["item"] = (
                active.lists[index][effect.item or 0] if effect.item is not None else None
            )
            variables["index"] = effect.item or 0
        if "previous" in roots:
            variables["previous"] = load(effect.previous.json)
        if "run" in roots:
            started = active.state.started
            variables["run"] = {
                "id": active.execution_id,
                "workflow": active.plan.workflow.name,
                "version": active.plan.version,
                "started_at": started.at if started is not None else 0,
                "by": started.by if started is not None else "",
            }
        if "trigger" in roots:
            variables["trigger"] = self._trigger(active)
        return variables

    def _node(self, active: Active, index: int) -> dict[str, Any]:
        node: NodeState = active.state.nodes[index]
        error = node.error
        return {
            "output": self._output(active, index),
            "status": node.status,
            "error": None if error is None else {"kind": error.kind, "message": error.message},
            "errors": [] if node.errors is None else load(node.errors.json),
        }

    def _output(self, active: Active, index: int) -> Any:
        """Return a node's output as a Python value; `_MISSING` if it has to be loaded first."""
        found = active.values.get(index, _MISSING)
        if found is not _MISSING:
            return found
        node = active.state.nodes[index]
        if node.status != "completed":
            return None
        if not node.output.is_inline:
            return _MISSING
        value = load(node.output.json)
        self._keep(active, index, value)
        return value

    def _keep(self, active: Active, index: int, value: Any) -> None:
        if len(active.values) >= _VALUES_KEPT_MAX:
            active.values.clear()
        active.values[index] = value

    def _inputs(self, active: Active) -> Any:
        if active.inputs is None:
            started = active.state.started
            if started is None or not started.inputs.is_inline:
                return _MISSING
            active.inputs = load(started.inputs.json) or {}
        return active.inputs

    def _trigger(self, active: Active) -> Any:
        if active.trigger is None:
            started = active.state.started
            active.trigger = {} if started is None else load(started.trigger) or {}
        return active.trigger

    def _report_list(
        self, active: Active, index: int, effect: Evaluate, value: Any
    ) -> ReportEvaluated:
        """Keep a foreach list in memory and answer with its length and hash."""
        if not isinstance(value, list):
            kind = {dict: "a map", str: "text", type(None): "null"}.get(type(value), "a number")
            return _refusal(effect, ExpressionError(f"foreach needs a list and got {kind}"))
        if len(value) > self._limits.max_foreach_items:
            message = (
                f"foreach got {len(value)} items; the limit is {self._limits.max_foreach_items}"
            )
            return _refusal(effect, ExpressionError(message))
        active.lists[index] = value
        return ReportEvaluated(
            effect.node, "foreach", count=len(value), hash=digest(orjson.dumps(value))
        )

    def _checked(self, effect: Evaluate, data: bytes) -> ReportEvaluated:
        """Refuse a condition that is not a bool; else answer with the value."""
        if effect.what in {"when", "until"} and data not in {b"true", b"false"}:
            got = data[:60].decode("utf-8", "replace")
            return _refusal(
                effect, ExpressionError(f"`{effect.what}` must be true or false, got {got}")
            )
        return _report(effect, inline(data), digest(data) if effect.what == "config" else "")

    # --- outside -------------------------------------------------------------------------------

    async def _load_values(
        self, active: Active, template: CompiledTemplate, effect: Evaluate
    ) -> Evaluate:
        """Bring what the template reads into memory; return the effect with its value inline."""
        started = active.state.started
        if active.inputs is None and started is not None and started.inputs.ref is not None:
            active.inputs = load(await self._blobs.get(active.workspace, started.inputs.ref))
        is_read = "trigger" in template.template.roots and active.trigger is None
        if is_read and started is not None and started.trigger_data.ref is not None:
            trigger = await self._blobs.get(active.workspace, started.trigger_data.ref)
            active.trigger = load(trigger)
        for ref in template.refs:
            output = active.state.nodes[ref].output
            if output.ref is not None and ref not in active.values:
                self._keep(active, ref, load(await self._blobs.get(active.workspace, output.ref)))
        if effect.previous.ref is None:
            return effect
        previous = await self._blobs.get(active.workspace, effect.previous.ref)
        return replace(effect, previous=inline(previous))

    async def _ensure_list(self, active: Active, index: int) -> None:
        """Evaluate a foreach list again after an adoption; it must be the planned one."""
        if index in active.lists:
            return
        items = active.state.nodes[index].items
        answer = await self._outside(active, Evaluate(active.state.spec(index).id, "foreach"))
        if answer.error is not None:
            raise ExpressionError(answer.error.message)
        if items is not None and answer.hash != items.list_hash:
            raise ExpressionError("the list of items is no longer what was planned")

    def _collect_inline(
        self, active: Active, index: int, effect: Evaluate
    ) -> ReportEvaluated | None:
        items = active.state.nodes[index].items
        size = 0
        parts: list[bytes] = []
        for output in items.outputs if items is not None else ():
            if output is None:
                parts.append(b"null")
            elif output.ref is not None:
                return None
            else:
                part = bytes(output.json)
                size += len(part)
                if size > self._limits.max_inline_bytes:
                    return None
                parts.append(part)
        data = b"[" + b",".join(parts) + b"]"
        if len(data) > self._limits.max_inline_bytes:
            return None
        return _report(effect, inline(data), "")

    async def _collect(self, active: Active, index: int, effect: Evaluate) -> ReportEvaluated:
        items = active.state.nodes[index].items
        parts: list[bytes] = []
        size = 0
        for output in items.outputs if items is not None else ():
            if output is None:
                part = b"null"
            elif output.ref is not None:
                part = await self._blobs.get(active.workspace, output.ref)
            else:
                part = bytes(output.json)
            parts.append(part)
            size += len(part)
            if size > self._limits.max_output_bytes:
                message = f"the outputs together exceed {self._limits.max_output_bytes} bytes"
                error = NodeError("output_too_large", message, retryable=False)
                return ReportEvaluated(effect.node, effect.what, error=error)
        data = b"[" + b",".join(parts) + b"]"
        ref = await self._blobs.put(active.workspace, data)
        return _report(effect, Value(ref=ref), "")


def _report(effect: Evaluate, value: Value, value_hash: str) -> ReportEvaluated:
    return ReportEvaluated(
        effect.node, effect.what, value, None, effect.item, value_hash, 0, effect.iteration
    )


def _refusal(effect: Evaluate, error: LegatoError) -> ReportEvaluated:
    """Turn an error into the answer; an expression is never retried."""
    place = f"{effect.what}: " if effect.what != "config" else ""
    kind = error.code if isinstance(error, Unavailable) else "expression_error"
    failure = NodeError(kind, f"{place}{error}", may_have_happened=False, retryable=False)
    return ReportEvaluated(
        effect.node, effect.what, None, failure, effect.item, "", 0, effect.iteration
    )
