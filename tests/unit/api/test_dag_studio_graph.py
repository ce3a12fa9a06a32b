# SPDX-License-Identifier: Apache-2.0
"""Graphs of DAG Studio as documents."""

import json
from typing import get_args

import pytest

from legato.api.dag_studio import WORDS
from legato.api.dag_studio_graph import Arrow, Phase, drawn
from legato.api.problems import InvalidBody
from legato.app import node_catalogue
from legato.model.document.fields import NODE_ID
from legato.model.document.validate import load_workflow
from legato.model.frames import ExecutionStatus, NodeStatus
from legato.model.policy import Limits


def _phases(*ids: str) -> list[Phase]:
    return [Phase(id=each, phase_type="data.transform", config={"value": 1}) for each in ids]


def test_every_id_becomes_one_that_a_node_may_have_and_none_becomes_anothers() -> None:
    """What can stay does; reserved words and what looks the same do not meet [DS5]."""
    ids = ["a", "a-b", "a_b", "A B", "1", "in", "ä", "ß", "x" * 200, "n_1"]
    graph = drawn(None, _phases(*ids), [])
    names = list(graph.document["nodes"])
    assert len(set(names)) == len(ids)
    assert all(NODE_ID.match(each) for each in names)
    assert [names[0], names[2], names[9]] == ["a", "a_b", "n_1"]
    assert {graph.names.get(name, name) for name in names} == set(ids)
    text = graph.text("flow")
    workflow = load_workflow(text, file="x.json", catalogue=node_catalogue(), limits=Limits())
    assert [node.id for node in workflow.nodes] == names


def test_edges_become_needs_and_positions_the_layout() -> None:
    """An edge that is drawn twice is one; inputs may be anything [DS4]."""
    phases = _phases("a", "b")
    phases[0].position = {"x": 1.6, "y": -3.0}
    phases[0].label = "First"
    arrows = [Arrow(source="a", target="b")] * 2
    document = json.loads(drawn("Both", phases, arrows).text("both"))
    assert document["nodes"]["b"]["needs"] == ["a"]
    assert document["nodes"]["a"]["title"] == "First"
    assert (document["name"], document["title"]) == ("both", "Both")
    assert document["layout"] == {"a": [2, -3]}
    assert document["inputs"] == {"type": "object", "additionalProperties": True}


def test_every_mistake_of_a_graph_is_told_at_once() -> None:
    """By its place [DS4]."""
    phases = [*_phases("a", "a"), Phase(phase_type="x")]
    with pytest.raises(InvalidBody) as refused:
        drawn(None, phases, [Arrow(source="a", target="q")])
    assert sorted(each.path for each in refused.value.faults) == [
        "/edges/0/target", "/nodes/0/node_id", "/nodes/1/node_id", "/nodes/2/node_id",
    ]  # fmt: skip


def test_every_status_has_one_of_their_four_words() -> None:
    """Of executions and nodes [DS7]."""
    ours = {*get_args(ExecutionStatus), *get_args(NodeStatus)}
    assert WORDS.keys() == ours
    assert set(WORDS.values()) == {"pending", "running", "completed", "failed"}
