# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/executions/{id}/…`: its nodes, their tries, items and values, and what they said.

Rules: XR23, XR25-XR28.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.deeds import place_of
from legato.api.execution_body import execution_look, execution_row
from legato.api.execution_inputs import InputView, input_view
from legato.api.execution_views import (
    AttemptView,
    ItemView,
    NodeView,
    attempts,
    item_status,
    item_view,
    node_view,
    node_views,
)
from legato.api.openapi import refusals
from legato.api.pages import LIMIT, PageQuery, Pages, Parameters, refuse_repeated
from legato.api.parts import Api, ApiPart
from legato.api.slices import Slice, SliceQuery, slice_of
from legato.api.times import time_text
from legato.engine.upcast import read_event
from legato.errors import NotFound
from legato.model.events import ExecutionEnded, ExecutionStarted, Recorded
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import NodeId
from legato.model.values import NULL, Value
from legato.ports.attempt_logs import LogLine
from legato.ports.executions import ExecutionRow
from legato.runtime.history import LogReader

routes: Final = Routes("/api/v1/executions/{execution_id}", tag="executions")
ITEMS_LIMIT: Final = 100
LINES_MAX: Final = 1_000
LINES_LOOKED_AT: Final = 5_000
"""Stored lines that a page passes over at most before it ends, however few were wanted."""
_READ: Final = Needs("execution", "read")
_LOGS: Final = Needs("execution", "logs")


class NodesView(BaseModel):
    """Every node, in the order of phases, at one seq of the log."""

    seq: int
    nodes: list[NodeView]


class NodeDetail(NodeView):
    """A node with its tries, what it was given, and a piece of what it gave."""

    seq: int
    attempts: list[AttemptView]
    input: InputView
    output: Slice | None


class ItemsView(BaseModel):
    """Elements of a node's list by rising index."""

    items: list[ItemView]
    next_cursor: str | None


class LineView(BaseModel):
    """What an attempt said. `offset` counts its lines; level `delta` is a piece of a stream."""

    node: str
    item: int | None
    attempt: int
    offset: int
    at: str
    level: str
    text: str
    progress: float | None


class LinesView(BaseModel):
    """Lines in the order in which they came.

    `next_cursor` goes on after the last of them, now or later. With `is_final` the execution had
    ended before they were read: a page that is not full then has the last one.
    """

    items: list[LineView]
    next_cursor: str
    is_final: bool


class NodeQuery(SliceQuery):
    """Which node's item, and which piece of its output."""

    item: int | None = Field(default=None, ge=0, le=2**31 - 1)


class ItemsQuery(PageQuery):
    """Which elements."""

    limit: int = Field(default=ITEMS_LIMIT, ge=1, le=2 * ITEMS_LIMIT)
    state: (
        Literal[
            "pending", "running", "waiting", "retrying", "needs_attention", "completed", "failed"
        ]
        | None
    ) = None


class LinesQuery(PageQuery):
    """Which lines."""

    limit: int = Field(default=LIMIT * 4, ge=1, le=LINES_MAX)
    node: str | None = Field(default=None, min_length=1, max_length=64)
    item: int | None = Field(default=None, ge=0, le=2**31 - 1)
    attempt: int | None = Field(default=None, ge=1, le=2**31 - 1)


class ItemQuery(Parameters):
    """Which item, if the node has items."""

    item: int | None = Field(default=None, ge=0, le=2**31 - 1)


@routes.get("/nodes", _READ, response_model=NodesView)
async def list_nodes(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Return the state of every node."""
    refuse_repeated(request)
    _, reader = await _folded(request, api, execution_id)
    return _json({"seq": reader.state.seq, "nodes": node_views(reader.state)})


@routes.get("/nodes/{node}", _READ, response_model=NodeDetail, responses=refusals(422))
async def read_node(
    request: Request,
    api: ApiPart,
    execution_id: str,
    node: str,
    asked: Annotated[NodeQuery, Query()],
) -> Response:
    """Return a node: its tries, what it was given, and a piece of what it gave."""
    refuse_repeated(request)
    recorded: list[Recorded] = []
    row, reader = await _folded(request, api, execution_id, recorded)
    state = reader.state
    index = _index(reader, node)
    output = _output(reader, index, asked.item)
    piece = None if output is None else await slice_of(api, row.workspace, output, asked)
    return _json(
        {
            **node_view(state, index),
            "seq": state.seq,
            "attempts": attempts(recorded, node, asked.item),
            "input": await input_view(api, row, state, index, asked.item),
            "output": piece,
        }
    )


@routes.get("/nodes/{node}/items", _READ, response_model=ItemsView, responses=refusals(422))
async def list_items(
    request: Request,
    api: ApiPart,
    execution_id: str,
    node: str,
    asked: Annotated[ItemsQuery, Query()],
) -> Response:
    """Return elements of a node's list, by what they are doing."""
    pages = Pages(request, f"items/{execution_id}/{node}")
    after = pages.after(asked)
    _, reader = await _folded(request, api, execution_id)
    state = reader.state.nodes[_index(reader, node)]
    items, found = state.items, list[dict[str, Any]]()
    if items is not None:
        first = 0 if after is None else int(after) + 1
        every = range(first, items.count)
        wanted = (n for n in every if asked.state in {None, item_status(items, n)})
        some = islice(wanted, asked.limit + 1)
        found = [item_view(state, items, item) for item in some]
    shown, cursor = pages.cut(found, asked, lambda each: str(each["item"]))
    return _json({"items": shown, "next_cursor": cursor})


@routes.get("/inputs", _READ, response_model=Slice, responses=refusals(422))
async def read_inputs(
    request: Request, api: ApiPart, execution_id: str, asked: Annotated[SliceQuery, Query()]
) -> Response:
    """Return a piece of the inputs."""
    refuse_repeated(request)
    look = await execution_look(api, place_of(request)[0].id, execution_id)
    started = None if look.first is None else read_event(look.first)
    if not isinstance(started, ExecutionStarted):
        raise NotFound
    return _json(await slice_of(api, look.row.workspace, started.inputs, asked))


@routes.get("/outputs", _READ, response_model=Slice, responses=refusals(422))
async def read_outputs(
    request: Request, api: ApiPart, execution_id: str, asked: Annotated[SliceQuery, Query()]
) -> Response:
    """Return a piece of the outputs of an execution that has ended."""
    refuse_repeated(request)
    look = await execution_look(api, place_of(request)[0].id, execution_id)
    ended = None if look.last is None else read_event(look.last)
    if not isinstance(ended, ExecutionEnded):
        raise NotFound
    return _json(await slice_of(api, look.row.workspace, ended.outputs, asked))


@routes.get("/logs", _LOGS, response_model=LinesView, responses=refusals(422))
async def list_lines(
    request: Request, api: ApiPart, execution_id: str, asked: Annotated[LinesQuery, Query()]
) -> Response:
    """Return what attempts said, in the order in which it came; the cursor follows what comes."""
    pages = Pages(request, f"logs/{execution_id}")
    after = int(pages.after(asked) or 0)
    # Looked at before the lines: of one that had ended then, no line is missing.
    row = await execution_row(api, place_of(request)[0].id, execution_id)
    node = None if asked.node is None else NodeId(asked.node)
    found: list[dict[str, Any]] = []
    passed = 0
    is_filtered = asked.item is not None or asked.attempt is not None
    portion = LINES_MAX if is_filtered else asked.limit
    while len(found) < asked.limit and passed < LINES_LOOKED_AT:
        lines = await api.stores.attempt_logs.read(
            row.execution_id, node=node, after=after, limit=portion
        )
        for place, line in lines:
            if len(found) == asked.limit:
                break
            after = place
            if _is_wanted(line, asked):
                found.append(_line(line))
        passed += len(lines)
        if len(lines) < portion:
            break
    is_final = row.status in FINAL_EXECUTION
    cursor = pages.cursor(str(after), asked)
    return _json({"items": found, "next_cursor": cursor, "is_final": is_final})


def _is_wanted(line: LogLine, asked: LinesQuery) -> bool:
    return asked.item in {None, line.item} and asked.attempt in {None, line.attempt}


def _line(line: LogLine) -> dict[str, Any]:
    return {
        "node": line.node,
        "item": None if line.item < 0 else line.item,
        "attempt": line.attempt,
        "offset": line.offset,
        "at": time_text(line.at),
        "level": line.level,
        "text": line.text,
        "progress": line.progress,
    }


async def _folded(
    request: Request, api: Api, execution_id: str, into: list[Recorded] | None = None
) -> tuple[ExecutionRow, LogReader]:
    """Return an execution of the workspace with its log folded.

    Raises:
        NotFound: There is none of that id there.
    """
    row = await execution_row(api, place_of(request)[0].id, execution_id)
    reader = await LogReader.open(api.stores, row.execution_id)
    await reader.read(into)
    return row, reader


def _index(reader: LogReader, node: str) -> int:
    index = reader.state.graph.index_of.get(NodeId(node))
    if index is None:
        raise NotFound
    return index


def _output(reader: LogReader, index: int, item: int | None) -> Value | None:
    """Return what a node or item gave; None if it gave nothing so far.

    Raises:
        NotFound: There is no such item.
    """
    node = reader.state.nodes[index]
    if item is None:
        return node.output if node.status == "completed" else None
    if node.items is None or item >= node.items.count:
        raise NotFound
    if not node.items.done[item]:
        return None
    return node.items.outputs[item] or NULL


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
