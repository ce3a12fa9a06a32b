# SPDX-License-Identifier: Apache-2.0
"""Attempts whose process or worker died: tried again, or parked when nobody can know what they did.

A loss is not a failure: it has its own budget and pause.

Rules: AT5, AT6, AT14, AT15, AT16.
"""

from collections.abc import Sequence

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.policy import (
    CHILD_DEATHS_BEFORE_POISON,
    LOST_ATTEMPTS_MAX,
    EffectClass,
    lost_delay_ms,
)


def lose_attempt(d: Decision, index: int, attempt: int, cause: ev.LostCause) -> None:
    """Record that the running attempt of a node was lost, and what follows."""
    state = d.state
    spec = state.spec(index)
    node = state.nodes[index]
    if state.stopping is not None:
        d.emit(ev.NodeCancelled(spec.id, attempt, spec.effect == "non_idempotent"))
        return
    reason = _reason_to_park(spec.effect, cause, deaths=node.process_deaths, losses=node.losses)
    if reason is None:
        retry_at = d.now + lost_delay_ms(node.losses + 1)
        d.emit(ev.AttemptLost(spec.id, attempt, cause, retry_at))
    else:
        d.emit(ev.AttemptLost(spec.id, attempt, cause))
        d.emit(ev.NodeParked(spec.id, reason, attempt, error=_error(cause)))


def lose_items(d: Decision, index: int, lost: Sequence[int], cause: ev.LostCause) -> None:
    """Record that the running attempts of these items were lost with one death."""
    items = d.state.items(index)
    spec = d.state.spec(index)
    parked: list[tuple[int, ev.ParkReason]] = []
    pause = 0
    for item in lost:
        losses = items.losses.get(item, 0)
        deaths = items.deaths.get(item, 0)
        reason = _reason_to_park(spec.effect, cause, deaths=deaths, losses=losses)
        if reason is None:
            pause = max(pause, lost_delay_ms(losses + 1))
        else:
            parked.append((item, reason))
    d.emit(ev.ItemsLost(spec.id, tuple(lost), cause, d.now + pause))
    for item, reason in parked:
        attempt = items.attempts.get(item, 1)
        d.emit(ev.NodeParked(spec.id, reason, attempt, item, _error(cause)))


def _reason_to_park(
    effect: EffectClass, cause: ev.LostCause, *, deaths: int, losses: int
) -> ev.ParkReason | None:
    if effect == "non_idempotent":
        return "restored" if cause == "restored" else "outcome_unknown"
    if cause == "process_died" and deaths + 1 >= CHILD_DEATHS_BEFORE_POISON:
        return "poison"
    return "attempts_lost" if losses + 1 >= LOST_ATTEMPTS_MAX else None


def _error(cause: ev.LostCause) -> ev.NodeError:
    return ev.NodeError("lost", f"the attempt was lost: {cause.replace('_', ' ')}")
