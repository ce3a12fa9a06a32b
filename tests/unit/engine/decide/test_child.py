# SPDX-License-Identifier: Apache-2.0
"""Children: calls, loops, what goes down to them and what comes up."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from legato.model import events as ev
from legato.model.effects import StartChild
from legato.model.ids import ExecutionId, NodeId, VersionHash, child_execution_id
from legato.model.policy import CALL_DEPTH_MAX
from legato.model.signals import (
    CancelExecution,
    PauseExecution,
    ReportChild,
    ResumeExecution,
)
from legato.model.workflow import version_hash
from tests.support.build import (
    EXECUTION_ID,
    START_MS,
    call,
    loop,
    node,
    parent,
    unval,
    val,
    workflow,
)
from tests.support.drive import Drive, kinds

NOT_YET = {("again", "until"): lambda effect, _drive: unval(effect.previous).get("done", False)}


def _call(**fields: Any) -> Drive:
    drive = Drive(workflow(call("sub", **fields), node("b", "sub")))
    drive.start()
    return drive


def _child(drive: Drive, place: int = -1) -> str:
    return list(drive.children)[place]


def test_a_call_starts_a_child_with_its_own_log_and_waits_without_a_slot() -> None:
    """The effect to create it comes with the parent's event, of one turn [GR19, GR21, GR22]."""
    drive = Drive(workflow(call("sub")), {("sub", "input"): {"x": 1}})
    assert kinds(drive.start()) == ["ExecutionStarted", "ChildStarted"]
    assert drive.slots.taken == 0
    assert drive.reached == "waiting"
    assert list(drive.children.values()) == [
        StartChild(
            child=child_execution_id(EXECUTION_ID, NodeId("sub"), None, 1),
            workflow="child",
            version=VersionHash("c" * 64),
            input=val({"x": 1}),
            parent=ev.Source(EXECUTION_ID, NodeId("sub"), None, 1),
            root=EXECUTION_ID,
            depth=1,
            pins={"child": VersionHash("c" * 64)},
            by="ann",
        )
    ]


def test_a_childs_id_follows_from_its_place() -> None:
    """UUIDv5 of parent, node, item and iteration: asking twice starts one [GR20]."""
    import uuid

    places = [("a", None, 1), ("a", 0, 1), ("a", None, 2), ("b", None, 1), ("a", 1, 1)]
    ids = [child_execution_id(EXECUTION_ID, NodeId(n), item, i) for n, item, i in places]
    assert len(set(ids)) == len(places)
    assert ids == [child_execution_id(EXECUTION_ID, NodeId(n), item, i) for n, item, i in places]
    assert {uuid.UUID(each).version for each in ids} == {5}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}


def test_the_root_is_passed_down_and_so_are_the_pins() -> None:
    """A child's child belongs to the same root and sees the same versions [GR24]."""
    pins = {"child": VersionHash("d" * 64), "other": VersionHash("e" * 64)}
    drive = Drive(workflow(call("sub")))
    drive.start(root=ExecutionId("the-root"), depth=4, pins=pins, parent=parent())
    (started,) = drive.children.values()
    assert (started.root, started.depth, started.pins) == ("the-root", 5, pins)
    assert started.version == "d" * 64


def test_an_execution_without_a_root_is_one() -> None:
    """Its children name it [GR19]."""
    drive = Drive(workflow(call("sub")))
    drive.start(root=None)
    (started,) = drive.children.values()
    assert started.root == EXECUTION_ID


def test_a_call_of_a_workflow_that_is_not_pinned_fails() -> None:
    """A later publish does not reach a run [GR24]."""
    drive = Drive(workflow(call("sub", workflow="unheard")))
    drive.start()
    assert drive.only(ev.NodeFailed).error.kind == "unknown_workflow"


@pytest.mark.parametrize(("depth", "fits"), [(CALL_DEPTH_MAX - 1, True), (CALL_DEPTH_MAX, False)])
def test_calls_nest_at_most_10_deep(depth: int, fits: bool) -> None:
    """A workflow that calls itself ends with a clear error [GR25]."""
    assert CALL_DEPTH_MAX == 10
    drive = Drive(workflow(call("sub")))
    drive.start(depth=depth)
    assert bool(drive.children) is fits
    if not fits:
        assert drive.only(ev.NodeFailed).error.kind == "call_depth"


def test_the_childs_output_is_the_nodes() -> None:
    """`ChildEnded` and the completion share a turn [GR19, GR21]."""
    drive = _call()
    events = drive.turn(drive.child_end(_child(drive), output={"sum": 3}))
    assert kinds(events) == ["ChildEnded", "NodeCompleted", "AttemptStarted"]
    assert drive.output("sub") == {"sum": 3}


@pytest.mark.parametrize("status", ["failed", "cancelled", "timed_out"])
def test_a_child_that_did_not_complete_fails_the_node(status: ev.FinalStatus) -> None:
    """The reason is told; the call is not made again [GR19]."""
    drive = _call()
    error = ev.NodeError("exit.1", "no disk") if status == "failed" else None
    drive.turn(drive.child_end(_child(drive), status, error=error))
    found = drive.only(ev.NodeFailed).error
    reason = "no disk" if error else f"the called workflow was {status}"
    assert (found.kind, found.message) == ("child_failed", reason)


def test_a_failure_names_where_it_began_however_deep() -> None:
    """The child says workflow and node; who only passes it on adds nothing [GR19]."""
    inner = Drive(workflow(node("work")))
    inner.start(parent=parent("sub"))
    inner.fail("work", kind="exit.1")
    (told,) = (each.signal for each in inner.told)
    assert isinstance(told, ReportChild)
    assert told.error is not None
    assert told.error.message == "test failed in work: exit.1: work failed"
    outer = _call()
    outer.turn(outer.child_end(_child(outer), "failed", error=told.error))
    assert outer.only(ev.NodeFailed).error.message == told.error.message


def test_a_childs_end_counts_once() -> None:
    """Duplicates, strangers and ends after the node's own add no event [AT17, EN5, GR20]."""
    drive = _call()
    report = drive.child_end(_child(drive))
    for stranger in (
        replace(report, child=ExecutionId("stranger")),
        replace(report, node=NodeId("b")),
        replace(report, node=NodeId("nobody")),
        replace(report, item=0),
    ):
        assert drive.turn(stranger) == []
    drive.turn(report, report)
    assert drive.turn(report) == []
    assert len(list(drive.events(ev.ChildEnded))) == 1


def test_an_items_childs_end_counts_once() -> None:
    """The same for the child of an item, also within one batch [AT17, EN5]."""
    drive = Drive(workflow(call("sub", foreach="x")), {("sub", "foreach"): [1, 2]})
    drive.start()
    report = drive.child_end(_child(drive, 0))
    drive.turn(report, report)
    assert drive.turn(report) == []
    assert drive.turn(replace(report, item=9)) == []
    items = drive.node("sub").items
    assert items is not None
    assert items.completed == 1


def test_a_call_that_takes_too_long_fails_and_cancels_its_child() -> None:
    """`timeout` bounds the wait; the deadline is in the event [AT18, GR26]."""
    drive = _call(timeout_ms=500, on_error="continue")
    assert drive.only(ev.ChildStarted).until == START_MS + 500
    drive.crash()
    drive.advance(500)
    assert drive.only(ev.NodeFailed).error.kind == "timeout"
    (told,) = drive.told
    assert told.execution_id == _child(drive)
    assert isinstance(told.signal, CancelExecution)
    assert drive.turn(drive.child_end(_child(drive), "cancelled")) == []


def test_an_items_call_that_takes_too_long_fails_the_item() -> None:
    """`timeout` is per item; its child is cancelled, the others go on [AT18, GR11]."""
    drive = Drive(
        workflow(call("sub", foreach="x", timeout_ms=500, on_error="continue", concurrency=1)),
        {("sub", "foreach"): [1, 2]},
    )
    drive.start()
    assert drive.state.wake_at() == START_MS + 500
    drive.advance(500)
    assert [told.execution_id for told in drive.told] == [_child(drive, 0)]
    assert drive.only(ev.ItemFailed).error.kind == "timeout"
    drive.turn(drive.child_end(_child(drive, 1), output=2))
    assert drive.output("sub") == [None, 2]
    assert drive.state.wake_at() is None


def test_a_failing_item_cancels_the_children_of_its_siblings() -> None:
    """Waits are cancelled when the node fails [GR15, GR26]."""
    drive = Drive(workflow(call("sub", foreach="x")), {("sub", "foreach"): [1, 2, 3]})
    drive.start()
    drive.turn(drive.child_end(_child(drive, 1), "failed"))
    assert [told.execution_id for told in drive.told] == [_child(drive, 0), _child(drive, 2)]
    assert drive.reached == "failed"


def test_a_call_whose_input_cannot_be_evaluated_fails() -> None:
    """No child starts [EX8]."""
    error = ev.NodeError("expression_error", "bad", retryable=False)
    drive = Drive(workflow(call("sub")), {("sub", "input"): error})
    drive.start()
    assert drive.children == {}
    assert drive.reached == "failed"


def test_an_items_call_whose_input_cannot_be_evaluated_fails_the_item() -> None:
    """The others go on [EX8, GR16]."""
    error = ev.NodeError("expression_error", "bad", retryable=False)
    drive = Drive(
        workflow(call("sub", foreach="x", on_error="continue")),
        {
            ("sub", "foreach"): [1, 2],
            ("sub", "input"): lambda effect, _drive: {} if effect.item else error,
        },
    )
    drive.start()
    assert drive.only(ev.ItemFailed).error == error
    drive.turn(drive.child_end(_child(drive), output=2))
    assert drive.output("sub") == [None, 2]


# --- loops -------------------------------------------------------------------------------------


def _loop(**fields: Any) -> Drive:
    drive = Drive(workflow(loop("again", **fields)), NOT_YET)
    drive.start()
    return drive


def test_a_loop_repeats_until_its_condition_holds_and_passes_the_output_on() -> None:
    """Iteration n + 1 sees the output of n; the last output is the node's [GR23, EX3]."""
    drive = _loop()
    body = drive.spec("again").call.body
    drive.turn(drive.child_end(_child(drive), output={"n": 1}))
    drive.turn(drive.child_end(_child(drive), output={"n": 2, "done": True}))
    assert [child.parent.iteration for child in drive.children.values()] == [1, 2]
    assert {child.version for child in drive.children.values()} == {version_hash(body)}
    assert {child.workflow for child in drive.children.values()} == {"test.again"}
    inputs = [each for each in drive.asked if each.what == "input"]
    assert [(each.iteration, unval(each.previous)) for each in inputs] == [(1, None), (2, {"n": 1})]
    untils = [each for each in drive.asked if each.what == "until"]
    assert [(each.iteration, unval(each.previous)["n"]) for each in untils] == [(1, 1), (2, 2)]
    assert drive.output("again") == {"n": 2, "done": True}


def test_a_loop_fails_at_its_bound() -> None:
    """After max_iterations without the condition the node fails [GR23]."""
    drive = _loop(max_iterations=2)
    drive.turn(drive.child_end(_child(drive), output={}))
    drive.turn(drive.child_end(_child(drive), output={}))
    assert drive.only(ev.NodeFailed).error.kind == "max_iterations"
    assert len(drive.children) == 2


def test_a_loop_whose_body_fails_fails() -> None:
    """The next iteration does not start [GR23]."""
    drive = _loop()
    drive.turn(drive.child_end(_child(drive), "failed"))
    assert drive.only(ev.NodeFailed).error.kind == "child_failed"


@pytest.mark.parametrize("what", ["until", "input"])
def test_a_loop_fails_if_its_expressions_do(what: str) -> None:
    """An error in `until` or in the next input ends the loop [EX8, GR23]."""
    error = ev.NodeError("expression_error", "bad", retryable=False)
    drive = _loop()
    drive.answers[("again", what)] = error
    drive.turn(drive.child_end(_child(drive), output={}))
    assert drive.only(ev.NodeFailed).error == error


def test_the_timeout_of_a_loop_bounds_all_its_iterations() -> None:
    """It is set once, with the first [AT18]."""
    drive = _loop(timeout_ms=1_000)
    drive.advance(600)
    drive.turn(drive.child_end(_child(drive), output={}))
    assert [event.until for event in drive.events(ev.ChildStarted)] == [START_MS + 1_000, None]
    drive.advance(399)
    assert drive.state.ended is None
    drive.advance(1)
    assert drive.only(ev.NodeFailed).error.kind == "timeout"


@pytest.mark.parametrize("again", [Drive.crash, Drive.reload])
@pytest.mark.parametrize("held", ["until", "input"])
def test_a_loop_between_two_iterations_goes_on_with_the_next_owner(
    held: str, again: Callable[[Drive], object]
) -> None:
    """The log says where it stands; what was being asked is asked again [GR23, OW6]."""
    drive = _loop()
    drive.hold_back(held)
    drive.turn(drive.child_end(_child(drive), output={"n": 1}))
    assert drive.reached == "running"
    drive.hold_back()
    again(drive)
    assert [child.parent.iteration for child in drive.children.values()] == [1, 2]


@pytest.mark.parametrize("held", ["until", "input"])
def test_a_pause_between_two_iterations_starts_the_next_only_after_the_resume(held: str) -> None:
    """However the questions and the pause interleave, one next iteration starts [AT20, GR23]."""
    drive = _loop()
    drive.hold_back(held)
    drive.turn(drive.child_end(_child(drive), output={"n": 1}))
    drive.turn(PauseExecution())
    drive.answer_all()
    assert len(drive.children) == 1
    drive.turn(ResumeExecution())
    drive.answer_all()
    assert len(drive.children) == 2


def test_resuming_does_not_ask_twice() -> None:
    """A question in flight over a pause is not asked again; one iteration starts [GR23, EN5]."""
    drive = _loop()
    drive.hold_back("until")
    drive.turn(drive.child_end(_child(drive), output={"n": 1}))
    drive.turn(PauseExecution())
    drive.turn(ResumeExecution())
    assert len(drive.far) == 1
    drive.answer_all()
    assert len(drive.children) == 2


def test_an_items_loop_that_ended_in_the_turn_of_the_resume_is_not_asked_again() -> None:
    """Its end is known, though not recorded yet when the resume asks [GR23, EN5]."""
    drive = _loop_items()
    drive.hold_back("until")
    drive.turn(drive.child_end(_child(drive, 0), output={"done": True}))
    drive.turn(PauseExecution())
    answer = drive.reply(drive.far.pop())
    events = drive.turn(answer, ResumeExecution())
    assert kinds(events) == ["ExecutionResumed", "ItemsEnded", "ChildStarted"]
    assert drive.far == []


def test_a_child_that_ends_during_a_pause_is_taken_and_the_loop_goes_on_after_it() -> None:
    """The end is recorded at once, the next iteration waits [AT20]."""
    drive = _loop()
    drive.turn(PauseExecution())
    assert kinds(drive.turn(drive.child_end(_child(drive), output={}))) == ["ChildEnded"]
    assert kinds(drive.turn(ResumeExecution())) == ["ExecutionResumed", "ChildStarted"]


def test_a_timed_out_loop_ignores_the_answer_that_was_on_its_way() -> None:
    """The node has ended; no iteration starts [AT18, EN5]."""
    drive = _loop(timeout_ms=100, on_error="continue")
    drive.hold_back("until")
    drive.turn(drive.child_end(_child(drive), output={}))
    drive.advance(100)
    assert drive.told == []
    assert drive.reached == "completed"


def _loop_items(**fields: Any) -> Drive:
    drive = Drive(
        workflow(loop("again", foreach="x", concurrency=2, **fields)),
        {**NOT_YET, ("again", "foreach"): [1, 2, 3]},
    )
    drive.start()
    return drive


def test_each_item_may_loop() -> None:
    """Each item has its iterations; the bound holds between them too [GR11, GR14, GR23]."""
    drive = _loop_items()
    first = _child(drive, 0)
    drive.turn(drive.child_end(first, output={"n": 1}))
    items = drive.node("again").items
    assert items is not None
    assert {item: iteration for item, (_, iteration) in items.children.items()} == {0: 2, 1: 1}
    drive.turn(drive.child_end(_child(drive), output={"n": 2, "done": True}))
    while drive.state.ended is None:
        for item in sorted(items.children):
            drive.turn(drive.child_end(items.children[item][0], output={"done": True}))
    assert drive.output("again")[0] == {"n": 2, "done": True}
    places = [(child.parent.item, child.parent.iteration) for child in drive.children.values()]
    assert places == [(0, 1), (1, 1), (0, 2), (2, 1)]


def test_an_items_loop_fails_at_its_bound() -> None:
    """The item is exhausted and with it the node [GR15, GR23]."""
    drive = _loop_items(max_iterations=1)
    drive.turn(drive.child_end(_child(drive, 0), output={}))
    assert drive.only(ev.ItemFailed).error.kind == "max_iterations"
    assert drive.reached == "failed"


@pytest.mark.parametrize("held", ["until", "input"])
def test_an_items_loop_bears_pause_and_resume(held: str) -> None:
    """One next iteration, whatever is in flight when the pause comes [AT20, GR23]."""
    drive = _loop_items()
    drive.hold_back(held)
    drive.turn(drive.child_end(_child(drive, 0), output={"n": 1}))
    drive.turn(PauseExecution())
    drive.turn(ResumeExecution())
    drive.turn(PauseExecution())
    drive.answer_all()
    assert len(drive.children) == 2
    drive.turn(ResumeExecution())
    drive.answer_all()
    assert [child.parent.iteration for child in drive.children.values()] == [1, 1, 2]


@pytest.mark.parametrize("again", [Drive.crash, Drive.reload])
def test_an_items_loop_between_iterations_goes_on_with_the_next_owner(
    again: Callable[[Drive], object],
) -> None:
    """The item's place is kept in the log [GR23, OW6]."""
    drive = _loop_items()
    drive.hold_back("until")
    drive.turn(drive.child_end(_child(drive, 0), output={"n": 1}))
    assert drive.reached == "running"
    drive.hold_back()
    again(drive)
    assert [child.parent.iteration for child in drive.children.values()] == [1, 1, 2]


def test_an_items_loop_that_times_out_between_iterations_has_no_child_to_cancel() -> None:
    """Only the item fails; the answer on its way is dropped [AT18, EN5]."""
    drive = _loop_items(timeout_ms=100, on_error="continue", max_iterations=9)
    drive.hold_back("until")
    drive.turn(drive.child_end(_child(drive, 0), output={"n": 1}))
    drive.advance(100)
    assert [told.execution_id for told in drive.told] == [_child(drive, 1)]
    drive.answer_all()
    assert [child.parent.item for child in drive.children.values()] == [0, 1, 2]


# --- down and up -------------------------------------------------------------------------------


def _tree() -> Drive:
    drive = Drive(
        workflow(call("sub"), call("each", foreach="x"), node("w")), {("each", "foreach"): [1, 2]}
    )
    drive.start()
    return drive


def test_pause_and_resume_go_down_to_every_running_child() -> None:
    """Each pause has a key of its own, so that a second one reaches them too [GR26]."""
    drive = _tree()
    for signal in (PauseExecution("ann"), ResumeExecution("ann"), PauseExecution("ann")):
        drive.told.clear()
        drive.turn(signal)
        assert [told.execution_id for told in drive.told] == list(drive.children)
        assert all(told.signal == signal for told in drive.told)
        assert len({told.dedupe_key for told in drive.told}) == 1


def test_cancel_goes_down_to_every_running_child() -> None:
    """The parent does not wait for them [GR26, EN12]."""
    drive = _tree()
    drive.turn(drive.child_end(_child(drive, 1)))
    drive.turn(CancelExecution("ann"))
    assert {told.execution_id for told in drive.told} == {_child(drive, 0), _child(drive, 2)}
    assert all(isinstance(told.signal, CancelExecution) for told in drive.told)
    drive.turn(drive.stopped("w"))
    assert drive.status("sub", "each", "w") == ["cancelled"] * 3


def test_the_deadline_goes_down_too() -> None:
    """A child of a timed-out execution is cancelled [GR26, AT19]."""
    drive = Drive(workflow(call("sub"), duration_ms=1_000))
    drive.start()
    drive.advance(1_000)
    assert [told.execution_id for told in drive.told] == list(drive.children)
    assert drive.reached == "timed_out"


def test_a_child_tells_its_end_to_its_parent_in_the_same_turn() -> None:
    """Once, with its place, status, outputs and error [GR21]."""
    drive = Drive(workflow(node("a"), outputs={"x": 1}), {(None, "outputs"): {"x": 1}})
    drive.start(parent=parent("each", item=3, iteration=2))
    drive.succeed("a")
    (told,) = drive.told
    assert told.execution_id == "the-parent"
    assert told.dedupe_key == f"child:{EXECUTION_ID}"
    assert told.signal == ReportChild(
        NodeId("each"), EXECUTION_ID, "completed", val({"x": 1}), None, 2, 3
    )


def test_an_execution_without_a_calling_node_tells_nobody() -> None:
    """Neither a root nor a fork has somebody to tell [GR21]."""
    for source in (None, ev.Source(ExecutionId("other"))):
        drive = Drive(workflow(node("a")))
        drive.start(parent=source)
        drive.fail("a")
        assert drive.told == []


def test_a_child_that_needs_attention_shows_in_the_parent_as_waiting() -> None:
    """The parent's status does not depend on its child's [GR26, ST11]."""
    drive = _call()
    drive.advance(10**9)
    assert drive.reached == "waiting"
