# SPDX-License-Identifier: Apache-2.0
"""Two executions side by side."""

from typing import Any

from legato.engine.compare import Comparison, compare
from legato.model.ids import NodeId
from legato.model.signals import AnswerApproval, Reuse
from legato.model.values import BlobRef, Value
from tests.support.build import node, val, workflow
from tests.support.drive import Drive

FLOW = workflow(node("a"), node("b", "a"), node("c", "b"))
A, B = NodeId("a"), NodeId("b")


def ended(flow: Any = FLOW, **fields: Any) -> Drive:
    """Run a workflow to its end."""
    drive = Drive(flow)
    drive.start(**fields)
    drive.run_out()
    return drive


def differing(found: Comparison) -> dict[str, tuple[str, ...]]:
    """Return node -> in what it differs."""
    return {row.node: row.differs for row in found.rows if row.differs}


def test_equal_runs_do_not_differ() -> None:
    """No node is marked, in the order in which they run [CL27]."""
    found = compare(ended().state, ended().state)
    assert (found.first, found.same_version, found.same_inputs) == (None, True, True)
    assert [row.node for row in found.rows] == ["a", "b", "c"]
    assert differing(found) == {}


def test_the_first_node_that_differs_is_marked() -> None:
    """By its output; what is downstream differs too, but later [CL27]."""
    fork = ended(reused=(Reuse(A, val("mine"), edited=True),))
    found = compare(ended().state, fork.state)
    assert found.first == "a"
    assert differing(found) == {"a": ("output",)}
    sides = found.rows[0]
    assert sides.one is not None
    assert sides.other is not None
    assert (sides.one.edited, sides.other.edited, sides.other.reused) == (False, True, True)


def test_status_case_and_input_are_compared() -> None:
    """A failure, another branch, another input [CL27]."""
    flow = workflow(node("s", uses="flow.switch"), node("x", "s.hot"), node("y", "s.cold"))
    hot = Drive(flow, {("s", "config"): {"case": "hot"}})
    cold = Drive(flow, {("s", "config"): {"case": "cold"}})
    for each in (hot, cold):
        each.start()
        each.run_out()
    found = compare(hot.state, cold.state)
    assert found.first == "s"
    assert differing(found) == {
        "s": ("case", "output"), "x": ("status", "output"), "y": ("status", "output"),
    }  # fmt: skip
    one, other = Drive(FLOW, {("a", "config"): {"v": 1}}), Drive(FLOW, {("a", "config"): {"v": 2}})
    for each in (one, other):
        each.start()
    assert differing(compare(one.state, other.state)) == {"a": ("input",)}


def test_nodes_of_another_version_are_shown_beside_nothing() -> None:
    """A node that only one has, and one that is defined otherwise [CL27]."""
    changed = workflow(node("a"), node("b", "a", timeout_ms=5), node("z", "b"))
    found = compare(ended().state, ended(changed).state)
    assert not found.same_version
    assert found.first == "b"
    assert differing(found) == {"b": ("definition",), "c": ("only_one",), "z": ("only_one",)}
    last = found.rows[-1]
    assert (last.node, last.one, last.other is not None) == ("z", None, True)


def test_an_answer_is_what_was_said_not_who_and_when() -> None:
    """Two approvals are the same; another word is not [CL27]."""
    drives = []
    for approved, by, later in ((True, "ann", 0), (True, "bob", 9_000), (False, "ann", 0)):
        drive = Drive(workflow(node("a", uses="human.approval")))
        drive.start()
        drive.advance(later)
        drive.turn(AnswerApproval(A, approved=approved, by=by))
        drives.append(drive)
    assert compare(drives[0].state, drives[1].state).first is None
    assert compare(drives[0].state, drives[2].state).first == "a"


def test_large_outputs_are_compared_by_hash_and_keys_in_any_order() -> None:
    """No payload is fetched; JSON is the same whatever the order of its keys [CL27]."""
    outputs = [Value(ref=BlobRef(letter * 64, 70_000)) for letter in "aab"]
    states = [ended(reused=(Reuse(A, each),)).state for each in outputs]
    assert compare(states[0], states[1]).first is None
    assert compare(states[0], states[2]).first == "a"
    states = [
        ended(reused=(Reuse(A, val(each)),)).state for each in ({"x": 1, "y": 2}, {"y": 2, "x": 1})
    ]
    assert compare(*states).first is None


def test_inputs_are_compared() -> None:
    """And said apart from the nodes [CL27]."""
    found = compare(ended(inputs=val({"n": 1})).state, ended(inputs=val({"n": 2})).state)
    assert (found.same_inputs, found.first) == (False, None)


def test_an_execution_that_has_not_begun_can_be_compared() -> None:
    """Its nodes are pending [CL27]."""
    found = compare(ended().state, Drive(FLOW).state)
    assert found.first == "a"
    assert not found.same_inputs
