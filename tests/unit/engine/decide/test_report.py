# SPDX-License-Identifier: Apache-2.0
"""What answers of attempts mean: retries, effect classes, late and duplicate answers."""

from typing import Any

import pytest
from msgspec.structs import replace

from legato.model import events as ev
from legato.model import signals as sig
from legato.model.ids import NodeId
from legato.model.policy import EffectClass, RetryPolicy
from tests.support.build import node, workflow
from tests.support.drive import Drive, kinds


def _one(**fields: Any) -> Drive:
    drive = Drive(workflow(node("a", **fields)))
    drive.start()
    return drive


def test_a_result_of_another_attempt_adds_no_event() -> None:
    """Late, early, duplicate and unknown answers are dropped [AT17, EN5]."""
    drive = _one(retry=2)
    first = drive.success("a")
    drive.fail("a")
    drive.advance(100)
    assert drive.node("a").attempt == 2
    unknown = replace(drive.success("a"), node=NodeId("nobody"))
    for stale in (
        first,
        sig.ReportFailure(first.node, 1, ev.NodeError("x", "y")),
        sig.ReportLost(first.node, 1, "worker_died"),
        sig.ReportCancelled(first.node, 1),
        replace(first, attempt=3),
        replace(first, item=0),
        unknown,
    ):
        assert drive.turn(stale) == []
    drive.succeed("a")
    assert drive.reached == "completed"


def test_the_same_report_twice_in_one_turn_counts_once() -> None:
    """A duplicate in the same batch adds no event and gives no slot twice [AT17, EN5]."""
    drive = Drive(workflow(node("a", foreach="x"), node("b")), {("a", "foreach"): [1, 2]})
    drive.start()
    items = [drive.success("a", 0), drive.success("a", 0), drive.success("b"), drive.success("b")]
    assert kinds(drive.turn(*items)) == ["NodeCompleted", "ItemsEnded"]


def test_a_failed_attempt_is_retried_after_its_pause() -> None:
    """The deadline is written into the event; the retry has the next number [AT21, AT22]."""
    drive = _one(retry=3)
    assert kinds(drive.fail("a")) == ["AttemptFailed"]
    failed = drive.only(ev.AttemptFailed)
    assert failed.retry_at == drive.now + 100
    assert (drive.status("a"), drive.state.wake_at()) == ("retrying", failed.retry_at)
    assert drive.advance(99) == []
    assert kinds(drive.advance(1)) == ["AttemptStarted"]
    assert drive.node("a").attempt == 2


def test_the_pause_before_a_retry_survives_a_restart() -> None:
    """A new owner fires the retry at the time that the log holds [AT22, EN11]."""
    drive = _one(retry=3)
    drive.fail("a")
    drive.advance(60)
    assert drive.crash() == []
    assert drive.advance(39) == []
    assert kinds(drive.advance(1)) == ["AttemptStarted"]


def test_max_attempts_counts_the_first_try() -> None:
    """With three attempts, the third failure is final [AT21]."""
    drive = _one(retry=3)
    for _ in range(2):
        drive.fail("a")
        drive.advance(100)
    assert kinds(drive.fail("a")) == ["NodeFailed", "ExecutionEnded"]
    assert drive.only(ev.NodeFailed).attempt == 3


@pytest.mark.parametrize(
    ("on", "kind", "is_retried"),
    [
        ((), "anything", True),
        (("timeout",), "timeout", True),
        (("timeout",), "exit.1", False),
        (("http.5xx",), "http.503", True),
        (("http.5xx",), "http.404", False),
        (("http",), "http.404", True),
    ],
)
def test_only_kinds_that_the_policy_covers_are_retried(
    on: tuple[str, ...], kind: str, is_retried: bool
) -> None:
    """`retry.on` names what is retried; empty means everything [AT21]."""
    drive = _one(retry=RetryPolicy(max_attempts=2, on=on))
    drive.fail("a", kind=kind)
    assert drive.status("a") == ("retrying" if is_retried else "failed")


def test_a_failure_that_is_not_retryable_is_final() -> None:
    """A node may say that trying again is pointless [AT21]."""
    drive = _one(retry=5)
    drive.fail("a", retryable=False)
    assert drive.status("a") == "failed"


def test_a_longer_pause_that_the_other_side_asked_for_is_kept() -> None:
    """Retry-After wins over a shorter pause of the policy [AT22]."""
    drive = _one(retry=2)
    drive.fail("a", at_least_ms=5_000)
    assert drive.only(ev.AttemptFailed).retry_at == drive.now + 5_000


def test_jitter_comes_from_the_chance_of_the_turn() -> None:
    """Chance is an argument, and what it chose is in the event [AT22, EN2]."""
    policy = RetryPolicy(max_attempts=2, backoff="constant", initial_ms=1_000)
    drive = Drive(workflow(node("a", retry=policy)), chance=0.25)
    drive.start()
    drive.fail("a")
    assert drive.only(ev.AttemptFailed).retry_at == drive.now + 250


@pytest.mark.parametrize("kind", ["timeout", "network", "killed", "http.503"])
def test_a_non_idempotent_attempt_whose_outcome_is_unknown_parks_its_node(kind: str) -> None:
    """Time-out, 5xx and lost connection are never retried silently [AT10, AT11]."""
    drive = _one(effect="non_idempotent", retry=5)
    assert kinds(drive.fail("a", kind=kind)) == ["NodeParked"]
    assert drive.status("a") == "needs_attention"
    assert drive.reached == "needs_attention"
    assert drive.slots.held.total() == 0


def test_a_non_idempotent_attempt_that_certainly_did_nothing_is_retried() -> None:
    """`may_have_happened: false` allows the retry [AT10]."""
    drive = _one(effect="non_idempotent", retry=5)
    drive.fail("a", kind="network", may_have_happened=False)
    assert drive.status("a") == "retrying"


def test_a_non_idempotent_attempt_that_answered_no_fails() -> None:
    """An answer is not an unknown outcome, but its effect may have happened: no retry [AT10]."""
    drive = _one(effect="non_idempotent", retry=5)
    drive.fail("a", kind="exit.1")
    assert drive.status("a") == "failed"


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
def test_an_attempt_that_is_safe_to_repeat_is_retried_after_a_timeout(effect: EffectClass) -> None:
    """Only non_idempotent nodes are parked [AT10, AT18]."""
    drive = _one(effect=effect, retry=2)
    drive.fail("a", kind="timeout")
    assert drive.status("a") == "retrying"


def test_timeout_and_effect_class_go_with_every_attempt() -> None:
    """`timeout` is per attempt [AT18, AT3]."""
    drive = _one(timeout_ms=1_500, effect="idempotent", retry=2)
    drive.fail("a", kind="timeout")
    drive.advance(100)
    assert [(run.timeout_ms, run.effect) for run in drive.runs.values()] == [
        (1_500, "idempotent")
    ] * 2


def test_a_retry_reuses_the_hash_of_its_input() -> None:
    """All attempts of a node name the same input [EX13]."""
    drive = _one(retry=3)
    drive.fail("a")
    drive.advance(100)
    hashes = {event.input_hash for event in drive.events(ev.AttemptStarted)}
    assert len(hashes) == 1
    assert hashes != {""}


def test_a_retry_with_another_input_is_refused() -> None:
    """If the evaluation gives something else, the node fails and nothing runs [EX13]."""
    configs = iter([{"v": 1}, {"v": 2}])
    drive = Drive(workflow(node("a", retry=3)), {("a", "config"): lambda _e, _d: next(configs)})
    drive.start()
    drive.fail("a")
    drive.advance(100)
    error = drive.node("a").error
    assert error is not None
    assert error.kind == "input_changed"
    assert len(drive.runs) == 1


def test_a_config_that_cannot_be_evaluated_fails_the_node_and_frees_its_slot() -> None:
    """Expression errors are never retried [EX8, AT1]."""
    error = ev.NodeError("expression_error", "bad", retryable=False)
    drive = Drive(
        workflow(node("a", retry=9, on_error="continue"), node("b")), {("a", "config"): error}
    )
    drive.start()
    assert drive.status("a", "b") == ["failed", "running"]
    assert drive.slots.held.total() == 1


def test_a_stop_that_nobody_asked_for_is_a_loss() -> None:
    """A drained attempt is lost, not cancelled [AT14]."""
    drive = _one(retry=1)
    assert kinds(drive.turn(drive.stopped("a"))) == ["AttemptLost", "AttemptStarted"]
    assert drive.only(ev.AttemptLost).cause == "drained"


def test_a_result_of_an_items_earlier_attempt_adds_no_event() -> None:
    """Late answers of items are dropped like those of nodes [AT17, EN5]."""
    drive = Drive(workflow(node("a", foreach="x", retry=3)), {("a", "foreach"): [1, 2]})
    drive.start()
    late = drive.success("a", 0)
    drive.turn(drive.failure("a", 0))
    assert drive.turn(late) == []
    drive.advance(100)
    assert drive.turn(late) == []
    assert drive.running("a", 0) == 2
