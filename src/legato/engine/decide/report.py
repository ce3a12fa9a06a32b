# SPDX-License-Identifier: Apache-2.0
"""Take the answers of attempts: success, failure, cancelled, lost.

An answer counts only while its attempt is the running one; a duplicate or late answer adds no
event. What a failure means is decided by effect class and retry policy, in one place.

Rules: AT10, AT11, AT13, AT17, AT21, AT22.
"""

from legato.engine.decide.decision import Decision
from legato.engine.decide.loss import lose_attempt, lose_items
from legato.model import events as ev
from legato.model.policy import STEP_OUTCOME_UNKNOWN, is_outcome_unknown
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
    _settle_failure(d, index, signal)


def report_cancelled(d: Decision, signal: ReportCancelled) -> None:
    """End the node as cancelled; without a cancel in force the stop was an accident: lost."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    if d.state.stopping is None:
        _lose(d, index, signal, "drained")
    elif signal.item is None:
        d.emit(ev.NodeCancelled(signal.node, signal.attempt, signal.outcome_unknown))
    else:
        error = ev.NodeError(
            "cancelled",
            "the attempt was cancelled",
            may_have_happened=signal.outcome_unknown,
            retryable=False,
        )
        d.emit(ev.ItemFailed(signal.node, signal.item, signal.attempt, error))


def report_lost(d: Decision, signal: ReportLost) -> None:
    """Settle an attempt whose process or worker died without an answer."""
    index = _running(d, signal)
    if index is None:
        return
    d.give_slot(index)
    _lose(d, index, signal, signal.cause)


def _lose(
    d: Decision, index: int, signal: ReportCancelled | ReportLost, cause: ev.LostCause
) -> None:
    if signal.item is None:
        lose_attempt(d, index, signal.attempt, cause)
    else:
        lose_items(d, index, (signal.item,), cause)


def _settle_failure(d: Decision, index: int, signal: ReportFailure) -> None:
    """Decide what a failed attempt means and record it."""
    state = d.state
    spec = state.spec(index)
    item, attempt, error = signal.item, signal.attempt, signal.error
    # A step that began and never said how it ended is unknown whatever the node around it is.
    unknown = error.kind == STEP_OUTCOME_UNKNOWN or (
        spec.effect == "non_idempotent"
        and is_outcome_unknown(error.kind, may_have_happened=error.may_have_happened)
    )
    if state.cancel is not None and item is None:
        d.emit(ev.NodeCancelled(spec.id, attempt, unknown))
        return
    if unknown and state.stopping is None:
        d.emit(ev.NodeParked(spec.id, "outcome_unknown", attempt, item, error))
        return
    retry_at = _retry_at(d, index, item, error)
    if item is not None:
        d.emit(ev.ItemFailed(spec.id, item, attempt, error, retry_at))
    elif retry_at is not None:
        d.emit(ev.AttemptFailed(spec.id, attempt, error, retry_at))
    else:
        d.emit(ev.NodeFailed(spec.id, error, attempt, outcome_unknown=unknown))


def _retry_at(d: Decision, index: int, item: int | None, error: ev.NodeError) -> int | None:
    """Return when the attempt is made again (ms), or None if it is not."""
    spec = d.state.spec(index)
    node = d.state.nodes[index]
    before = node.failures
    if item is not None and node.items is not None:
        before = node.items.failures.get(item, 0)
    if d.state.stopping is not None or not _may_retry(spec, error, before + 1):
        return None
    return d.now + max(spec.retry.delay_ms(before + 1, d.chance()), error.at_least_ms)


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
