# SPDX-License-Identifier: Apache-2.0
"""Frames: absolute, complete, free of values; the same from wherever one begins to watch."""

from typing import Any

import msgspec
import pytest

from legato.engine.evolve import fold
from legato.engine.state import EXECUTION, ExecutionState
from legato.engine.view import frame, snapshot
from legato.model import events as ev
from legato.model.frames import AnySet, ExecutionFrame, Frame, ItemCounters, NodeFrame
from legato.model.graph import Graph
from legato.model.ids import ExecutionId, NodeId
from legato.model.signals import (
    AnswerApproval,
    CancelExecution,
    PauseExecution,
    RefuseSignal,
    ResumeExecution,
)
from tests.support.build import EXECUTION_ID, START_MS, call, loop, node, parent, workflow
from tests.support.drive import Drive
from tests.support.watch import Watcher

SECRET = "s3cr3t-value-that-no-frame-may-hold"


def _lively() -> Drive:
    """Return an execution with a bit of everything, run to its end."""
    drive = Drive(
        workflow(
            node("a", title="First"), node("b", "a", foreach="x", retry=2, concurrency=2),
            node("c", "b", uses="human.approval"), node("d", "c", when="x"), call("e", "a"),
            loop("f", "e"), node("g", "f", on_error="continue"), outputs={"x": 1},
        ),
        {("b", "foreach"): [1, 2, 3], ("d", "when"): False},
    )  # fmt: skip
    drive.start()
    drive.succeed("a", output=SECRET)
    drive.turn(drive.failure("b", 0), drive.success("b", 1))
    drive.turn(RefuseSignal("x", "y"), PauseExecution())
    drive.turn(ResumeExecution())
    drive.advance(100)
    drive.turn(drive.success("b", 0), drive.success("b", 2, SECRET))
    for _ in range(2):
        drive.turn(drive.child_end(list(drive.children)[-1]))
    drive.turn(AnswerApproval(NodeId("c"), approved=True, comment=SECRET))
    drive.fail("g")
    assert drive.reached == "completed"
    return drive


def _from_the_start(drive: Drive) -> Watcher:
    return Watcher.of(snapshot(ExecutionState(EXECUTION_ID, drive.graph), epoch=1))


def _nodes(view: Frame) -> dict[str, NodeFrame]:
    return {each.node_id: each for each in view.sets if isinstance(each, NodeFrame)}


def _execution(view: Frame) -> ExecutionFrame:
    (found,) = (each for each in view.sets if isinstance(each, ExecutionFrame))
    return found


def test_frames_cover_every_event_without_a_gap() -> None:
    """Each begins where the last ended, also when an event shows nothing [VW1, VW2]."""
    drive = _lively()
    reached = 0
    for each in drive.frames:
        assert each.from_seq == reached
        assert each.to_seq > each.from_seq
        assert _execution(each).execution_id == EXECUTION_ID
        reached = each.to_seq
    assert reached == drive.state.seq


def test_the_view_of_the_fold_equals_the_fold_of_the_frames() -> None:
    """All frames in order give the snapshot of the whole log [VW3]."""
    drive = _lively()
    watcher = _from_the_start(drive)
    for each in drive.frames:
        watcher.take(each)
    assert watcher.sets == Watcher.of(snapshot(drive.folded(), epoch=1)).sets


def test_a_watcher_may_begin_anywhere() -> None:
    """A snapshot at any turn and the frames after it show the same [VW4]."""
    drive = _lively()
    last = Watcher.of(snapshot(drive.state, epoch=1)).sets
    for each in drive.frames:
        state = ExecutionState(EXECUTION_ID, drive.graph)
        fold(state, drive.log[: each.to_seq])
        watcher = Watcher.of(snapshot(state, epoch=1))
        for later in drive.frames:
            watcher.take(later)
        assert watcher.sets == last


def test_applying_a_frame_twice_changes_nothing() -> None:
    """Values are absolute [VW1]."""
    drive = _lively()
    once, twice = _from_the_start(drive), _from_the_start(drive)
    for each in drive.frames:
        once.take(each)
        twice.take(each)
        twice.take(each)
        assert once.sets == twice.sets


def test_a_frame_beyond_a_gap_is_not_applied() -> None:
    """The client rule: subscribe again instead of guessing [VW1]."""
    drive = _lively()
    watcher = _from_the_start(drive)
    watcher.take(drive.frames[0])
    with pytest.raises(LookupError):
        watcher.take(drive.frames[2])


def test_no_frame_holds_a_value() -> None:
    """Outputs, inputs and answers are fetched by those who may [VW5]."""
    drive = _lively()
    log = b"".join(ev.encode_event(each.event) for each in drive.log)
    assert SECRET.encode() in log
    for each in [*drive.frames, snapshot(drive.state, epoch=1)]:
        assert SECRET.encode() not in msgspec.json.encode(each)


def test_long_error_messages_are_cut() -> None:
    """A frame stays small whatever a node says [VW5]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    report = drive.failure("a")
    error = msgspec.structs.replace(report.error, message="x" * 100_000)
    drive.turn(msgspec.structs.replace(report, error=error))
    assert len(msgspec.json.encode(drive.frames[-1])) < 3_000
    assert len(_nodes(drive.frames[-1])["a"].error or "") == 500
    assert len(_execution(drive.frames[-1]).error or "") == 500


def test_a_foreach_node_shows_counters() -> None:
    """How many run, completed, failed, are retried, need a person; never the items [VW6]."""
    drive = Drive(
        workflow(
            node(
                "a",
                foreach="x",
                on_error="continue",
                retry=2,
                concurrency=4,
                effect="non_idempotent",
            )
        ),
        {("a", "foreach"): list(range(9))},
    )
    drive.start()
    drive.turn(
        drive.success("a", 0),
        drive.failure("a", 1),
        drive.failure("a", 2, kind="timeout"),
        drive.failure("a", 3, may_have_happened=False),
    )
    assert _nodes(drive.frames[-1])["a"].items == ItemCounters(
        total=9, running=4, completed=1, failed=1, retrying=1, needs_attention=1
    )


def _items_drive(**fields: Any) -> Drive:
    drive = Drive(workflow(node("a", foreach="x", **fields)), {("a", "foreach"): [1, 2]})
    drive.start()
    return drive


def test_a_foreach_node_shows_what_its_items_do() -> None:
    """Running first, then retrying, needs_attention, waiting: as an execution does [VW6]."""
    drive = _items_drive(effect="non_idempotent", retry=2)
    shown = [_nodes(drive.frames[-1])["a"].status]
    drive.turn(drive.failure("a", 0, kind="timeout"))
    shown.append(_nodes(drive.frames[-1])["a"].status)
    drive.turn(drive.failure("a", 1, may_have_happened=False))
    shown.append(_nodes(drive.frames[-1])["a"].status)
    drive.advance(100)
    drive.turn(drive.success("a", 1))
    shown.append(_nodes(drive.frames[-1])["a"].status)
    assert shown == ["running", "running", "retrying", "needs_attention"]
    children = Drive(workflow(call("a", foreach="x")), {("a", "foreach"): [1]})
    children.start()
    assert _nodes(children.frames[-1])["a"].status == "waiting"
    gathering = _items_drive()
    gathering.hold_back("collect")
    gathering.turn(gathering.success("a", 0), gathering.success("a", 1))
    assert _nodes(gathering.frames[-1])["a"].status == "running"


def test_a_failing_list_still_shows_running() -> None:
    """While its last items run [VW6, GR15]."""
    drive = _items_drive()
    drive.turn(drive.failure("a", 0))
    assert _nodes(drive.frames[-1])["a"].status == "running"


def test_phases_are_places_in_a_stable_topological_order() -> None:
    """Counted from 1, ties by the order of the file; items are not counted [VW7]."""
    drive = Drive(
        workflow(node("z", "m"), node("m"), node("b", "z", foreach="x"), node("a")),
        {("b", "foreach"): list(range(50))},
    )
    drive.start()
    view = _nodes(snapshot(drive.state, epoch=1))
    assert {name: each.phase_number for name, each in view.items()} == {
        "m": 1,
        "z": 2,
        "b": 3,
        "a": 4,
    }
    assert {each.total_phases for each in view.values()} == {4}
    assert _execution(snapshot(drive.state, epoch=1)).total_phases == 4


def test_the_label_is_the_title_or_the_id_and_success_is_completed() -> None:
    """One word for success everywhere [VW8]."""
    view = _nodes(snapshot(_lively().state, epoch=1))
    assert (view["a"].title, view["b"].title) == ("First", "b")
    assert (view["a"].status, _execution(snapshot(_lively().state, epoch=1)).status) == (
        "completed", "completed",
    )  # fmt: skip


def test_times_are_milliseconds_or_nothing() -> None:
    """What has not begun or ended has no time [VW9]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    drive.now += 5
    drive.succeed("a")
    view = _nodes(snapshot(drive.state, epoch=1))
    assert (view["a"].started_at, view["a"].completed_at) == (START_MS, START_MS + 5)
    assert (view["b"].started_at, view["b"].completed_at) == (START_MS + 5, None)
    head = _execution(snapshot(drive.state, epoch=1))
    assert (head.started_at, head.completed_at) == (START_MS, None)


def test_waits_retries_and_parked_nodes_say_what_they_wait_for() -> None:
    """And only while they do [VW1]."""
    drive = Drive(
        workflow(
            node("w", uses="human.approval", timeout_ms=70), node("r", retry=2),
            node("p", effect="non_idempotent"), node("s", when="x"),
        ),
        {("s", "when"): False},
    )  # fmt: skip
    drive.start()
    drive.fail("r")
    drive.fail("p", kind="timeout")
    view = _nodes(snapshot(drive.state, epoch=1))
    assert (view["w"].wait, view["w"].wait_until) == ("approval", START_MS + 70)
    assert (view["r"].retry_at, view["r"].error_kind) == (START_MS + 100, "error")
    assert (view["p"].message, view["p"].outcome_unknown) == ("outcome_unknown", True)
    assert view["s"].cause == "when"
    drive.turn(AnswerApproval(NodeId("w"), approved=True))
    drive.advance(100)
    drive.succeed("r", output="ok")
    view = _nodes(snapshot(drive.state, epoch=1))
    assert (view["w"].wait, view["w"].wait_until, view["r"].retry_at) == (None, None, None)
    assert (view["r"].error, view["r"].attempt, view["r"].output_size) == (None, 2, 4)


def test_parent_source_and_error_of_an_execution_are_shown() -> None:
    """An error only while it is or becomes the reason of the end [VW1]."""
    drive = Drive(workflow(node("a"), node("b")))
    source = ev.Source(ExecutionId("the-source"))
    drive.start(parent=parent(), forked_from=source)
    head = _execution(drive.frames[-1])
    assert (head.parent, head.forked_from, head.error) == ("the-parent", "the-source", None)
    drive.fail("a")
    assert _execution(drive.frames[-1]).error_node == "a"
    drive.turn(CancelExecution())
    drive.turn(drive.stopped("b"))
    assert _execution(drive.frames[-1]).status == "cancelled"
    assert _execution(drive.frames[-1]).error is None


def test_before_its_first_event_an_execution_shows_queued() -> None:
    """The workflow's name is known already [VW4, ST1]."""
    state = ExecutionState(EXECUTION_ID, Graph(workflow(node("a"))))
    head = _execution(snapshot(state, epoch=3))
    assert (head.status, head.workflow, head.started_at) == ("queued", "test", None)
    view = frame(state, [EXECUTION, 0], from_seq=0, epoch=3)
    assert (view.epoch, view.from_seq, view.to_seq) == (3, 0, 0)
    kinds: list[type[AnySet]] = [type(each) for each in view.sets]
    assert kinds == [ExecutionFrame, NodeFrame]
