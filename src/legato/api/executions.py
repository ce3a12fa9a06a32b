# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/executions`: lists with filters and search, and one execution as it is now or was.

One execution is read in one look at the store, without its log; only the past is folded.
Rules: XR10-XR15, XR20-XR24.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

import orjson
from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.conditions import tagged
from legato.api.deeds import place_of
from legato.api.execution_actions import AllowedAction, allowed_actions
from legato.api.execution_body import (
    ExecutionBody,
    ExecutionFault,
    TriggerView,
    execution_look,
    look_body,
    row_fields,
    shown,
)
from legato.api.execution_views import NodeView, node_views
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages, Parameters, Text, Time, refuse_repeated
from legato.api.parts import Api, ApiPart, api_of
from legato.api.times import parse_time, time_or_none, time_text
from legato.engine.state import ExecutionState
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.model.ids import ExecutionId, WorkspaceId, time_of_id
from legato.ports.executions import RESTORED, ExecutionRow
from legato.ports.listing import VALUES_ASKED_MAX, ExecutionLook, ListQuery
from legato.runtime.history import LogReader, live_engines, owner_among

routes: Final = Routes("/api/v1/executions", tag="executions")
STATUSES: Final = frozenset(get_args(ExecutionStatus))
SEARCH_MAX: Final = 500
VALUE_MAX: Final = 600
TRIGGER_MAX: Final = 64
_READ: Final = Needs("execution", "read")


class Waiting(BaseModel):
    """A node that is waited for, and what for: a kind of wait, or `needs attention`."""

    node: str
    waits_for: str


class ExecutionItem(BaseModel):
    """An execution in a list: without inputs and outputs."""

    id: str
    workflow_id: str | None
    workflow_slug: str
    version: int | None
    version_hash: str
    is_test: bool
    status: ExecutionStatus
    error: str | None
    trigger: TriggerView
    parent: str | None
    forked_from: str | None
    waiting_for: list[Waiting]
    nodes_done: int
    nodes_total: int
    head_seq: int
    created_at: str
    started_at: str | None
    completed_at: str | None


class ExecutionItems(BaseModel):
    """Executions by falling id. With `searched_through` the page ended before it was full.

    Then it has looked at everything down to that time, and `next_cursor` goes on from there.
    """

    items: list[ExecutionItem]
    next_cursor: str | None
    searched_through: str | None


class ExecutionDetail(ExecutionBody):
    """An execution with what can be done now. `unattended`: nobody runs it, nothing will happen.

    `owner` is `alive`, `lost` or `none`. With `at_seq` it is shown as it was at that event, with
    its nodes; then nothing can be done, and `head_seq` still is that of the log.
    """

    error: ExecutionFault | None
    parent: str | None
    waiting_for: list[Waiting]
    nodes_done: int
    nodes_total: int
    owner: str
    unattended: bool
    allowed_actions: list[AllowedAction]
    at_seq: int | None
    nodes: list[NodeView] | None


def _checked_statuses(text: str) -> str:
    if not set(text.split(",")) <= STATUSES:
        raise PydanticCustomError("literal_error", "unknown", {"expected": _LIST})
    return text


def _checked_value(text: str) -> str:
    path, colon, _ = text.partition(":")
    if not path or not colon:
        raise PydanticCustomError("string_pattern_mismatch", "no path", {"pattern": "path:text"})
    return text


_LIST: Final = f"a list, with commas, of: {', '.join(sorted(STATUSES))}"
_Statuses = Annotated[str, AfterValidator(_checked_statuses)]
_Value = Annotated[str, Field(max_length=VALUE_MAX), AfterValidator(_checked_value)]


class ExecutionQuery(PageQuery):
    """Which executions; all filters hold together."""

    status: _Statuses | None = Field(default=None, description=_LIST)
    workflow: Text | None = Field(default=None, description="Its id or slug.")
    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Its number.")
    trigger: str | None = Field(
        default=None, min_length=1, max_length=TRIGGER_MAX, description="Kind: `api`, `cron`…"
    )
    created_after: Time | None = Field(default=None, description="At that time or later.")
    created_before: Time | None = Field(default=None, description="Before that time.")
    q: str | None = Field(
        default=None, min_length=1, max_length=SEARCH_MAX,
        description='Words and "phrases" of inputs, outputs and outputs of nodes.',
    )  # fmt: skip
    value: list[_Value] = Field(
        default=[], max_length=VALUES_ASKED_MAX,
        description="`<path>:<text>`, such as `inputs.customer.id:42`; up to three times.",
    )  # fmt: skip
    parent: Text | None = Field(default=None, description="Those that this execution called.")


class AtQuery(Parameters):
    """As it was."""

    at_seq: int | None = Field(default=None, ge=1, le=2**53)


_AT: Final[dict[str, Any]] = {
    "parameters": [
        {"name": "execution_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {
            "name": "at_seq", "in": "query", "required": False,
            "schema": {"type": "integer", "minimum": 1},
            "description": "Show it as it was at this event.",
        },
    ]
}  # fmt: skip


@routes.get("", _READ, response_model=ExecutionItems)
async def list_executions(
    request: Request, api: ApiPart, asked: Annotated[ExecutionQuery, Query()]
) -> Response:
    """Return executions that people, schedules and messages started, the newest first."""
    pages = Pages(request, "executions", lists=("value",))
    workspace = place_of(request)[0].id
    before = pages.after(asked)
    found = await api.stores.lists.page(await _wanted(api, workspace, asked, before))
    if found.searched_to is None:
        rows, cursor = pages.cut(found.rows, asked, lambda row: row.execution_id)
        through = None
    else:
        rows, cursor = found.rows, pages.cursor(found.searched_to, asked)
        through = time_text(time_of_id(found.searched_to) or 0)
    value = {"items": list(map(item_of, rows)), "next_cursor": cursor, "searched_through": through}
    return Response(orjson.dumps(value), media_type="application/json")


async def _wanted(
    api: Api, workspace: WorkspaceId, asked: ExecutionQuery, before: str | None
) -> ListQuery:
    workflow, workflow_id = asked.workflow, None
    if workflow is not None:
        row = await api.stores.workflows.find(workspace, workflow, with_archived=True)
        if row is not None:
            workflow, workflow_id = None, row.id
    after, until = asked.created_after, asked.created_before
    return ListQuery(
        workspace=workspace,
        statuses=tuple(asked.status.split(",")) if asked.status else (),  # type: ignore[arg-type]
        workflow=workflow,
        workflow_id=workflow_id,
        number=asked.version,
        trigger=asked.trigger,
        created_from=None if after is None else parse_time(after),
        created_to=None if until is None else parse_time(until),
        search=asked.q,
        values=tuple(_pair(each) for each in asked.value),
        parent=None if asked.parent is None else ExecutionId(asked.parent),
        before=before,
        limit=asked.limit,
    )


def _pair(value: str) -> tuple[str, str]:
    path, _, text = value.partition(":")
    return path, text


@routes.get(
    "/{execution_id}", _READ, response_model=ExecutionDetail, openapi_extra=_AT,
    responses=refusals(422),
takes=("If-None-Match",), gives=("ETag",))  # fmt: skip
async def read_execution(request: Request) -> Response:
    """Return an execution as it is now, or as it was at an event of its log."""
    api = api_of(request)
    workspace = place_of(request)[0].id
    look = await execution_look(api, workspace, request.path_params["execution_id"])
    at_seq = _at_seq(request) if request.scope["query_string"] else None
    row = look.row
    if at_seq is None:
        answer = Response(
            orjson.dumps(await _now(request, api, look)), media_type="application/json"
        )
        if "if-none-match" not in request.headers:
            answer.headers["etag"] = f'"{row.head_seq}"'
            return answer
        return tagged(request, str(row.head_seq), answer)
    if at_seq > row.head_seq:
        bound = {"le": row.head_seq}
        fault = {"type": "less_than_equal", "loc": ("query", "at_seq"), "ctx": bound}
        raise RequestValidationError([fault])
    body = orjson.dumps(await _past(api, row, at_seq))
    return Response(body, media_type="application/json", headers={"etag": f'"{row.head_seq}"'})


def _at_seq(request: Request) -> int | None:
    refuse_repeated(request)
    try:
        return AtQuery.model_validate(dict(request.query_params)).at_seq
    except ValidationError as error:
        faults = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(faults) from None


async def _now(request: Request, api: Api, look: ExecutionLook) -> dict[str, Any]:
    row = look.row
    owner = "none"
    is_unattended = False
    if row.status not in FINAL_EXECUTION:
        found = owner_among(await live_engines(api.stores), row)
        owner = "alive" if found.owner is not None else "lost" if found.is_lost else "none"
        is_unattended = found.is_unattended
    return look_body(look) | {
        "parent": row.parent,
        "waiting_for": waits_of(row),
        "nodes_done": row.nodes_done,
        "nodes_total": row.nodes_total,
        "owner": owner,
        "unattended": is_unattended,
        "allowed_actions": allowed_actions(principal_of(request), row),
        "at_seq": None,
        "nodes": None,
    }


async def _past(api: Api, row: ExecutionRow, at_seq: int) -> dict[str, Any]:
    reader = await LogReader.open(api.stores, row.execution_id)
    await reader.read(to_seq=at_seq)
    state = reader.state
    started = state.started
    error = state.error
    return row_fields(row) | {
        "status": state.status,
        "inputs": None if started is None else shown(started.inputs),
        "outputs": None if state.ended is None else shown(state.outputs),
        "error": None
        if error is None or state.ended is None
        else {"kind": error.kind, "message": error.message, "node": state.error_node},
        "started_at": None if started is None else time_text(started.at),
        "completed_at": time_or_none(state.ended_at),
        "parent": row.parent,
        "waiting_for": _waits(state),
        "nodes_done": state.final_count,
        "nodes_total": len(state.nodes),
        "owner": "none",
        "unattended": False,
        "allowed_actions": [],
        "at_seq": at_seq,
        "nodes": node_views(state),
    }


def item_of(row: ExecutionRow) -> dict[str, Any]:
    """Return a row of a list."""
    return row_fields(row) | {
        "parent": row.parent,
        "waiting_for": waits_of(row),
        "nodes_done": row.nodes_done,
        "nodes_total": row.nodes_total,
    }


def waits_of(row: ExecutionRow) -> list[dict[str, str]]:
    """Return what an open execution waits for: the first nodes that do."""
    if row.waiting_for is None or row.status in FINAL_EXECUTION:
        return []
    parts = (each.partition(": ") for each in row.waiting_for.split(", ") if each != RESTORED)
    return [{"node": node, "waits_for": what} for node, _, what in parts]


def _waits(state: ExecutionState) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for index in [*state.open_waits, *state.foreach_open]:
        node, name = state.nodes[index], state.spec(index).id
        if node.status == "waiting" and node.wait is not None:
            found.append({"node": name, "waits_for": node.wait})
        elif node.status == "needs_attention" or (node.items is not None and node.items.parked):
            found.append({"node": name, "waits_for": "needs attention"})
    return found
