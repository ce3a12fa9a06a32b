# SPDX-License-Identifier: Apache-2.0
"""What a person may do with a parked node or item, and with nothing else."""

from typing import Any

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.signals import CancelExecution, ForceNode, PauseExecution, RetryNode, SkipNode
from tests.support.build import node, unval, val, workflow
from tests.support.drive import Drive, kinds

A = NodeId("a")


def _parked(*more: Any, **fields: Any) -> Drive:
    drive = Drive(workflow(node("a", effect="non_idempotent", **fields), node("b", "a"), *more))
    drive.start()
    drive.fail("a", kind="timeout")
    assert drive.status("a") == "needs_attention"
    return drive


def _parked_items() -> Drive:
    drive = Drive(
        workflow(node("a", foreach="x", effect="non_idempotent")), {("a", "foreach"): [1, 2, 3]}
    )
    drive.start()
    drive.turn(drive.failure("a", 1, kind="timeout"))
    drive.turn(drive.success("a", 0, "one"), drive.success("a", 2, "three"))
    assert drive.reached == "needs_attention"
    return drive


def test_retry_node_makes_one_more_attempt_with_the_next_number() -> None:
    """The operator's name is in the log [ST12, AT4]."""
    drive = _parked()
    events = drive.turn(RetryNode(A, "ann", "looked at it"))
    assert kinds(events) == ["NodeUnparked", "AttemptStarted"]
    unparked = drive.only(ev.NodeUnparked)
    assert (unparked.by, unparked.reason) == ("ann", "looked at it")
    assert drive.node("a").attempt == 2
    drive.succeed("a")
    assert drive.status("b") == "running"


def test_retry_node_in_a_pause_waits_for_the_resume() -> None:
    """Nothing new starts while paused [ST12, AT20]."""
    drive = _parked()
    drive.turn(PauseExecution())
    assert kinds(drive.turn(RetryNode(A))) == ["NodeUnparked"]
    assert drive.status("a") == "retrying"


def test_skip_ends_the_parked_node_skipped() -> None:
    """Its dependents follow the rule of joins [ST12, GR5]."""
    drive = _parked()
    drive.turn(SkipNode(A, "ann", "not needed"))
    skipped = next(drive.events(ev.NodeSkipped))
    assert (skipped.by, skipped.reason, skipped.cause) == ("ann", "not needed", "operator")
    assert drive.status("a", "b") == ["skipped", "skipped"]
    assert drive.reached == "completed"


def test_force_gives_the_outcome_and_output_that_the_operator_states() -> None:
    """Completed with an output: dependents run [ST12]."""
    drive = _parked()
    drive.turn(ForceNode(A, "completed", val({"sent": True}), "ann", "saw the mail"))
    completed = drive.only(ev.NodeCompleted)
    assert (completed.by, completed.reason) == ("ann", "saw the mail")
    assert drive.output("a") == {"sent": True}
    assert drive.status("b") == "running"


@pytest.mark.parametrize(
    ("reason", "message"), [("", "marked as failed by hand"), ("gone", "gone")]
)
def test_force_failed_is_a_failure_of_the_node(reason: str, message: str) -> None:
    """Its `on_error` rule decides what that means [ST12, GR8]."""
    drive = _parked()
    drive.turn(ForceNode(A, "failed", by="ann", reason=reason))
    failed = drive.only(ev.NodeFailed)
    assert (failed.by, failed.error.kind, failed.error.message) == ("ann", "forced", message)
    assert drive.reached == "failed"


def test_a_parked_item_is_retried_skipped_or_forced_alone() -> None:
    """A skipped item is null, a forced one has the stated output [ST12, GR17]."""
    skipped = _parked_items()
    skipped.turn(SkipNode(A, "ann", item=1))
    assert skipped.output("a") == ["one", None, "three"]
    forced = _parked_items()
    forced.turn(ForceNode(A, "completed", val("two"), "ann", item=1))
    assert forced.only(ev.ItemForced).by == "ann"
    assert forced.output("a") == ["one", "two", "three"]
    again = _parked_items()
    assert kinds(again.turn(RetryNode(A, "ann", item=1))) == ["NodeUnparked", "ItemsStarted"]
    assert again.running("a", 1) == 2


@pytest.mark.parametrize(("by", "message"), [("ann", "gone (ann)"), ("", "gone")])
def test_a_parked_item_that_is_forced_to_fail_fails_the_node(by: str, message: str) -> None:
    """The event names the operator [ST12, GR15]."""
    drive = _parked_items()
    drive.turn(ForceNode(A, "failed", by=by, reason="gone", item=1))
    assert drive.only(ev.ItemFailed).error.message == message
    assert drive.reached == "failed"


def _force(node: NodeId, **fields: Any) -> ForceNode:
    return ForceNode(node, "failed", **fields)


@pytest.mark.parametrize("make", [RetryNode, SkipNode, _force])
def test_they_act_only_on_what_is_parked(make: Any) -> None:
    """Anywhere else they are refused with the operator's name, and change nothing [ST8, EN7]."""
    drive = Drive(
        workflow(
            node("a"), node("b", "a"), node("w", uses="human.approval"), node("f", foreach="x")
        ),
        {("f", "foreach"): [1, 2]},
    )
    drive.start()
    for name, item in [
        ("a", None),
        ("b", None),
        ("w", None),
        ("zz", None),
        ("a", 0),
        ("f", 0),
        ("f", None),
    ]:
        drive.turn(make(NodeId(name), by="ann", item=item))
    rejected = list(drive.events(ev.SignalRejected))
    assert len(rejected) == 7
    assert {(each.code, each.by) for each in rejected} == {("illegal_state", "ann")}
    assert drive.status("a", "b", "w", "f") == ["running", "pending", "waiting", "running"]


def test_a_foreach_node_with_parked_items_asks_for_the_item() -> None:
    """The refusal says which item there is [ST8]."""
    drive = _parked_items()
    drive.turn(SkipNode(A))
    assert drive.only(ev.SignalRejected).reason == "name the item: of a, 1 needs attention"


def test_a_second_operator_comes_too_late() -> None:
    """The first wins; the second is told [ST8]."""
    drive = _parked()
    drive.turn(RetryNode(A, "ann"), SkipNode(A, "bob"))
    assert drive.only(ev.SignalRejected).by == "bob"
    assert drive.status("a") == "running"


def test_operators_come_too_late_after_a_cancel() -> None:
    """In the same batch the cancel is first [EN8, ST8]."""
    drive = _parked()
    events = drive.turn(RetryNode(A), CancelExecution())
    assert kinds(events) == ["CancelRequested", "NodeCancelled", "ExecutionEnded"]


def test_independent_branches_go_on_while_a_node_is_parked() -> None:
    """The execution shows needs_attention only when nothing else can move [ST9, ST10]."""
    drive = _parked(node("x"), node("y", "x"), node("z", "y", uses="human.approval"))
    assert drive.reached == "running"
    drive.succeed("x")
    assert drive.reached == "running"
    drive.succeed("y")
    assert drive.status("z") == "waiting"
    assert drive.reached == "needs_attention"
    assert not drive.state.is_busy


def test_work_that_only_waits_for_a_slot_or_an_answer_still_moves() -> None:
    """No flash of needs_attention between two steps of another branch [ST10]."""
    drive = _parked(node("x"), node("y", "x", foreach="l"))
    drive.answers[("y", "foreach")] = [1]
    for what in ("foreach", "config", "collect"):
        drive.hold_back(what)
        if "x" in [name for name, _ in drive.in_flight()]:
            drive.succeed("x")
        elif what == "collect":
            drive.turn(drive.success("y", 0))
        assert (drive.state.running, drive.reached) == (0, "running")
        drive.hold_back("config" if what == "foreach" else "collect")
        drive.answer_all() if what != "foreach" else drive.answer()
    assert drive.reached == "needs_attention"


def test_a_forced_node_completes_once() -> None:
    """A duplicate of the wish is refused; one NodeCompleted stands [ST5, ST8]."""
    drive = _parked()
    wish = ForceNode(A, "completed", val(1))
    drive.turn(wish, wish)
    assert len([event for event in drive.events(ev.NodeCompleted) if event.node == "a"]) == 1
    assert unval(drive.node("a").output) == 1
