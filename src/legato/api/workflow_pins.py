# SPDX-License-Identifier: Apache-2.0
"""Pins: outputs that test runs take instead of running a node. They stand in no file or version.

Rules: WF6, WF31.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.conditions import etag_of, tagged
from legato.api.parts import ApiPart
from legato.api.times import time_text
from legato.api.workflows import found_workflow, refuse_archived
from legato.errors import NotFound, Refused
from legato.model.document.fields import NODE_ID_PATTERN
from legato.ports.workflows import PIN_BYTES_MAX, PINS_MAX, Pin

routes: Final = Routes("/api/v1/workflows", tag="pins")
BODY_BYTES_MAX: Final = 2 * PIN_BYTES_MAX
"""A text may be written with twice as many bytes as it is kept with."""

NodeName = Annotated[str, Path(pattern=NODE_ID_PATTERN)]


class PinMark(BaseModel):
    """A pin without its output."""

    node: str
    by: str
    at: str


class PinView(PinMark):
    """A pin."""

    output: Any


class Pins(BaseModel):
    """The pins of a workflow, by node."""

    items: list[PinMark]


class PinBody(BaseModel):
    """An output to pin; null is one, too."""

    output: Any


@routes.get("/{workflow_id}/pins", Needs("workflow", "read"), response_model=Pins)
async def list_pins(request: Request, api: ApiPart, workflow_id: str) -> Pins:
    """Return which nodes of a workflow are pinned."""
    row = await found_workflow(request, api, workflow_id)
    found = await api.stores.workflows.pin_names(row.workspace, row.id)
    return Pins(items=[PinMark(**_mark(each)) for each in found])


@routes.get(
    "/{workflow_id}/pins/{node}",
    Needs("workflow", "read"),
    response_model=PinView,
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_pin(request: Request, api: ApiPart, workflow_id: str, node: NodeName) -> Response:
    """Return one pin with its output."""
    row = await found_workflow(request, api, workflow_id)
    found = await api.stores.workflows.pin(row.workspace, row.id, node)
    if found is None:
        raise NotFound
    answer = _answer(found)
    return tagged(request, etag_of(bytes(answer.body)), answer)


@routes.put(
    "/{workflow_id}/pins/{node}",
    Needs("workflow", "draft"),
    body_bytes_max=BODY_BYTES_MAX,
    response_model=PinView,
)
async def put_pin(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    node: NodeName,
    wanted: Annotated[Sent[PinBody], sent(PinBody)],
) -> Response:
    """Pin an output of at most 1 MiB to a node."""
    row = await found_workflow(request, api, workflow_id)
    output = orjson.dumps((await wanted.read()).output)
    refuse_archived(row)
    if len(output) > PIN_BYTES_MAX:
        raise Refused("too_large", f"An output may have {PIN_BYTES_MAX} bytes.")
    by = principal_of(request).user.id
    pin = Pin(workflow=row.id, node=node, output=output, by=by)
    done = await api.stores.workflows.put_pin(row.workspace, pin)
    if done == "full":
        text = f"A workflow may have {PINS_MAX} pins."
        raise Refused("quota_exceeded", text, hint="Take some away.")
    if isinstance(done, str):
        raise NotFound
    return _answer(done)


@routes.delete("/{workflow_id}/pins/{node}", Needs("workflow", "draft"), status_code=204)
async def drop_pin(request: Request, api: ApiPart, workflow_id: str, node: NodeName) -> Response:
    """Take a pin away."""
    row = await found_workflow(request, api, workflow_id)
    if not await api.stores.workflows.drop_pin(row.workspace, row.id, node):
        raise NotFound
    return Response(status_code=204)


def _mark(pin: Pin) -> dict[str, Any]:
    return {"node": pin.node, "by": pin.by, "at": time_text(pin.at)}


def _answer(pin: Pin) -> Response:
    value = {**_mark(pin), "output": orjson.Fragment(pin.output)}
    return Response(orjson.dumps(value), media_type="application/json")
