# SPDX-License-Identifier: Apache-2.0
"""Topology: indices, edges, a stable order, cycles found without recursion."""

import pytest

from legato.model.graph import Graph, find_cycle, topological_order
from legato.model.ids import NodeId
from tests.support.build import node, workflow


def _ids(*names: str) -> list[NodeId]:
    return [NodeId(name) for name in names]


def test_indices_follow_the_file_and_phases_the_order_of_work() -> None:
    """Ties are broken by the order of the file, whatever the names [VW7]."""
    graph = Graph(workflow(node("c", "a"), node("b"), node("a"), node("d", "c", "b")))
    assert graph.index_of == {"c": 0, "b": 1, "a": 2, "d": 3}
    assert graph.phase_numbers == [3, 1, 2, 4]
    assert graph.total_phases == 4
    assert graph.needs_count == [1, 0, 0, 2]


def test_edges_know_their_kind_and_case() -> None:
    """Normal, failure and case edges, seen from their source [GR7, GR10]."""
    graph = Graph(
        workflow(node("a", uses="flow.switch"), node("b", "a.hot"), node("c", "a!"), node("d", "a"))
    )
    found = [(edge.target, edge.kind, edge.case) for edge in graph.out_edges[0]]
    assert found == [(1, "case", "hot"), (2, "failure", None), (3, "normal", None)]
    assert graph.has_foreach == [False] * 4


def test_a_node_may_need_two_cases_of_one_switch() -> None:
    """Two edges between the same nodes count as two needs [GR7]."""
    graph = Graph(workflow(node("a", uses="flow.switch"), node("b", "a.x", "a.y", join="any")))
    assert graph.needs_count == [0, 2]
    assert graph.phase_numbers == [1, 2]


def test_a_graph_of_missing_nodes_or_with_a_cycle_is_not_built() -> None:
    """Validation comes first: this is a programmer's error [DO13, DO14]."""
    with pytest.raises(ValueError, match="a needs zz, which does not exist"):
        Graph(workflow(node("a", "zz")))
    with pytest.raises(ValueError, match="cycle"):
        Graph(workflow(node("a", "b"), node("b", "a")))


def test_an_order_ignores_unknown_and_doubled_names() -> None:
    """So that it can be asked for before everything is checked [DO14]."""
    needs = {NodeId("a"): _ids("b", "b", "zz"), NodeId("b"): _ids()}
    assert topological_order(needs) == ["b", "a"]


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({}, None),
        ({"a": ["b"], "b": []}, None),
        ({"a": ["zz"]}, None),
        ({"a": ["a"]}, ["a"]),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, ["b", "c", "a"]),
        ({"x": [], "y": ["x", "z"], "z": ["y"]}, ["z", "y"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, None),
    ],
)
def test_a_cycle_is_found_in_the_order_of_its_arrows(
    needs: dict[NodeId, list[NodeId]], cycle: list[str] | None
) -> None:
    """Each node is needed by the next, the last by the first [DO13]."""
    found = find_cycle(needs)
    assert found == cycle or (found is not None and cycle is not None and _rotated(found, cycle))
    if found is not None:
        for earlier, later in zip(found, [*found[1:], found[0]], strict=True):
            assert earlier in needs[later]


def _rotated(one: list[NodeId], other: list[str]) -> bool:
    return any([*one[i:], *one[:i]] == other for i in range(len(one)))


def test_a_long_chain_needs_no_recursion() -> None:
    """10 000 nodes in a row, and the same closed to a ring [DO10, DO13]."""
    count = 10_000
    needs = {NodeId(f"n{i}"): _ids(f"n{i - 1}") if i else [] for i in range(count)}
    assert find_cycle(needs) is None
    assert topological_order(needs)[-1] == f"n{count - 1}"
    needs[NodeId("n0")] = _ids(f"n{count - 1}")
    found = find_cycle(needs)
    assert found is not None
    assert len(found) == count
