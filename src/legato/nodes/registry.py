# SPDX-License-Identifier: Apache-2.0
"""Every node type there is: the built-in ones and those of installed packages.

Importing this module loads no node's libraries; an entry point is imported when the types are
asked for. A broken plugin is named and left out, the others work.

Rules: ND1, ND2, ND11.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from legato.errors import InvalidInput
from legato.model.node_type import NodeTypeInfo
from legato.nodes import (
    blob,
    chart,
    code,
    control,
    data,
    data_csv,
    data_json,
    data_markdown,
    data_validate,
    files,
    http,
    mail,
    report,
    shell,
    sql,
    webhook,
)
from legato.ports.node import NodeType

GROUP: Final = "legato.nodes"
BUILT_IN: Final = "legato.nodes.registry:builtin_node_types"
"""Legato's own entry point; it is there so that a package may look it up like any other."""


def builtin_node_types() -> Mapping[str, NodeType]:
    """Return the node types that come with Legato, by name."""
    types = (
        shell.run,
        http.request,
        data.transform,
        data.template,
        data_validate.validate,
        data_csv.run,
        data_json.run,
        data_markdown.run,
        *files.NODE_TYPES,
        code.python,
        sql.query,
        chart.render,
        report.run,
        webhook.webhook,
        mail.email,
        *blob.NODE_TYPES,
        *control.NODE_TYPES,
    )
    return {each.info.uses: each for each in types}


def load_node_types(
    *,
    include_entry_points: bool = True,
    on_problem: Callable[[InvalidInput], None] | None = None,
) -> dict[str, NodeType]:
    """Return all node types by name.

    Args:
        include_entry_points: Also those of installed packages.
        on_problem: Called for each package that cannot be used; without it the first one raises.

    Raises:
        InvalidInput: A package cannot be imported, offers no node types, or takes a name that is
            taken. The message names the package.
    """
    found = dict(builtin_node_types())
    owners = dict.fromkeys(found, "legato")
    if not include_entry_points:
        return found
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        if point.value == BUILT_IN:
            continue
        try:
            _add(point, found, owners)
        except InvalidInput as problem:
            if on_problem is None:
                raise
            on_problem(problem)
    return found


def catalogue(types: Mapping[str, NodeType]) -> Mapping[str, NodeTypeInfo]:
    """Return what validation and catalogues need of node types: everything but the code."""
    return {uses: each.info for uses, each in types.items()}


async def close_node_types() -> None:
    """Close what node types share in this process (connections of the running loop)."""
    client = sys.modules.get("legato.nodes.http_client")
    if client is not None:
        await client.close_pools()


def _add(point: EntryPoint, found: dict[str, NodeType], owners: dict[str, str]) -> None:
    """Take the node types of one entry point: all of them, or none if one is not usable."""
    package = point.dist.name if point.dist is not None else point.value
    offered = _offered(point, package)
    names = [each.info.uses for each in offered]
    for uses in names:
        owner = package if names.count(uses) > 1 else owners.get(uses)
        if owner is not None:
            raise InvalidInput(
                f"the node type {uses!r:.80} of package {package} exists already, from {owner}",
                hint=f"Remove one of the two, or ask {package} for another name.",
            )
    for each in offered:
        found[each.info.uses] = each
        owners[each.info.uses] = package


def _offered(point: EntryPoint, package: str) -> list[NodeType]:
    try:
        value: object = point.load()
        if callable(value) and not isinstance(value, NodeType):
            value = value()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # SystemExit, too: a package must not end every command
        raise InvalidInput(
            f"the node types of package {package} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}",
            hint=f"Update or remove {package}.",
        ) from error
    if isinstance(value, NodeType):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    offered = list(value) if isinstance(value, Iterable) else [value]
    types = [each for each in offered if isinstance(each, NodeType)]
    if not types or len(types) < len(offered):
        raise InvalidInput(
            f"package {package} ({point.value}) offers no node types",
            hint="An entry point is a NodeType, or a function that returns several.",
        )
    return types
