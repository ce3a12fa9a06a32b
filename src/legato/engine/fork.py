# SPDX-License-Identifier: Apache-2.0
"""What a fork or retry keeps of its source: pure, from the source's folded state.

Retry keeps every completed node and item. A fork keeps everything that is not downstream of the
chosen nodes; an approval is never kept downstream of an edit.

Rules: GR.
"""

from collections.abc import Collection, Mapping

from legato.engine.state import ExecutionState
from legato.errors import InvalidInput
from legato.model.graph import Graph
from legato.model.ids import NodeId
from legato.model.signals import Reuse
from legato.model.values import Value
from legato.model.workflow import node_hash


def keep_for_retry(source: ExecutionState, by: str = "") -> tuple[Reuse, ...]:
    """Return what a retry of this ended execution keeps: all that completed."""
    kept: list[Reuse] = []
    for index, node in enumerate(source.nodes):
        node_id = source.spec(index).id
        if node.status == "completed":
            kept.append(
                Reuse(node_id, node.output, "retry", by=by, case=node.case, errors=node.errors)
            )
            continue
        items = node.items
        if items is None:
            continue
        done = tuple(i for i, output in enumerate(items.outputs) if output is not None)
        if done:
            outputs = tuple(output for output in items.outputs if output is not None)
            kept.append(
                Reuse(
                    node_id, source="retry", by=by, items=done, outputs=outputs,
                    list_hash=items.list_hash,
                )  # fmt: skip
            )
    return tuple(kept)


def keep_for_fork(
    source: ExecutionState,
    target: Graph,
    from_nodes: Collection[NodeId],
    edits: Mapping[NodeId, Value],
    by: str = "",
) -> tuple[Reuse, ...]:
    """Return what a fork keeps.

    Args:
        source: The folded source, at the moment to fork from.
        target: Graph of the version that the fork runs.
        from_nodes: Nodes that run again, with everything downstream of them.
        edits: Node -> output given by a person instead of running it.
        by: Who asked.

    Raises:
        InvalidInput: A named node does not exist, or a kept node's definition differs.
    """
    for name in [*from_nodes, *edits]:
        if name not in target.index_of:
            raise InvalidInput(f"there is no node {name} in {target.workflow.name}")
    dropped = _downstream(target, [*from_nodes, *edits]) | set(from_nodes)
    kept: list[Reuse] = []
    for index, node in enumerate(source.nodes):
        spec = source.spec(index)
        if spec.id in edits or spec.id in dropped or node.status != "completed":
            continue
        place = target.index_of.get(spec.id)
        if place is None or node_hash(target.nodes[place]) != node_hash(spec):
            raise InvalidInput(
                f"{spec.id} is not the same in the version to run; fork from it or before it"
            )
        kept.append(
            Reuse(spec.id, node.output, "fork", by=by, case=node.case, errors=node.errors)
        )
    kept.extend(Reuse(name, value, "fork", edited=True, by=by) for name, value in edits.items())
    return tuple(kept)


def _downstream(graph: Graph, roots: Collection[NodeId]) -> set[NodeId]:
    """Return every node that needs one of the roots, directly or not (roots not included)."""
    found: set[NodeId] = set()
    stack = [graph.index_of[name] for name in roots]
    while stack:
        for edge in graph.out_edges[stack.pop()]:
            name = graph.nodes[edge.target].id
            if name not in found:
                found.add(name)
                stack.append(edge.target)
    return found
