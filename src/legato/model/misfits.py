# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a value by its schema, in words that quote nothing of the value.

The validator's own messages quote it, which is right for who typed it at a terminal and wrong for
an answer over the network, which logs and screens of others may keep.

Rules: XW7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from legato.model.values import encode

if TYPE_CHECKING:
    import jsonschema_rs

MISFITS_MAX: Final = 50
_EXPECTED_CHARS_MAX: Final = 200
_WORDS: Final = {
    "minimum": ("is too small", "at least {}"),
    "exclusiveMinimum": ("is too small", "more than {}"),
    "maximum": ("is too large", "at most {}"),
    "exclusiveMaximum": ("is too large", "less than {}"),
    "multipleOf": ("is no multiple", "a multiple of {}"),
    "minLength": ("is too short", "at least {} characters"),
    "maxLength": ("is too long", "at most {} characters"),
    "minItems": ("has too few elements", "at least {} elements"),
    "maxItems": ("has too many elements", "at most {} elements"),
    "minProperties": ("has too few fields", "at least {} fields"),
    "maxProperties": ("has too many fields", "at most {} fields"),
    "uniqueItems": ("has an element twice", "elements that differ"),
    "pattern": ("does not match", "text that matches {}"),
    "format": ("has another form", "{}"),
    "enum": ("is not one of the known values", "one of {}"),
    "const": ("is another value", "{}"),
    "type": ("has another type", "{}"),
    "falseSchema": ("is or has what is not known here", "nothing else"),
}


class Misfit(NamedTuple):
    """One thing that is wrong, and the keys and indices that lead to it."""

    path: tuple[str | int, ...]
    message: str
    expected: str = ""


def misfits(schema: Mapping[str, Any], value: object) -> list[Misfit]:
    """Return what is wrong with a value, the first things of it; nothing if it fits.

    Args:
        schema: JSON Schema (2020-12) that was made here, not sent.
        value: Strict JSON as plain data.
    """
    import jsonschema_rs  # noqa: PLC0415 - 5 MB of shared library, needed only where values come in

    validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    errors = islice(validator.iter_errors(value), MISFITS_MAX)
    return [misfit for error in errors for misfit in misfits_of(error)]


def misfits_of(error: jsonschema_rs.ValidationError) -> Iterator[Misfit]:
    """Return one finding of the validator in words that quote nothing."""
    path = tuple(error.instance_path)
    kind, found = error.kind.name, error.kind.as_dict()
    if kind == "required":
        yield Misfit((*path, str(found.get("property", ""))), "is required", "a value")
    elif kind == "additionalProperties":
        for name in found.get("unexpected", ()):
            yield Misfit((*path, str(name)), "is not known here", "no such field")
    elif kind in _WORDS:
        message, expected = _WORDS[kind]
        yield Misfit(path, message, expected.format(_bound(found))[:_EXPECTED_CHARS_MAX])
    else:
        yield Misfit(path, "does not fit the schema", kind)


def _bound(found: Mapping[str, Any]) -> str:
    """Return what the schema asks for, as it stands there."""
    for name in ("limit", "multiple_of", "pattern", "format"):
        if name in found:
            return str(found[name])
    if "types" in found:
        return " or ".join(found["types"])
    options = found.get("options", found.get("expected_value"))
    return encode(options, what="schema").decode()
