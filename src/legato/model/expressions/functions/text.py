# SPDX-License-Identifier: Apache-2.0
"""Functions over text and JSON. Rules: EX18."""

import hashlib
import re
import unicodedata
from typing import Final

import orjson

from legato.errors import InvalidInput
from legato.model.expressions.functions.define import LENGTH_MAX, define, fault
from legato.model.expressions.plain import to_json
from legato.model.values import decode

_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


def canonical(value: object) -> bytes:
    """Return the one JSON text of a value: no white space, keys in alphabetical order."""
    try:
        return orjson.dumps(to_json(value), option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise fault(f"the value is no JSON: {error}") from None


@define(
    "json_parse(text) -> any",
    "Reads JSON text. Strict: no NaN, no duplicate keys, no integer beyond 64 bits.",
    group="text",
    example=("json_parse('{\"a\": [1, 2]}').a[1]", "2"),
    takes=(("text",),),
)
def json_parse(text: str) -> object:
    """Read JSON text."""
    try:
        return decode(text, what="json_parse: the text")
    except InvalidInput as error:
        raise fault(str(error)) from None


@define(
    "json_text(value) -> text",
    "Writes a value as compact JSON, keys in alphabetical order.",
    group="text",
    example=("json_text({'b': 1, 'a': [true, null]})", '"{\\"a\\":[true,null],\\"b\\":1}"'),
    takes=(("any",),),
)
def json_text(value: object) -> str:
    """Write a value as JSON."""
    return canonical(value).decode()


@define(
    "lines(text) -> list",
    "The lines of a text, without their ends; a last empty line is left out.",
    group="text",
    example=(r"lines('a\r\nb\n')", '["a","b"]'),
    takes=(("text",),),
)
def lines(text: str) -> list[str]:
    """Split a text at line feeds (an optional carriage return before each goes too)."""
    parts = text.split("\n")
    if parts[-1] == "":
        parts.pop()
    return [part[:-1] if part.endswith("\r") else part for part in parts]


@define(
    "lower(text) -> text",
    "The text in lower case, in every script. (`lowerAscii()` changes A to Z only.)",
    group="text",
    example=("lower('ÄB')", '"äb"'),
    takes=(("text",),),
    growth=3,
)
def lower(text: str) -> str:
    """Return the text in lower case."""
    return text.lower()


@define(
    "upper(text) -> text",
    "The text in upper case, in every script. (`upperAscii()` changes a to z only.)",
    group="text",
    example=("upper('äb')", '"ÄB"'),
    takes=(("text",),),
    growth=3,
)
def upper(text: str) -> str:
    """Return the text in upper case."""
    return text.upper()


@define(
    "slug(text) -> text",
    "Lower-case letters a to z and digits, everything else becomes one dash; for names and files.",
    group="text",
    example=("slug('Café: weekly report!')", '"cafe-weekly-report"'),
    takes=(("text",),),
    growth=1,
)
def slug(text: str) -> str:
    """Return the text as a name."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("-", bare.lower()).strip("-")


def _padding(text: str, width: int, fill: str) -> str:
    if width > LENGTH_MAX:
        raise fault(f"the width {width} is over the limit of {LENGTH_MAX}")
    if len(fill) != 1:
        raise fault("the fill must be one character")
    return fill * (width - len(text))


@define(
    "pad_start(text, width, fill?) -> text",
    "Fills the text from the left with spaces (or `fill`) up to the width.",
    group="text",
    example=("pad_start('7', 3, '0')", '"007"'),
    takes=(("text", "int"), ("text", "int", "text")),
)
def pad_start(text: str, width: int, fill: str = " ") -> str:
    """Fill the text from the left."""
    return _padding(text, width, fill) + text


@define(
    "pad_end(text, width, fill?) -> text",
    "Fills the text from the right with spaces (or `fill`) up to the width.",
    group="text",
    example=("pad_end('ab', 4) + '|'", '"ab  |"'),
    takes=(("text", "int"), ("text", "int", "text")),
)
def pad_end(text: str, width: int, fill: str = " ") -> str:
    """Fill the text from the right."""
    return text + _padding(text, width, fill)


@define(
    "hash(value) -> text",
    "SHA-256 in hex: of the UTF-8 of a text, or of the canonical JSON of anything else.",
    group="text",
    example=(
        "hash('legato')",
        '"1dfcfd98725a39ea96749e5108ae20404e3c0b672592349c15e454eca13df41d"',
    ),
    takes=(("any",),),
    growth=1,
)
def sha256(value: object) -> str:
    """Return the hex SHA-256 of a value."""
    data = value.encode() if isinstance(value, str) else canonical(value)
    return hashlib.sha256(data).hexdigest()


@define(
    "length(value) -> int",
    "Characters of a text, elements of a list, keys of a map; 0 for null.",
    group="values",
    example=("length(null) + length('abc')", "3"),
    takes=(("text|list|map|null",),),
    growth=0,
)
def length(value: str | list[object] | dict[str, object] | None) -> int:
    """Return the length of a value."""
    return 0 if value is None else len(value)
