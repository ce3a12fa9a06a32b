# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/node-types`: what workflows can be made of here, with schemas for forms.

The same for everybody and until the server is started anew. Rules: WF30.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.conditions import etag_of, tagged
from legato.api.parts import Api, ApiPart, api_of
from legato.errors import NotFound
from legato.model.node_type import NodeTypeInfo

routes: Final = Routes("/api/v1/node-types", tag="node types")
_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "It is what If-None-Match names."}
}


class NodeTypeView(BaseModel):
    """A node type.

    `effect` is what an empty `with` gives; for some types it depends on their config. Fields in
    `secret_fields` take `{secret: name}`. `input_schema` is that of `with` when its expressions
    have been evaluated.
    """

    uses: str
    title: str
    kind: str
    group: str
    icon: str
    effect: str
    docs: str
    example: str
    config_schema: dict[str, Any]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    timeout_ms: int | None
    retry: dict[str, Any]
    secret_fields: list[str]


class NodeTypes(BaseModel):
    """All node types of this installation, by name."""

    items: list[NodeTypeView]


@routes.get(
    "",
    Needs("workflow", "read"),
    response_model=NodeTypes,
    responses=_UNCHANGED,
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def list_node_types(request: Request) -> Response:
    """Return all node types."""
    body, tag = await asyncio.to_thread(_listed, api_of(request))
    return tagged(request, tag, Response(body, media_type="application/json"))


@routes.get(
    "/{name}",
    Needs("workflow", "read"),
    response_model=NodeTypeView,
    responses=_UNCHANGED,
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_node_type(request: Request, api: ApiPart, name: str) -> Response:
    """Return one node type."""
    types = await asyncio.to_thread(api.node_types)  # the first time, packages are imported
    info = types.get(name)
    if info is None:
        raise NotFound
    body = orjson.dumps(_value(info))
    return tagged(request, etag_of(body), Response(body, media_type="application/json"))


def _listed(api: Api) -> tuple[bytes, str]:
    types = api.node_types()
    known = _made.get(id(types))
    if known is None or known[0] is not types:
        _made.clear()
        _made[id(types)] = known = (types, *_written(types))
    return known[1], known[2]


_made: dict[int, tuple[Mapping[str, NodeTypeInfo], bytes, str]] = {}
"""The list as it is sent, of the node types that were asked for last."""


def _written(types: Mapping[str, NodeTypeInfo]) -> tuple[bytes, str]:
    body = orjson.dumps({"items": [_value(types[uses]) for uses in sorted(types)]})
    return body, etag_of(body)


def _value(info: NodeTypeInfo) -> dict[str, Any]:
    return {
        "uses": info.uses,
        "title": info.title,
        "kind": info.kind,
        "group": info.group,
        "icon": info.icon,
        "effect": info.effect_of({}),
        "docs": info.docs,
        "example": info.example,
        "config_schema": info.config_schema,
        "input_schema": info.config_schema,
        "output_schema": info.output_schema,
        "timeout_ms": info.timeout_ms,
        "retry": msgspec.to_builtins(info.retry),
        "secret_fields": list(info.secret_fields),
    }
