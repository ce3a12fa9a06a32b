# SPDX-License-Identifier: Apache-2.0
"""What http.request sends: JSON, text, a form, a form with files, a payload of the blob store.

Long bodies are streamed: their length is known before, and no file is in memory as a whole.

Rules: ND19, ND52.
"""

import base64
import json
import os
from collections.abc import AsyncGenerator, Callable
from typing import Final
from urllib.parse import urlencode

from legato.nodes.fields import refused
from legato.nodes.http_config import FilePart, Multipart, RequestConfig
from legato.ports.http import HttpBody
from legato.ports.node import BLOB_BYTES_MAX, Blob, BlobAccess, NodeFailure

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
OCTETS: Final = "application/octet-stream"
_ESCAPES: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""Source: HTML standard, multipart/form-data encoding algorithm."""

Piece = bytes | Blob


def body_of(config: RequestConfig, blobs: BlobAccess) -> tuple[bytes | HttpBody, str | None]:
    """Return the body and its content type.

    Raises:
        NodeFailure: `invalid_request`.
    """
    if config.has_json:
        return json.dumps(config.json_, ensure_ascii=False, allow_nan=False).encode(), JSON
    if config.form is not None:
        pairs = {name: value.get_secret_value() for name, value in config.form.items()}
        return urlencode(pairs).encode(), FORM
    if config.multipart is not None:
        # Chance, so that nobody can put it into a part and begin another.
        return _multipart(config.multipart, blobs, os.urandom(16).hex())
    if config.blob is not None:
        return _streamed([config.blob], blobs), _type_of(config.blob)
    return b"" if config.body is None else config.body.get_secret_value().encode(), None


def _multipart(form: Multipart, blobs: BlobAccess, boundary: str) -> tuple[HttpBody, str]:
    """Write a form with files. Source: RFC 7578."""
    parts: list[Piece] = []
    for name, value in form.fields.items():
        parts.append(_head(boundary, f'name="{_quoted(name)}"', None))
        parts.append(value.get_secret_value().encode() + b"\r\n")
    for file in form.files:
        filename = file.filename or (file.blob.name if file.blob is not None else None) or file.name
        what = f'name="{_quoted(file.name)}"; filename="{_quoted(filename)}"'
        parts.append(_head(boundary, what, file.type or _type_of(file.blob)))
        parts += [_content(file), b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return _streamed(parts, blobs), f"multipart/form-data; boundary={boundary}"


def _head(boundary: str, what: str, media_type: str | None) -> bytes:
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {what}\r\n{kind}\r\n".encode()


def _quoted(text: str) -> str:
    return text.translate(_ESCAPES)


def _type_of(blob: Blob | None) -> str:
    """Return a blob's type if it can stand in a header."""
    if blob is None or not blob.type.isascii() or not blob.type.isprintable() or not blob.type:
        return OCTETS
    return blob.type


def _content(file: FilePart) -> Piece:
    if file.blob is not None:
        return file.blob
    if file.text is not None:
        return file.text.encode()
    try:
        return base64.b64decode(file.base64 or "", validate=True)
    except ValueError:
        raise _invalid(f"the file {file.name!r:.100} is not valid base64") from None


def _streamed(parts: list[Piece], blobs: BlobAccess) -> HttpBody:
    size = sum(each.size if isinstance(each, Blob) else len(each) for each in parts)
    if size > BLOB_BYTES_MAX:
        raise _invalid(f"the body has {size} bytes; the limit is {BLOB_BYTES_MAX}")
    return HttpBody(size=size, pieces=_reader(parts, blobs))


def _reader(parts: list[Piece], blobs: BlobAccess) -> Callable[[], AsyncGenerator[bytes, None]]:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            async for piece in blobs.stream(part.ref):
                yield piece

    return pieces


def _invalid(message: str) -> NodeFailure:
    return refused("invalid_request", message)
