# SPDX-License-Identifier: Apache-2.0
"""What routes stand on: one frozen value per server, given to a route by `api: ApiPart`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from legato.api.readiness import Readiness
from legato.ports.clock import Clock
from legato.ports.stores import Stores
from legato.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The parts of one server."""

    settings: Settings
    stores: Stores
    clock: Clock
    readiness: Readiness


def api_of(request: Request) -> Api:
    """Return the parts of the server that serves this request."""
    api: Api = request.app.state.api
    return api


ApiPart = Annotated[Api, Depends(api_of)]
