# SPDX-License-Identifier: Apache-2.0
"""What people read about a node type: its fields, and its page in Markdown.

Pure: the same type gives the same text. Rules: CL7, CL48, ND2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from legato.cli.text import duration

if TYPE_CHECKING:
    from legato.model.node_type import NodeTypeInfo

MADE: Final = (
    "<!-- Written by `legato nodes docs` from the node type itself; changes here are lost. -->"
)
_KINDS: Final = {"string": "text", "array": "list", "object": "map"}
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} elements"),
    ("maxItems", "at most {} elements"),
)


class Field(NamedTuple):
    """One field of an object's schema; `default` is None where it says nothing."""

    name: str
    type: str
    is_required: bool
    default: str | None
    note: str


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an object's schema; one that only refers is followed."""
    required = set(schema.get("required", ()))
    return [
        Field(
            name=name,
            type=type_of(field),
            is_required=name in required,
            default=_default_of(field),
            note=" ".join(str(field.get("description", "")).split()),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def type_of(field: Mapping[str, Any]) -> str:
    """Return the type of a field in words."""
    if "enum" in field or "const" in field:
        return " or ".join(str(value) for value in field.get("enum", [field.get("const")]))
    kind = field.get("type")
    if kind == "array" and "items" in field:
        return f"list of {type_of(field['items'])}"
    if kind is not None:
        return " or ".join(_KINDS.get(each, each) for each in _listed(kind))
    options = field.get("anyOf") or field.get("oneOf") or []
    if options:
        return " or ".join(dict.fromkeys(_option(option) for option in options))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    return "any"


def _option(option: Mapping[str, Any]) -> str:
    """A secret may be named instead of written."""
    return "{secret: name}" if "secret" in option.get("properties", {}) else type_of(option)


def _listed(kind: Any) -> list[str]:
    return kind if isinstance(kind, list) else [str(kind)]


def _default_of(field: Mapping[str, Any]) -> str | None:
    default = field.get("default")
    if default is None or default in ("", [], {}):
        return None
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, list):
        return ", ".join(str(each) for each in default)
    return str(default)


def effect_of(info: NodeTypeInfo) -> str:
    """Return the effect class that an empty `with` gives; some types look at their config."""
    return info.effect_of({})


def page_of(info: NodeTypeInfo) -> str:
    """Return the page of a node type in Markdown."""
    timeout = "none" if info.timeout_ms is None else duration(info.timeout_ms)
    parts = [
        MADE,
        f"# {info.uses}: {info.title}",
        _markdown(info.docs),
        "| | |\n|---|---|\n" + "\n".join(
            f"| {name} | {value} |"
            for name, value in (
                ("effect", effect_of(info).replace("_", " ")),
                ("timeout", f"{timeout}, per attempt" if info.kind == "task" else timeout),
                ("retry", _retry(info)),
                ("group", info.group),
            )
        ),
        *_section("Config", info.config_schema),
        *_section("Output", info.output_schema),
    ]  # fmt: skip
    if info.example:
        parts += ["## Example", f"```yaml\n{info.example.strip()}\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def index_of(infos: Iterable[NodeTypeInfo]) -> str:
    """Return the page that names all the others, by group."""
    rows = sorted(infos, key=lambda info: (info.group, info.uses))
    table = "\n".join(
        f"| [`{info.uses}`]({file_of(info)}) | {info.title} | {info.group} "
        f"| {effect_of(info).replace('_', ' ')} |"
        for info in rows
    )
    head = "| `uses` | does | group | effect |\n|---|---|---|---|\n"
    return f"{MADE}\n\n# Node types\n\n{head}{table}\n"


def file_of(info: NodeTypeInfo) -> str:
    """Return the name of a type's page."""
    return info.uses.replace(".", "-").replace("_", "-") + ".md"


def _retry(info: NodeTypeInfo) -> str:
    retry = info.retry
    if retry.max_attempts <= 1:
        return "none unless the workflow says so"
    kinds = ", ".join(retry.on) or "every failure that can be retried"
    return f"{retry.max_attempts} attempts, {retry.backoff}, on {kinds}"


def _section(title: str, schema: Mapping[str, Any]) -> list[str]:
    """Return a table of fields, and one more for every type that they refer to."""
    parts = [f"## {title}"]
    fields = fields_of(schema)
    if fields:
        parts.append(_table(schema))
    else:
        parts.append(f"{type_of(schema).capitalize()}." if schema else "Any value.")
    for name, below in schema.get("$defs", {}).items():
        if below.get("properties"):
            parts += [f"### {title}: {name}", _table(below)]
    return parts


def _table(schema: Mapping[str, Any]) -> str:
    rows = ["| field | type | default | |", "|---|---|---|---|"]
    for field in fields_of(schema):
        default = "required" if field.is_required else field.default or ""
        bounds = _bounds(schema["properties"][field.name])
        note = " ".join(part for part in (field.note, bounds) if part)
        rows.append(f"| `{field.name}` | {_cell(field.type)} | {_cell(default)} | {_cell(note)} |")
    return "\n".join(rows)


def _bounds(field: Mapping[str, Any]) -> str:
    found = [words.format(field[key]) for key, words in _BOUNDS if key in field]
    return f"{', '.join(found).capitalize()}." if found else ""


def _cell(text: str) -> str:
    """Return text for a table's cell, which must not end it or begin a link or an element."""
    return re.sub(r"([|<\[])", r"\\\1", text)


def _markdown(text: str) -> str:
    """Return a docstring; what looks like a link or an element outside code is escaped."""
    parts = re.split(r"(`[^`]*`)", text.strip())
    return "".join(
        part if part.startswith("`") else re.sub(r"([<\[])", r"\\\1", part) for part in parts
    )
