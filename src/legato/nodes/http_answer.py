# SPDX-License-Identifier: Apache-2.0
"""What the answer of a server means: its text, its JSON, its status, when to come back.

Rules: ND20.
"""

import asyncio
import codecs
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from legato.errors import InvalidInput
from legato.model.values import decode
from legato.nodes.fields import without_nul
from legato.ports.http import HttpResponse, HttpStream
from legato.ports.node import NodeContext, NodeFailure

HERE_BYTES_MAX: Final = 64 * 1024
"""A larger body is decoded and parsed in a thread: 10 MB would hold the loop for 100 ms."""
RETRY_AFTER_MS_MAX: Final = 24 * 3_600 * 1_000
_SAID_CHARACTERS: Final = 300
_SAID_BYTES: Final = 4 * 1024
"""How much of an error's body is read for its message."""
_CHARSET: Final = re.compile(r"charset=\"?([\w.:-]{1,40})", re.I)
_CHARSETS: Final = re.compile(
    r"ascii|utf-(8|16|32)(-[bl]e)?|utf-8-sig|iso8859-\d+|latin-1|cp(125\d|437|866|874|932|949|950)"
    r"|koi8-[rut]|mac-(roman|cyrillic)|gb2312|gbk|gb18030|hz|big5(hkscs)?|euc_(jp|kr)|shift_jis"
    r"|iso2022_(jp|kr)|tis-620"
)
"""By Python's names. Others it knows are no charsets of pages, and `punycode` and `idna` take
minutes for what a server can send in a second."""


async def text_of(answer: HttpResponse) -> str:
    """Decode the body by the named charset, else as UTF-8; what does not fit is replaced."""
    charset = charset_of(answer.headers)
    if len(answer.body) <= HERE_BYTES_MAX:
        return without_nul(answer.body.decode(charset, "replace"))
    return await asyncio.to_thread(lambda: without_nul(answer.body.decode(charset, "replace")))


def charset_of(headers: Mapping[str, str]) -> str:
    """Return the charset that Content-Type names, or UTF-8 if it names none that is one."""
    match = _CHARSET.search(headers.get("content-type", ""))
    if match is None:
        return "utf-8"
    try:
        name = codecs.lookup(match[1]).name
    except (LookupError, ValueError):
        return "utf-8"
    return name if _CHARSETS.fullmatch(name) else "utf-8"


def media_type_of(headers: Mapping[str, str]) -> str:
    """Return the media type without its parameters, in lower case, or nothing."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether the server calls its answer JSON."""
    kind = media_type_of(headers)
    return kind.endswith(("+json", "/json"))


async def json_of(answer: HttpResponse) -> Any:
    """Return the body as strict JSON.

    Raises:
        InvalidInput: It is none.
    """
    if len(answer.body) <= HERE_BYTES_MAX:
        return decode(answer.body, what="the response")
    return await asyncio.to_thread(decode, answer.body, what="the response")


async def json_or_null(ctx: NodeContext, answer: HttpResponse) -> Any:
    """Return the body as JSON if it says so; text that is no strict JSON gives null and a line."""
    if not answer.body or not is_json(answer.headers):
        return None
    try:
        return await json_of(answer)
    except InvalidInput as error:
        ctx.log(f"`json` is null: {error}", level="warning")
        return None


async def said_by(answer: HttpStream) -> str:
    """Read the beginning of an error's body; its status counts even if that cannot be read."""
    said = b""
    try:
        async for piece in answer.pieces:
            said += piece
            if len(said) >= _SAID_BYTES:
                break
    except NodeFailure:
        return ""
    return without_nul(said[:_SAID_BYTES].decode(charset_of(answer.headers), "replace"))


def status_failure(status: int, headers: Mapping[str, str], text: str) -> NodeFailure:
    """Make the failure of a status that was not expected."""
    said = " ".join(text[: 2 * _SAID_CHARACTERS].split())[:_SAID_CHARACTERS]
    return NodeFailure(
        f"http.{status}",
        f"the server answered {status}" + (f": {said}" if said else ""),
        # 429: the server says that it did not take the request.
        may_have_happened=status != 429,
        at_least_ms=pause_ms(headers) if status in {408, 425, 429, 503} else 0,
    )


def pause_ms(headers: Mapping[str, str]) -> int:
    """Read Retry-After: seconds, or a date, which is compared with the server's own clock."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * 1_000, RETRY_AFTER_MS_MAX)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("date", ""))
        found_ms = round((until - now).total_seconds() * 1_000)
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(found_ms, 0), RETRY_AFTER_MS_MAX)


def split_header(text: str, at: str) -> list[str]:
    """Split a header at a character that stands neither in quotes nor in angle brackets."""
    parts, begin, closing = [], 0, ""
    for place, character in enumerate(text):
        if closing:
            closing = "" if character == closing else closing
        elif character in '"<':
            closing = '"' if character == '"' else ">"
        elif character == at:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]
