# SPDX-License-Identifier: Apache-2.0
"""A form in a terminal: its fields as lines, as `NAME=VALUE`, or asked one by one.

Rules: CL9, CL25, ND73, ND74.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from legato.cli.terminal import read_line
from legato.cli.text import escape
from legato.errors import InvalidInput
from legato.model.document.inputs import parse_cli_value
from legato.model.forms import check_answer, form_schema

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.model.document.inputs import Schema


def field_lines(config: Mapping[str, Any]) -> list[str]:
    """Return each field with its type, and what it is if nothing is given."""
    schema = form_schema(config) if "schema" in config else {}
    required = schema.get("required", ())
    return [
        _label(name, inner) + ("" if name in required else ", may be left out")
        for name, inner in _properties(schema).items()
    ]


def read_fields(config: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """Return the values of `NAME=VALUE`, each of the type that the form's schema wants.

    Raises:
        InvalidInput: Not `NAME=VALUE`, given twice, or not of the type.
    """
    schema = form_schema(config) if "schema" in config else {}
    values: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InvalidInput(f"--field {text}: expected NAME=VALUE")
        if name in values:
            raise InvalidInput(f"--field {name}: given twice")
        values[name] = parse_cli_value(schema, name, value)
    return values


def ask_fields(terminal: Terminal, config: Mapping[str, Any]) -> object:
    """Ask a person field by field until the answer fits; Ctrl-C gives up.

    Raises:
        click.Abort: The person gave up.
    """
    schema = form_schema(config) if "schema" in config else {}
    message = config.get("message")
    if message:
        terminal.line(str(message))
    while True:
        answer = _ask_all(terminal, schema)
        try:
            return check_answer(config, answer)
        except InvalidInput as error:
            for line in str(error).splitlines():
                terminal.note(line)
            terminal.note("once more:")


def _ask_all(terminal: Terminal, schema: Schema) -> dict[str, Any]:
    required = schema.get("required", ())
    answer: dict[str, Any] = {}
    for name, inner in _properties(schema).items():
        while True:
            text = read_line(f"{escape(_label(name, inner))}: ")
            if not text and (name not in required or _has_default(inner)):
                break
            try:
                answer[name] = parse_cli_value(schema, name, text)
                break
            except InvalidInput as error:
                terminal.note(str(error))
    return answer


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties", {})
    return found if isinstance(found, dict) else {}


def _has_default(inner: object) -> bool:
    return isinstance(inner, dict) and "default" in inner


def _label(name: str, inner: object) -> str:
    """Return what a field is called and what it takes."""
    if not isinstance(inner, dict):
        return name
    kind = inner.get("type")
    parts = [" or ".join(kind) if isinstance(kind, list) else str(kind)] if kind else []
    if isinstance(inner.get("enum"), list):
        parts = ["one of " + ", ".join(map(str, inner["enum"]))]
    if "default" in inner:
        parts.append(f"default {inner['default']}")
    title = inner.get("description") or inner.get("title")
    return name + (f" ({', '.join(parts)})" if parts else "") + (f", {title}" if title else "")
