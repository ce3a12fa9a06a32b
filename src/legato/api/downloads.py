# SPDX-License-Identifier: Apache-2.0
"""Payloads as downloads: whole or in part, and never as something that a browser runs.

    return await download(request, api.stores.blobs, workspace, Payload(ref, name, media_type))

Used for uploaded files and for outputs of executions. The tag of an answer is the SHA-256 of the
payload; one Range (RFC 9110) is understood, several are answered with the whole. Rules: FI13-FI19.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from legato.api.file_forms import attachment, safe_media_type
from legato.errors import Refused
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.blobs import BlobStore

CSP: Final = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_RANGE: Final = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.I)
_TAGS_MAX: Final = 64

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The whole content.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "ETag": {"schema": {"type": "string"}, "description": "SHA-256 of the content."},
            "Content-Disposition": {"schema": {"type": "string"}},
            "Accept-Ranges": {"schema": {"type": "string"}},
        },
    },
    206: {
        "description": "The part that was asked for.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {"Content-Range": {"schema": {"type": "string"}}},
    },
    304: {"description": "It is what the client has."},
}
"""For the description of a route that downloads; with the refusals 412 and 416."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What is downloaded: a reference, and the name and media type that it has."""

    ref: BlobRef
    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class _Part:
    first: int
    size: int


async def download(
    request: Request, blobs: BlobStore, workspace: WorkspaceId, payload: Payload
) -> Response:
    """Answer a GET or HEAD with a payload.

    Raises:
        NotFound: The payload is gone.
        Refused: `precondition_failed`, or `range_not_satisfiable`.
        Unavailable: It cannot be read, or is damaged.
    """
    ref = payload.ref
    tag = f'"{ref.hash}"'
    if not _holds(request, "if-match", tag, otherwise=True):
        raise Refused("precondition_failed", "The content is another one.")
    headers = {
        "etag": tag,
        "accept-ranges": "bytes",
        "content-disposition": attachment(payload.name),
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
    }
    if _holds(request, "if-none-match", tag, otherwise=False):
        return Response(status_code=304, headers=headers)
    headers["content-type"] = safe_media_type(payload.media_type)
    part = _part_of(request, ref.size, tag) if request.method == "GET" else None
    size = ref.size if part is None else part.size
    headers["content-length"] = str(size)
    if request.method == "HEAD":
        return Response(headers=headers)
    if part is None:
        pieces, status = _checked(blobs.stream(workspace, ref)), 200
    else:
        pieces, status = _plain(blobs.stream_part(workspace, ref, part.first, part.size)), 206
        last = part.first + part.size - 1
        headers["content-range"] = f"bytes {part.first}-{last}/{ref.size}"
    first = await anext(pieces, b"")  # what is gone or cannot be read is said, not cut off
    return StreamingResponse(_joined(first, pieces), status, headers)


async def _checked(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Hold the last piece back until the hash is known: what is damaged never arrives whole."""
    held = b""
    async for piece in pieces:
        if held:
            yield held
        held = piece
    if held:
        yield held


async def _plain(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece


async def _joined(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        if first:
            yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()


def _holds(request: Request, header: str, tag: str, *, otherwise: bool) -> bool:
    """Tell whether a condition on the tag holds; `otherwise` if there is none."""
    given = request.headers.getlist(header)
    if not given:
        return otherwise
    tags = [each.strip() for line in given for each in line.split(",")[:_TAGS_MAX]]
    if header == "if-none-match":  # RFC 9110 compares weakly here
        tags = [each.removeprefix("W/") for each in tags]
    return "*" in tags or tag in tags


def _part_of(request: Request, size: int, tag: str) -> _Part | None:
    """Return the part that is asked for, or None for the whole.

    Raises:
        Refused: `range_not_satisfiable`.
    """
    given = request.headers.getlist("range")
    condition = request.headers.getlist("if-range")
    if len(given) != 1 or (condition and condition != [tag]):
        return None
    found = _RANGE.fullmatch(given[0].strip())
    if found is None or found.groups() == ("", ""):
        return None
    begin, end = found.groups()
    if begin == "":
        wanted = min(int(end), size)
        first, last = size - wanted, size - 1
    else:
        first, last = int(begin), min(int(end), size - 1) if end else size - 1
        if end and int(end) < int(begin):
            return None  # that is no range at all
    if first >= size or last < first:
        raise Refused(
            "range_not_satisfiable",
            "The content has no such part.",
            headers=(("content-range", f"bytes */{size}"),),
        )
    return _Part(first, last - first + 1)
