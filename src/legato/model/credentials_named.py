# SPDX-License-Identifier: Apache-2.0
"""Which credentials and secrets a workflow names, and where.

By what the document says in fields that take one; what an expression brings in is never a name.

Rules: CR22, CR23.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from legato.model.document.problems import Path
from legato.model.document.secrecy import is_credential, is_reference, places_of
from legato.model.node_type import NodeTypeInfo
from legato.model.workflow import Workflow


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One place in a document that names a credential.

    `path` is a JSON Pointer into the document. `is_credential` is false for `{secret: name}`, which
    may also be something that the operator has set.
    """

    path: str
    name: str
    is_credential: bool


def credentials_named(workflow: Workflow, types: Mapping[str, NodeTypeInfo]) -> list[Named]:
    """Return every place, also in the bodies of loops.

    Args:
        workflow: Compiled.
        types: By name; a node of a type that is not there names nothing.
    """
    return list(_named(workflow, types, "/nodes"))


def _named(workflow: Workflow, types: Mapping[str, NodeTypeInfo], above: str) -> Iterator[Named]:
    for node in workflow.nodes:
        path = f"{above}/{node.id}/with"
        if node.call is not None and node.call.body is not None:
            yield from _named(node.call.body, types, f"{path}/do")
        info = types.get(node.uses)
        if info is None or not info.secret_fields:
            continue
        config = msgspec.json.decode(node.config)
        for field in info.secret_fields:
            yield from _in_field(config, field, path)


def _in_field(config: Any, field: str, path: str) -> Iterator[Named]:
    is_name = is_credential(field)
    for steps, value in places_of(config, field.split(".")):
        name = value["secret"] if is_reference(value) else value if is_name else None
        if isinstance(name, str):
            yield Named(path=path + _pointer(steps), name=name, is_credential=is_name)


def _pointer(steps: Path) -> str:
    escaped = (str(each).replace("~", "~0").replace("/", "~1") for each in steps)
    return "".join(f"/{each}" for each in escaped)
