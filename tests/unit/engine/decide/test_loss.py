# SPDX-License-Identifier: Apache-2.0
"""Lost attempts: by effect class, with their own budget; isolation and poison."""

import pytest

from legato.model import events as ev
from legato.model.ids import NodeId, idempotency_key
from legato.model.policy import LOST_ATTEMPTS_MAX
from legato.model.signals import RetryNode
from tests.support.build import EXECUTION_ID, node, workflow
from tests.support.drive import Drive, kinds

ITEMS = {("a", "foreach"): [10, 20, 30]}


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
def test_after_a_crash_a_started_attempt_is_lost_and_made_again_with_the_next_number(
    effect: str,
) -> None:
    """Lost, number + 1, never under its old number [AT4, AT5, OW6]."""
    drive = Drive(workflow(node("a", effect=effect)))
    drive.start()
    assert kinds(drive.crash()) == ["ExecutionAdopted", "AttemptLost", "AttemptStarted"]
    assert [run.attempt for run in drive.runs.values()] == [1, 2]


def test_the_idempotency_key_is_the_same_over_attempts_and_differs_between_places() -> None:
    """It is made of execution, node and item alone [AT5, AT7]."""
    a, b = NodeId("a"), NodeId("b")
    keys = [idempotency_key(EXECUTION_ID, a, None), idempotency_key(EXECUTION_ID, b, None)]
    keys += [idempotency_key(EXECUTION_ID, a, 0), idempotency_key(EXECUTION_ID, a, 1)]
    assert len(set(keys)) == 4
    assert keys[0] == idempotency_key(EXECUTION_ID, a, None)


def test_after_a_crash_a_non_idempotent_attempt_is_parked() -> None:
    """Its outcome is unknown and it is never run again silently [AT4, AT6]."""
    drive = Drive(workflow(node("a", effect="non_idempotent", retry=5)))
    drive.start()
    assert kinds(drive.crash()) == ["ExecutionAdopted", "AttemptLost", "NodeParked"]
    parked = drive.only(ev.NodeParked)
    assert (parked.reason, parked.attempt) == ("outcome_unknown", 1)
    drive.advance(10_000_000)
    assert len(drive.runs) == 1
    assert drive.reached == "needs_attention"


def test_losses_use_up_no_retry() -> None:
    """A node with one attempt survives many deaths of its workers [AT14]."""
    drive = Drive(workflow(node("a", retry=1)))
    drive.start()
    for _ in range(5):
        drive.turn(drive.loss("a", cause="worker_died"))
        drive.advance(60_000)
    drive.succeed("a")
    assert drive.reached == "completed"
    assert drive.node("a").attempt == 6


def test_losses_wait_longer_each_time_and_end_with_a_person() -> None:
    """The first new attempt is at once; in the end the node is parked [AT14, AT22]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    pauses: list[int] = []
    for _ in range(LOST_ATTEMPTS_MAX - 1):
        now = drive.now
        drive.turn(drive.loss("a", cause="worker_died"))
        lost = list(drive.events(ev.AttemptLost))[-1]
        pauses.append(lost.retry_at - now)
        drive.advance(60_000)
    assert pauses[:4] == [0, 200, 400, 800]
    assert max(pauses) == 30_000
    drive.turn(drive.loss("a", cause="worker_died"))
    assert drive.only(ev.NodeParked).reason == "attempts_lost"


def test_after_two_engine_deaths_the_next_attempt_is_isolated() -> None:
    """It gets a child process of its own [AT15]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    drive.crash()
    drive.crash()
    drive.advance(60_000)
    assert [run.isolated for run in drive.runs.values()] == [False, False, True]


def test_three_deaths_of_the_child_process_are_poison() -> None:
    """The node is parked and other work goes on [AT16, ST9]."""
    drive = Drive(workflow(node("a"), node("b"), node("c", "b")))
    drive.start()
    for _ in range(3):
        drive.turn(drive.loss("a"))
        drive.advance(60_000)
    assert drive.only(ev.NodeParked).reason == "poison"
    assert drive.status("a", "b") == ["needs_attention", "running"]
    assert drive.reached == "running"
    drive.succeed("b")
    drive.succeed("c")
    assert drive.reached == "needs_attention"


def test_a_node_that_took_its_engines_along_stays_isolated_after_a_retry_by_hand() -> None:
    """A person's retry does not put the engine at risk again [AT15]."""
    drive = Drive(workflow(node("a", effect="non_idempotent")))
    drive.start()
    for _ in range(2):
        drive.crash()
        drive.turn(RetryNode(NodeId("a")))
    assert [run.isolated for run in drive.runs.values()] == [False, False, True]


def test_a_drained_engine_is_no_death() -> None:
    """Letting go is not dying: no isolation follows [AT15, EN14]."""
    drive = Drive(workflow(node("a")))
    drive.start()
    for _ in range(4):
        drive.crash(cause="drained")
        drive.advance(60_000)
    assert not any(run.isolated for run in drive.runs.values())


def test_items_found_running_are_lost_in_one_event() -> None:
    """One death of the engine counts once for the node, however many items ran [AT15, GR18]."""
    drive = Drive(workflow(node("a", foreach="x")), ITEMS)
    drive.start()
    assert kinds(drive.crash()) == ["ExecutionAdopted", "ItemsLost", "ItemsStarted"]
    assert drive.node("a").engine_deaths == 1
    drive.crash()
    drive.advance(60_000)
    assert [run.attempt for run in drive.runs.values()] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [run.isolated for run in drive.runs.values()] == [False] * 6 + [True] * 3
    assert drive.node("a").isolated


def test_items_of_a_non_idempotent_node_are_parked_one_by_one() -> None:
    """Each unknown item waits for a person; the others go on [AT6, GR17]."""
    drive = Drive(workflow(node("a", foreach="x", effect="non_idempotent", concurrency=2)), ITEMS)
    drive.start()
    drive.crash()
    assert [event.item for event in drive.events(ev.NodeParked)] == [0, 1]
    items = drive.node("a").items
    assert items is not None
    assert items.running == {2}
    assert drive.reached == "running"
    drive.turn(drive.success("a", 2))
    assert drive.reached == "needs_attention"


def test_an_item_whose_process_keeps_dying_is_poison_alone() -> None:
    """Three deaths park the item, not the node [AT16, GR17]."""
    drive = Drive(workflow(node("a", foreach="x")), ITEMS)
    drive.start()
    for _ in range(3):
        drive.turn(drive.loss("a", 1))
        drive.advance(60_000)
    parked = drive.only(ev.NodeParked)
    assert (parked.item, parked.reason, parked.attempt) == (1, "poison", 3)
    items = drive.node("a").items
    assert items is not None
    assert items.running == {0, 2}


def test_an_item_lost_too_often_is_parked() -> None:
    """Losses of an item have a bound of their own [AT14]."""
    drive = Drive(workflow(node("a", foreach="x")), ITEMS)
    drive.start()
    for _ in range(LOST_ATTEMPTS_MAX):
        drive.turn(drive.loss("a", 1, cause="worker_died"))
        drive.advance(60_000)
    assert drive.only(ev.NodeParked).reason == "attempts_lost"
