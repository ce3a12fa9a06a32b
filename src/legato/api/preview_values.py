# SPDX-License-Identifier: Apache-2.0
"""What an expression would read: of an execution as its log says, or of pins.

What is not known is never guessed. Rules: WF33, WF34.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from legato.api.parts import Api
from legato.engine.evolve import evolve
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.errors import NotFound
from legato.model.graph import Graph
from legato.model.ids import ExecutionId
from legato.model.values import Value, load
from legato.model.workflow import decode_workflow
from legato.ports.blobs import json_of
from legato.ports.executions import ExecutionRow
from legato.ports.workflows import WorkflowRow
from legato.runtime.forks import trigger_of

EVENTS_MAX: Final = 50_000
"""Of an execution whose log is read; of a longer one nothing is shown."""
BYTES_MAX: Final = 8 * 1024 * 1024
"""Of all values together that an expression may read here."""
_PAGE: Final = 2_000


class NoData(Exception):
    """What the expression reads is not known. `code` is `no_data` or `too_large`."""

    def __init__(self, message: str, code: str = "no_data") -> None:
        self.code = code
        super().__init__(message)


@dataclass(slots=True)
class Known:
    """What is known, and from where. A node that is missing in `nodes` has no output to show."""

    kind: str
    execution: ExecutionRow | None = None
    inputs: Value | bytes = b"{}"
    trigger: Any = None
    run: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By node: its output as a `Value` or JSON text, its status, error and errors."""


async def of_execution(api: Api, row: WorkflowRow, execution_id: str | None) -> Known:
    """Return what the log of an execution of a workflow says.

    Args:
        api: Where to read.
        row: The workflow.
        execution_id: Which; None for the last one.

    Raises:
        NotFound: It has no such execution.
        NoData: It has none at all, or its log is too long.
    """
    if execution_id is None:
        runs = await api.stores.workflows.last_runs(row.workspace, [row.id])
        if not runs[row.id]:
            raise NoData("The workflow has not run so far.")
        execution_id = runs[row.id][0].id
    execution = await api.stores.executions.get(ExecutionId(execution_id))
    is_ours = execution is not None and execution.workspace == row.workspace
    if execution is None or not is_ours or execution.workflow_id != row.id:
        raise NotFound
    return await known_of(api, execution, await _state(api, execution))


async def known_of(api: Api, execution: ExecutionRow, state: ExecutionState) -> Known:
    """Return what the fold of an execution's log says.

    Raises:
        NoData: It has not begun.
    """
    started = state.started
    if started is None:
        raise NoData("The execution has not begun.")
    nodes: dict[str, Mapping[str, Any]] = {
        spec.id: {
            "output": node.output if node.status == "completed" else b"null",
            "status": node.status,
            "error": None
            if node.error is None
            else {"kind": node.error.kind, "message": node.error.message},
            "errors": [] if node.errors is None else load(node.errors.json),
        }
        for spec, node in zip(state.graph.nodes, state.nodes, strict=True)
    }
    return Known(
        kind="execution",
        execution=execution,
        inputs=started.inputs,
        trigger=await trigger_of(api.stores, started),
        run={
            "id": execution.execution_id,
            "workflow": execution.workflow,
            "version": execution.version,
            "started_at": started.at,
            "by": started.by,
        },
        nodes=nodes,
    )


async def of_pins(api: Api, row: WorkflowRow, nodes: Sequence[str]) -> Known:
    """Return what the pins of some nodes say; inputs and the like are not known."""
    found: dict[str, Mapping[str, Any]] = {}
    for node in nodes:
        pin = await api.stores.workflows.pin(row.workspace, row.id, node)
        if pin is not None:
            found[node] = {
                "output": pin.output,
                "status": "completed",
                "error": None,
                "errors": [],
            }
    return Known(kind="pins", nodes=found)


async def variables(
    api: Api,
    row: WorkflowRow | ExecutionRow,
    known: Known,
    roots: Sequence[str],
    nodes: Sequence[str],
) -> dict[str, Any]:
    """Return the values of variables as JSON fragments.

    Args:
        api: Where large values are.
        row: The workflow or execution whose workspace they are of.
        known: From where.
        roots: Which variables are read.
        nodes: Which nodes are.

    Raises:
        NoData: One is not known, or they are too large.
    """
    left = BYTES_MAX
    found: dict[str, Any] = {}

    async def text(value: Value | bytes) -> orjson.Fragment:
        nonlocal left
        left -= len(value) if isinstance(value, bytes) else value.size
        if left < 0:
            raise NoData("What it reads is too large to be shown here.", "too_large")
        if isinstance(value, bytes):
            return orjson.Fragment(value)
        return orjson.Fragment(bytes(await json_of(api.stores.blobs, row.workspace, value)))

    for root in ("inputs", "run", "trigger", "previous"):
        if root in roots and (known.kind == "pins" or root == "previous"):
            raise NoData(f"`{root}` is known in an execution only.")
    if "inputs" in roots:
        found["inputs"] = await text(known.inputs)
    if "run" in roots:
        found["run"] = known.run
    if "trigger" in roots:
        found["trigger"] = known.trigger
    if "nodes" in roots:
        found["nodes"] = {}
        for node in nodes:
            each = known.nodes.get(node)
            if each is None:
                raise NoData(f"There is no output of the node {node} to show.")
            found["nodes"][node] = {**each, "output": await text(each["output"])}
    return found


async def _state(api: Api, execution: ExecutionRow) -> ExecutionState:
    version = await api.stores.versions.get(execution.version)
    if version is None:
        raise NotFound
    if execution.head_seq > EVENTS_MAX:
        raise NoData("The execution's log is too long to be shown here.", "too_large")
    workflow = await asyncio.to_thread(decode_workflow, version.compiled)
    state = ExecutionState(execution.execution_id, Graph(workflow))
    while True:
        rows = await api.stores.log.read(execution.execution_id, after=state.seq, limit=_PAGE)
        for each in rows:
            evolve(state, read_event(each.body), each.at)
        if len(rows) < _PAGE:
            return state
