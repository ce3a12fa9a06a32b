# SPDX-License-Identifier: Apache-2.0
"""The front of `decide`: one rule per signal, order in a batch, refusals, purity, slots."""

import copy
from typing import Any, get_args

import pytest

from legato.engine.decide import RULES, Decision, decide
from legato.engine.state import ExecutionState
from legato.model import effects as ef
from legato.model import events as ev
from legato.model import signals as sig
from legato.model.graph import Graph
from legato.model.ids import EngineId, NodeId
from legato.model.policy import SIGNAL_REJECTIONS_MAX
from legato.model.values import NULL
from tests.support.build import EXECUTION_ID, START_MS, node, started, unval, val, workflow
from tests.support.drive import CountedSlots, Drive, kinds


def test_every_kind_of_signal_has_one_rule() -> None:
    """No signal is unknown to `decide` [EN7]."""
    assert set(RULES) == set(get_args(sig.AnySignal))


def test_starting_twice_changes_nothing() -> None:
    """The second start of an id adds no event, in a batch or later [EN6, EN5]."""
    flow = workflow(node("a"))
    drive = Drive(flow)
    again = sig.StartExecution(started(flow))
    assert kinds(drive.turn(again, again)) == ["ExecutionStarted", "AttemptStarted"]
    assert drive.turn(again) == []


@pytest.mark.parametrize("signal", [sig.FireTimers(), sig.CancelExecution(), sig.PauseExecution()])
def test_before_the_start_nothing_counts(signal: sig.AnySignal) -> None:
    """An execution whose log is empty has nothing to decide [LG1]."""
    drive = Drive(workflow(node("a")))
    assert drive.turn(signal) == []
    assert drive.reached == "queued"
    assert drive.state.is_busy


def test_refused_signals_are_recorded_up_to_a_bound() -> None:
    """Later refusals add no event [EN7]."""
    drive = Drive(workflow(node("a")), is_checked=False)
    drive.start()
    for _ in range(SIGNAL_REJECTIONS_MAX + 5):
        drive.turn(sig.ResumeExecution())
    assert drive.state.rejections == SIGNAL_REJECTIONS_MAX
    assert drive.turn(sig.ResumeExecution()) == []


def test_an_unreadable_signal_is_recorded_with_its_reason() -> None:
    """What the runtime could not read or take becomes SignalRejected [EN7]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.turn(sig.RefuseSignal("unreadable", "bad JSON"))
    assert drive.only(ev.SignalRejected) == ev.SignalRejected("unreadable", "internal", "bad JSON")


def test_decide_is_pure() -> None:
    """The same state, signals, time and chance give the same events and effects [EN2]."""
    flow = workflow(node("a", retry=3), node("b", foreach="x"))

    def run() -> tuple[list[ev.AnyEvent], list[ef.AnyEffect]]:
        drive = Drive(flow, {("b", "foreach"): [1, 2, 3]}, chance=0.3)
        drive.start()
        state = copy.deepcopy(drive.state)
        d = Decision(state, drive.now + 7, lambda: 0.3, drive.slots)
        decide(d, [drive.failure("a"), drive.success("b", 2), drive.success("b", 0)])
        return d.events, d.effects

    assert run() == run()


def test_a_clock_that_went_back_does_not_bend_the_log() -> None:
    """The time of a turn is never before the last event's [OW15, LG1]."""
    drive = Drive(workflow(node("a", retry=2), duration_ms=10_000_000))
    drive.start()
    drive.now -= 3_600_000
    drive.fail("a")
    assert [each.at for each in drive.log] == [START_MS] * 3
    assert drive.state.wake_at() == START_MS + 100


def test_without_a_slot_no_attempt_starts() -> None:
    """`AttemptStarted` needs a slot; one given back lets the next start [AT1]."""
    drive = Drive(workflow(node("a"), node("b"), node("c")), slots=CountedSlots(1))
    assert kinds(drive.start()) == ["ExecutionStarted", "AttemptStarted"]
    assert drive.state.is_busy
    assert kinds(drive.succeed("a")) == ["NodeCompleted", "AttemptStarted"]
    drive.run_out()
    assert drive.reached == "completed"


def test_a_full_pool_does_not_hold_up_another() -> None:
    """Nodes wait by pool [AT1]."""
    drive = Drive(
        workflow(node("a", pool="gpu"), node("b", pool="gpu"), node("c")),
        slots=CountedSlots(9, {"gpu": 1}),
    )
    drive.start()
    assert drive.status("a", "b", "c") == ["running", "pending", "running"]


def test_the_workflows_own_concurrency_bounds_its_attempts() -> None:
    """`concurrency` of the workflow counts nodes and items alike [AT1]."""
    drive = Drive(
        workflow(node("a"), node("b", foreach="x"), node("c"), concurrency=2),
        {("b", "foreach"): [1, 2]},
    )
    drive.start()
    most = 0
    while drive.state.ended is None:
        most = max(most, drive.slots.held.total())
        drive.turn(*(drive.success(name, item) for name, item in drive.in_flight()[:1]))
    assert most == 2


def test_waits_and_calls_need_no_slot() -> None:
    """A full engine still begins to wait [GR22, ND26]."""
    drive = Drive(workflow(node("a", uses="human.approval")), slots=CountedSlots(0))
    drive.start()
    assert drive.status("a") == "waiting"


def test_a_slot_that_came_free_is_used_by_the_next_turn_without_a_signal() -> None:
    """A hint that a place is free is enough: the turn has no letters [EN10, AT1]."""
    slots = CountedSlots(0)
    drive = Drive(workflow(node("a")), slots=slots)
    drive.start()
    slots.total = 1
    assert kinds(drive.turn()) == ["AttemptStarted"]


def test_an_effect_is_never_issued_for_what_is_not_in_the_events() -> None:
    """Each RunAttempt has its start commit in the same turn [AT1, AT3]."""
    drive = Drive(workflow(node("a"), node("b", foreach="x")), {("b", "foreach"): [1, 2]})
    state = ExecutionState(EXECUTION_ID, Graph(drive.workflow))
    d = Decision(state, START_MS, lambda: 0.5, CountedSlots())
    decide(d, [sig.StartExecution(started(drive.workflow))])
    while asked := [each for each in d.effects if isinstance(each, ef.Evaluate)]:
        d.effects = [each for each in d.effects if not isinstance(each, ef.Evaluate)]
        decide(d, [drive.reply(each) for each in asked])
    runs: set[tuple[str, int | None]] = {
        (each.node, each.item) for each in d.effects if isinstance(each, ef.RunAttempt)
    }
    begun: set[tuple[str, int | None]] = {
        (e.node, None) for e in d.events if isinstance(e, ev.AttemptStarted)
    }
    begun |= {
        (e.node, item) for e in d.events if isinstance(e, ev.ItemsStarted) for item in e.items
    }
    assert runs == begun == {("a", None), ("b", 0), ("b", 1)}


def test_decide_asks_and_does_not_evaluate() -> None:
    """Conditions, lists, configs, inputs and outputs leave as `Evaluate` effects [EX4]."""
    flow = workflow(node("a", when="x", foreach="y"), outputs={"z": 1})
    state = ExecutionState(EXECUTION_ID, Graph(flow))
    d = Decision(state, START_MS, lambda: 0.5, CountedSlots())
    decide(d, [sig.StartExecution(started(flow))])
    assert d.effects == [ef.Evaluate(NodeId("a"), "when")]
    d.effects.clear()
    decide(d, [sig.ReportEvaluated(NodeId("a"), "when", val(True))])
    assert d.effects == [ef.Evaluate(NodeId("a"), "foreach")]
    assert state.evaluating == 1


def _odd_answers() -> list[sig.ReportEvaluated]:
    a, none = NodeId("a"), NodeId("none")
    return [
        sig.ReportEvaluated(a, "when", val(True)),
        sig.ReportEvaluated(a, "config", val({}), hash="other"),
        sig.ReportEvaluated(a, "collect", val([])),
        sig.ReportEvaluated(none, "config", val({})),
        sig.ReportEvaluated(None, "outputs", val({})),
    ]


@pytest.mark.parametrize("answer", _odd_answers())
def test_an_answer_that_nobody_awaits_is_dropped(answer: sig.ReportEvaluated) -> None:
    """Answers count only in the phase that asked [EN5, EX4]."""
    drive = Drive(workflow(node("a"), outputs={"x": 1}))
    drive.start()
    assert drive.turn(answer) == []
    assert drive.status("a") == "running"


def test_an_answer_without_a_value_counts_as_null() -> None:
    """A node whose input is null still runs; outputs without a value are an error [EX4]."""
    drive = Drive(workflow(node("a"), outputs={"x": 1}))
    drive.hold_back("config", "outputs")
    drive.start()
    drive.turn(sig.ReportEvaluated(NodeId("a"), "config", hash="h"))
    (run,) = drive.runs.values()
    assert run.config == NULL
    drive.succeed("a")
    drive.turn(sig.ReportEvaluated(None, "outputs"))
    assert drive.only(ev.ExecutionEnded).error.kind == "expression_error"


def test_reused_nodes_count_as_completed_from_the_start() -> None:
    """One NodeReused per kept node, with who and whether edited; the rest runs [GR27, ST7]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "a", "b"), node("d", "c")))
    drive.start(
        reused=(
            sig.Reuse(NodeId("a"), val(1), "fork", edited=True, by="ann"),
            sig.Reuse(NodeId("b"), val(2), "fork", by="ann"),
            sig.Reuse(NodeId("gone"), val(3), "fork"),
        ),
        forked_from=ev.Source(EXECUTION_ID, seq=7),
    )
    assert kinds([each.event for each in drive.log]) == [
        "ExecutionStarted", "NodeReused", "NodeReused", "AttemptStarted",
    ]  # fmt: skip
    assert [(each.edited, each.by) for each in drive.events(ev.NodeReused)] == [
        (True, "ann"), (False, "ann"),
    ]  # fmt: skip
    assert (drive.node("a").reused, drive.node("a").edited) == (True, True)
    assert drive.status("a", "b", "c") == ["completed", "completed", "running"]
    assert drive.only(ev.ExecutionStarted).forked_from.seq == 7


def test_an_execution_whose_every_node_is_reused_completes_at_once() -> None:
    """Nothing is run again [GR27, GR32]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start(reused=(sig.Reuse(NodeId("a")), sig.Reuse(NodeId("b"))))
    assert drive.reached == "completed"
    assert drive.runs == {}


def _reuse_items(list_hash: str) -> Drive:
    drive = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): [1, 2, 3, 4]})
    reuse = sig.Reuse(
        NodeId("a"), source="retry", items=(1, 3), outputs=(val("b"), val("d")), list_hash=list_hash
    )
    drive.start(reused=(reuse,))
    return drive


def test_reused_items_are_kept_if_the_list_is_still_the_same() -> None:
    """Only the missing ones run [ST7, GR12]."""
    drive = _reuse_items("list [1, 2, 3, 4]")
    assert [run.item for run in drive.runs.values()] == [0, 2]
    drive.crash()
    drive.run_out()
    assert unval(drive.node("a").output)[1::2] == ["b", "d"]


def test_reused_items_of_another_list_are_dropped() -> None:
    """All items run [ST7]."""
    drive = _reuse_items("another list")
    assert [run.item for run in drive.runs.values()] == [0, 1, 2, 3]


def test_an_adoption_without_work_in_flight_adds_no_event() -> None:
    """An evicted execution comes back silently [OW13, OW6]."""
    drive = Drive(workflow(node("a", uses="human.approval")))
    drive.start()
    assert drive.turn(sig.AdoptExecution(EngineId("e"), 2)) == []


def test_adoption_names_the_new_owner_and_its_number() -> None:
    """And why it came [OW6]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.turn(sig.AdoptExecution(EngineId("e2"), 5, "drained"))
    adopted = drive.only(ev.ExecutionAdopted)
    assert (adopted.engine, adopted.fence, adopted.cause) == ("e2", 5, "drained")
    assert drive.state.epoch_fence == 5


@pytest.mark.parametrize("what", ["when", "foreach", "config", "input", "collect", "outputs"])
def test_a_question_lost_with_its_owner_is_asked_again(what: Any) -> None:
    """Evaluation is pure: the next owner asks whatever the log leaves open [OW6, EX4]."""
    from tests.support.build import call

    drive = Drive(
        workflow(node("a", when="x", foreach="y"), call("c"), outputs={"x": 1}),
        {("a", "foreach"): [1]},
    )
    drive.hold_back(what)
    drive.start()
    if drive.in_flight():
        drive.turn(drive.success("a", 0))
    if drive.children:
        drive.turn(drive.child_end(next(iter(drive.children))))
    assert drive.far != []
    drive.hold_back()
    drive.crash()
    drive.run_out()
    for child in list(drive.children):
        if drive.state.ended is None:
            drive.turn(drive.child_end(child))
    assert drive.reached == "completed"


def test_after_a_reload_attempts_run_on_under_their_number() -> None:
    """The same owner folds again: nothing is lost, nothing is started twice [LG6, AT4]."""
    drive = Drive(
        workflow(node("a"), node("b", "a"), node("c", foreach="x")), {("c", "foreach"): [1]}
    )
    drive.start()
    assert drive.reload() == []
    drive.run_out()
    assert drive.reached == "completed"
    assert [run.attempt for run in drive.runs.values()] == [1, 1, 1]
