# SPDX-License-Identifier: Apache-2.0
"""Executions side by side, whole in one document, and the inbox of those that wait for a person.

Rules: XR40-XR44.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from legato import __version__
from legato.api.access import Needs, Routes
from legato.api.deeds import deed, place_of
from legato.api.execution_body import execution_row, shown
from legato.api.look_again import look_again
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages, Parameters, refuse_repeated
from legato.api.parts import Api, ApiPart
from legato.api.times import time_or_none, time_text
from legato.engine.compare import compare
from legato.engine.state import ExecutionState
from legato.errors import Refused
from legato.model.frames import NodeStatus
from legato.ports.executions import ExecutionRow
from legato.runtime.comparison import comparison_json
from legato.runtime.export import Export
from legato.runtime.history import LogReader, load_history

routes: Final = Routes("/api/v1/executions/{execution_id}", tag="executions")
inbox: Final = Routes("/api/v1/approvals", tag="approvals")
COUNTED_MAX: Final = 1_000
PAYLOAD_BYTES: Final = 16 * 1024 * 1024
PAYLOAD_BYTES_MAX: Final = 256 * 1024 * 1024
LOOK_S: Final = 0.7
INBOX_LIMIT: Final = 50
_JSON: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "One JSON document.", "content": {"application/json": {"schema": {}}}}
}


class SideView(BaseModel):
    """What a node came to in one execution. `took_ms` is null while it has not begun and ended."""

    status: NodeStatus
    took_ms: int | None
    cost_usd: float | None
    attempts: int
    reused: bool
    edited: bool


class ComparedNode(BaseModel):
    """One node in both; null where a version does not have it."""

    node: str
    differs: list[str]
    one: SideView | None
    other: SideView | None


class ComparisonView(BaseModel):
    """Two executions of one workflow, in the order in which the first runs.

    `first_difference` is the first node that differs; null where none does.
    """

    one: str
    other: str
    same_version: bool
    same_inputs: bool
    first_difference: str | None
    nodes: list[ComparedNode]


class ApprovalView(BaseModel):
    """A node that waits for an answer. `request` is what it asks: a message, fields of a form."""

    execution_id: str
    workflow_id: str | None
    workflow_slug: str
    node: str
    title: str
    kind: Literal["approval", "form"]
    since: str | None
    until: str | None
    request: Any


class ApprovalsView(BaseModel):
    """What waits for somebody, by falling id of its execution.

    `count` is of executions that wait for anybody or anything, up to 1 000. A page may be short.
    """

    items: list[ApprovalView]
    next_cursor: str | None
    count: int


class ApprovalsQuery(PageQuery):
    """Which."""

    limit: int = Field(default=INBOX_LIMIT, ge=1, le=INBOX_LIMIT)
    state: Literal["waiting"] = "waiting"


class ExportQuery(Parameters):
    """How much."""

    payload_bytes: int = Field(
        default=PAYLOAD_BYTES, ge=0, le=PAYLOAD_BYTES_MAX, description="Payloads, together."
    )


@routes.get(
    "/compare/{other_id}",
    Needs("execution", "compare"),
    response_model=ComparisonView,
    responses=refusals(422),
)
async def compare_executions(
    request: Request, api: ApiPart, execution_id: str, other_id: str
) -> Response:
    """Return two executions of the same workflow node by node, and where they first part."""
    refuse_repeated(request)
    workspace = place_of(request)[0].id
    rows = [await execution_row(api, workspace, each) for each in (execution_id, other_id)]
    if _workflow(rows[0]) != _workflow(rows[1]):
        raise Refused("invalid", "These are executions of different workflows.")
    one, other = [await load_history(api.stores, row.execution_id) for row in rows]
    found = await asyncio.to_thread(compare, one.state, other.state)
    value = comparison_json(rows[0].execution_id, rows[1].execution_id, found)
    return Response(orjson.dumps(value), media_type="application/json")


def _workflow(row: ExecutionRow) -> str:
    return row.workflow_id or f"/{row.workflow}"


@routes.get("/export", Needs("execution", "export"), responses=_JSON | refusals(422))
async def export_execution(
    request: Request, api: ApiPart, execution_id: str, asked: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """Return everything that is stored of an execution; that it was taken is in the audit."""
    refuse_repeated(request)
    row = await execution_row(api, place_of(request)[0].id, execution_id)
    await api.stores.audit.write(deed(request, "export", ("execution", row.execution_id)))
    by = f"legato {__version__}"
    made = Export(api.stores, row, api.clock.now_ms(), by, asked.payload_bytes)
    name = f'attachment; filename="execution-{row.execution_id}.json"'
    return StreamingResponse(
        _while_allowed(request, api, made.pieces()),
        headers={"content-disposition": name},
        media_type="application/json",
    )


async def _while_allowed(
    request: Request, api: Api, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Pass pieces on; who may not any more is cut off.

    Raises:
        LegatoError: They may not, or the store does not answer: the document has no end.
    """
    looked_at = api.clock.monotonic()
    async for piece in pieces:
        if api.clock.monotonic() - looked_at >= LOOK_S:
            await look_again(request)
            looked_at = api.clock.monotonic()
        yield piece


@inbox.get("", Needs("execution", "read"), response_model=ApprovalsView, responses=refusals(422))
async def list_approvals(
    request: Request, api: ApiPart, asked: Annotated[ApprovalsQuery, Query()]
) -> Response:
    """Return what waits for an answer of a person in the workspace."""
    pages = Pages(request, "approvals")
    workspace = place_of(request)[0].id
    found = await api.stores.lists.asking(
        workspace, before=pages.after(asked), limit=asked.limit + 1
    )
    rows, cursor = pages.cut(found, asked, lambda row: row.execution_id)
    items: list[dict[str, Any]] = []
    for row in rows:
        reader = await LogReader.open(api.stores, row.execution_id)
        await reader.read()
        items += _asked_of(row, reader.state)
    count = await api.stores.lists.count_asking(workspace, limit=COUNTED_MAX)
    value = {"items": items, "next_cursor": cursor, "count": count}
    return Response(orjson.dumps(value), media_type="application/json")


def _asked_of(row: ExecutionRow, state: ExecutionState) -> Iterator[dict[str, Any]]:
    for index in state.open_waits:
        node, spec = state.nodes[index], state.spec(index)
        if node.status == "waiting" and node.wait in {"approval", "form"}:
            yield {
                "execution_id": row.execution_id,
                "workflow_id": row.workflow_id,
                "workflow_slug": row.workflow,
                "node": spec.id,
                "title": spec.title or spec.id,
                "kind": node.wait,
                "since": None if node.started_at is None else time_text(node.started_at),
                "until": time_or_none(node.wait_until),
                "request": shown(node.wait_config),
            }
