# SPDX-License-Identifier: Apache-2.0
"""An execution that came with a backup: it stands still until a person lets it go on."""

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.signals import (
    AdoptExecution,
    CancelExecution,
    PauseExecution,
    ResumeExecution,
    RetryNode,
    StartExecution,
)
from tests.support.build import node, started, workflow
from tests.support.drive import ENGINE, Drive, kinds


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
def test_an_attempt_that_may_be_made_again_waits_for_consent(effect: str) -> None:
    """It is lost; its next number comes with the resume, not with time [BK20, BK21]."""
    drive = Drive(workflow(node("a", effect=effect)))
    drive.start()
    assert kinds(drive.crash("restored")) == ["ExecutionAdopted", "AttemptLost"]
    assert drive.reached == "needs_attention"
    drive.advance(100_000_000)
    drive.crash("drained")
    assert len(drive.runs) == 1
    assert drive.state.wake_at() is None
    drive.turn(ResumeExecution("ann"))
    assert [run.attempt for run in drive.runs.values()] == [1, 2]
    drive.succeed("a")
    assert drive.reached == "completed"


def test_an_attempt_that_must_not_be_made_twice_needs_a_decision_of_its_own() -> None:
    """After the resume its node is still parked, as restored, its outcome unknown [BK20, BK21]."""
    drive = Drive(workflow(node("a", effect="non_idempotent")))
    drive.start()
    drive.crash("restored")
    assert drive.only(ev.NodeParked).reason == "restored"
    drive.turn(ResumeExecution("ann"))
    assert drive.reached == "needs_attention"
    assert len(drive.runs) == 1
    drive.turn(RetryNode(NodeId("a"), "ann"))
    assert len(drive.runs) == 2


def test_nothing_is_begun_before_consent() -> None:
    """Neither a node that was due, nor one whose approval had been given [BK20]."""
    drive = Drive(workflow(node("ask", uses="human.approval", kind="approval"), node("b", "ask")))
    drive.start()
    drive.crash("restored")
    assert drive.reached == "needs_attention"
    drive.crash("drained")
    assert not drive.runs
    drive.turn(PauseExecution("ann"))
    assert drive.only(ev.SignalRejected).code == "illegal_state"
    drive.turn(ResumeExecution("ann"))
    assert drive.reached == "waiting"


def test_one_that_was_never_begun_is_begun_and_parked_in_one_turn() -> None:
    """It is not queued any more, and nothing of it runs [BK20]."""
    drive = Drive(workflow(node("a")))
    made = drive.turn(
        StartExecution(started(drive.workflow)), AdoptExecution(ENGINE, 2, "restored")
    )
    assert kinds(made) == ["ExecutionStarted", "ExecutionAdopted"]
    assert drive.reached == "needs_attention"
    drive.turn(ResumeExecution("ann"))
    assert len(drive.runs) == 1


def test_it_may_be_cancelled_instead() -> None:
    """Without consent it ends cancelled [BK20]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.crash("restored")
    drive.turn(CancelExecution("ann"))
    assert drive.reached == "cancelled"


def test_one_that_was_stopping_ends() -> None:
    """There is nothing to wait for: its attempts are gone [BK20]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.turn(CancelExecution("ann"))
    drive.crash("restored")
    assert drive.reached == "cancelled"
