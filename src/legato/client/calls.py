# SPDX-License-Identifier: Apache-2.0
"""One call of an operation, as the generated methods make it, and its values as JSON.

Rules: CC12.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from legato.client.problems import OtherAnswer, Refusal

T = TypeVar("T")
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: its name, its bytes (whole or piece by piece) and their type.

    Pieces are read once, so such a call is never made again by itself.
    """

    name: str
    content: bytes | AsyncIterable[bytes]
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request before it is sent.

    Args:
        method: In capitals.
        path: With its parameters, quoted.
        query: Parameters; None is left out.
        headers: The same.
        body: What is sent: bytes, text, an `Upload`, or a value that becomes JSON.
        content_type: Of the body; empty: there is none.
        takes_key: The operation takes an `Idempotency-Key`; one is made if none is given.
        accept: The media type that is asked for.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    content_type: str = ""
    takes_key: bool = False
    accept: str = JSON


def segment(value: object) -> str:
    """Return a parameter of a path as it stands there."""
    return quote(str(value), safe="")


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return parameters as text; of a list each stands by itself."""
    found = []
    for name, value in query.items():
        if value is None:
            continue
        if isinstance(value, list | tuple):
            found += [(name, str(each)) for each in value]
        else:
            found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return found


def multipart(upload: Upload, headers: dict[str, str]) -> AsyncIterator[bytes] | bytes:
    """Return a body with the one part `file`, and set its type in the headers."""
    boundary = secrets.token_hex(16)
    headers["content-type"] = f"multipart/form-data; boundary={boundary}"
    name = quote(upload.name, safe=" !#$&'()+,-.;=@[]^_`{}~")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {upload.content_type}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    content = upload.content
    if isinstance(content, bytes):
        return head + content + tail

    async def pieces() -> AsyncIterator[bytes]:
        yield head
        async for piece in content:
            yield piece
        yield tail

    return pieces()


def encode(body: Any) -> bytes:
    """Return a body as JSON; a field that is UNSET is left out."""
    return msgspec.json.encode(body)


def decode(data: bytes, kind: type[T] | Any) -> T:
    """Return an answer as what the description says it is.

    Raises:
        OtherAnswer: It is something else: another version, or no server of Legato.
    """
    try:
        found: T = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        text = f"the answer is not what this client knows: {error}"
        raise OtherAnswer(Refusal(200, OtherAnswer.code, text)) from None
    return found
