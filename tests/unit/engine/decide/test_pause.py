# SPDX-License-Identifier: Apache-2.0
"""Pause and resume: nothing new starts in between, whatever is in flight."""

import pytest

from legato.model import events as ev
from legato.model.signals import CancelExecution, DeliverSignal, PauseExecution, ResumeExecution
from tests.support.build import call, node, workflow
from tests.support.drive import Drive, kinds


def test_pause_starts_nothing_new_and_running_attempts_finish() -> None:
    """The results are taken; what they make ready waits for the resume [AT20]."""
    drive = Drive(
        workflow(node("a"), node("b", "a"), node("c", foreach="x")), {("c", "foreach"): [1]}
    )
    drive.start()
    drive.turn(PauseExecution("ann", "lunch"))
    assert drive.reached == "paused"
    assert drive.state.paused_by == "ann"
    assert kinds(drive.turn(drive.success("a"), drive.success("c", 0))) == [
        "NodeCompleted", "ItemsEnded", "NodeCompleted",
    ]  # fmt: skip
    assert not drive.state.is_busy
    assert kinds(drive.turn(ResumeExecution("bob"))) == ["ExecutionResumed", "AttemptStarted"]
    assert drive.state.paused_by == ""


def test_timers_go_on_and_due_retries_fire_after_the_resume() -> None:
    """A delay ends during the pause; its dependents and the retry wait [AT20]."""
    drive = Drive(
        workflow(
            node("d", uses="delay"),
            node("e", "d"),
            node("a", retry=2),
            node("c", foreach="x", retry=2),
        ),
        {("d", "config"): {"for": "50ms"}, ("c", "foreach"): [1]},
    )
    drive.start()
    drive.turn(drive.failure("a"), drive.failure("c", 0))
    drive.turn(PauseExecution())
    assert drive.state.wake_at() == drive.now + 50
    assert kinds(drive.advance(50)) == ["NodeCompleted"]
    assert drive.advance(10_000) == []
    assert drive.state.wake_at() is None
    assert not drive.state.is_busy
    events = drive.turn(ResumeExecution())
    assert sorted(kinds(events)) == [
        "AttemptStarted",
        "AttemptStarted",
        "ExecutionResumed",
        "ItemsStarted",
    ]


def test_a_retry_that_was_due_in_the_pause_survives_a_restart_in_the_pause() -> None:
    """The next owner fires it at the resume [AT20, EN11]."""
    drive = Drive(workflow(node("a", retry=2)))
    drive.start()
    drive.fail("a")
    drive.turn(PauseExecution())
    drive.advance(5_000)
    drive.crash()
    assert drive.state.wake_at() is None
    assert kinds(drive.turn(ResumeExecution())) == ["ExecutionResumed", "AttemptStarted"]


@pytest.mark.parametrize("what", ["when", "foreach", "config", "input"])
@pytest.mark.parametrize("answered", ["in the pause", "after the resume"])
def test_a_question_in_flight_over_a_pause_is_answered_once(what: str, answered: str) -> None:
    """No slot is lost, nothing starts in the pause, everything starts once after it [AT20]."""
    drive = Drive(
        workflow(node("a", when="x"), node("b", when="x", foreach="y"), call("c", when="x")),
        {("b", "foreach"): [1, 2]},
    )
    drive.hold_back(what)
    drive.start()
    count = len(drive.log)
    drive.turn(PauseExecution())
    if answered == "in the pause":
        drive.answer_all()
        assert len(drive.log) == count + 1
        assert drive.slots.held.total() == len(drive.in_flight())
    drive.turn(ResumeExecution())
    drive.answer_all()
    assert drive.in_flight() == [("a", None), ("b", 0), ("b", 1)]
    assert drive.status("c") == "waiting"
    assert drive.slots.held.total() == 3


def test_a_retry_whose_config_was_asked_over_a_pause_is_made_after_it() -> None:
    """The slot is given back and taken again [AT20, AT1]."""
    drive = Drive(workflow(node("a", retry=2)))
    drive.start()
    drive.fail("a")
    drive.hold_back("config")
    drive.advance(100)
    drive.turn(PauseExecution())
    drive.answer()
    assert drive.slots.held.total() == 0
    drive.hold_back()
    assert kinds(drive.turn(ResumeExecution())) == ["ExecutionResumed", "AttemptStarted"]


def test_gathering_goes_on_in_a_pause() -> None:
    """Items that have all ended complete their node: nothing new starts by that [AT20]."""
    drive = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): [1]})
    drive.hold_back("collect")
    drive.start()
    drive.turn(drive.success("a", 0))
    drive.turn(PauseExecution())
    assert kinds(drive.answer()) == ["NodeCompleted", "ExecutionEnded"]


def test_signals_are_taken_in_a_pause() -> None:
    """People and programs do not wait for the resume [AT20, EN16]."""
    drive = Drive(
        workflow(node("a", uses="wait.signal"), node("b", "a")), {("a", "config"): {"name": "go"}}
    )
    drive.start()
    drive.turn(PauseExecution())
    assert kinds(drive.turn(DeliverSignal("go"))) == ["NodeCompleted"]
    drive.turn(ResumeExecution())
    assert drive.status("b") == "running"


def test_pausing_twice_and_resuming_what_is_not_paused_are_refused() -> None:
    """With a reason and the name of who asked [EN7]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.turn(ResumeExecution("ann"))
    drive.turn(PauseExecution())
    drive.turn(PauseExecution("bob"))
    drive.turn(CancelExecution())
    drive.turn(PauseExecution("eve"))
    drive.turn(ResumeExecution("kim"))
    rejected = [(event.signal, event.by) for event in drive.events(ev.SignalRejected)]
    assert rejected == [
        ("ResumeExecution", "ann"), ("PauseExecution", "bob"), ("PauseExecution", "eve"),
        ("ResumeExecution", "kim"),
    ]  # fmt: skip


def test_pause_and_resume_in_one_batch_leave_everything_as_it_was() -> None:
    """In order: paused, resumed, on it goes [AT20]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    events = drive.turn(PauseExecution(), drive.success("a"), ResumeExecution())
    assert kinds(events) == [
        "ExecutionPaused",
        "NodeCompleted",
        "ExecutionResumed",
        "AttemptStarted",
    ]


def test_a_child_that_starts_in_the_batch_of_a_pause_is_paused_too() -> None:
    """Its start and the wish go out with the same turn [AT20, GR26]."""
    drive = Drive(workflow(call("c")))
    drive.hold_back("input")
    drive.start()
    answer = drive.reply(drive.far.pop())
    assert kinds(drive.turn(answer, PauseExecution())) == ["ChildStarted", "ExecutionPaused"]
    assert [told.execution_id for told in drive.told] == list(drive.children)


def test_an_execution_may_end_while_it_is_paused() -> None:
    """What runs finishes; with nothing left to start it is over [AT20, GR32]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.turn(PauseExecution())
    drive.succeed("a")
    assert drive.reached == "completed"
    bad = Drive(workflow(node("a"), node("b")))
    bad.start()
    bad.turn(PauseExecution())
    bad.fail("a")
    assert bad.reached == "running"
    bad.succeed("b")
    assert bad.reached == "failed"


def test_a_node_that_falls_due_twice_in_a_pause_starts_once() -> None:
    """With `join: any` both completions make it due; it runs once after the resume [AT20, GR3]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "a", "b", join="any")))
    drive.start()
    drive.turn(PauseExecution())
    drive.turn(drive.success("a"))
    drive.turn(drive.success("b"))
    assert kinds(drive.turn(ResumeExecution())) == ["ExecutionResumed", "AttemptStarted"]
    drive.run_out()
    assert drive.reached == "completed"


def test_a_retry_wakes_nobody_while_it_may_not_start() -> None:
    """An engine that let a paused execution go is not woken by its retries [AT20, OW13]."""
    nodes = (node("a", retry=2), node("d", uses="delay"), node("e", foreach="x", retry=2))
    drive = Drive(workflow(*nodes), {("d", "config"): {"for": "1h"}, ("e", "foreach"): [1]})
    drive.start()
    drive.turn(drive.failure("a"), drive.failure("e", 0), PauseExecution())
    assert drive.state.wake_at() == drive.now + 3_600_000
    drive.turn(ResumeExecution())
    assert drive.state.wake_at() == drive.now + 100
