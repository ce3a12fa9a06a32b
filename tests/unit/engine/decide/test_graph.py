# SPDX-License-Identifier: Apache-2.0
"""Which nodes run: joins, conditions, choices, failure edges, the end of an execution."""

from typing import Any

import pytest

from legato.model import events as ev
from legato.model import signals as sig
from legato.model.ids import EngineId, NodeId
from tests.support.build import node, unval, workflow
from tests.support.drive import Drive, kinds


def test_a_chain_runs_in_order_with_one_turn_per_step() -> None:
    """The result and the next start share a turn, so a chain step costs one commit [AT2, GR1]."""
    drive = Drive(workflow(node("a"), node("b", "a"), node("c", "b")))
    assert kinds(drive.start()) == ["ExecutionStarted", "AttemptStarted"]
    assert kinds(drive.succeed("a")) == ["NodeCompleted", "AttemptStarted"]
    assert kinds(drive.succeed("b")) == ["NodeCompleted", "AttemptStarted"]
    assert kinds(drive.succeed("c")) == ["NodeCompleted", "ExecutionEnded"]
    assert drive.reached == "completed"


def test_attempts_and_seq_are_counted_from_1() -> None:
    """The first event has seq 1 and the first attempt number 1 [AT23, LG1]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    assert [each.seq for each in drive.log] == [1, 2]
    assert drive.node("a").attempt == 1


def test_exactly_one_event_says_that_a_node_completed() -> None:
    """One NodeCompleted per completed node, whatever its kind [ST5]."""
    drive = Drive(
        workflow(node("a"), node("b", "a", foreach="x"), node("c", "b", retry=3)),
        {("b", "foreach"): [1, 2]},
    )
    drive.start()
    drive.succeed("a")
    drive.run_out()
    assert [event.node for event in drive.events(ev.NodeCompleted)] == ["a", "b", "c"]


def test_a_completed_node_is_never_run_again() -> None:
    """Duplicate results, a new owner and an operator's retry start nothing of it [ST6, ST8]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    report = drive.success("a")
    drive.turn(report)
    drive.turn(report)
    drive.crash()
    drive.turn(sig.RetryNode(report.node))
    started = [event.node for event in drive.events(ev.AttemptStarted)]
    assert started == ["a", "b", "b"]
    assert drive.status("a") == "completed"


def test_a_node_waits_for_all_its_needs() -> None:
    """With `join: all`, the default, a node runs only once every need completed [GR1, GR2]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "a", "b")))
    drive.start()
    drive.succeed("a")
    assert drive.status("c") == "pending"
    drive.succeed("b")
    assert drive.status("c") == "running"


def test_join_any_runs_with_the_first_completion_and_never_again() -> None:
    """Later completions change nothing and unfinished needs run on [GR1, GR3]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "a", "b", join="any")))
    drive.start()
    assert kinds(drive.succeed("b")) == ["NodeCompleted", "AttemptStarted"]
    assert drive.status("a", "c") == ["running", "running"]
    assert kinds(drive.succeed("c")) == ["NodeCompleted"]
    assert kinds(drive.succeed("a")) == ["NodeCompleted", "ExecutionEnded"]


def test_join_any_waits_for_the_last_need_while_none_completed() -> None:
    """A skipped need decides nothing for `join: any` until all are final [GR1, GR3]."""
    drive = Drive(
        workflow(node("a", when="x"), node("b"), node("c", "a", "b", join="any")),
        {("a", "when"): False},
    )
    drive.start()
    assert drive.status("a", "c") == ["skipped", "pending"]
    drive.succeed("b")
    assert drive.status("c") == "running"


def test_join_any_without_a_completed_need_is_skipped() -> None:
    """When all needs are final and none completed, the node is skipped [GR3, GR5]."""
    drive = Drive(
        workflow(node("a", when="x"), node("b", when="x"), node("c", "a", "b", join="any")),
        {("a", "when"): False, ("b", "when"): False},
    )
    drive.start()
    assert drive.status("c") == "skipped"
    assert drive.reached == "completed"


def test_join_all_done_runs_however_its_needs_ended() -> None:
    """Completed, skipped or failed with `continue`: the node runs [GR4]."""
    drive = Drive(
        workflow(
            node("a"),
            node("b", when="x"),
            node("c", on_error="continue"),
            node("d", "a", "b", "c", join="all_done"),
        ),
        {("b", "when"): False},
    )
    drive.start()
    drive.succeed("a")
    drive.fail("c")
    assert drive.status("a", "b", "c", "d") == ["completed", "skipped", "failed", "running"]


def test_skipping_propagates_by_the_same_rule_and_names_its_cause() -> None:
    """A chain below a skipped node is skipped; an `any` join with another need is not [GR5]."""
    drive = Drive(
        workflow(
            node("a", when="x"), node("b", "a"), node("c", "b"), node("d"),
            node("e", "b", "d", join="any"),
        ),
        {("a", "when"): False},
    )  # fmt: skip
    drive.start()
    drive.succeed("d")
    assert drive.status("a", "b", "c", "e") == ["skipped", "skipped", "skipped", "running"]
    assert [event.cause for event in drive.events(ev.NodeSkipped)] == ["when", "a", "b"]


def test_when_is_asked_only_after_the_join_holds() -> None:
    """`when` comes after `join`; a node whose join fails is not asked [GR6]."""
    drive = Drive(
        workflow(node("a", when="x"), node("b", "a", when="y"), node("c", when="z")),
        {("a", "when"): False},
    )
    drive.start()
    asked = [(each.node, each.what) for each in drive.asked]
    assert ("b", "when") not in asked
    assert ("c", "when") in asked
    assert drive.status("a", "b", "c") == ["skipped", "skipped", "running"]


def test_a_condition_that_cannot_be_evaluated_fails_the_node() -> None:
    """An expression error fails the node with its kind and is never retried [EX8]."""
    error = ev.NodeError("expression_error", "no such field", retryable=False)
    drive = Drive(workflow(node("a", when="x", retry=5)), {("a", "when"): error})
    drive.start()
    assert drive.node("a").error == error
    assert drive.reached == "failed"


@pytest.mark.parametrize(
    "config",
    [{"case": "hot"}, {"cases": {"cold": False, "hot": True, "late": True}, "default": "cold"}],
)
def test_a_switch_completes_and_the_edges_it_did_not_choose_count_as_skipped(
    config: dict[str, Any],
) -> None:
    """The chosen case runs, the other is skipped, plain dependents run [GR7]."""
    drive = Drive(
        workflow(
            node("route", uses="flow.switch"),
            node("a", "route.hot"),
            node("b", "route.cold"),
            node("c", "route"),
            node("d", "b"),
        ),
        {("route", "config"): config},
    )
    drive.start()
    found = drive.status("route", "a", "b", "c", "d")
    assert found == ["completed", "running", "skipped", "running", "skipped"]
    assert drive.node("route").case == "hot"
    assert drive.output("route") == {"case": "hot"}


def test_a_switch_may_choose_nothing() -> None:
    """Without a case every case edge counts as skipped [GR7]."""
    drive = Drive(
        workflow(node("route", uses="flow.switch"), node("a", "route.hot")),
        {("route", "config"): {"cases": {"hot": False}}},
    )
    drive.start()
    assert drive.status("route", "a") == ["completed", "skipped"]


def test_a_switch_with_a_condition_that_is_no_bool_fails() -> None:
    """A choice is never guessed [GR7]."""
    drive = Drive(
        workflow(node("route", uses="flow.switch")),
        {("route", "config"): {"cases": {"hot": 1}}},
    )
    drive.start()
    error = drive.node("route").error
    assert error is not None
    assert error.kind == "invalid_config"


def test_an_unhandled_failure_ends_the_execution_failed() -> None:
    """The execution carries the error and the node that failed [GR8, GR32]."""
    drive = Drive(workflow(node("a"), node("b", "a")))
    drive.start()
    assert kinds(drive.fail("a", kind="exit.1")) == ["NodeFailed", "ExecutionEnded"]
    end = drive.only(ev.ExecutionEnded)
    assert (end.status, end.node, end.error.kind) == ("failed", "a", "exit.1")
    assert drive.status("b") == "pending"


def test_after_a_failure_running_attempts_finish_and_nothing_new_starts() -> None:
    """Waits and retries are cancelled, running attempts finish, then the end follows [GR8]."""
    drive = Drive(
        workflow(
            node("bad"), node("slow"), node("after", "slow"), node("again", retry=3),
            node("ask", uses="human.approval"), node("late", uses="delay"),
        ),
        {("late", "config"): {"for": "1h"}},
    )  # fmt: skip
    drive.start()
    drive.fail("again")
    assert drive.status("again", "ask", "late") == ["retrying", "waiting", "waiting"]
    drive.fail("bad")
    assert drive.status("again", "ask", "late") == ["cancelled"] * 3
    assert drive.status("slow") == "running"
    assert drive.reached == "running"
    assert drive.stops == []
    drive.succeed("slow")
    assert drive.status("slow", "after") == ["completed", "pending"]
    assert drive.state.ended == "failed"


def test_the_first_failure_is_the_one_that_is_told() -> None:
    """Failures while the execution ends already do not replace its error [GR8]."""
    drive = Drive(workflow(node("a"), node("b", retry=5)))
    drive.start()
    drive.fail("b", kind="first", retryable=False)
    drive.fail("a", kind="second")
    assert drive.only(ev.ExecutionEnded).error.kind == "first"
    assert [event.error.kind for event in drive.events(ev.NodeFailed)] == ["first", "second"]


def test_while_it_fails_no_attempt_is_retried() -> None:
    """A failure during the end is final although retries are left [GR8, AT21]."""
    drive = Drive(workflow(node("a"), node("b", retry=5)))
    drive.start()
    drive.fail("a")
    assert kinds(drive.fail("b")) == ["NodeFailed", "ExecutionEnded"]


def test_continue_ends_the_node_failed_and_counts_as_completed() -> None:
    """`on_error: continue`: failed, output null, dependents run, the execution completes [GR9]."""
    drive = Drive(workflow(node("a", on_error="continue"), node("b", "a")))
    drive.start()
    drive.fail("a")
    assert drive.status("a", "b") == ["failed", "running"]
    assert unval(drive.node("a").output) is None
    drive.succeed("b")
    assert drive.reached == "completed"


def test_a_handler_runs_only_on_failure_and_the_dependents_are_skipped() -> None:
    """The execution completes if the named node does [GR10]."""
    drive = Drive(workflow(node("a", on_error="fix"), node("b", "a"), node("fix", "a!")))
    drive.start()
    drive.fail("a")
    assert drive.status("a", "b", "fix") == ["failed", "skipped", "running"]
    drive.succeed("fix")
    assert drive.reached == "completed"


def test_a_handler_is_skipped_when_nothing_failed() -> None:
    """Without a failure the handler is skipped and the dependents run [GR10]."""
    drive = Drive(workflow(node("a", on_error="fix"), node("b", "a"), node("fix", "a!")))
    drive.start()
    drive.succeed("a")
    assert drive.status("b", "fix") == ["running", "skipped"]
    drive.succeed("b")
    assert drive.reached == "completed"


def test_a_failed_handler_fails_the_execution() -> None:
    """The handler's own failure is the execution's [GR10, GR32]."""
    drive = Drive(workflow(node("a", on_error="fix"), node("fix", "a!")))
    drive.start()
    drive.fail("a")
    drive.fail("fix", kind="worse")
    end = drive.only(ev.ExecutionEnded)
    assert (end.status, end.node, end.error.kind) == ("failed", "fix", "worse")


def test_a_handler_that_is_skipped_leaves_the_failure_unhandled() -> None:
    """Skipped by its own condition, it handles nothing: the execution fails [GR10, GR32]."""
    drive = Drive(
        workflow(node("a", on_error="fix"), node("fix", "a!", when="x")),
        {("fix", "when"): False},
    )
    drive.start()
    drive.fail("a", kind="boom")
    end = drive.only(ev.ExecutionEnded)
    assert (end.status, end.node, end.error.kind) == ("failed", "a", "boom")


def test_a_failure_after_its_handler_was_skipped_is_unhandled() -> None:
    """A handler that was skipped for another failure cannot handle a later one [GR10, GR32]."""
    drive = Drive(
        workflow(
            node("a", on_error="fix"),
            node("b", on_error="fix"),
            node("fix", "a!", "b!", join="any", when="x"),
        ),
        {("fix", "when"): False},
    )
    drive.start()
    drive.fail("a", kind="one")
    drive.fail("b", kind="two")
    assert drive.only(ev.ExecutionEnded).error.kind == "one"
    later = Drive(
        workflow(
            node("a", on_error="fix"),
            node("b"),
            node("fix", "a!", "b", join="any", when="x"),
        ),
        {("fix", "when"): False},
    )
    later.start()
    later.succeed("b")
    assert later.status("fix") == "skipped"
    later.fail("a", kind="late")
    assert later.only(ev.ExecutionEnded).error.kind == "late"


def test_a_failure_after_its_handler_ran_is_handled() -> None:
    """One run of a shared handler stands for all that it handles [GR3, GR10]."""
    drive = Drive(
        workflow(
            node("a", on_error="fix"),
            node("b", on_error="fix"),
            node("fix", "a!", "b!", join="any"),
        )
    )
    drive.start()
    drive.fail("a")
    drive.succeed("fix")
    drive.fail("b")
    assert drive.reached == "completed"


def test_a_workflow_without_nodes_completes_at_once() -> None:
    """Every node is final and no failure was left: completed [GR32]."""
    drive = Drive(workflow())
    assert kinds(drive.start()) == ["ExecutionStarted", "ExecutionEnded"]
    assert drive.reached == "completed"


def test_outputs_are_evaluated_when_every_node_is_final() -> None:
    """The execution ends with its outputs [GR32, EX4]."""
    drive = Drive(workflow(node("a"), outputs={"x": "y"}), {(None, "outputs"): {"x": 7}})
    drive.start()
    drive.succeed("a")
    assert unval(drive.only(ev.ExecutionEnded).outputs) == {"x": 7}


def test_outputs_that_cannot_be_evaluated_fail_the_execution() -> None:
    """An error in `outputs` is the execution's error [EX8, GR32]."""
    error = ev.NodeError("expression_error", "no such field", retryable=False)
    drive = Drive(workflow(node("a"), outputs={"x": "y"}), {(None, "outputs"): error})
    drive.start()
    drive.succeed("a")
    end = drive.only(ev.ExecutionEnded)
    assert (end.status, end.error.kind, end.node) == ("failed", "expression_error", None)
    assert drive.state.error == error


def test_nothing_is_appended_after_the_end() -> None:
    """Whatever signal comes, the final event stays the last and the status stays [ST3, ST4]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    late: list[sig.AnySignal] = [drive.success("a"), drive.failure("a"), drive.loss("a")]
    drive.turn(late[0])
    a = NodeId("a")
    signals: list[sig.AnySignal] = [
        *late,
        sig.CancelExecution(),
        sig.PauseExecution(),
        sig.ResumeExecution(),
        sig.AdoptExecution(EngineId("e"), 3),
        sig.RetryNode(a),
        sig.SkipNode(a),
        sig.ForceNode(a, "failed"),
        sig.DeliverSignal("x"),
        sig.AnswerApproval(a, approved=True),
        sig.RefuseSignal("x", "y"),
        sig.FireTimers(),
        sig.ReportEvaluated(None, "outputs"),
    ]
    for signal in signals:
        assert drive.turn(signal) == []
        assert drive.turn(signal, signal) == []
    assert drive.reached == "completed"
