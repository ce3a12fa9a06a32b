# SPDX-License-Identifier: Apache-2.0
"""The two routes of DAG Studio, thin over the same code as everything else.

Its four words for a status are less than there is to say: `detail` says the rest.

Rules: DS1-DS12.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.dag_studio_graph import EDGES_MAX, NODES_MAX, Arrow, Drawn, Phase, drawn
from legato.api.deeds import deed, place_of
from legato.api.execution_begin import Beginning, begin, checked_values
from legato.api.execution_body import execution_row
from legato.api.openapi import refusals
from legato.api.parts import Api, ApiPart
from legato.api.published import called_by, published
from legato.api.times import time_or_none, time_text
from legato.api.workflow_texts import check, valid
from legato.api.workflows import is_slug, refuse_archived
from legato.auth.names import make_slug
from legato.auth.roles import may
from legato.engine.state import ExecutionState
from legato.engine.view import node_set
from legato.errors import NotFound, Refused
from legato.model.events import ExecutionStarted
from legato.model.ids import WorkspaceId
from legato.model.values import load
from legato.ports.executions import ExecutionRow
from legato.ports.workflows import ALIAS_LENGTH_MAX, NewWorkflow, WorkflowRow
from legato.runtime.history import LogReader, ownership
from legato.runtime.submission import Submission

routes: Final = Routes("/api/workflow", tag="dag-studio")
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
_TRIES_MAX: Final = 5
_SLUG_KEPT: Final = 50
KIND: Final = "dag_studio"
WORDS: Final = {
    **dict.fromkeys(("queued", "pending"), "pending"),
    **dict.fromkeys(("running", "waiting", "paused", "needs_attention", "retrying"), "running"),
    **dict.fromkeys(("completed", "skipped"), "completed"),
    **dict.fromkeys(("failed", "cancelled", "timed_out"), "failed"),
}
"""Every status of ours, of executions and nodes, in the words of DAG Studio."""


class Execute(BaseModel):
    """A run: of the graph that is sent, or else of what is published of the workflow."""

    workflow_id: Annotated[str, Field(min_length=1, max_length=ALIAS_LENGTH_MAX)]
    workflow_name: Annotated[str | None, Field(max_length=200)] = None
    nodes: Annotated[list[Phase] | None, Field(max_length=NODES_MAX)] = None
    edges: Annotated[list[Arrow] | None, Field(max_length=EDGES_MAX)] = None
    input: dict[str, Any] | None = None


class Executing(BaseModel):
    """What was started, and where to watch it."""

    execution_id: str
    workflow_id: str
    status: str
    total_phases: int
    websocket_url: str


class PhaseView(BaseModel):
    """A phase; `phase_type` is the type of its node, `label` its title."""

    node_id: str
    phase_type: str
    label: str
    status: str
    started_at: str | None
    completed_at: str | None


class Status(BaseModel):
    """A run in the words pending, running, completed, failed. `detail` is its true status."""

    execution_id: str
    workflow_id: str
    status: str
    phases: list[PhaseView]
    created_at: str
    started_at: str | None
    completed_at: str | None
    detail: str


@routes.post(
    "/execute",
    Needs("execution", "start"),
    body_bytes_max=BODY_BYTES_MAX,
    response_model=Executing,
    responses=refusals(404, 409, 422),
)
async def execute(
    request: Request, api: ApiPart, wanted: Annotated[Sent[Execute], sent(Execute)]
) -> Response:
    """Run a workflow; with a graph in the body that graph, which takes the right to edit."""
    echoed: list[Execute] = []

    async def make() -> Beginning:
        asked = await wanted.read()
        echoed.append(asked)
        place, _ = place_of(request)
        if asked.nodes is not None:
            return await _graph_run(request, api, place.id, asked)
        found = await published(api, place.id, asked.workflow_id)
        submission = Submission(
            workflow=found.workflow,
            inputs=checked_values(found.inputs_schema, asked.input or {}, "/input"),
            source=found.source,
            workspace=place.id,
            trigger={"kind": KIND, "workflow_id": asked.workflow_id},
            by=principal_of(request).user.id,
            called=found.called,
            workflow_id=found.workflow_id,
            number=found.number,
        )
        data = {"workflow": found.workflow_id, "version": found.number}
        return Beginning(
            submission=submission, action="execution.start", overlap=found.overlap, data=data
        )

    def show(submission: Submission) -> Response:
        body = {
            "execution_id": submission.execution_id,
            "workflow_id": echoed[0].workflow_id,
            "status": "pending",
            "total_phases": len(submission.workflow.nodes),
            "websocket_url": f"/ws/workflow/{quote(echoed[0].workflow_id, safe='')}",
        }
        return Response(orjson.dumps(body), media_type="application/json")

    return await begin(request, api, make, show)


@routes.get(
    "/status/{execution_id}", Needs("execution", "read"), response_model=Status,
)  # fmt: skip
async def read_status(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Return a run with its phases in a stable topological order."""
    place, _ = place_of(request)
    try:
        row = await execution_row(api, place.id, execution_id)
    except NotFound:
        raise Refused("not_found", "Execution not found") from None
    reader = await LogReader.open(api.stores, row.execution_id)
    await reader.read()
    state = reader.state
    told = _told(state.started)
    names: dict[str, str] = told.get("nodes", {})
    order = sorted(range(len(state.nodes)), key=state.graph.phase_numbers.__getitem__)
    status = state.status if state.started is not None else row.status
    body = {
        "execution_id": row.execution_id,
        "workflow_id": told.get("workflow_id") or row.workflow,
        "status": WORDS[status],
        "phases": [_phase(state, index, names) for index in order],
        "created_at": time_text(row.created_at),
        "started_at": None if state.started is None else time_text(state.started.at),
        "completed_at": time_or_none(state.ended_at),
        "detail": await _detail(api, row, state, status),
    }
    return Response(orjson.dumps(body), media_type="application/json")


async def _detail(api: Api, row: ExecutionRow, state: ExecutionState, status: str) -> str:
    """Return the true status; also that nobody runs it, and why it failed."""
    if state.ended is None:
        absence = (await ownership(api.stores, row)).absence
        return f"{status}, {absence}" if absence else status
    if status == "failed" and state.error is not None:
        return f"failed: {state.error.message[:500]}"
    return status


def _phase(state: ExecutionState, index: int, names: dict[str, str]) -> dict[str, Any]:
    node = node_set(state, index)
    return {
        "node_id": names.get(node.node_id, node.node_id),
        "phase_type": state.spec(index).uses,
        "label": node.title,
        "status": WORDS[node.status],
        "started_at": time_or_none(node.started_at),
        "completed_at": time_or_none(node.completed_at),
    }


def _told(started: ExecutionStarted | None) -> dict[str, Any]:
    """Return what a run was started with here: the names that its client uses."""
    found = None if started is None else load(started.trigger)
    return found if isinstance(found, dict) and found.get("kind") == KIND else {}


async def _graph_run(
    request: Request, api: Api, workspace: WorkspaceId, asked: Execute
) -> Beginning:
    """Return the run of a graph: an immutable version of its own, which is not published.

    Raises:
        Refused: `forbidden`.
        InvalidBody: The graph is none.
        InvalidDocument: It is no valid workflow.
    """
    if not may(principal_of(request), "workflow", "run_graph"):
        raise Refused("forbidden", "A graph needs the right to edit workflows.")
    graph = drawn(asked.workflow_name, asked.nodes or [], asked.edges or [])
    named = asked.workflow_id
    row = await api.stores.workflows.find(workspace, named, with_archived=True)
    if row is None:
        row = await _made(request, api, workspace, asked, graph)
    refuse_archived(row)
    source = graph.text(row.slug)
    workflow = valid(await check(api, source), row.slug)
    submission = Submission(
        workflow=workflow,
        inputs=checked_values(bytes(workflow.inputs_schema), asked.input or {}, "/input"),
        source=source,
        workspace=workspace,
        trigger={"kind": KIND, "workflow_id": named, "nodes": graph.names},
        by=principal_of(request).user.id,
        called=await called_by(api, workspace, workflow),
        workflow_id=row.id,
    )
    data = {"workflow": row.id, "has_graph": True}
    return Beginning(submission=submission, action="execution.start", data=data)


async def _made(
    request: Request, api: Api, workspace: WorkspaceId, asked: Execute, graph: Drawn
) -> WorkflowRow:
    """Make the workflow of a graph that is unknown; the id that was sent stays a name of it."""
    named = asked.workflow_id
    plain = make_slug(asked.workflow_name or named, otherwise="workflow")
    base = named if is_slug(named) else plain
    for attempt in range(_TRIES_MAX):
        new_id = api.clock.new_id()
        slug = base if attempt == 0 else f"{base[:_SLUG_KEPT]}-{new_id[-6:]}"
        source = graph.text(slug)
        valid(await check(api, source), slug)  # nothing is made of a graph that cannot run
        new = NewWorkflow(
            id=new_id,
            workspace=workspace,
            slug=slug,
            title=asked.workflow_name or "",
            source=source,
            by=principal_of(request).user.id,
            alias=None if slug == named else named,
        )
        audit = deed(request, "workflow.create", ("workflow", new_id))
        made = await api.stores.workflows.create(new, audit)
        if made is None:  # somebody was faster, or another workflow has that slug
            made = await api.stores.workflows.find(workspace, named)
        if made is not None:
            return made
    raise Refused("slug_taken", "No free name was found for this workflow.")
