# SPDX-License-Identifier: Apache-2.0
"""Foreach: items start, end, fail, park and are gathered."""

from typing import Any

import pytest

from legato.engine.state import ItemsState
from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.policy import ITEM_ERRORS_LISTED_MAX, ITEM_EVENT_BYTES_MAX
from legato.model.signals import CancelExecution, PauseExecution, ResumeExecution, RetryNode
from legato.model.values import BlobRef, Value
from tests.support.build import call, node, unval, workflow
from tests.support.drive import CountedSlots, Drive, kinds

BAD = ev.NodeError("expression_error", "no such field", may_have_happened=False, retryable=False)


def _each(count: int, *more: Any, slots: CountedSlots | None = None, **fields: Any) -> Drive:
    drive = Drive(
        workflow(node("a", foreach="x", **fields), *more),
        {("a", "foreach"): list(range(count))},
        slots=slots,
    )
    drive.start()
    return drive


def _items(drive: Drive) -> ItemsState:
    items = drive.node("a").items
    assert items is not None
    return items


def test_an_empty_list_completes_with_nothing() -> None:
    """The output is [] and no attempt ran [GR13]."""
    drive = _each(0)
    assert drive.output("a") == []
    assert drive.slots.taken == 0
    assert drive.reached == "completed"


def test_the_output_is_in_index_order_in_whatever_order_items_end() -> None:
    """Items that end backwards are gathered forwards [GR12, EN4]."""
    drive = _each(4)
    for item in (3, 1, 0, 2):
        drive.turn(drive.success("a", item, item * 10))
    assert drive.output("a") == [0, 10, 20, 30]


@pytest.mark.parametrize(("concurrency", "bound"), [(2, 2), (0, 8), (1, 1)])
def test_at_most_so_many_items_run_at_once(concurrency: int, bound: int) -> None:
    """From the first turn to the last, and never less than possible [GR14]."""
    drive = _each(20, concurrency=concurrency)
    seen = set()
    while drive.state.ended is None:
        seen.add(len(_items(drive).running))
        assert len(_items(drive).running) == min(bound, 20 - _items(drive).completed)
        drive.turn(drive.success("a", min(_items(drive).running)))
    assert max(seen) == bound


def test_items_that_start_or_end_together_share_one_event() -> None:
    """Batches, not one event per item [GR18]."""
    drive = _each(8, concurrency=4)
    (first,) = drive.events(ev.ItemsStarted)
    assert (first.items, first.attempts) == ((0, 1, 2, 3), (1, 1, 1, 1))
    events = drive.turn(*(drive.success("a", item) for item in (3, 0, 2, 1)))
    assert kinds(events) == ["ItemsEnded", "ItemsStarted"]
    assert drive.only(ev.ItemsEnded).items == (0, 1, 2, 3)


def test_a_batch_of_large_outputs_makes_several_events() -> None:
    """No event grows beyond its bound; outputs by reference take no room [GR18, LG15]."""
    drive = _each(6)
    big, far = "x" * (ITEM_EVENT_BYTES_MAX // 2), Value(ref=BlobRef("0" * 64, 10**9))
    drive.answers[("a", "collect")] = "gathered"
    drive.turn(
        *(drive.success("a", item, big) for item in range(3)),
        *(drive.success("a", item, far) for item in range(3, 6)),
    )
    assert [event.items for event in drive.events(ev.ItemsEnded)] == [(0,), (1,), (2, 3, 4, 5)]
    assert drive.reached == "completed"


def test_items_take_and_give_one_slot_each() -> None:
    """An item starts only with a slot; a full engine keeps the rest waiting [AT1]."""
    drive = _each(5, slots=CountedSlots(3))
    assert len(_items(drive).running) == 3
    assert drive.state.is_busy
    drive.run_out()
    assert drive.reached == "completed"
    assert (drive.slots.taken, drive.slots.held.total()) == (5, 0)


def test_items_of_several_nodes_share_what_slots_there_are() -> None:
    """A node that found none stays first in line [AT1, EN13]."""
    other = node("b", foreach="y")
    drive = Drive(
        workflow(node("a", foreach="x"), other),
        {("a", "foreach"): [1, 2, 3], ("b", "foreach"): [1, 2, 3]},
        slots=CountedSlots(2),
    )
    drive.start()
    drive.run_out()
    assert drive.reached == "completed"
    assert drive.slots.taken == 6


def test_retry_timeout_and_effect_hold_per_item() -> None:
    """One item's retries do not touch another's [GR11, AT21]."""
    drive = _each(2, retry=2, timeout_ms=70, effect="idempotent")
    drive.turn(drive.failure("a", 0))
    assert _items(drive).running == {1}
    assert drive.state.wake_at() == drive.now + 100
    drive.advance(100)
    assert _items(drive).attempts == {0: 2}
    runs = [(run.item, run.attempt, run.timeout_ms, run.effect) for run in drive.runs.values()]
    assert runs == [
        (0, 1, 70, "idempotent"), (1, 1, 70, "idempotent"), (0, 2, 70, "idempotent"),
    ]  # fmt: skip
    drive.turn(drive.failure("a", 0))
    assert 0 in _items(drive).errors


def test_when_holds_for_the_node_and_not_per_item() -> None:
    """It is asked once, before the list [GR11, GR6]."""
    drive = _each(3, when="x")
    whats = [(each.what, each.item) for each in drive.asked]
    assert whats[:2] == [("when", None), ("foreach", None)]
    assert [what for what, _ in whats].count("when") == 1


def test_an_exhausted_item_fails_the_node_once_running_items_have_ended() -> None:
    """Nothing new starts meanwhile; the node's error names the item [GR15]."""
    drive = _each(6, concurrency=3)
    drive.turn(drive.failure("a", 1, kind="exit.1"))
    assert drive.status("a") == "running"
    assert kinds(drive.turn(drive.success("a", 0))) == ["ItemsEnded"]
    assert kinds(drive.turn(drive.success("a", 2))) == [
        "ItemsEnded",
        "NodeFailed",
        "ExecutionEnded",
    ]
    error = drive.only(ev.NodeFailed).error
    assert (error.kind, error.message) == ("exit.1", "item 1: a failed")
    assert len(drive.runs) == 3


def test_a_retry_that_is_not_due_dies_with_the_node() -> None:
    """A failing node waits for what runs, not for what is to be retried [GR15]."""
    drive = _each(2, retry=2)
    drive.turn(drive.failure("a", 0), drive.failure("a", 1, retryable=False))
    assert drive.reached == "failed"
    assert drive.state.wake_at() is None


def test_with_continue_a_failed_item_leaves_null_and_is_listed() -> None:
    """`nodes.x.errors` lists {index, error} [GR16]."""
    drive = _each(3, on_error="continue")
    drive.turn(
        drive.failure("a", 1, kind="exit.2"), drive.success("a", 0, 7), drive.success("a", 2, 9)
    )
    completed = drive.only(ev.NodeCompleted)
    assert unval(completed.output) == [7, None, 9]
    assert unval(completed.errors) == [
        {"index": 1, "error": {"kind": "exit.2", "message": "a failed"}}
    ]
    assert drive.reached == "completed"


def test_the_list_of_errors_is_bounded() -> None:
    """Beyond the bound failed items are fetched by page [GR16, EN19]."""
    drive = _each(ITEM_ERRORS_LISTED_MAX + 5, on_error="continue", concurrency=1_000)
    drive.turn(*(drive.failure("a", item) for item in sorted(_items(drive).running)))
    listed = unval(drive.only(ev.NodeCompleted).errors)
    assert [entry["index"] for entry in listed] == list(range(ITEM_ERRORS_LISTED_MAX))


def test_an_unknown_item_is_parked_alone() -> None:
    """The others go on; then the execution needs a person [GR17, ST9, ST10]."""
    drive = _each(4, concurrency=2, effect="non_idempotent")
    drive.turn(drive.failure("a", 0, kind="timeout"))
    assert drive.only(ev.NodeParked).item == 0
    while _items(drive).running:
        assert drive.reached == "running"
        drive.turn(drive.success("a", min(_items(drive).running)))
    assert drive.reached == "needs_attention"
    drive.turn(RetryNode(NodeId("a"), item=0))
    assert drive.running("a", 0) == 2
    drive.turn(drive.success("a", 0, "at last"))
    assert drive.output("a")[0] == "at last"


def test_an_item_whose_config_fails_is_exhausted_at_once() -> None:
    """Expression errors are never retried; no attempt ran [EX8, GR15]."""
    drive = _each(3, retry=5, on_error="continue", concurrency=1)
    drive.answers = {("a", "config"): lambda e, _d: BAD if e.item == 1 else {}, **drive.answers}
    drive.run_out()
    assert drive.output("a")[1] is None
    assert [run.item for run in drive.runs.values()] == [0, 2]


def test_a_list_that_cannot_be_evaluated_fails_the_node() -> None:
    """Nothing is planned [EX8]."""
    drive = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): BAD})
    drive.start()
    assert drive.only(ev.NodeFailed).error == BAD
    assert list(drive.events(ev.ItemsPlanned)) == []


def test_outputs_that_cannot_be_gathered_fail_the_node() -> None:
    """Too large together, for example [GR12]."""
    drive = _each(1)
    drive.answers[("a", "collect")] = ev.NodeError("output_too_large", "too large")
    drive.run_out()
    assert drive.only(ev.NodeFailed).error.kind == "output_too_large"


@pytest.mark.parametrize("uses", ["human.approval", "delay", "wait.signal", "flow.switch"])
def test_a_wait_cannot_be_repeated_over_a_list(uses: str) -> None:
    """It fails with a clear message instead of waiting for ever [EN13]."""
    drive = Drive(workflow(node("a", uses=uses, foreach="x")), {("a", "foreach"): [1]})
    drive.start()
    error = drive.only(ev.NodeFailed).error
    assert (error.kind, error.message) == ("invalid_config", f"foreach cannot be used with {uses}")


def test_an_item_that_was_overtaken_is_not_forgotten_by_the_next_owner() -> None:
    """Item 0's evaluation was slow, item 1 started, the engine died: item 0 runs [EN13, OW6]."""
    for again in (Drive.crash, Drive.reload):
        drive = _each(0)
        drive = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): [1, 2, 3]})
        drive.holding_back = lambda effect: effect.item == 0
        drive.start()
        assert _items(drive).running == {1, 2}
        drive.holding_back = lambda _effect: False
        again(drive)
        assert _items(drive).running == {0, 1, 2}
        drive.run_out()
        assert drive.reached == "completed"


def test_a_retry_of_an_item_reuses_its_input() -> None:
    """Another config than the first attempt's is refused [EX13]."""
    drive = _each(2, retry=3, on_error="continue")
    drive.turn(drive.failure("a", 0))
    drive.turn(drive.failure("a", 1))
    drive.answers[("a", "config")] = lambda e, _d: {"node": "a", "item": e.item or "changed"}
    drive.advance(100)
    assert _items(drive).errors[0].kind == "input_changed"
    assert _items(drive).running == {1}


def test_evaluations_in_flight_end_with_a_failing_node() -> None:
    """An item that may not start any more gives its slot back [GR15, AT1]."""
    drive = Drive(
        workflow(node("a", foreach="x", concurrency=2), node("b")), {("a", "foreach"): [1, 2, 3]}
    )
    drive.holding_back = lambda effect: effect.item in {1, 2}
    drive.start()
    drive.turn(drive.failure("a", 0))
    assert drive.status("a") == "running"
    assert drive.slots.held.total() == 2
    assert kinds(drive.answer()) == ["NodeFailed"]
    assert drive.slots.held.total() == 1
    drive.answer_all()
    drive.succeed("b")
    assert drive.reached == "failed"


def test_an_item_kept_from_starting_by_a_later_signal_of_the_turn_is_put_back() -> None:
    """A pause or a failure in the same batch wins: nothing new starts after it [AT20, GR8]."""
    drive = Drive(workflow(node("a", foreach="x"), node("b")), {("a", "foreach"): [1, 2]})
    drive.hold_back("config")
    drive.start()
    drive.answer()
    answers = [drive.reply(each) for each in drive.far]
    drive.far.clear()
    assert kinds(drive.turn(*answers, PauseExecution())) == ["ExecutionPaused"]
    assert drive.slots.held.total() == 1
    drive.hold_back()
    assert kinds(drive.turn(ResumeExecution())) == ["ExecutionResumed", "ItemsStarted"]
    drive.run_out()
    assert drive.reached == "completed"


def test_a_failure_in_the_turn_keeps_items_from_starting() -> None:
    """An item's start and another node's failure arrive together: it does not start [GR8]."""
    drive = Drive(workflow(node("a", foreach="x"), node("b")), {("a", "foreach"): [1]})
    drive.holding_back = lambda effect: effect.item == 0
    drive.start()
    answer = drive.reply(drive.far.pop())
    events = drive.turn(answer, drive.failure("b"))
    assert kinds(events) == ["NodeFailed", "NodeCancelled", "ExecutionEnded"]
    late = Drive(workflow(node("a", foreach="x"), node("b")), {("a", "foreach"): [1]})
    late.holding_back = lambda effect: effect.item == 0
    late.start()
    answer = late.reply(late.far.pop())
    assert kinds(late.turn(late.failure("b"), answer)) == kinds(events)


def test_an_item_failing_in_the_turn_keeps_its_siblings_from_starting() -> None:
    """The node fails once what runs has ended; what was about to run does not [GR15]."""
    drive = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): [1, 2]})
    drive.holding_back = lambda effect: effect.item == 1
    drive.start()
    answer = drive.reply(drive.far.pop())
    events = drive.turn(answer, drive.failure("a", 0))
    assert kinds(events) == ["ItemFailed", "NodeFailed", "ExecutionEnded"]


def test_a_cancel_while_items_are_evaluated_gives_every_slot_back() -> None:
    """Their answers come too late and change nothing [EN12, AT1]."""
    drive = Drive(workflow(node("a", foreach="x"), node("b")), {("a", "foreach"): [1, 2, 3]})
    drive.holding_back = lambda effect: effect.item is not None
    drive.start()
    assert drive.slots.held.total() == 4
    assert kinds(drive.turn(CancelExecution())) == ["CancelRequested", "NodeCancelled"]
    assert drive.slots.held.total() == 1
    drive.answer()
    drive.turn(drive.stopped("b"))
    assert drive.reached == "cancelled"


def test_a_cancel_waits_for_running_items() -> None:
    """They are told to stop; the node ends cancelled with the last [EN12, AT13]."""
    drive = _each(3, retry=5)
    drive.turn(CancelExecution())
    assert drive.stops == [("a", 0, 1), ("a", 1, 1), ("a", 2, 1)]
    drive.turn(drive.stopped("a", 0), drive.failure("a", 1))
    assert drive.state.ended is None
    drive.turn(drive.success("a", 2))
    assert (drive.status("a"), drive.reached) == ("cancelled", "cancelled")
    assert not drive.node("a").outcome_unknown


@pytest.mark.parametrize("how", ["stopped", "failure", "crash", "parked"])
def test_a_cancelled_item_whose_outcome_is_unknown_is_shown(how: str) -> None:
    """The node ends cancelled with `outcome: unknown` [AT13]."""
    drive = _each(1, effect="non_idempotent")
    if how == "parked":
        drive.turn(drive.failure("a", 0, kind="timeout"))
    drive.turn(CancelExecution())
    if how == "stopped":
        drive.turn(drive.stopped("a", 0, unknown=True))
    elif how == "failure":
        drive.turn(drive.failure("a", 0, kind="timeout"))
    elif how == "crash":
        drive.crash()
    assert drive.only(ev.NodeCancelled).outcome_unknown
    assert drive.reached == "cancelled"


def test_an_answered_failure_of_a_cancelled_item_is_not_unknown() -> None:
    """An answer is not an unknown outcome [AT13]."""
    drive = _each(1, effect="non_idempotent")
    drive.turn(CancelExecution())
    drive.turn(drive.failure("a", 0, kind="exit.1"))
    assert not drive.only(ev.NodeCancelled).outcome_unknown


def test_an_answer_for_a_node_without_a_list_is_dropped() -> None:
    """A stray answer changes nothing [EN5]."""
    from legato.model.signals import ReportEvaluated

    drive = Drive(workflow(node("a")))
    drive.start()
    assert drive.turn(ReportEvaluated(NodeId("a"), "config", item=3)) == []
    each = _each(2)
    assert each.turn(ReportEvaluated(NodeId("a"), "config", item=0)) == []
    assert each.turn(ReportEvaluated(NodeId("a"), "until", item=0)) == []


def test_each_item_may_call_a_workflow() -> None:
    """Items wait for their children without slots, at most so many at once [GR11, GR19, GR22]."""
    drive = Drive(workflow(call("a", foreach="x", concurrency=2)), {("a", "foreach"): [1, 2, 3]})
    drive.start()
    assert (drive.slots.taken, drive.reached) == (0, "waiting")
    assert [child.parent.item for child in drive.children.values()] == [0, 1]
    first, second = drive.children
    drive.turn(drive.child_end(second, output="two"))
    assert [child.parent.item for child in drive.children.values()] == [0, 1, 2]
    drive.turn(
        drive.child_end(first, output="one"), drive.child_end(list(drive.children)[2], output="3")
    )
    assert drive.output("a") == ["one", "two", "3"]
