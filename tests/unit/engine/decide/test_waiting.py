# SPDX-License-Identifier: Apache-2.0
"""Waits that hold no slot: delays, approvals, forms, signals, and what ends them."""

from typing import Any

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import AnswerApproval, CancelExecution, DeliverSignal, FireTimers
from legato.model.values import BlobRef, Value
from tests.support.build import START_MS, node, unval, val, workflow
from tests.support.drive import Drive, kinds

ASK = NodeId("ask")


def _delay(config: Any, **fields: Any) -> Drive:
    drive = Drive(
        workflow(node("a", uses="delay", **fields), node("b", "a")), {("a", "config"): config}
    )
    drive.start()
    return drive


def _approval(*more: Any, **fields: Any) -> Drive:
    drive = Drive(workflow(node("ask", uses="human.approval", **fields), node("b", "ask"), *more))
    drive.start()
    return drive


def _signal(name: str, *needs: str, **fields: Any) -> Any:
    return node(name, *needs, uses="wait.signal", **fields)


def test_a_delay_waits_durably_without_a_slot() -> None:
    """It holds nothing, and the execution shows waiting until it is over [ND26, ST11]."""
    drive = _delay({"for": "90s"})
    assert drive.slots.taken == 0
    assert (drive.status("a"), drive.reached) == ("waiting", "waiting")
    assert drive.state.wake_at() == START_MS + 90_000
    assert not drive.state.is_busy
    assert kinds(drive.advance(89_999)) == []
    assert kinds(drive.advance(1)) == ["NodeCompleted", "AttemptStarted"]


def test_a_delay_until_a_time_ends_then() -> None:
    """`until` is an instant with its zone [ND26]."""
    drive = _delay({"until": "2025-06-15T17:06:41.250+02:00"})
    assert drive.only(ev.NodeWaiting).until == START_MS + 1_250


def test_a_delay_until_a_time_that_is_past_is_over_at_once() -> None:
    """Nothing waits for yesterday [ND26]."""
    drive = Drive(
        workflow(node("a", uses="delay")), {("a", "config"): {"until": "2001-01-01T00:00:00Z"}}
    )
    assert kinds(drive.start())[1:] == ["NodeWaiting", "NodeCompleted", "ExecutionEnded"]


@pytest.mark.parametrize(
    "config", [{}, {"for": "soon"}, {"for": True}, {"until": "x"}, {"until": "2025-01-01T00:00:00"}]
)
def test_a_delay_that_cannot_be_read_fails_its_node(config: dict[str, Any]) -> None:
    """The kind is `invalid_config` and it is not retried [ND26, DO25]."""
    drive = _delay(config, retry=5)
    error = drive.node("a").error
    assert error is not None
    assert (error.kind, error.retryable) == ("invalid_config", False)


def test_a_delay_survives_a_restart() -> None:
    """A new owner ends it at the time that the log holds [EN11, ND26]."""
    drive = _delay({"for": "90s"})
    drive.advance(50_000)
    assert drive.crash() == []
    assert drive.advance(39_999) == []
    assert kinds(drive.advance(1)) == ["NodeCompleted", "AttemptStarted"]


@pytest.mark.parametrize(("timeout_ms", "ends"), [(1_000, "failed"), (90_000, "completed")])
def test_the_timeout_of_a_delay_bounds_the_wait(timeout_ms: int, ends: str) -> None:
    """A delay longer than its time-out fails with kind timeout, also after a restart [AT18]."""
    drive = _delay({"for": "90s"}, timeout_ms=timeout_ms)
    assert drive.only(ev.NodeWaiting).expires is (ends == "failed")
    drive.crash()
    drive.advance(timeout_ms)
    assert drive.status("a") == ends
    if ends == "failed":
        assert drive.only(ev.NodeFailed).error.kind == "timeout"


@pytest.mark.parametrize("approved", [True, False])
def test_both_answers_complete_an_approval(approved: bool) -> None:
    """The output says who answered, when, and yes or no [ND27, EN15]."""
    drive = _approval()
    drive.now += 5
    drive.turn(AnswerApproval(ASK, approved, "bob", "fine", val({"x": 1})))
    assert drive.output("ask") == {
        "approved": approved,
        "by": "bob",
        "at": "2025-06-15T15:06:40.005+00:00",
        "comment": "fine",
        "data": {"x": 1},
    }
    assert drive.only(ev.NodeCompleted).by == "bob"
    assert drive.status("b") == "running"


def test_an_approval_is_answered_at_most_once() -> None:
    """A second answer is refused with a reason; the first stands [EN15, EN7]."""
    drive = _approval()
    drive.turn(AnswerApproval(ASK, approved=True, by="bob"))
    drive.turn(AnswerApproval(ASK, approved=False, by="eve"))
    rejected = drive.only(ev.SignalRejected)
    assert (rejected.signal, rejected.code, rejected.by) == (
        "AnswerApproval", "already_decided", "eve",
    )  # fmt: skip
    assert drive.output("ask")["approved"] is True


@pytest.mark.parametrize("name", ["nobody", "b"])
def test_an_answer_to_what_does_not_ask_is_refused(name: str) -> None:
    """Unknown nodes and nodes that are no approval take no answer [EN7]."""
    drive = _approval()
    drive.turn(AnswerApproval(NodeId(name), approved=True))
    assert drive.only(ev.SignalRejected).code == "illegal_state"


@pytest.mark.parametrize(
    "payload",
    [Value(ref=BlobRef("0" * 64, 10_000_000)), val("x" * INLINE_BYTES_MAX)],
)
def test_an_answer_that_is_too_large_is_refused(payload: Value) -> None:
    """It would not fit into an event; nothing of it is dropped silently [LG15, EN7]."""
    drive = _approval()
    drive.turn(AnswerApproval(ASK, approved=True, payload=payload))
    assert drive.only(ev.SignalRejected).code == "limit_exceeded"
    assert drive.status("ask") == "waiting"


def test_an_approval_nobody_answers_times_out() -> None:
    """`timeout` bounds the wait; expiry fails the node with kind timeout [AT18]."""
    drive = _approval(timeout_ms=60_000)
    assert drive.state.wake_at() == START_MS + 60_000
    drive.advance(60_000)
    assert drive.only(ev.NodeFailed).error.kind == "timeout"
    assert drive.reached == "failed"


def test_an_answer_that_comes_with_the_cancel_is_too_late() -> None:
    """Cancel is considered first, whatever the order in the batch [EN8]."""
    drive = _approval()
    drive.turn(AnswerApproval(ASK, approved=True), CancelExecution())
    assert drive.status("ask") == "cancelled"
    assert drive.reached == "cancelled"


FORM = {"message": "?", "schema": {"age": {"type": "integer"}, "name": {"default": "x"}}}


def _form(config: Any = FORM, **fields: Any) -> Drive:
    drive = Drive(workflow(node("ask", uses="human.form", **fields)), {("ask", "config"): config})
    drive.start()
    return drive


def test_a_form_waits_like_an_approval() -> None:
    """It is answered with data, checked and with its defaults [EN15, ND73]."""
    drive = _form()
    assert drive.only(ev.NodeWaiting).kind == "form"
    drive.turn(AnswerApproval(ASK, approved=True, by="ann", payload=val({"age": 7})))
    output = drive.output("ask")
    assert (output["data"], output["by"], output["approved"]) == (
        {"age": 7, "name": "x"}, "ann", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (val({"age": "old"}), "ask: age: "),
        (val({}), "ask: age: this field is missing"),
        (val({"age": 7, "sex": 1}), "sex: there is no such field"),
        (val(None), "an object of its fields"),
        (val(["age"]), "an object of its fields"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_form_waits_on(payload: Value, said: str) -> None:
    """Whatever door let it through; then a right one is taken [ND73, ND74, EN7]."""
    drive = _form()
    drive.turn(AnswerApproval(ASK, approved=True, by="eve", payload=payload))
    rejected = drive.only(ev.SignalRejected)
    assert (rejected.signal, rejected.code, rejected.by) == (
        "AnswerApproval", "invalid_answer", "eve",
    )  # fmt: skip
    assert said in rejected.reason
    assert drive.status("ask") == "waiting"
    drive.crash()
    drive.turn(AnswerApproval(ASK, approved=True, payload=val({"age": 7})))
    assert drive.status("ask") == "completed"


def test_a_refusal_stays_small() -> None:
    """A wrong answer cannot fill the log with itself [ND74, EN19]."""
    drive = _form()
    drive.turn(AnswerApproval(ASK, approved=True, payload=val({"x" * 9_000: 1, "y" * 9_000: 2})))
    assert len(drive.only(ev.SignalRejected).reason) <= 1_000


def test_a_form_can_be_declined() -> None:
    """Without data, whatever was sent along [ND74]."""
    drive = _form()
    drive.turn(AnswerApproval(ASK, approved=False, by="ann", comment="no", payload=val([1])))
    output = drive.output("ask")
    assert (output["approved"], output["data"], output["comment"]) == (False, None, "no")


def test_a_form_times_out_like_any_wait() -> None:
    """With kind timeout [ND74, AT18]."""
    drive = _form(timeout_ms=1_000)
    drive.turn(AnswerApproval(ASK, approved=True, payload=val({})))
    drive.advance(1_000)
    assert drive.only(ev.NodeFailed).error.kind == "timeout"


@pytest.mark.parametrize("schema", [5, {"age": {"type": "years"}}, {"a": {"$ref": "http://x/"}}])
def test_a_form_whose_fields_are_no_schema_fails_its_node(schema: Any) -> None:
    """An expression may have made it: invalid_config, not retried [ND72]."""
    drive = _form({"message": "?", "schema": schema})
    error = drive.only(ev.NodeFailed).error
    assert (error.kind, error.retryable) == ("invalid_config", False)
    assert "schema" in error.message


def _correlated(about: str | None) -> Drive:
    config = {"name": "paid"} if about is None else {"name": "paid", "correlation": about}
    drive = Drive(workflow(_signal("a")), {("a", "config"): config})
    drive.start()
    return drive


@pytest.mark.parametrize(
    ("waits", "comes", "taken"),
    [("7", "7", True), ("7", "8", False), ("7", "", False), (None, "7", False), (None, "", True)],
)
def test_a_signal_reaches_only_who_waits_for_the_same(
    waits: str | None,
    comes: str,
    taken: bool,
) -> None:
    """Name and correlation must agree; what nobody waits for is kept [ND71, EN16]."""
    drive = _correlated(waits)
    drive.turn(DeliverSignal("paid", val(1), correlation=comes))
    assert (drive.status("a") == "completed") is taken
    assert drive.state.kept == (not taken)


def test_a_kept_signal_with_its_correlation_is_taken_once() -> None:
    """By the node that waits for both [ND71, EN16]."""
    drive = Drive(
        workflow(node("w"), _signal("a", "w"), _signal("b", "w")),
        {
            ("a", "config"): {"name": "paid", "correlation": "7"},
            ("b", "config"): {"name": "paid", "correlation": "8"},
        },
    )
    drive.start()
    drive.turn(DeliverSignal("paid", val("seven"), correlation="7"))
    drive.crash()
    drive.run_out()
    assert drive.status("a", "b") == ["completed", "waiting"]
    assert drive.output("a") == "seven"


@pytest.mark.parametrize(
    "config", [{"name": ""}, {"name": "a#b"}, {"name": 5}, {"correlation": ""}, {"correlation": 5}]
)
def test_a_name_that_no_signal_has_fails_the_node(config: dict[str, Any]) -> None:
    """Rather than wait for ever [ND71]."""
    drive = Drive(workflow(_signal("a")), {("a", "config"): config})
    drive.start()
    assert drive.only(ev.NodeFailed).error.kind == "invalid_config"


def test_a_signal_carries_what_an_event_may_hold() -> None:
    """More is refused with the bound [ND71, EN19]."""
    drive = _correlated(None)
    drive.turn(DeliverSignal("paid", val("x" * INLINE_BYTES_MAX)))
    assert drive.only(ev.SignalRejected).code == "limit_exceeded"
    assert drive.status("a") == "waiting"


@pytest.mark.parametrize("config", ["text", {"message": "x" * INLINE_BYTES_MAX}])
def test_what_a_wait_shows_must_be_a_map_that_fits_into_an_event(config: Any) -> None:
    """Anything else fails the node instead of breaking the log [LG15]."""
    drive = Drive(workflow(node("ask", uses="human.approval")), {("ask", "config"): config})
    drive.start()
    assert drive.only(ev.NodeFailed).error.kind == "invalid_config"


def test_a_signal_ends_the_wait_for_its_name() -> None:
    """The payload is the node's output [EN16]."""
    drive = Drive(workflow(_signal("a")), {("a", "config"): {"name": "paid"}})
    drive.start()
    assert drive.only(ev.NodeWaiting).kind == "signal"
    drive.turn(DeliverSignal("other"))
    assert drive.status("a") == "waiting"
    drive.turn(DeliverSignal("paid", val({"sum": 3}), "shop"))
    assert (drive.output("a"), drive.node("a").by) == ({"sum": 3}, "shop")


def test_a_signal_node_without_a_name_waits_for_its_own_id() -> None:
    """Both ways: waiting first, and a signal that was kept [EN16]."""
    drive = Drive(workflow(_signal("a")), {("a", "config"): {}})
    drive.start()
    drive.turn(DeliverSignal("a", val(1)))
    assert drive.reached == "completed"
    early = Drive(workflow(node("x"), _signal("a", "x")), {("a", "config"): {}})
    early.start()
    early.turn(DeliverSignal("a", val(2)))
    early.succeed("x")
    assert early.output("a") == 2


def test_a_signal_that_comes_early_is_kept_also_over_a_restart() -> None:
    """It is taken when the node begins to wait, each once, in order [EN16]."""
    drive = Drive(
        workflow(node("x"), _signal("a", "x"), _signal("b", "a"), _signal("c", "b")),
        {(name, "config"): {"name": "go"} for name in "abc"},
    )
    drive.start()
    drive.turn(DeliverSignal("go", val(1)), DeliverSignal("go", val(2)))
    drive.crash()
    drive.succeed("x")
    assert (drive.output("a"), drive.output("b")) == (1, 2)
    assert [event.consumed for event in drive.events(ev.NodeCompleted)] == [None, "go", "go"]
    assert drive.status("c") == "waiting"
    assert drive.state.kept == 0


def test_of_several_waiting_nodes_the_first_takes_the_signal() -> None:
    """Who has waited longest goes first [EN16]."""
    drive = Drive(
        workflow(node("x"), _signal("a", "x"), _signal("b")),
        {("a", "config"): {"name": "go"}, ("b", "config"): {"name": "go"}},
    )
    drive.start()
    drive.succeed("x")
    drive.turn(DeliverSignal("go"))
    assert drive.status("a", "b") == ["waiting", "completed"]
    drive.crash()
    drive.turn(DeliverSignal("go"))
    assert drive.reached == "completed"


def test_a_signal_wait_times_out() -> None:
    """After its time-out nobody waits for the name any more [AT18]."""
    drive = Drive(workflow(_signal("a", timeout_ms=10, on_error="continue"), _signal("b")))
    drive.answers[("a", "config")] = drive.answers[("b", "config")] = {"name": "go"}
    drive.start()
    drive.advance(10)
    drive.turn(DeliverSignal("go", val(5)))
    assert drive.status("a", "b") == ["failed", "completed"]


def test_kept_signals_are_bounded_by_name_and_in_all() -> None:
    """Beyond the bound a signal is refused with its reason [EN19]."""
    drive = Drive(workflow(node("x")), is_checked=False)
    drive.start()
    for count in range(101):
        drive.turn(DeliverSignal("same", val(count)))
    assert drive.only(ev.SignalRejected).code == "limit_exceeded"
    for count in range(901):
        drive.turn(DeliverSignal(f"name {count}"))
    assert len(list(drive.events(ev.SignalReceived))) == 1_000
    assert len(list(drive.events(ev.SignalRejected))) == 2


def test_timers_of_ended_waits_wake_nobody() -> None:
    """An answered approval leaves no timer behind [EN11, EN18]."""
    drive = _approval(timeout_ms=60_000)
    drive.turn(AnswerApproval(ASK, approved=True))
    assert drive.state.wake_at() is None
    drive.now += 60_000
    assert drive.turn(FireTimers()) == []
    assert unval(drive.node("ask").output)["approved"] is True
