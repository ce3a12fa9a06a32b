# SPDX-License-Identifier: Apache-2.0
"""A piece of a JSON value, by a JSON Pointer: whole if it is small, else what lies directly in it.

So that a value of megabytes can be looked at piece by piece. Rules: XR26.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from legato.api.pages import Parameters
from legato.api.parts import Api
from legato.errors import NotFound
from legato.model.ids import WorkspaceId
from legato.model.values import Value
from legato.ports.blobs import json_of

WHOLE_BYTES_MAX: Final = 64 * 1024
PARTS_MAX: Final = 100
POINTER_MAX: Final = 2_000
POINTER_DEPTH_MAX: Final = 64
IN_LOOP_MAX: Final = 256 * 1024
"""A longer text is read in a thread."""
INDEX_DIGITS_MAX: Final = 10


class Part(BaseModel):
    """What lies directly in an object or a list. `size` are bytes of JSON."""

    key: str
    type: str
    size: int


class Slice(BaseModel):
    """A piece of a value.

    One of more than 64 KiB is null here, with `is_cut`; then `parts` says what is in it, 100 of
    them from `after` on, and `text` is the beginning of a text. `count` is how many there are.
    """

    pointer: str
    type: str
    size: int
    is_cut: bool
    value: Any
    count: int | None
    parts: list[Part]
    text: str | None


def _checked_pointer(text: str) -> str:
    if (text and not text.startswith("/")) or text.count("/") > POINTER_DEPTH_MAX:
        kind, expected = "string_pattern_mismatch", {"pattern": "a JSON Pointer, /a/b/0"}
        raise PydanticCustomError(kind, "no pointer", expected)
    return text


Pointer = Annotated[str, Field(max_length=POINTER_MAX), AfterValidator(_checked_pointer)]


class SliceQuery(Parameters):
    """Which piece."""

    pointer: Pointer = Field(default="", description="JSON Pointer (RFC 6901).")
    after: int = Field(default=0, ge=0, le=2**31, description="Parts to pass over.")


async def slice_of(
    api: Api, workspace: WorkspaceId, value: Value, asked: SliceQuery
) -> dict[str, Any]:
    """Return the piece of a value that is asked for.

    Raises:
        NotFound: There is nothing at that place, or the value is not kept any more.
    """
    data = bytes(await json_of(api.stores.blobs, workspace, value))
    if len(data) <= IN_LOOP_MAX:
        return _slice(data, asked)
    return await asyncio.to_thread(_slice, data, asked)


def _slice(data: bytes, asked: SliceQuery) -> dict[str, Any]:
    value = orjson.loads(data or b"null")
    for step in asked.pointer.split("/")[1:]:
        value = _within(value, step.replace("~1", "/").replace("~0", "~"))
    text = orjson.dumps(value)
    is_cut = len(text) > WHOLE_BYTES_MAX
    is_container = isinstance(value, dict | list)
    return {
        "pointer": asked.pointer,
        "type": type_name(value),
        "size": len(text),
        "is_cut": is_cut,
        "value": None if is_cut else orjson.Fragment(text),
        "count": len(value) if is_container else None,
        "parts": _parts(value, asked.after) if is_cut and is_container else [],
        "text": value[:WHOLE_BYTES_MAX] if is_cut and isinstance(value, str) else None,
    }


def _within(value: Any, step: str) -> Any:
    if isinstance(value, dict) and step in value:
        return value[step]
    is_index = step.isascii() and step.isdigit() and len(step) <= INDEX_DIGITS_MAX
    if isinstance(value, list) and is_index and step == str(int(step)) and int(step) < len(value):
        return value[int(step)]
    raise NotFound


def _parts(value: dict[str, Any] | list[Any], after: int) -> list[dict[str, Any]]:
    named = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        {"key": str(key), "type": type_name(each), "size": len(orjson.dumps(each))}
        for key, each in islice(named, after, after + PARTS_MAX)
    ]


def type_name(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    raise AssertionError("no JSON value")


_TYPES: Final = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
