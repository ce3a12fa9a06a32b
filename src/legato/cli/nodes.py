# SPDX-License-Identifier: Apache-2.0
"""The group `legato nodes`: the node types that workflows can use here, and making one's own.

Rules: CL7, ND2, ND11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from legato.cli.completing import node_types
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.cli.main import LazyGroup

if TYPE_CHECKING:
    from legato.model.node_type import NodeTypeInfo

nodes = LazyGroup(
    name="nodes",
    help="Show the node types that workflows can use, or make your own.",
    table={
        "list": ("legato.cli.nodes:list_nodes", "List the node types."),
        "show": ("legato.cli.nodes:show_node", "Show one: what it does, takes and gives."),
        "new": ("legato.cli.nodes_new:new", "Make a package with a node of your own and its test."),
        "docs": ("legato.cli.nodes_docs:docs", "Write a page for each node type."),
    },
    epilog=examples(
        "legato nodes list", "legato nodes show http.request", "legato nodes new acme.enrich"
    ),
)


@click.command("list", epilog=examples("legato nodes list", "legato nodes list --json"))
@command_options
def list_nodes(invocation: Invocation) -> int:
    """List the node types."""
    from legato.app import node_catalogue
    from legato.cli.node_pages import effect_of
    from legato.cli.text import table

    invocation.settings()  # a broken plugin is said in the log, which is set up by this
    terminal = invocation.terminal
    catalogue = node_catalogue()
    rows = [("NODE", "GROUP", "EFFECT", "")]
    for uses in sorted(catalogue):
        info = catalogue[uses]
        effect = effect_of(info)
        terminal.json({"uses": uses, "title": info.title, "group": info.group, "effect": effect})
        rows.append((uses, info.group, effect.replace("_", " "), info.title))
    terminal.lines(line.rstrip() for line in table(rows))
    return OK


@click.command("show", epilog=examples("legato nodes show shell.run"))
@click.argument("uses", metavar="NODE", shell_complete=node_types)
@command_options
def show_node(invocation: Invocation, uses: str) -> int:
    """Show one node type: what it does, what it takes and gives, an example."""
    from legato.app import node_catalogue
    from legato.cli.node_pages import effect_of

    invocation.settings()
    info = known_type(uses, node_catalogue())
    terminal = invocation.terminal
    terminal.json(
        {
            "uses": info.uses,
            "title": info.title,
            "group": info.group,
            "effect": effect_of(info),
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


def known_type(uses: str, catalogue: Mapping[str, NodeTypeInfo]) -> NodeTypeInfo:
    """Return a node type by name.

    Raises:
        NotFound: There is none; says the nearest.
    """
    from legato.errors import NotFound
    from legato.model.expressions.nearest import nearest_name

    info = catalogue.get(uses)
    if info is None:
        near = nearest_name(uses, list(catalogue))
        hint = f"Did you mean {near}?" if near else "legato nodes list shows them all."
        raise NotFound(f"there is no node type {uses}", hint=hint)
    return info


def _page(info: NodeTypeInfo) -> list[str]:
    from legato.cli.node_pages import effect_of, fields_of
    from legato.cli.text import duration, table

    lines = [f"{info.uses}: {info.title}", "", *info.docs.splitlines(), ""]
    timeout = "none" if info.timeout_ms is None else duration(info.timeout_ms)
    lines += [f"effect   {effect_of(info).replace('_', ' ')}", f"timeout  {timeout}", ""]
    for name, schema in (("with", info.config_schema), ("output", info.output_schema)):
        rows = [
            (
                field.name,
                field.type,
                f"required. {field.note}"
                if field.is_required
                else f"{field.note} Default {field.default}.".strip()
                if field.default
                else field.note,
            )
            for field in fields_of(schema)
        ]
        if rows:
            lines += [name, *(f"  {line}".rstrip() for line in table(rows)), ""]
    if info.example:
        lines += ["example", *(f"  {line}" for line in info.example.strip("\n").splitlines())]
    return lines
