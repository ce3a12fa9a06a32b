# SPDX-License-Identifier: Apache-2.0
"""What every part of the check needs, and where in the document it is looking."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from legato.model.document.problems import Path
from legato.model.document.tree import Report
from legato.model.ids import NodeId
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import Limits


@dataclass(frozen=True, slots=True)
class Read:
    """A place where an expression reads a node."""

    node: NodeId
    path: Path
    offset: int


@dataclass(slots=True)
class Scope:
    """One graph of the document: the workflow itself, or the inline body of a loop.

    `node_count` counts over all graphs of the document. `inputs` are the names that may be read
    from `inputs`; None if that is not known here (an inline body, an open schema).
    """

    report: Report
    catalogue: Mapping[str, NodeTypeInfo]
    limits: Limits
    name: str = ""
    depth: int = 0
    inputs: tuple[str, ...] | None = None
    node_count: list[int] = field(default_factory=lambda: [0])
