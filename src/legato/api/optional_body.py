# SPDX-License-Identifier: Apache-2.0
"""Bodies that may be left out: what they hold has defaults, and many callers have nothing to say.

Rules: XW15.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from legato.api.body import parse, read_bytes
from legato.errors import Refused

M = TypeVar("M", bound=BaseModel)
BYTES_MAX: Final = 1024 * 1024


async def read_optional(request: Request, model: type[M]) -> M:
    """Return what a body says, or the model's defaults if there is none.

    Raises:
        Refused: `unsupported_media_type`, `too_large`.
        InvalidJson: It is no strict JSON.
        InvalidBody: It is no such model.
    """
    data = await read_bytes(request)
    if not data:
        return model()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(
            "unsupported_media_type",
            "The header Content-Type should be application/json.",
            headers=(("accept", "application/json"),),
        )
    return parse(data, model)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return a route's `openapi_extra` that tells of its optional body."""
    schema = {**model.model_json_schema(), "additionalProperties": False}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
