# SPDX-License-Identifier: Apache-2.0
"""A trigger tried by hand: it starts one execution now, whether it is paused or not.

Rules: TR31.
"""

from __future__ import annotations

import dataclasses

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legato.api.authenticator import principal_of
from legato.api.deeds import deed
from legato.api.idempotency import Claim, once
from legato.api.parts import Api
from legato.api.trigger_starts import Start, start_trigger
from legato.errors import Refused
from legato.model.ids import ExecutionId
from legato.ports.triggers import TriggerRow


class Started(BaseModel):
    """What was started; without an id it was skipped, because others of the workflow run."""

    execution_id: str | None
    skipped: bool = False


async def try_trigger(
    request: Request, api: Api, row: TriggerRow, how: Start, *, body: bytes | None = None
) -> Response:
    """Start a trigger's workflow by hand, once for a request with a key.

    Args:
        request: Who asks.
        api: Where.
        row: Which trigger.
        how: Inputs and data.
        body: The raw body, if it was read.

    Raises:
        LegatoError: As `start_trigger`.
        Refused: `overlap_skipped`: others of the workflow run.
    """
    user = principal_of(request).user.id
    audit = deed(request, "execution.start", ("workflow", row.workflow), data={"trigger": row.name})

    async def effect(claim: Claim | None) -> Response:
        execution_id = ExecutionId(api.clock.new_id())
        answer = _answer(execution_id)
        wanted = dataclasses.replace(
            how,
            by=user,
            execution_id=execution_id,
            once=None if claim is None else claim.of(answer),
            audit=tuple(audit),
        )
        admitted = await start_trigger(api, row, wanted)
        if admitted.outcome == "skipped":
            raise Refused("overlap_skipped", "Others of this workflow have not ended.")
        return answer

    return await once(request, api, effect, body=body)


def _answer(execution_id: ExecutionId) -> Response:
    made = Started(execution_id=execution_id)
    headers = {"location": f"/api/v1/executions/{execution_id}"}
    return JSONResponse(made.model_dump(), status_code=202, headers=headers)
