# SPDX-License-Identifier: Apache-2.0
"""`legato nodes list` and `nodes show`: the node types that workflows can use here.

Rules: CL7, ND2, ND11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from legato.cli.completing import node_types
from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.model.node_type import NodeTypeInfo


@click.group(epilog=examples("legato nodes list", "legato nodes show http.request"))
def nodes() -> None:
    """Show the node types that workflows can use."""


@nodes.command("list", epilog=examples("legato nodes list", "legato nodes list --json"))
@command_options
def list_nodes(invocation: Invocation) -> int:
    """List the node types."""
    from legato.app import node_catalogue
    from legato.cli.text import table

    invocation.settings()  # a broken plugin is said in the log, which is set up by this
    terminal = invocation.terminal
    catalogue = node_catalogue()
    rows = [("NODE", "GROUP", "EFFECT", "")]
    for uses in sorted(catalogue):
        info = catalogue[uses]
        terminal.json(
            {"uses": uses, "title": info.title, "group": info.group, "effect": _effect(info)}
        )
        rows.append((uses, info.group, _effect(info).replace("_", " "), info.title))
    terminal.lines(line.rstrip() for line in table(rows))
    return OK


@nodes.command("show", epilog=examples("legato nodes show shell.run"))
@click.argument("uses", metavar="NODE", shell_complete=node_types)
@command_options
def show_node(invocation: Invocation, uses: str) -> int:
    """Show one node type: what it does, what it takes and gives, an example."""
    from legato.app import node_catalogue
    from legato.errors import NotFound
    from legato.model.expressions.nearest import nearest_name

    invocation.settings()
    catalogue = node_catalogue()
    info = catalogue.get(uses)
    if info is None:
        near = nearest_name(uses, list(catalogue))
        hint = f"Did you mean {near}?" if near else "legato nodes list shows them all."
        raise NotFound(f"there is no node type {uses}", hint=hint)
    terminal = invocation.terminal
    terminal.json(
        {
            "uses": info.uses,
            "title": info.title,
            "group": info.group,
            "effect": _effect(info),
            "timeout_ms": info.timeout_ms,
            "secret_fields": list(info.secret_fields),
            "docs": info.docs,
            "example": info.example,
            "config_schema": info.config_schema,
            "output_schema": info.output_schema,
        }
    )
    terminal.lines(_page(info))
    return OK


def _page(info: NodeTypeInfo) -> list[str]:
    from legato.cli.text import duration, table

    lines = [f"{info.uses}: {info.title}", "", *info.docs.splitlines(), ""]
    timeout = "none" if info.timeout_ms is None else duration(info.timeout_ms)
    lines += [f"effect   {_effect(info).replace('_', ' ')}", f"timeout  {timeout}", ""]
    for name, schema in (("with", info.config_schema), ("output", info.output_schema)):
        fields = _fields(schema)
        if fields:
            lines += [name, *(f"  {line}".rstrip() for line in table(fields)), ""]
    if info.example:
        lines += ["example", *(f"  {line}" for line in info.example.strip("\n").splitlines())]
    return lines


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (name, type, description) of the fields of an object's schema."""
    required = set(schema.get("required", ()))
    rows: list[tuple[str, str, str]] = []
    for name, field in schema.get("properties", {}).items():
        note = str(field.get("description", "")).replace("\n", " ")
        if name in required:
            note = f"required. {note}"
        elif "default" in field and field["default"] not in (None, "", [], {}):
            note = f"{note} Default {field['default']}.".strip()
        rows.append((name, _type(field), note))
    return rows


def _type(field: dict[str, Any]) -> str:
    if "type" in field:
        kind = field["type"]
        if kind == "array" and "items" in field:
            return f"list of {_type(field['items'])}"
        return " or ".join(kind) if isinstance(kind, list) else str(kind)
    options = field.get("anyOf") or field.get("oneOf") or []
    if options:
        return " or ".join(dict.fromkeys(_type(option) for option in options))
    if "enum" in field:
        return " or ".join(str(value) for value in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    return "any"


def _effect(info: NodeTypeInfo) -> str:
    """Return the effect class that an empty `with` gives; some types look at their config."""
    return info.effect_of({})
