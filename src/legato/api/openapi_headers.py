# SPDX-License-Identifier: Apache-2.0
"""Headers that routes look at and that answers carry, as the description of the API says them.

A route names its own in `takes` and `gives`. Rules: CC3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final


def _asked(name: str, example: str, text: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string", **schema},
        "example": example,
    }


ASKED: Final[dict[str, dict[str, Any]]] = {
    each["name"]: each
    for each in (
        _asked(
            "Legato-Workspace",
            "main",
            "Id or slug of the workspace; absent: one's default. An API key has one workspace.",
            maxLength=64,
            minLength=1,
            pattern="^[!-~]+$",
        ),
        _asked(
            "Idempotency-Key",
            "1f6c9c2e-8d0b-4c0e-9a55-6b1f0d0f7a42",
            "The same key with the same body has its effect once in 24 h; the first answer is "
            "given again with `Idempotency-Replayed: true`. With another body: 422 "
            "`idempotency_mismatch`.",
            minLength=1,
            maxLength=255,
            pattern="^[!-~]+$",
        ),
        _asked("If-Match", '"r7"', "The `ETag` that was read; else 412, or 428 without it."),
        _asked("If-None-Match", '"42"', "An `ETag`; what is the same is answered 304."),
        _asked("Last-Event-ID", "3-41", "The last event that was seen; the stream goes on after."),
        _asked(
            "Prefer", "wait=10", "`wait=N` waits up to N seconds (60) for the end of an execution."
        ),
        _asked("Range", "bytes=0-1023", "One range of bytes."),
        _asked("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "Unique for each delivery."),
        _asked("webhook-timestamp", "1764493200", "When it was sent, seconds since 1970."),
        _asked(
            "webhook-signature",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            "HMAC-SHA256 over `id.timestamp.body`, as Standard Webhooks write it.",
        ),
    )
}


def _answered(example: str, text: str, **schema: Any) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string", **schema}, "example": example}


ANSWERED: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": _answered(
        "req-7Zk2mQ9xLw", "Names the request in the server's log.", pattern="^[A-Za-z0-9._-]{8,64}$"
    ),
    "Retry-After": _answered("1", "Seconds until it may be tried again.", pattern="^[0-9]+$"),
    "WWW-Authenticate": _answered("Bearer", "How to show who one is."),
    "Accept": _answered("application/json", "The media types of a body that are taken."),
    "ETag": _answered('"42"', "Names this state, for `If-Match`."),
    "Location": _answered(
        "/api/v1/executions/01932f6e-7a10-7c3e-9b1d-2f4a6c8e0b13", "Where it is."
    ),
    "Idempotency-Replayed": _answered("true", "The answer is that of an earlier request."),
    "Set-Cookie": _answered(
        "__Host-legato_refresh=…; Secure; HttpOnly; SameSite=Strict; Path=/",
        "The refresh token, for a browser.",
    ),
    "Content-Disposition": _answered('attachment; filename="report.csv"', "Name of the file."),
    "Content-Range": _answered("bytes 0-1023/48213", "Which part of the whole it is."),
    "Accept-Ranges": _answered("bytes", "A part may be asked for."),
}
_ALWAYS: Final = ("X-Request-ID",)
_OF_STATUS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    415: ("Accept",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def header_refs(status: int, gives: Iterable[str], *, is_problem: bool) -> dict[str, Any]:
    """Return the headers of an answer, by reference.

    Args:
        status: Of the answer.
        gives: What its route gives when it does what was asked.
        is_problem: It is a refusal.
    """
    names = [*_ALWAYS, *_OF_STATUS.get(status, ())]
    if status < 400 and not is_problem:
        names += gives
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
