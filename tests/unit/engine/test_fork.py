# SPDX-License-Identifier: Apache-2.0
"""What a fork or retry keeps."""

from typing import Any

import pytest

from legato.engine.fork import keep_for_fork, keep_for_retry
from legato.errors import InvalidInput
from legato.model.graph import Graph
from legato.model.ids import NodeId
from legato.model.signals import AnswerApproval, CancelExecution, Reuse, SkipNode
from tests.support.build import node, unval, val, workflow
from tests.support.drive import Drive

A, B, C, D = NodeId("a"), NodeId("b"), NodeId("c"), NodeId("d")
DIAMOND = workflow(node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c"))


def _ended(flow: Any = DIAMOND, **answers: Any) -> Drive:
    drive = Drive(flow, {(name, "foreach"): items for name, items in answers.items()})
    drive.start()
    drive.run_out()
    assert drive.reached == "completed"
    return drive


def _names(kept: tuple[Reuse, ...]) -> list[str]:
    return [each.node for each in kept]


def test_retry_keeps_every_completed_node() -> None:
    """A new execution begins with them and runs the rest [ST7]."""
    drive = Drive(DIAMOND)
    drive.start()
    drive.succeed("a")
    drive.turn(drive.success("b"), drive.failure("c"))
    assert drive.reached == "failed"
    kept = keep_for_retry(drive.state, "ann")
    assert kept == (
        Reuse(A, val({"done": "a", "item": None}), "retry", by="ann"),
        Reuse(B, val({"done": "b", "item": None}), "retry", by="ann"),
    )
    again = Drive(DIAMOND)
    again.start(reused=kept)
    assert again.status("a", "b", "c", "d") == ["completed", "completed", "running", "pending"]
    again.run_out()
    assert [run.node for run in again.runs.values()] == ["c", "d"]


def test_retry_keeps_every_completed_item() -> None:
    """Only items without a result run again; a skipped item stays null [ST7, GR12]."""
    flow = workflow(node("a", foreach="x", effect="non_idempotent"))
    drive = Drive(flow, {("a", "foreach"): [1, 2, 3, 4]})
    drive.start()
    drive.turn(drive.success("a", 0, "one"), drive.failure("a", 1, kind="timeout"))
    drive.turn(SkipNode(A, item=1))
    drive.turn(drive.failure("a", 2), drive.success("a", 3, "four"))
    assert drive.reached == "failed"
    (kept,) = keep_for_retry(drive.state)
    assert (kept.items, [unval(output) for output in kept.outputs]) == (
        (0, 1, 3),
        ["one", None, "four"],
    )
    again = Drive(flow, drive.answers)
    again.start(reused=(kept,))
    again.turn(again.success("a", 2, "three"))
    assert again.output("a") == ["one", None, "three", "four"]


def test_retry_keeps_nothing_of_what_never_completed() -> None:
    """Failed, skipped and cancelled nodes and lists without a result run anew [ST7]."""
    flow = workflow(
        node("a", on_error="continue"), node("b", when="x"), node("c"), node("d", foreach="x")
    )
    drive = Drive(flow, {("b", "when"): False, ("d", "foreach"): [1]})
    drive.start()
    drive.fail("a")
    drive.turn(CancelExecution())
    drive.turn(drive.stopped("c"), drive.stopped("d", 0))
    assert keep_for_retry(drive.state) == ()


def test_retry_keeps_cases_errors_and_edits() -> None:
    """A switch's choice, listed errors and the mark of an edit go along [ST7, GR27]."""
    flow = workflow(
        node("a", uses="flow.switch"),
        node("b", "a.hot"),
        node("c", foreach="x", on_error="continue"),
        node("d"),
    )
    drive = Drive(flow, {("a", "config"): {"case": "hot"}, ("c", "foreach"): [1]})
    drive.start(reused=(Reuse(D, val("edited"), edited=True),))
    drive.turn(drive.failure("c", 0), drive.success("b"))
    kept = {each.node: each for each in keep_for_retry(drive.state)}
    assert kept[A].case == "hot"
    assert kept[C].errors is not None
    assert kept[D].edited
    again = Drive(flow)
    again.start(reused=tuple(kept.values()))
    assert again.reached == "completed"


def test_a_fork_runs_the_node_and_its_descendants_and_keeps_all_else() -> None:
    """Siblings stay [GR28]."""
    source = _ended()
    kept = keep_for_fork(source.state, source.graph, [B], {}, "ann")
    assert _names(kept) == ["a", "c"]
    assert {(each.source, each.edited, each.by) for each in kept} == {("fork", False, "ann")}
    fork = Drive(DIAMOND)
    fork.start(reused=kept)
    assert fork.status("a", "b", "c", "d") == ["completed", "running", "completed", "pending"]


def test_an_edited_node_has_the_given_output_and_its_descendants_run() -> None:
    """It is marked as edited, with who did it [GR27, GR28]."""
    source = _ended()
    kept = keep_for_fork(source.state, source.graph, [], {B: val("mine")}, "ann")
    assert _names(kept) == ["a", "c", "b"]
    assert kept[-1] == Reuse(B, val("mine"), "fork", edited=True, by="ann")


def test_an_edit_of_a_node_that_runs_again_stands() -> None:
    """What a person gave is not run [GR28]."""
    source = _ended()
    kept = keep_for_fork(source.state, source.graph, [A], {B: val("mine")})
    assert _names(kept) == ["b"]


def test_a_fork_from_the_middle_of_a_run_keeps_what_had_completed() -> None:
    """The state at the chosen moment counts, items included [GR28]."""
    flow = workflow(node("a"), node("b", "a"), node("c", foreach="x"))
    drive = Drive(flow, {("c", "foreach"): [1, 2]})
    drive.start()
    drive.turn(drive.success("a"), drive.success("c", 1, "two"))
    kept = keep_for_fork(drive.state, drive.graph, [B], {})
    assert [(each.node, each.items) for each in kept] == [("a", ()), ("c", (1,))]
    fork = Drive(flow, drive.answers)
    fork.start(reused=kept)
    assert [(run.node, run.item) for run in fork.runs.values()] == [("b", None), ("c", 0)]


def test_a_fork_onto_another_version_keeps_only_what_is_the_same() -> None:
    """A kept node with another definition refuses the fork; a dropped one may differ [GR29]."""
    source = _ended()
    changed = Graph(
        workflow(node("a"), node("b", "a", timeout_ms=5), node("c", "a"), node("d", "b", "c"))
    )
    with pytest.raises(InvalidInput, match="b is not the same"):
        keep_for_fork(source.state, changed, [C], {})
    assert _names(keep_for_fork(source.state, changed, [B], {})) == ["a", "c"]
    without = Graph(workflow(node("a"), node("b", "a")))
    with pytest.raises(InvalidInput, match="c is not the same"):
        keep_for_fork(source.state, without, [B], {})


def test_items_of_a_changed_node_are_not_kept() -> None:
    """They would have been made by another definition [GR29]."""
    flow = workflow(node("a"), node("c", foreach="x"))
    drive = Drive(flow, {("c", "foreach"): [1, 2]})
    drive.start()
    drive.turn(drive.success("c", 1))
    other = Graph(workflow(node("a"), node("c", foreach="x", timeout_ms=9)))
    assert keep_for_fork(drive.state, other, [A], {}) == ()


@pytest.mark.parametrize("edits", [{A: val("x")}, {B: val("y")}])
def test_an_approval_is_never_reused_downstream_of_an_edit(edits: dict[NodeId, Any]) -> None:
    """What was approved is not what will be done: the person is asked again [GR30]."""
    flow = workflow(
        node("a"), node("b", "a"), node("ask", "b", uses="human.approval"), node("z", "ask")
    )
    drive = Drive(flow)
    drive.start()
    drive.succeed("a")
    drive.succeed("b")
    drive.turn(AnswerApproval(NodeId("ask"), approved=True))
    drive.succeed("z")
    kept = keep_for_fork(drive.state, drive.graph, [], edits)
    assert "ask" not in _names(kept)
    fork = Drive(flow)
    fork.start(reused=kept)
    fork.run_out()
    assert fork.status("ask", "z") == ["waiting", "pending"]


def test_an_approval_that_is_upstream_of_everything_edited_is_kept() -> None:
    """Nothing that it was about has changed [GR28, GR30]."""
    flow = workflow(node("ask", uses="human.approval"), node("b", "ask"))
    drive = Drive(flow)
    drive.start()
    drive.turn(AnswerApproval(NodeId("ask"), approved=True))
    drive.succeed("b")
    assert _names(keep_for_fork(drive.state, drive.graph, [B], {})) == ["ask"]


@pytest.mark.parametrize("uses", ["human.approval", "human.form"])
def test_an_answer_is_never_reused_with_other_inputs(uses: str) -> None:
    """Whatever it was about may have changed; what the person did not see is kept [GR30, CL22]."""
    flow = workflow(node("a"), node("ask", uses=uses), node("z", "ask"), node("last", "a"))
    drive = Drive(flow)
    drive.start()
    drive.turn(AnswerApproval(NodeId("ask"), approved=True))
    drive.run_out()
    roots = [NodeId("last")]
    assert _names(keep_for_fork(drive.state, drive.graph, roots, {})) == ["a", "ask", "z"]
    kept = keep_for_fork(drive.state, drive.graph, roots, {}, has_new_inputs=True)
    assert _names(kept) == ["a"]


@pytest.mark.parametrize("uses", ["human.approval", "human.form"])
def test_a_persons_answer_cannot_be_edited(uses: str) -> None:
    """An edit is no approval [GR30]."""
    drive = Drive(workflow(node("ask", uses=uses)))
    drive.start()
    with pytest.raises(InvalidInput, match="answered by a person"):
        keep_for_fork(drive.state, drive.graph, [], {NodeId("ask"): val({"approved": True})})


@pytest.mark.parametrize(("roots", "edits"), [([NodeId("zz")], {}), ([], {NodeId("zz"): val(1)})])
def test_a_fork_from_a_node_that_does_not_exist_is_refused(roots: Any, edits: Any) -> None:
    """The message names it [GR28]."""
    drive = _ended()
    with pytest.raises(InvalidInput, match="no node zz"):
        keep_for_fork(drive.state, drive.graph, roots, edits)
