# SPDX-License-Identifier: Apache-2.0
"""`DELETE /api/v1/executions/{id}`: an execution that has ended is forgotten, for administrators.

Rules: BK42, BK44.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.deeds import deed, place_of
from legato.api.openapi import refusals
from legato.api.parts import ApiPart
from legato.errors import NotFound, Refused
from legato.model.ids import ExecutionId

routes: Final = Routes("/api/v1/executions", tag="executions")
PARTS_MAX: Final = 1_000
"""Transactions for one request: some 200 000 executions that it called."""


@routes.delete(
    "/{execution_id}", Needs("execution", "purge"), status_code=204,
    responses=refusals(409),
)  # fmt: skip
async def purge_execution(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Delete an execution that has ended, with all that it called; it cannot be undone.

    Forks of it keep what they took from it. The audit stays.
    """
    workspace = place_of(request)[0].id
    named = ExecutionId(execution_id)
    audit = deed(request, "execution.purge", ("execution", execution_id))
    outcome = "partly"
    for _ in range(PARTS_MAX):
        outcome = await api.stores.keeping.purge(workspace, named, audit)
        if outcome != "partly":
            break
    if outcome == "unknown":
        raise NotFound
    if outcome == "open":
        raise Refused("illegal_state", "It has not ended.", hint="Cancel it first.")
    if outcome == "child":
        raise Refused("illegal_state", "It was called by another one and goes with that.")
    if outcome == "partly":
        raise Refused("unavailable", "It called too many; a part of it is left.", retry_after_s=1)
    return Response(status_code=204)
