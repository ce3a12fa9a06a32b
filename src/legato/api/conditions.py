# SPDX-License-Identifier: Apache-2.0
"""ETag, If-Match and If-None-Match: who changes something says what it was.

Tags are strong and opaque; a list of them and `*` are understood, weak ones match nothing.
Rules: WF14.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from legato.errors import Refused

_TAG: Final = re.compile(r'\s*(?:(\*)|(W/)?"([!#-~\x80-\xff]*)")\s*(?:,|$)')


def etag(text: str) -> dict[str, str]:
    """Return the header of an answer."""
    return {"etag": f'"{text}"'}


def etag_of(body: bytes) -> str:
    """Return a tag for an answer that is known by nothing else."""
    return hashlib.sha256(body).hexdigest()[:32]


def if_match(request: Request) -> list[str] | None:
    """Return the tags that a caller will have it be; None: any.

    Raises:
        Refused: `precondition_failed`: the header is none.
    """
    found = request.headers.getlist("if-match")
    if not found:
        return None
    tags = _tags(", ".join(found))
    if tags is None:
        raise Refused("precondition_failed", "The header If-Match is no list of tags.")
    return None if "*" in tags else tags


def required_tag(request: Request) -> str:
    """Return the one tag that a caller has to name.

    Raises:
        Refused: `precondition_required` if there is none, `precondition_failed` if there are more.
    """
    if not request.headers.getlist("if-match"):
        raise Refused(
            "precondition_required",
            "The header If-Match is missing.",
            hint="Send the ETag of what you have seen.",
        )
    tags = if_match(request)
    if tags is None or len(tags) != 1:
        raise Refused("precondition_failed", "The header If-Match should have one tag.")
    return tags[0]


def check_match(request: Request, text: str) -> None:
    """Refuse a change to something that is not what its caller saw.

    Raises:
        Refused: `precondition_failed`.
    """
    tags = if_match(request)
    if tags is not None and text not in tags:
        raise changed()


def changed() -> Refused:
    """Return the refusal of a change to what somebody else has changed."""
    return Refused(
        "precondition_failed", "It has changed in the meantime.", hint="Read it again first."
    )


def tagged(request: Request, text: str, response: Response) -> Response:
    """Return an answer with its tag; 304 without a body if the caller has it already."""
    found = _tags(", ".join(request.headers.getlist("if-none-match")), with_weak=True) or []
    if text in found or "*" in found:
        response = Response(status_code=304)
    response.headers["etag"] = f'"{text}"'
    return response


def _tags(text: str, *, with_weak: bool = False) -> list[str] | None:
    """Return the tags of a header; None if it is no list of them."""
    tags: list[str] = []
    at = 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None:
            return None
        star, weak, tag = match.groups()
        if star or with_weak or not weak:
            tags.append(star or tag)
        else:
            tags.append("")  # compares as equal to nothing
        at = match.end()
    return tags
