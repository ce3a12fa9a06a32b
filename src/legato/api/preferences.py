# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/me/preferences`: one JSON object that a user keeps for the studio, read by nobody else.

Rules: WF40.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import body
from legato.api.parts import ApiPart
from legato.errors import Refused
from legato.ports.workflows import PREFERENCES_BYTES_MAX

routes: Final = Routes("/api/v1/me", tag="preferences")


class Preferences(BaseModel):
    """Whatever the studio remembers, as one object."""

    preferences: dict[str, Any]


@routes.get("/preferences", Needs("account", "preferences"), response_model=Preferences)
async def read_preferences(request: Request, api: ApiPart) -> Response:
    """Return one's own preferences; an empty object if there are none."""
    found = await api.stores.workflows.preferences(principal_of(request).user.id)
    return _answer(found or b"{}")


@routes.put("/preferences", Needs("account", "preferences"), response_model=Preferences)
async def write_preferences(
    request: Request, api: ApiPart, wanted: Annotated[Preferences, body(Preferences)]
) -> Response:
    """Keep one's own preferences in place of what was."""
    value = orjson.dumps(wanted.preferences)
    if len(value) > PREFERENCES_BYTES_MAX:
        raise Refused("too_large", f"Preferences may have {PREFERENCES_BYTES_MAX} bytes.")
    await api.stores.workflows.put_preferences(principal_of(request).user.id, value)
    return _answer(value)


def _answer(value: bytes) -> Response:
    body = orjson.dumps({"preferences": orjson.Fragment(value)})
    return Response(body, media_type="application/json")
