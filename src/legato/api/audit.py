# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/audit` and `/api/v1/system/audit`: who did what, to be read and to be taken away.

Rules: AD12, AD13.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec
import orjson
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.deeds import deed
from legato.api.look_again import look_again
from legato.api.pages import PageQuery, Pages, Parameters, Text, Time, refuse_repeated
from legato.api.parts import Api, ApiPart
from legato.api.times import parse_time, time_text
from legato.errors import NotFound
from legato.model.ids import WorkspaceId
from legato.ports.audit import AuditQuery, AuditRow, public

routes: Final = Routes("/api/v1", tag="audit")
BATCH: Final = 500
"""Rows of an export that are read at once."""
LOOK_S: Final = 1.0
"""Between two looks whether who takes an export away still may."""
NDJSON: Final = "application/x-ndjson"
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "One JSON object a line.", "content": {NDJSON: {"schema": {}}}}
}


class Party(BaseModel):
    """Who did something, or what it was done to; both may be empty."""

    kind: str
    id: str


class AuditItem(BaseModel):
    """A row. Its seq is its place in the chain."""

    seq: int
    at: str
    workspace_id: str | None
    actor: Party
    action: str
    target: Party
    result: str
    ip: str
    request_id: str
    data: dict[str, Any]


class AuditItems(BaseModel):
    """Rows, the newest first. A page with filters may be short, or empty, and not the last."""

    items: list[AuditItem]
    next_cursor: str | None


class _Filters(Parameters):
    action: Text | None = Field(default=None, description="`auth.login`, or a group: `auth.`")
    actor: Text | None = Field(default=None, description="The id of who did it.")
    after: Time | None = Field(default=None, description="At that time or later.")
    before: Time | None = Field(default=None, description="Before that time.")

    def query(self, workspace: WorkspaceId | None) -> AuditQuery:
        """Return what is asked of the store."""
        return AuditQuery(
            workspace=workspace,
            action=self.action,
            actor=self.actor,
            since=None if self.after is None else parse_time(self.after),
            until=None if self.before is None else parse_time(self.before),
        )


class AuditFilters(PageQuery, _Filters):
    """Which rows of one's workspace."""


class InstanceFilters(AuditFilters):
    """Which rows of the whole installation."""

    workspace: Text | None = Field(default=None, description="Of that workspace, by its id.")


class ExportFilters(_Filters):
    """Which rows to take away."""

    after_seq: int = Field(default=0, ge=0, le=2**53, description="Later rows than that one.")


@routes.get("/audit", Needs("audit", "read"), response_model=AuditItems)
async def list_audit(
    request: Request, api: ApiPart, asked: Annotated[AuditFilters, Query()]
) -> Response:
    """Return rows of the workspace, the newest first."""
    pages = Pages(request, "audit")
    return await _page(api, pages, asked, asked.query(_workspace(request)))


@routes.get(
    "/system/audit", Needs("audit", "read_instance", of="instance"), response_model=AuditItems
)
async def list_instance_audit(
    request: Request, api: ApiPart, asked: Annotated[InstanceFilters, Query()]
) -> Response:
    """Return rows of the whole installation, the newest first."""
    pages = Pages(request, "system/audit", of_workspace=False)
    workspace = None if asked.workspace is None else WorkspaceId(asked.workspace)
    return await _page(api, pages, asked, asked.query(workspace))


@routes.get("/audit/export", Needs("audit", "export"), responses=_STREAM)
async def export_audit(
    request: Request, api: ApiPart, asked: Annotated[ExportFilters, Query()]
) -> StreamingResponse:
    """Return rows of the workspace, the oldest first, as they are hashed, with their hash.

    It is a row of the audit itself, whether it is read to its end or not.
    """
    refuse_repeated(request)
    wanted = asked.query(_workspace(request))
    filters = asked.model_dump(exclude_none=True, include={"after", "before", "after_seq"})
    await api.stores.audit.write(deed(request, "export", ("audit", ""), data=filters))
    name = {"content-disposition": 'attachment; filename="audit.ndjson"'}
    lines = _lines(request, api, wanted, after=asked.after_seq)
    return StreamingResponse(lines, headers=name, media_type=NDJSON)


async def _page(api: Api, pages: Pages, asked: PageQuery, wanted: AuditQuery) -> Response:
    after = pages.after(asked)
    before = None if after is None else int(after)
    page = await api.stores.audit.newest(
        msgspec.structs.replace(wanted, before=before, limit=asked.limit)
    )
    cursor = None if page.before is None else pages.cursor(str(page.before), asked)
    value = {"items": [_item(row) for row in page.rows], "next_cursor": cursor}
    return Response(orjson.dumps(value), media_type="application/json")


def _item(row: AuditRow) -> dict[str, Any]:
    return {**public(row), "at": time_text(row.at)}


def _workspace(request: Request) -> WorkspaceId:
    workspace = principal_of(request).workspace
    if workspace is None:
        raise NotFound
    return workspace.id


async def _lines(
    request: Request, api: Api, wanted: AuditQuery, *, after: int
) -> AsyncIterator[bytes]:
    """Yield rows up to what is the head now; a reader that is slow does not chase those that come.

    Raises:
        LegatoError: Who asks may not any more; the answer is cut off.
    """
    end = (await api.stores.audit.head()).seq
    looked_at = api.clock.monotonic()
    while after < end:
        rows = await api.stores.audit.read(after=after, limit=BATCH, workspace=wanted.workspace)
        lines = [_line(row) for row in rows if (row.seq or 0) <= end and wanted.wants(row)]
        if lines:
            yield b"".join(lines)
        if len(rows) < BATCH:
            return
        after = rows[-1].seq or end
        if api.clock.monotonic() - looked_at >= LOOK_S:
            await look_again(request)
            looked_at = api.clock.monotonic()


def _line(row: AuditRow) -> bytes:
    return orjson.dumps({**public(row), "hash": row.hash}) + b"\n"
