# SPDX-License-Identifier: Apache-2.0
"""Cancel and deadline: nothing new starts, what runs is told, the end follows."""

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.signals import (
    CancelExecution,
    FireTimers,
    PauseExecution,
    ResumeExecution,
    RetryNode,
)
from tests.support.build import START_MS, call, node, workflow
from tests.support.drive import Drive, kinds


def test_after_a_cancel_no_node_starts_and_running_attempts_are_told() -> None:
    """The end follows when the last of them has answered [EN12, ST3]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "a"), node("d", uses="human.approval")))
    drive.start()
    assert kinds(drive.turn(CancelExecution("ann", "enough"))) == [
        "CancelRequested",
        "NodeCancelled",
    ]
    assert drive.stops == [("a", None, 1), ("b", None, 1)]
    assert drive.state.is_busy
    assert kinds(drive.turn(drive.stopped("a"))) == ["NodeCancelled"]
    assert kinds(drive.succeed("b")) == ["NodeCompleted", "ExecutionEnded"]
    assert drive.status("a", "b", "c", "d") == ["cancelled", "completed", "pending", "cancelled"]
    assert (drive.reached, drive.only(ev.ExecutionEnded).error) == ("cancelled", None)


def test_a_cancel_wins_over_a_result_of_the_same_batch() -> None:
    """It is considered first: the result is kept, but nothing starts by it [EN8]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    events = drive.turn(drive.success("a"), CancelExecution())
    assert kinds(events) == ["CancelRequested", "NodeCompleted", "ExecutionEnded"]
    assert drive.reached == "cancelled"


def test_a_second_cancel_changes_nothing() -> None:
    """Not in the same batch and not later [EN5]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    assert kinds(drive.turn(CancelExecution("x"), CancelExecution("y"))) == ["CancelRequested"]
    assert drive.turn(CancelExecution("z")) == []
    assert len(drive.stops) == 1


def test_a_cancel_that_comes_with_the_start_follows_it() -> None:
    """The log begins with ExecutionStarted whatever the order of the batch [EN8, LG1]."""
    from legato.model.signals import StartExecution
    from tests.support.build import started

    flow = workflow(node("a"))
    drive = Drive(flow)
    events = drive.turn(CancelExecution(), StartExecution(started(flow)))
    assert kinds(events) == ["ExecutionStarted", "CancelRequested", "ExecutionEnded"]


@pytest.mark.parametrize("unknown", [True, False])
def test_a_cancelled_attempt_says_whether_its_outcome_is_known(unknown: bool) -> None:
    """The runner knows whether the node's code had begun [AT13]."""
    drive = Drive(workflow(node("a", effect="non_idempotent")))
    drive.start()
    drive.turn(CancelExecution())
    drive.turn(drive.stopped("a", unknown=unknown))
    assert drive.only(ev.NodeCancelled).outcome_unknown is unknown


@pytest.mark.parametrize(("effect", "unknown"), [("non_idempotent", True), ("idempotent", False)])
@pytest.mark.parametrize("how", ["timeout", "crash", "loss"])
def test_an_attempt_without_an_answer_ends_cancelled_with_an_unknown_outcome(
    effect: str, unknown: bool, how: str
) -> None:
    """A time-out, crash or loss while it is cancelled parks nothing [AT13]."""
    drive = Drive(workflow(node("a", effect=effect, retry=9)))
    drive.start()
    drive.turn(CancelExecution())
    if how == "timeout":
        drive.fail("a", kind="timeout")
    elif how == "crash":
        drive.crash()
    else:
        drive.turn(drive.loss("a"))
    assert drive.only(ev.NodeCancelled).outcome_unknown is unknown
    assert drive.reached == "cancelled"


def test_a_parked_node_ends_cancelled_with_its_unknown_outcome() -> None:
    """Nobody will decide about it any more, and that is shown [AT13]."""
    drive = Drive(workflow(node("a", effect="non_idempotent"), node("b")))
    drive.start()
    drive.fail("a", kind="timeout")
    drive.turn(CancelExecution())
    assert drive.only(ev.NodeCancelled).outcome_unknown
    poison = Drive(workflow(node("a"), node("b")))
    poison.start()
    for _ in range(3):
        poison.turn(poison.loss("a"))
        poison.advance(60_000)
    poison.turn(CancelExecution())
    assert not poison.only(ev.NodeCancelled).outcome_unknown


def test_a_failing_execution_says_which_outcome_is_unknown() -> None:
    """It cannot wait for a person any more: failed, but marked [AT13, GR8]."""
    drive = Drive(workflow(node("a"), node("b", effect="non_idempotent")))
    drive.start()
    drive.fail("a")
    drive.fail("b", kind="timeout")
    assert [event.outcome_unknown for event in drive.events(ev.NodeFailed)] == [False, True]
    assert drive.node("b").outcome_unknown


def test_cancelling_gives_back_slots_that_only_questions_hold() -> None:
    """A pending node and a due retry whose config is asked: both are free [AT1, EN12]."""
    drive = Drive(workflow(node("a"), node("b"), node("r", retry=2)))
    drive.holding_back = lambda effect: effect.node in {"b", "r"}
    drive.start()
    drive.answer(1)
    drive.fail("r")
    drive.advance(100)
    assert drive.slots.held.total() == 3
    drive.turn(CancelExecution())
    assert drive.slots.held.total() == 1
    drive.answer_all()
    drive.turn(drive.stopped("a"))
    assert drive.status("a", "b", "r") == ["cancelled", "pending", "cancelled"]


def test_answers_that_come_with_a_failure_start_nothing() -> None:
    """The failure came first in the batch; the config's slot is given back [GR8, AT1]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", when="x"), node("w")))
    drive.holding_back = lambda effect: effect.node in {"b", "c"}
    drive.start()
    answers = [drive.reply(each) for each in drive.far]
    assert kinds(drive.turn(drive.failure("a"), *answers)) == ["NodeFailed"]
    assert drive.slots.held.total() == 1
    drive.succeed("w")
    assert drive.reached == "failed"


def test_cancelling_while_outputs_are_evaluated_ends_it_cancelled() -> None:
    """The answer comes too late [EN12, ST3]."""
    drive = Drive(workflow(node("a"), outputs={"x": 1}))
    drive.hold_back("outputs")
    drive.start()
    drive.succeed("a")
    assert drive.state.is_busy
    answer = drive.reply(drive.far.pop())
    assert kinds(drive.turn(answer, CancelExecution())) == ["CancelRequested", "ExecutionEnded"]
    assert drive.reached == "cancelled"


def test_a_failing_execution_can_be_cancelled() -> None:
    """Running attempts are told to stop; the end is the one asked for last [EN12]."""
    drive = Drive(workflow(node("a"), node("b")))
    drive.start()
    drive.fail("a")
    drive.turn(CancelExecution())
    assert drive.stops == [("b", None, 1)]
    drive.turn(drive.stopped("b"))
    assert drive.reached == "cancelled"


def test_a_stop_that_got_lost_is_sent_again_by_the_next_fold() -> None:
    """After a commit of unknown outcome the owner tells its attempts again [EN12, LG6]."""
    drive = Drive(workflow(node("a"), node("e", foreach="x")), {("e", "foreach"): [1]})
    drive.start()
    drive.turn(CancelExecution())
    drive.stops.clear()
    assert drive.reload() == []
    assert drive.stops == [("a", None, 1), ("e", 0, 1)]


def test_a_crash_while_it_is_cancelled_leads_to_the_end() -> None:
    """Lost attempts are cancelled; nothing is made again [EN12, OW6]."""
    drive = Drive(workflow(node("a"), node("e", foreach="x")), {("e", "foreach"): [1]})
    drive.start()
    drive.turn(CancelExecution())
    drive.crash()
    assert drive.status("a", "e") == ["cancelled", "cancelled"]
    assert drive.reached == "cancelled"
    assert len(drive.runs) == 2


def test_a_crash_while_it_fails_leads_to_the_end() -> None:
    """The next owner goes on with the failure that the log holds [GR8, OW6]."""
    drive = Drive(workflow(node("a"), node("b")))
    drive.start()
    drive.fail("a", kind="boom")
    assert kinds(drive.crash()) == ["ExecutionAdopted", "NodeCancelled", "ExecutionEnded"]
    assert drive.only(ev.ExecutionEnded).error.kind == "boom"


def test_cancel_ends_a_paused_execution() -> None:
    """A pause does not protect from it [EN12]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    drive.turn(PauseExecution())
    drive.succeed("a")
    drive.turn(CancelExecution())
    assert drive.reached == "cancelled"


# --- budget.duration ---------------------------------------------------------------------------


def test_only_the_duration_budget_times_an_execution_out() -> None:
    """Running attempts are told to stop, then it ends timed_out [AT19]."""
    drive = Drive(workflow(node("a"), duration_ms=1_000))
    drive.start()
    assert drive.state.wake_at() == START_MS + 1_000
    assert drive.advance(999) == []
    assert kinds(drive.advance(1)) == ["CancelRequested"]
    assert drive.state.wake_at() is None
    drive.turn(drive.stopped("a"))
    assert drive.reached == "timed_out"


def test_the_deadline_comes_before_whatever_else_the_turn_brings() -> None:
    """A result that comes after it is kept, but starts nothing that nobody could stop [AT19]."""
    drive = Drive(workflow(node("a"), node("b", "a"), duration_ms=1_000))
    drive.start()
    drive.now += 1_000
    assert kinds(drive.turn(drive.success("a"))) == [
        "CancelRequested", "NodeCompleted", "ExecutionEnded",
    ]  # fmt: skip
    assert drive.reached == "timed_out"


def test_a_deadline_ends_waits_at_once() -> None:
    """With nothing running, the turn that finds it ends the execution [AT19]."""
    drive = Drive(workflow(node("a", uses="human.approval"), call("c"), duration_ms=1_000))
    drive.start()
    assert kinds(drive.advance(1_500))[-1] == "ExecutionEnded"
    assert drive.turn(FireTimers()) == []


def test_the_budget_stands_still_in_a_pause() -> None:
    """A paused hour is no used hour, also over a restart [AT19]."""
    drive = Drive(workflow(node("a"), duration_ms=1_000))
    drive.start()
    drive.advance(400)
    drive.turn(PauseExecution())
    assert drive.state.wake_at() is None
    drive.advance(3_600_000)
    drive.crash()
    drive.turn(ResumeExecution())
    assert drive.state.wake_at() == drive.now + 600
    drive.advance(599)
    assert drive.state.stopping is None
    drive.advance(1)
    assert drive.state.stopping == "timed_out"


def test_the_budget_stands_still_while_a_person_is_needed() -> None:
    """And only while nothing else can move [AT19, ST10]."""
    drive = Drive(workflow(node("a", effect="non_idempotent"), node("b"), duration_ms=1_000))
    drive.start()
    drive.fail("a", kind="timeout")
    drive.advance(300)
    drive.succeed("b")
    assert drive.reached == "needs_attention"
    drive.advance(3_600_000)
    drive.turn(RetryNode(NodeId("a")))
    assert drive.state.wake_at() == drive.now + 700


def test_a_deadline_may_come_with_the_first_turn_of_a_new_owner() -> None:
    """An execution nobody owned for longer than its budget is timed out [AT19, EN11]."""
    drive = Drive(workflow(node("a"), duration_ms=1_000))
    drive.start()
    drive.now += 5_000
    assert kinds(drive.crash()) == [
        "CancelRequested",
        "ExecutionAdopted",
        "NodeCancelled",
        "ExecutionEnded",
    ]
    assert drive.reached == "timed_out"
