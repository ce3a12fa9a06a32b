# SPDX-License-Identifier: Apache-2.0
"""The folded state: statuses, timers, deadlines, what is busy."""

from typing import get_args

import pytest

from legato.engine.state import ExecutionState
from legato.model import events as ev
from legato.model.frames import FINAL_EXECUTION, FINAL_NODE, ExecutionStatus, NodeStatus
from legato.model.graph import Graph
from legato.model.ids import NodeId
from legato.model.policy import RetryPolicy
from legato.model.signals import AnswerApproval, CancelExecution, PauseExecution, RetryNode
from tests.support.build import EXECUTION_ID, START_MS, call, node, workflow
from tests.support.drive import CountedSlots, Drive, kinds


def test_an_execution_is_in_exactly_one_of_nine_statuses() -> None:
    """Five on the way and four ends, and each of them is reached [ST1]."""
    seen: set[str] = {ExecutionState(EXECUTION_ID, Graph(workflow())).status}
    drive = Drive(workflow(node("a", effect="non_idempotent"), node("w", uses="human.approval")))
    drive.start()
    seen.add(drive.reached)
    drive.fail("a", kind="timeout")
    seen.add(drive.reached)
    drive.turn(PauseExecution())
    seen.add(drive.reached)
    waiting = Drive(workflow(node("w", uses="human.approval"), duration_ms=5))
    waiting.start()
    seen.add(waiting.reached)
    for end in ("completed", "failed", "cancelled", "timed_out"):
        other = Drive(workflow(node("a"), duration_ms=100))
        other.start()
        if end == "completed":
            other.succeed("a")
        elif end == "failed":
            other.fail("a")
        else:
            other.turn(CancelExecution()) if end == "cancelled" else other.advance(100)
            other.turn(other.stopped("a"))
        assert other.reached == end
        seen.add(other.reached)
    assert seen == set(get_args(ExecutionStatus))
    assert {"completed", "failed", "cancelled", "timed_out"} == FINAL_EXECUTION


def test_a_node_is_in_exactly_one_of_nine_statuses() -> None:
    """Five on the way and four ends, and each of them is reached [ST2]."""
    drive = Drive(
        workflow(
            node("run"), node("wait", uses="human.approval"), node("again", retry=2),
            node("park", effect="non_idempotent"), node("done"), node("bad", on_error="continue"),
            node("skip", when="x"), node("later", "run"), node("stop"),
        ),
        {("skip", "when"): False},
    )  # fmt: skip
    drive.start()
    drive.fail("again")
    drive.fail("park", kind="timeout")
    drive.succeed("done")
    drive.fail("bad")
    seen = {each.status for each in drive.state.nodes}
    assert not drive.node("run").is_final
    drive.turn(CancelExecution())
    drive.turn(drive.stopped("stop"))
    seen |= {each.status for each in drive.state.nodes}
    assert seen == set(get_args(NodeStatus))
    assert {"completed", "failed", "skipped", "cancelled"} == FINAL_NODE
    assert drive.node("done").is_final


def test_with_nothing_running_it_waits_for_timer_person_signal_or_child() -> None:
    """Each of them alone shows waiting [ST11]."""
    for spec in (
        node("a", uses="delay"), node("a", uses="human.approval"), node("a", uses="wait.signal"),
        call("a"),
    ):  # fmt: skip
        drive = Drive(workflow(spec), {("a", "config"): {"for": "1h"}})
        drive.start()
        assert drive.reached == "waiting"
        assert not drive.is_busy()


def test_running_comes_before_needs_attention_and_that_before_waiting() -> None:
    """The first that holds is shown [ST9, ST10, ST11]."""
    drive = Drive(
        workflow(
            node("p", effect="non_idempotent"), node("w", uses="human.approval"), node("r", retry=2)
        )
    )
    drive.start()
    drive.fail("p", kind="timeout")
    assert drive.reached == "running"
    drive.fail("r")
    assert drive.reached == "running"
    drive.advance(100)
    drive.succeed("r")
    assert drive.reached == "needs_attention"
    drive.turn(RetryNode(NodeId("p")))
    drive.succeed("p")
    assert drive.reached == "waiting"
    drive.turn(AnswerApproval(NodeId("w"), approved=True))
    assert drive.reached == "completed"


def test_an_execution_is_busy_while_its_owner_has_something_to_do() -> None:
    """Running, evaluating, stopping or wanting a slot is busy; waiting and paused is not [OW13]."""
    drive = Drive(workflow(node("a"), node("b", "a")), slots=CountedSlots(1))
    assert drive.is_busy()
    drive.hold_back("config")
    drive.start()
    assert drive.is_busy()
    drive.answer()
    assert drive.is_busy()
    drive.turn(PauseExecution())
    assert drive.is_busy()
    drive.succeed("a")
    assert not drive.is_busy()
    drive.turn(CancelExecution())
    assert not drive.is_busy()
    assert drive.state.ended == "cancelled"


def test_a_list_that_waits_for_slots_is_busy_although_an_item_is_parked() -> None:
    """It is not let go: no signal would ever bring it back [OW13, EN13]."""
    slots = CountedSlots(2)
    drive = Drive(
        workflow(node("a", foreach="x", effect="non_idempotent")),
        {("a", "foreach"): [1, 2, 3]},
        slots=slots,
    )
    drive.start()
    slots.total = 1
    drive.turn(drive.failure("a", 0, kind="timeout"))
    slots.total = 0
    drive.turn(drive.success("a", 1))
    assert drive.state.running == 0
    assert drive.is_busy()
    assert drive.reached == "running"


def test_the_wake_up_time_is_the_earliest_of_timers_and_deadline() -> None:
    """And None once it has ended [EN11, OW13]."""
    drive = Drive(
        workflow(
            node("a", uses="delay"), node("b", uses="delay"), node("c", retry=2), duration_ms=5_000
        ),
        {("a", "config"): {"for": "3s"}, ("b", "config"): {"for": "9s"}},
    )
    drive.start()
    assert drive.state.wake_at() == START_MS + 3_000
    drive.fail("c")
    assert drive.state.wake_at() == START_MS + 100
    drive.advance(100)
    drive.succeed("c")
    drive.advance(2_900)
    assert drive.state.wake_at() == START_MS + 5_000
    drive.advance(2_000)
    assert drive.reached == "timed_out"
    assert drive.state.wake_at() is None
    bare = Drive(workflow(node("a")))
    bare.start()
    assert bare.state.wake_at() is None


@pytest.mark.parametrize("item", [None, 0])
def test_timers_that_mean_nothing_any_more_are_dropped(item: int | None) -> None:
    """Of a wait that was answered or an item that has ended [EN11]."""
    drive = Drive(
        workflow(node("a", uses="human.approval", timeout_ms=50), node("b", foreach="x", retry=2)),
        {("b", "foreach"): [1]},
    )
    drive.start()
    if item is None:
        drive.turn(AnswerApproval(NodeId("a"), approved=True))
    else:
        drive.turn(drive.failure("b", 0))
        drive.advance(49)
        drive.turn(AnswerApproval(NodeId("a"), approved=True))
        drive.turn(CancelExecution())
    assert drive.state.next_timer() is None
    assert drive.state.timers == []


def test_two_timers_for_one_instant_make_one_attempt() -> None:
    """A fold may hold an instant twice: lost and failed within one millisecond [AT4, EN11]."""
    at_once = RetryPolicy(max_attempts=5)
    drive = Drive(
        workflow(node("a", retry=at_once), node("e", foreach="x", retry=at_once)),
        {("e", "foreach"): [1]},
        chance=0.0,
    )
    drive.start()
    drive.turn(drive.loss("a"), drive.loss("e", 0))
    drive.slots.total = 0
    drive.turn(drive.failure("a"), drive.failure("e", 0))
    assert len(drive.folded().timers) == 4
    drive.crash()
    drive.slots.total = 9
    assert kinds(drive.turn()) == ["AttemptStarted", "ItemsStarted"]
    assert drive.slots.taken == 2


def test_a_definition_is_found_by_index() -> None:
    """Indices follow the order of the file [VW7]."""
    state = ExecutionState(EXECUTION_ID, Graph(workflow(node("a"), node("b"))))
    assert [state.spec(0).id, state.spec(1).id] == ["a", "b"]
    assert isinstance(state.nodes[0].output, type(ev.NodeCompleted(NodeId("a")).output))
