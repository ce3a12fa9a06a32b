# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/system`: which server this is, and what only `legato up` has beside it.

Practice service and crash are left out of a server that has not what they stand on: then they are
404 like any other unknown path. Rules: HT65, UP10-UP14.
"""

from __future__ import annotations

import os
import time
from typing import Annotated, Final, Literal
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from legato import __version__
from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.log_ins import entry
from legato.api.parts import ApiPart
from legato.api.times import time_text
from legato.errors import NotFound, Refused
from legato.model.ids import LOCAL_WORKSPACE
from legato.ports.accounts import Principal

practice: Final = Routes("/api/v1/system", tag="system")
crash: Final = Routes("/api/v1/system", tag="system")
info: Final = Routes("/api/v1/system", tag="system")
STARTED_AT_MS: Final = time.time_ns() // 1_000_000
"""When this process was started, as near as a module can know it."""
COUNTED_BY: Final = "counted by the practice service, not by Legato"


class SystemInfo(BaseModel):
    """Which program answers, and which process of it."""

    version: str
    pid: int
    started_at: str
    supervised: bool
    """Whether a supervisor starts it again when it ends."""
    draining: bool


@info.get("/info", Needs("account", "me"), response_model=SystemInfo)
async def system_info(api: ApiPart) -> SystemInfo:
    """Return which server answers: what a page needs to tell a new one from the same one."""
    return SystemInfo(
        version=__version__,
        pid=os.getpid(),
        started_at=time_text(STARTED_AT_MS),
        supervised=api.is_supervised,
        draining=api.readiness.is_draining,
    )


class PracticeCount(BaseModel):
    """What the practice service counted; the first three are what a crash is judged by."""

    requests_received: int
    work_done: int
    finished_work_asked_again: int
    requests_cut_off: int
    requests_sent_again: int
    counted_by: Literal["counted by the practice service, not by Legato"]


@practice.get("/practice", Needs("system", "read", of="instance"), response_model=PracticeCount)
async def practice_counts(
    api: ApiPart, execution: Annotated[UUID | None, Query()] = None
) -> PracticeCount:
    """Return the numbers of one execution, or of all, as the practice service counts them."""
    if api.practice is None:
        raise NotFound
    counts = await api.practice(None if execution is None else str(execution))
    return PracticeCount(**counts, counted_by=COUNTED_BY)


@crash.post(
    "/crash",
    Needs("system", "crash", of="instance"),
    accepts=(),
    status_code=202,
    include_in_schema=False,
)
async def crash_server(request: Request, api: ApiPart) -> Response:
    """Have this process killed by kill -9, once the answer is sent; no code of a shutdown runs."""
    button, principal, pid = api.crash_button, principal_of(request), os.getpid()
    if button is None:
        raise NotFound
    if not _is_owner(principal):
        raise Refused("forbidden", "Only an owner of this installation may.")
    button.press()
    target = ("process", str(pid))
    audit = entry(request, "system.crash", user=principal.user.id, target=target)
    await api.stores.audit.write([audit])
    task = BackgroundTask(button.crash, request.scope["state"]["unsent_bytes"])
    body = orjson.dumps({"pid": pid})
    return Response(body, 202, media_type="application/json", background=task)


def _is_owner(principal: Principal) -> bool:
    """Tell whether somebody owns the workspace that came with the installation.

    Beside the flag of administrators, which the route needs: everybody's runs are interrupted, so
    the flag; and the first workspace's owner is whose computer this is.
    """
    own = principal.workspace
    return own is not None and own.id == LOCAL_WORKSPACE and principal.role == "owner"
