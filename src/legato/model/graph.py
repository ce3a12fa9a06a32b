# SPDX-License-Identifier: Apache-2.0
"""The topology of a workflow, indexed once: integers instead of ids on the hot path.

Built in O(nodes + edges). Node indices follow the order of the file; `phase_number` is the
1-based position in a stable topological order (ties broken by file order).

Rules: GR.
"""

import heapq
from collections.abc import Mapping, Sequence

from legato.model.ids import NodeId
from legato.model.workflow import EdgeKind, NodeSpec, Workflow


class Edge:
    """One edge out of a node, as seen from its source."""

    __slots__ = ("case", "kind", "target")

    def __init__(self, target: int, kind: EdgeKind, case: str | None) -> None:
        """Args: target is the index of the node that needs the source."""
        self.target = target
        self.kind = kind
        self.case = case


class Graph:
    """Indexed topology. Attributes are lists by node index; never mutated after building."""

    __slots__ = (
        "has_foreach", "index_of", "needs_count", "nodes", "out_edges", "phase_numbers", "workflow",
    )  # fmt: skip

    def __init__(self, workflow: Workflow) -> None:
        """Index a validated (acyclic, complete) workflow.

        Raises:
            ValueError: An edge names a missing node or the graph has a cycle (programmer error:
                validation comes first).
        """
        self.workflow = workflow
        self.nodes: tuple[NodeSpec, ...] = workflow.nodes
        self.index_of: dict[NodeId, int] = {node.id: i for i, node in enumerate(workflow.nodes)}
        self.needs_count: list[int] = [len(node.needs) for node in workflow.nodes]
        self.has_foreach: list[bool] = [node.has_foreach for node in workflow.nodes]
        self.out_edges: list[list[Edge]] = [[] for _ in workflow.nodes]
        for i, node in enumerate(workflow.nodes):
            for need in node.needs:
                source = self.index_of.get(need.node)
                if source is None:
                    raise ValueError(f"{node.id} needs {need.node}, which does not exist")
                self.out_edges[source].append(Edge(i, need.kind, need.case))
        order = topological_order(
            {node.id: [need.node for need in node.needs] for node in workflow.nodes}
        )
        self.phase_numbers: list[int] = [0] * len(workflow.nodes)
        for position, node_id in enumerate(order, start=1):
            self.phase_numbers[self.index_of[node_id]] = position

    @property
    def total_phases(self) -> int:
        """Number of nodes; foreach items are not counted."""
        return len(self.nodes)


def topological_order(needs: Mapping[NodeId, Sequence[NodeId]]) -> list[NodeId]:
    """Order nodes so that each comes after what it needs, ties by insertion order.

    Args:
        needs: Node -> the nodes it needs. Unknown names are ignored.

    Raises:
        ValueError: There is a cycle.
    """
    position = {node: i for i, node in enumerate(needs)}
    names = list(needs)
    unmet = [len({n for n in needed if n in position}) for needed in needs.values()]
    dependents: list[list[int]] = [[] for _ in names]
    for i, needed in enumerate(needs.values()):
        for name in {n for n in needed if n in position}:
            dependents[position[name]].append(i)
    ready = [i for i, count in enumerate(unmet) if count == 0]
    heapq.heapify(ready)
    order: list[NodeId] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(names[i])
        for j in dependents[i]:
            unmet[j] -= 1
            if unmet[j] == 0:
                heapq.heappush(ready, j)
    if len(order) != len(names):
        raise ValueError("the graph has a cycle")
    return order


def find_cycle(needs: Mapping[NodeId, Sequence[NodeId]]) -> list[NodeId] | None:
    """Return the nodes of one cycle in the order of its arrows, or None. Iterative: no recursion.

    The order follows execution: each node is needed by the next, the last by the first.
    """
    state: dict[NodeId, int] = {}
    for root in needs:
        if root in state:
            continue
        stack: list[tuple[NodeId, int]] = [(root, 0)]
        state[root] = 1
        while stack:
            node, at = stack[-1]
            needed = needs.get(node, ())
            if at == len(needed):
                state[node] = 2
                stack.pop()
                continue
            stack[-1] = (node, at + 1)
            target = needed[at]
            if state.get(target) == 1:
                path = [name for name, _ in stack]
                return list(reversed(path[path.index(target) :]))
            if target not in state and target in needs:
                state[target] = 1
                stack.append((target, 0))
    return None
