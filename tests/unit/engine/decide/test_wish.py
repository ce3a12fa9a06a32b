# SPDX-License-Identifier: Apache-2.0
"""What came of a wish is told from what came of every other."""

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.signals import (
    AnswerApproval,
    AnySignal,
    CancelExecution,
    DeliverSignal,
    ForceNode,
    PauseExecution,
    ResumeExecution,
    RetryNode,
    SkipNode,
)
from tests.support.build import node, workflow
from tests.support.drive import Drive, kinds

A, ASK = NodeId("a"), NodeId("ask")


def _wishes(events: list[ev.AnyEvent]) -> list[tuple[str, str]]:
    return [(type(each).__name__, each.wish) for each in events if each.wish]


def _asking() -> Drive:
    drive = Drive(workflow(node("ask", uses="human.approval"), node("b", "ask")))
    drive.start()
    return drive


def test_of_two_answers_in_one_turn_each_is_told_what_became_of_it() -> None:
    """Also if one person sent both: what follows by itself is nobody's wish [XW1]."""
    drive = _asking()
    events = drive.turn(
        AnswerApproval(ASK, True, "ann", wish="w1"), AnswerApproval(ASK, False, "ann", wish="w2")
    )
    assert _wishes(events) == [("NodeCompleted", "w1"), ("SignalRejected", "w2")]
    assert kinds(events) == ["NodeCompleted", "SignalRejected", "AttemptStarted"]
    assert drive.only(ev.SignalRejected).code == "already_decided"


@pytest.mark.parametrize(
    ("signal", "event"),
    [
        (PauseExecution(wish="w"), "ExecutionPaused"),
        (DeliverSignal("go", wish="w"), "SignalReceived"),
        (CancelExecution(wish="w"), "CancelRequested"),
        (RetryNode(A, wish="w"), "NodeUnparked"),
        (SkipNode(A, wish="w"), "NodeSkipped"),
        (ForceNode(A, "completed", wish="w"), "NodeCompleted"),
        (ForceNode(A, "failed", wish="w"), "NodeFailed"),
        (ResumeExecution(wish="w"), "SignalRejected"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_every_wish_is_named_by_the_one_event_that_it_leads_to(
    signal: AnySignal, event: str
) -> None:
    """Taken or refused; events of before and after have none [XW1]."""
    drive = Drive(workflow(node("a", effect="non_idempotent"), node("b")))
    drive.start()
    drive.fail("a", kind="timeout")
    assert _wishes(drive.turn(signal)) == [(event, "w")]


def test_a_wish_after_the_end_of_its_turn_leaves_nothing() -> None:
    """A cancel comes first: what comes with it is not taken, nor said to be [XW1]."""
    drive = _asking()
    answer = AnswerApproval(ASK, True, "ann", wish="w1")
    events = drive.turn(answer, CancelExecution("bob", wish="w2"))
    assert _wishes(events) == [("CancelRequested", "w2")]
    assert drive.reached == "cancelled"
