# SPDX-License-Identifier: Apache-2.0
"""What a fork or retry keeps of its source: pure, from the source's folded state.

Retry keeps every completed node and item. A fork keeps everything that is not downstream of the
chosen nodes; an approval is never kept downstream of an edit.

Rules: ST7, GR27-GR30.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from legato.engine.state import ExecutionState
from legato.errors import InvalidInput
from legato.model.graph import Graph
from legato.model.ids import NodeId
from legato.model.signals import Reuse
from legato.model.values import Value
from legato.model.workflow import NodeKind, node_hash

_ANSWERED: Final[frozenset[NodeKind]] = frozenset({"approval", "form"})
"""Kinds whose output is the word of a person."""


def keep_for_retry(source: ExecutionState, by: str = "") -> tuple[Reuse, ...]:
    """Return what a retry of this ended execution keeps: all that completed."""
    found = (_kept(source, index, "retry", by) for index in range(len(source.nodes)))
    return tuple(kept for kept in found if kept is not None)


def keep_for_fork(
    source: ExecutionState,
    target: Graph,
    from_nodes: Collection[NodeId],
    edits: Mapping[NodeId, Value],
    by: str = "",
    *,
    has_new_inputs: bool = False,
) -> tuple[Reuse, ...]:
    """Return what a fork keeps.

    Args:
        source: The folded source, at the moment to fork from.
        target: Graph of the version that the fork runs.
        from_nodes: Nodes that run again, with everything downstream of them.
        edits: Node -> output given by a person instead of running it.
        by: Who asked.
        has_new_inputs: The inputs are edited: every node may be downstream of them, so no answer
            of a person is kept.

    Raises:
        InvalidInput: A named node does not exist, an approval is edited, or a kept node's
            definition differs.
    """
    for name in [*from_nodes, *edits]:
        if name not in target.index_of:
            raise InvalidInput(f"there is no node {name} in {target.workflow.name}")
    for name in edits:
        if target.nodes[target.index_of[name]].kind in _ANSWERED:
            raise InvalidInput(f"{name} is answered by a person; its answer cannot be edited")
    roots = [*from_nodes, *edits]
    if has_new_inputs:
        roots += [node.id for node in target.nodes if node.kind in _ANSWERED]
    dropped = _downstream(target, roots) | set(roots)
    kept: list[Reuse] = []
    for index in range(len(source.nodes)):
        spec = source.spec(index)
        found = None if spec.id in dropped else _kept(source, index, "fork", by)
        if found is None:
            continue
        place = target.index_of.get(spec.id)
        if place is not None and node_hash(target.nodes[place]) == node_hash(spec):
            kept.append(found)
        elif not found.items:
            raise InvalidInput(
                f"{spec.id} is not the same in the version to run; fork from it or before it"
            )
    kept.extend(Reuse(name, value, "fork", edited=True, by=by) for name, value in edits.items())
    return tuple(kept)


def _kept(
    source: ExecutionState, index: int, how: Literal["fork", "retry"], by: str
) -> Reuse | None:
    """Return what there is to keep of a node: its result, some items' results, or nothing."""
    node = source.nodes[index]
    name = source.spec(index).id
    if node.status == "completed":
        return Reuse(
            name, node.output, how, edited=node.edited, by=by, case=node.case, errors=node.errors
        )
    if node.items is None:
        return None
    done = {i: output for i, output in enumerate(node.items.outputs) if output is not None}
    if not done:
        return None
    return Reuse(
        name, source=how, by=by, items=tuple(done), outputs=tuple(done.values()),
        list_hash=node.items.list_hash,
    )  # fmt: skip


def _downstream(graph: Graph, roots: Collection[NodeId]) -> set[NodeId]:
    """Return every node that needs one of the roots, directly or not (roots only if so)."""
    found: set[NodeId] = set()
    stack = [graph.index_of[name] for name in roots]
    while stack:
        for edge in graph.out_edges[stack.pop()]:
            name = graph.nodes[edge.target].id
            if name not in found:
                found.add(name)
                stack.append(edge.target)
    return found
