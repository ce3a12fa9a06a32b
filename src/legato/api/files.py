# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/files`: uploads, lists, downloads, and how much room they may take.

Rules: FI1-FI4, FI9-FI23.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Declaration, Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import body
from legato.api.deeds import deed, place_of
from legato.api.downloads import RESPONSES, Payload, download
from legato.api.frame import exchange_of
from legato.api.idempotency import Claim, PassingBody, once
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages, Parameters, Text, Time, refuse_repeated
from legato.api.parts import Api, ApiPart
from legato.api.times import parse_time, time_text
from legato.api.uploads import AROUND_BYTES_MAX, MULTIPART, Upload
from legato.auth.roles import may
from legato.errors import NotFound, Refused
from legato.model.ids import WorkspaceId
from legato.ports.files import FileId, FileQuery, Quota, QuotaExceeded, StoredFile

QUOTA_MAX: Final = 2**53 - 1
"""A number that every JSON reader keeps exactly."""
routes: Final = Routes("/api/v1/files", tag="files")

_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    ],
}


class FileView(BaseModel):
    """An uploaded file."""

    id: str
    name: str
    size: int
    sha256: str
    content_type: str
    created_at: str


class FilePage(BaseModel):
    """Files of the workspace, the newest first."""

    items: list[FileView]
    next_cursor: str | None


class UploadQuery(Parameters):
    """What a file is for."""

    provider: str | None = Field(
        default=None, max_length=64, description="A provider of models, whose limit holds."
    )


class FilesQuery(PageQuery):
    """Which files."""

    name: Text | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    created_after: Time | None = None
    created_before: Time | None = None


class QuotaView(BaseModel):
    """How much room the files of the workspace take, and may take; equal contents count once."""

    used_bytes: int
    limit_bytes: int
    is_own: bool = Field(description="The limit was set for this workspace.")


class QuotaChange(BaseModel):
    """The limit of the workspace; null: that of the installation."""

    limit_bytes: int | None = Field(ge=0, le=QUOTA_MAX)


@routes.post(
    "",
    Needs("file", "upload"),
    accepts=(MULTIPART,),
    status_code=201,
    response_model=FileView,
    openapi_extra=_FORM,
)
async def upload_file(
    request: Request, api: ApiPart, asked: Annotated[UploadQuery, Query()]
) -> Response:
    """Store a file; the body has exactly one part, named `file`."""
    refuse_repeated(request)
    workspace = _workspace(request)
    most = _size_max(api, asked.provider)
    exchange_of(request.scope).meter.limit_bytes = most + AROUND_BYTES_MAX
    passing = PassingBody(request)

    async def effect(claim: Claim | None) -> Response:
        upload = Upload(request, passing.pieces(), size_max=most)
        ref = await api.stores.blobs.put_stream(workspace, upload.pieces(), size_max=most)
        file = StoredFile(
            id=FileId(api.clock.new_id()),
            workspace=workspace,
            name=upload.name,
            content_type=upload.media_type,
            size=ref.size,
            hash=ref.hash,
            by=principal_of(request).user.id,
            created_at=api.clock.now_ms(),
        )
        answer = Response(
            _view(file).model_dump_json(), 201, {"location": f"{routes.prefix}/{file.id}"},
            media_type="application/json",
        )  # fmt: skip
        kept = None if claim is None else claim.passed(passing).of(answer)
        audit = deed(request, "file.upload", ("file", file.id))
        quota = api.settings.files.quota_bytes
        try:
            await api.stores.files.add(file, audit, quota_bytes=quota, once=kept)
        except QuotaExceeded:
            raise Refused(
                "quota_exceeded",
                "The files of this workspace take all the room they may.",
                hint="Delete some, or ask an administrator for more.",
            ) from None
        return answer

    return await once(request, api, effect, passing=passing)


@routes.get("", Needs("file", "read"), response_model=FilePage)
async def list_files(
    request: Request, api: ApiPart, asked: Annotated[FilesQuery, Query()]
) -> FilePage:
    """Return the files of the workspace, the newest first."""
    pages = Pages(request, "files")
    found = await api.stores.files.find(
        FileQuery(
            workspace=_workspace(request),
            name=asked.name,
            hash=asked.sha256,
            created_after=_ms(asked.created_after),
            created_before=_ms(asked.created_before),
            before=pages.after(asked),
            limit=asked.limit + 1,
        )
    )
    items, next_cursor = pages.cut(found, asked, lambda file: file.id)
    return FilePage(items=[_view(file) for file in items], next_cursor=next_cursor)


@routes.get("/quota", Needs("file", "quota"), response_model=QuotaView)
async def read_quota(request: Request, api: ApiPart) -> QuotaView:
    """Return how much room the files of the workspace take."""
    return _quota(api, await api.stores.files.quota(_workspace(request)))


@routes.put("/quota", Needs("file", "quota"), response_model=QuotaView)
async def change_quota(
    request: Request, api: ApiPart, wanted: Annotated[QuotaChange, body(QuotaChange)]
) -> QuotaView:
    """Give the workspace a limit of its own, or none; what is stored stays."""
    workspace = _workspace(request)
    audit = deed(request, "file.quota", ("workspace", workspace))
    return _quota(api, await api.stores.files.set_quota(workspace, wanted.limit_bytes, audit))


@routes.get("/{file_id}", Needs("file", "read"), response_model=FileView)
async def read_file(request: Request, api: ApiPart, file_id: str) -> FileView:
    """Return what is known of a file."""
    return _view(await _found(request, api, file_id))


@routes.delete("/{file_id}", Needs("file", "delete_own"), status_code=204)
async def delete_file(request: Request, api: ApiPart, file_id: str) -> Response:
    """Delete a file; executions that refer to its content keep it as long as they are kept."""
    file = await _found(request, api, file_id)
    principal = principal_of(request)
    if file.by != principal.user.id and not may(principal, "file", "delete_any"):
        raise Refused("forbidden", "You may delete only what you have uploaded.")
    audit = deed(request, "file.delete", ("file", file.id))
    if not await api.stores.files.remove(file.workspace, file.id, audit):
        raise NotFound
    return Response(status_code=204)


async def read_content(request: Request, api: ApiPart, file_id: str) -> Response:
    """Return the content of a file, or one part of it."""
    file = await _found(request, api, file_id)
    payload = Payload(file.ref, file.name, file.content_type)
    return await download(request, api.stores.blobs, file.workspace, payload)


async def look_at_content(request: Request, api: ApiPart, file_id: str) -> Response:
    """Return what a download of a file would be like."""
    return await read_content(request, api, file_id)


_CONTENT: Final[dict[str, Any]] = {
    "response_class": Response,
    "responses": {**RESPONSES, **refusals(412, 416)},
}
routes.get("/{file_id}/content", Needs("file", "read"), **_CONTENT)(read_content)
routes.route(
    "HEAD", "/{file_id}/content", Declaration(Needs("file", "read")), include_in_schema=False
)(look_at_content)


async def _found(request: Request, api: Api, file_id: str) -> StoredFile:
    file = await api.stores.files.get(_workspace(request), file_id)
    if file is None:
        raise NotFound
    return file


def _workspace(request: Request) -> WorkspaceId:
    return place_of(request)[0].id


def _size_max(api: Api, provider: str | None) -> int:
    """Return how large a file may be.

    Raises:
        RequestValidationError: Nobody knows the provider.
    """
    if provider is None:
        return api.settings.files.max_bytes
    known = api.settings.files.provider_max_bytes
    if provider not in known:
        expected = " or ".join(sorted(known)) or "no provider"
        fault = {"type": "enum", "loc": ("query", "provider"), "ctx": {"expected": expected}}
        raise RequestValidationError([fault])
    return known[provider]


def _ms(text: str | None) -> int | None:
    return None if text is None else parse_time(text)


def _quota(api: Api, quota: Quota) -> QuotaView:
    most = api.settings.files.quota_bytes if quota.own is None else quota.own
    return QuotaView(used_bytes=quota.used, limit_bytes=most, is_own=quota.own is not None)


def _view(file: StoredFile) -> FileView:
    return FileView(
        id=file.id,
        name=file.name,
        size=file.size,
        sha256=file.hash,
        content_type=file.content_type,
        created_at=time_text(file.created_at),
    )
