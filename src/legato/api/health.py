# SPDX-License-Identifier: Apache-2.0
"""`/health/live`, `/health/ready`, and the documents that describe the API. All of it is public.

Liveness asks no other part: a database that is away must not have every server restarted.
Rules: HT20-HT22.
"""

from __future__ import annotations

import functools
from typing import Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Public, Routes
from legato.api.openapi import describe_api
from legato.api.parts import ApiPart
from legato.api.problems import RETRY_AFTER_S
from legato.model.document.schema import workflow_schema

routes: Final = Routes("", tag="health")
documents: Final = Routes("", tag="documents")

_PROBE = Public("load balancers and supervisors have no account; the answer is one word")
_DOCUMENT = Public("it is the same for everybody, and in the source")
_CACHE: Final = {"cache-control": "public, max-age=300"}
_SCHEMA: Final = "application/schema+json"


class Health(BaseModel):
    """How the server does: `ok`, `unavailable` or `draining`."""

    status: str


@routes.get(
    "/health/live", _PROBE, response_model=Health, rate="none", operation_id="check_liveness"
)
async def live() -> Response:
    """Tell that the process answers."""
    return _health("ok")


@routes.get(
    "/health/ready",
    _PROBE,
    response_model=Health,
    rate="none",
    responses={503: {"model": Health, "description": "It cannot work now."}},
    operation_id="check_readiness",
)
async def ready(api: ApiPart) -> Response:
    """Tell whether the server can work now."""
    if api.readiness.is_draining:
        return _health("draining", 503)
    return _health("ok") if await api.readiness.look() else _health("unavailable", 503)


@documents.get(
    "/api/v1/openapi.json", _DOCUMENT, response_model=dict[str, object], operation_id="read_openapi"
)
async def openapi(request: Request) -> Response:
    """Return the description of this API, OpenAPI 3.1."""
    state = request.app.state
    if getattr(state, "openapi", None) is None:
        state.openapi = orjson.dumps(describe_api(request.app))
    return Response(state.openapi, headers=_CACHE, media_type="application/json")


@documents.get(
    "/schemas/workflow.json",
    _DOCUMENT,
    response_class=Response,
    responses={200: {"content": {_SCHEMA: {"schema": {"type": "object"}}}}},
    operation_id="read_workflow_schema",
)
async def workflow_document() -> Response:
    """Return the JSON Schema of workflow documents, for editors."""
    return Response(_workflow_schema(), headers=_CACHE, media_type=_SCHEMA)


@functools.cache
def _workflow_schema() -> bytes:
    return orjson.dumps(workflow_schema())


def _health(status: str, code: int = 200) -> Response:
    headers = {} if code == 200 else {"retry-after": str(RETRY_AFTER_S)}
    return Response(
        orjson.dumps({"status": status}), code, headers=headers, media_type="application/json"
    )
