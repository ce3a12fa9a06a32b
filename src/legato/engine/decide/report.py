# SPDX-License-Identifier: Apache-2.0
"""Take the answers of attempts: success, failure, cancelled, lost.

An answer counts only while its attempt is the running one; a duplicate or late answer adds no
event. What a failure means is decided by effect class and retry policy, in one place.
"""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.policy import (
    CHILD_DEATHS_BEFORE_POISON,
    LOST_ATTEMPTS_MAX,
    is_outcome_unknown,
    lost_delay_ms,
)
from legato.model.signals import ReportCancelled, ReportFailure, ReportLost, ReportSuccess
from legato.model.workflow import NodeSpec


def report_success(d: Decision, signal: ReportSuccess) -> None:
    """Record the output of the running attempt."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    if signal.item is None:
        d.emit(ev.NodeCompleted(signal.node, signal.output, signal.attempt))
    else:
        d.ended_items.setdefault(index, {})[signal.item] = signal.output


def report_failure(d: Decision, signal: ReportFailure) -> None:
    """Retry, park or fail, as effect class and policy say."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    settle_failure(d, index, signal.item, signal.attempt, signal.error)


def report_cancelled(d: Decision, signal: ReportCancelled) -> None:
    """End the node as cancelled; without a cancel in force the stop was an accident: lost."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    spec = d.state.spec(index)
    if d.state.stopping is None:
        settle_loss(d, index, signal.item, signal.attempt, "drained")
    elif signal.item is None:
        unknown = signal.outcome_unknown or spec.effect == "non_idempotent"
        d.emit(ev.NodeCancelled(signal.node, signal.attempt, unknown))
    else:
        error = ev.NodeError("cancelled", "the attempt was cancelled")
        d.emit(ev.ItemFailed(signal.node, signal.item, signal.attempt, error))


def report_lost(d: Decision, signal: ReportLost) -> None:
    """Settle an attempt whose process or worker died without an answer."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    settle_loss(d, index, signal.item, signal.attempt, signal.cause)


def settle_failure(
    d: Decision, index: int, item: int | None, attempt: int, error: ev.NodeError
) -> None:
    """Decide what a failed attempt means and record it."""
    state = d.state
    spec = state.spec(index)
    node = state.nodes[index]
    unknown = is_outcome_unknown(error.kind, may_have_happened=error.may_have_happened)
    if state.cancel is not None and item is None:
        d.emit(ev.NodeCancelled(spec.id, attempt, unknown and spec.effect == "non_idempotent"))
        return
    if unknown and spec.effect == "non_idempotent" and state.stopping is None:
        d.emit(ev.NodeParked(spec.id, "outcome_unknown", attempt, item, error))
        return
    failures = 1 + (
        node.failures if item is None or node.items is None else node.items.failures.get(item, 0)
    )
    retry_at = None
    if state.stopping is None and _may_retry(spec, error, failures):
        pause = max(spec.retry.delay_ms(failures, d.chance()), error.at_least_ms)
        retry_at = d.now + pause
    if item is not None:
        d.emit(ev.ItemFailed(spec.id, item, attempt, error, retry_at))
    elif retry_at is not None:
        d.emit(ev.AttemptFailed(spec.id, attempt, error, retry_at))
    else:
        d.emit(ev.NodeFailed(spec.id, error, attempt))


def settle_loss(
    d: Decision, index: int, item: int | None, attempt: int, cause: ev.LostCause
) -> None:
    """Try a lost attempt again, or park it when nobody can know what it did."""
    state = d.state
    spec = state.spec(index)
    node = state.nodes[index]
    if state.stopping is not None and item is None:
        d.emit(ev.NodeCancelled(spec.id, attempt, spec.effect != "pure"))
        return
    deaths, losses = node.process_deaths, node.losses
    if item is not None and node.items is not None:
        deaths, losses = node.items.deaths.get(item, 0), node.items.losses.get(item, 0)
    reason: ev.ParkReason | None = None
    if spec.effect == "non_idempotent":
        reason = "outcome_unknown"
    elif cause == "process_died" and deaths + 1 >= CHILD_DEATHS_BEFORE_POISON:
        reason = "poison"
    elif losses + 1 >= LOST_ATTEMPTS_MAX:
        reason = "attempts_lost"
    if reason is not None:
        error = ev.NodeError("lost", f"the attempt was lost: {cause.replace('_', ' ')}")
        d.emit(ev.NodeParked(spec.id, reason, attempt, item, error))
        return
    retry_at = d.now + lost_delay_ms(losses + 1)
    if item is None:
        d.emit(ev.AttemptLost(spec.id, attempt, cause, retry_at))
    else:
        d.emit(ev.ItemsLost(spec.id, (item,), cause, retry_at))


def _may_retry(spec: NodeSpec, error: ev.NodeError, failures: int) -> bool:
    if not error.retryable or failures >= spec.retry.max_attempts:
        return False
    if not spec.retry.covers(error.kind):
        return False
    return spec.effect != "non_idempotent" or not error.may_have_happened


def _running(
    d: Decision, signal: ReportSuccess | ReportFailure | ReportCancelled | ReportLost
) -> int | None:
    """Return the node's index if the answer is that of its running attempt."""
    index = d.find(signal.node)
    if index is None:
        return None
    node = d.state.nodes[index]
    if signal.item is None:
        is_running = (
            node.status == "running" and node.items is None and node.attempt == signal.attempt
        )
        return index if is_running else None
    items = node.items
    if items is None or signal.item not in items.running:
        return None
    if items.attempts.get(signal.item, 1) != signal.attempt:
        return None
    return None if signal.item in d.ended_items.get(index, ()) else index
