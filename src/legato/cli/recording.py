# SPDX-License-Identifier: Apache-2.0
"""A finished execution as a case of a test file: what came from outside, and what came of it.

Reads the log only. Secrets were redacted before they reached it. Rules: TK19, CL47.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from legato.cli.history import fetch
from legato.engine.waits import signal_name
from legato.errors import Conflict
from legato.model import events as ev
from legato.model.document.problems import path_text
from legato.model.values import load
from legato.model.workflow import NodeSpec, Workflow, decode_workflow
from legato.runtime.history import History
from legato.telemetry import REDACTED

if TYPE_CHECKING:
    from legato.ports.stores import Stores

Data = dict[str, Any]

_BY_THEMSELVES: Final = frozenset({"expression_error", "not_pinned"})
"""Kinds of failure that happen again in a test without being told."""
_LITERAL_LINES_MIN: Final = 2


async def recorded_case(stores: Stores, history: History) -> Data:
    """Return inputs, pins, failures, answers and signals of an execution, as a test writes them.

    Raises:
        Conflict: It has not ended, or ended in a way that a test cannot repeat.
    """
    state = history.state
    _refuse(history)
    outside = _Outside(stores, state.started.pins if state.started is not None else {})
    case: Data = {"inputs": await fetch(stores, state.started.inputs) if state.started else {}}
    for spec, node in zip(state.graph.nodes, state.nodes, strict=True):
        if not await outside.is_touched_by(spec):
            continue
        if node.status == "completed":
            case.setdefault("pin", {})[spec.id] = await fetch(stores, node.output)
        elif node.items is not None and node.items.completed:
            outputs = [
                None if each is None else await fetch(stores, each) for each in node.items.outputs
            ]
            case.setdefault("pin", {})[spec.id] = outputs
        failures = list(_failures(history, spec.id))
        if failures:
            case.setdefault("fail", {})[spec.id] = failures
    await _add_waits(stores, history, case)
    return case


def _refuse(history: History) -> None:
    execution_id, ended = history.row.execution_id, history.state.ended
    if ended is None:
        raise Conflict(
            f"{execution_id} has not ended", hint="Record it when it has completed or failed."
        )
    if ended in {"cancelled", "timed_out"}:
        raise Conflict(
            f"{execution_id} is {ended.replace('_', ' ')}, which a test cannot repeat",
            hint="Record one that completed or failed.",
        )
    by_hand = [
        each.event.node for each in history.events
        if isinstance(each.event, ev.NodeSkipped) and each.event.cause == "operator"
    ]  # fmt: skip
    if by_hand:
        raise Conflict(
            f"in {execution_id} a person left out {by_hand[0]}, which a test cannot repeat",
            hint="Record one that went by itself.",
        )


class _Outside:
    """Tells which nodes touch the world outside: every task but `data.*`, and what calls them."""

    def __init__(self, stores: Stores, versions: Data) -> None:
        self._stores = stores
        self._versions = versions

    async def is_touched_by(self, spec: NodeSpec) -> bool:
        """Tell whether a test has to pin this node; a wait of the workflow itself is answered."""
        if spec.kind == "task":
            return not spec.uses.startswith("data.")
        return spec.call is not None and await self._in_call(spec)

    async def _in_call(self, spec: NodeSpec) -> bool:
        assert spec.call is not None, "only asked of calls"
        body = spec.call.body or await self._called(spec.call.workflow or "")
        if body is None:
            return True
        for node in body.nodes:
            if node.kind in {"approval", "form", "signal"} or await self.is_touched_by(node):
                return True
        return False

    async def _called(self, name: str) -> Workflow | None:
        row = await self._stores.versions.get(self._versions[name])
        return None if row is None else decode_workflow(row.compiled)


def _failures(history: History, node: str) -> Iterator[Data]:
    """Yield the failures of a node in order, equal ones that follow each other once."""
    last: Data | None = None
    for each in history.events:
        event = each.event
        if isinstance(event, ev.AttemptFailed) and event.node == node:
            found = _failure(event.error, None)
        elif isinstance(event, ev.NodeFailed) and event.node == node:
            if history.state.nodes[history.state.graph.index_of[event.node]].items is not None:
                continue  # its items say why
            found = _failure(event.error, None)
        elif isinstance(event, ev.ItemFailed) and event.node == node:
            found = _failure(event.error, event.item)
        else:
            continue
        if found is None:
            continue
        if last is not None and {**found, "times": last["times"]} == last:
            last["times"] += 1
            continue
        if last is not None:
            yield last
        last = {**found, "times": 1}
    if last is not None:
        yield last


def _failure(error: ev.NodeError, item: int | None) -> Data | None:
    if error.kind in _BY_THEMSELVES:
        return None
    found: Data = {"kind": error.kind, "message": error.message}
    if item is not None:
        found["item"] = item
    # Settled by hand: a test must not park it once more.
    if not error.may_have_happened or error.kind == "forced":
        found["may_have_happened"] = False
    if not error.retryable:
        found["retryable"] = False
    return found


async def _add_waits(stores: Stores, history: History, case: Data) -> None:
    """Add what people and other programs said, in the order in which they said it."""
    state = history.state
    for each in history.events:
        event = each.event
        if not isinstance(event, ev.NodeCompleted):
            continue
        index = state.graph.index_of[event.node]
        spec = state.spec(index)
        if spec.kind == "signal":
            name = event.consumed or signal_name(spec, state.nodes[index].wait_config)
            payload = await fetch(stores, event.output)
            case.setdefault("signals", []).append({"name": name, "payload": payload})
        elif spec.kind in {"form", "approval"}:
            said = load(event.output.json)
            if spec.kind == "form" and said["approved"]:
                case.setdefault("answer", {})[spec.id] = said["data"]
                continue
            reply = {"approved": said["approved"], "by": said["by"] or "test"}
            if said["comment"]:
                reply["comment"] = said["comment"]
            case.setdefault("approve", {})[spec.id] = reply


# --- as text ----------------------------------------------------------------------------------


def redacted_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Yield the paths of texts in which a secret was replaced."""
    if isinstance(value, str):
        if REDACTED in value:
            yield path_text(path)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from redacted_paths(element, (*path, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from redacted_paths(element, (*path, index))


def test_text(workflow_file: str, case: Data, comments: list[str]) -> bytes:
    """Return a test file with one case.

    Args:
        workflow_file: Where the workflow is, from the folder of the test.
        case: The case, its name first.
        comments: Lines that stand above it.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 1_000_000  # a folded text would be harder to compare than a long line
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda *_: True  # the reader refuses them
    out = io.BytesIO()
    yaml.dump({"legato_test": 1, "workflow": workflow_file, "cases": [_as_yaml(case)]}, out)
    head = "".join(f"# {line}\n" for line in comments)
    return head.encode() + out.getvalue()


def _as_yaml(value: Any) -> Any:
    """Return the value with texts of several lines written as such, where that is exact."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, dict):
        return {
            DoubleQuotedScalarString(k) if _is_odd(k) else k: _as_yaml(v) for k, v in value.items()
        }
    if isinstance(value, list):
        return [_as_yaml(element) for element in value]
    if not isinstance(value, str):
        return value
    lines = value.split("\n")
    is_exact = all(line.isprintable() and line == line.rstrip() for line in lines)
    if len(lines) >= _LITERAL_LINES_MIN and is_exact and lines[0][:1] not in {"", " "}:
        return LiteralScalarString(value)
    return DoubleQuotedScalarString(value) if _is_odd(value) else value


def _is_odd(text: str) -> bool:
    """Tell whether a text is safe only in quotes."""
    return not text.isprintable() or text != text.strip() or text == ""
