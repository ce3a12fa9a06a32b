# SPDX-License-Identifier: Apache-2.0
"""Runs of a part of a workflow: which nodes it is about, and which pinned outputs it needs.

The version is run as it is, so that its hash and every node's stay what an editor shows: the nodes
that the run is not about are recorded as left out in its first turn. A pinned output stands for a
node and for all that it needs. The node that is asked for runs itself, whatever is pinned.

Rules: XW2, XW3, XW20-XW22.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from legato.errors import InvalidInput
from legato.model.events import Part
from legato.model.graph import Graph
from legato.model.ids import NodeId, WorkspaceId
from legato.model.signals import Reuse
from legato.model.values import load
from legato.model.workflow import NodeSpec, Workflow
from legato.ports.blobs import Blobs, keep_value


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a workflow runs: `part` (None: all of it), and pins of which nodes are used."""

    part: Part | None
    pinned: frozenset[NodeId]


def whole(workflow: Workflow, pinned: Collection[str]) -> Extent:
    """Return the run of everything but what is pinned."""
    known = {node.id for node in workflow.nodes}
    return Extent(None, frozenset(NodeId(each) for each in pinned if each in known))


def up_to(workflow: Workflow, node: str, pinned: Collection[str]) -> Extent:
    """Return the run of a node and of what it needs, which begins at pins.

    Raises:
        InvalidInput: There is no such node.
    """
    graph, target = _target(workflow, node)
    used: set[NodeId] = set()
    about = {target.id}
    stack = [target]
    while stack:
        for name in _sources(stack.pop()):
            if name in pinned and name != target.id:
                used.add(name)
            elif name not in about:
                about.add(name)
                stack.append(graph.nodes[graph.index_of[name]])
    nodes = tuple(each.id for each in graph.nodes if each.id in about)
    return Extent(Part(nodes), frozenset(used))


def alone(workflow: Workflow, node: str, pinned: Collection[str]) -> Extent:
    """Return the run of one node, which finds pins in place of what it reads.

    Raises:
        InvalidInput: There is no such node, or it reads one that is not pinned.
    """
    _, target = _target(workflow, node)
    missing = sorted(name for name in target.refs if name not in pinned)
    if missing:
        raise InvalidInput(
            f"{target.id} reads {', '.join(missing)}, which has no pinned output",
            hint="Pin what it reads, or run the workflow until this node.",
        )
    used = frozenset(name for name in _sources(target) if name in pinned)
    return Extent(Part((target.id,), target.id), used)


async def pins_of(
    blobs: Blobs,
    workspace: WorkspaceId,
    workflow: Workflow,
    outputs: Mapping[NodeId, bytes],
    *,
    by: str,
    inline_bytes_max: int,
) -> tuple[Reuse, ...]:
    """Return pinned outputs as what a run brings along; large ones are stored first.

    Args:
        blobs: Where large outputs go.
        workspace: Whose.
        workflow: Whose nodes they are of.
        outputs: JSON text by node.
        by: Who runs it.
        inline_bytes_max: What is longer goes to the blob store.
    """
    graph = Graph(workflow)
    found: list[Reuse] = []
    for name in sorted(outputs, key=graph.index_of.__getitem__):
        value = await keep_value(blobs, workspace, outputs[name], inline_bytes_max)
        case = _case(graph.nodes[graph.index_of[name]], outputs[name])
        found.append(Reuse(name, value, "pin", by=by, case=case))
    return tuple(found)


def _target(workflow: Workflow, node: str) -> tuple[Graph, NodeSpec]:
    graph = Graph(workflow)
    index = graph.index_of.get(NodeId(node))
    if index is None:
        raise InvalidInput("there is no such node in this workflow")
    return graph, graph.nodes[index]


def _sources(node: NodeSpec) -> list[NodeId]:
    """Return the nodes that a node needs or reads."""
    return list(dict.fromkeys([*(need.node for need in node.needs), *node.refs]))


def _case(node: NodeSpec, output: bytes) -> str | None:
    """Return the branch that the pinned output of a switch stands for."""
    if node.kind != "switch":
        return None
    found = load(output)
    case = found.get("case") if isinstance(found, dict) else None
    return case if isinstance(case, str) else None
