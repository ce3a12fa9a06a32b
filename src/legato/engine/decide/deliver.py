# SPDX-License-Identifier: Apache-2.0
"""A named signal arrives: a waiting node takes it, or it is kept until one waits.

Rules: EN16, EN19, ND71.
"""

from typing import Final

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signal_names import correlated
from legato.model.signals import DeliverSignal

_KEPT_PER_NAME_MAX: Final = 100
"""A name that nobody waits for must not grow without end."""
_KEPT_MAX: Final = 1_000
"""Nor must the number of names."""


def deliver(d: Decision, signal: DeliverSignal) -> None:
    """Complete the node that has waited longest for the name, else keep the signal."""
    state = d.state
    name = correlated(signal.name, signal.correlation) if signal.correlation else signal.name
    if signal.payload.is_inline and signal.payload.size > INLINE_BYTES_MAX:
        reason = f"a signal may carry {INLINE_BYTES_MAX} bytes"
        d.reject("DeliverSignal", "limit_exceeded", reason, signal.by)
        return
    first = next(iter(state.signal_waits.get(name, ())), None)
    if first is not None:
        d.emit(ev.NodeCompleted(state.spec(first).id, signal.payload, by=signal.by))
        return
    for count, bound, what in (
        (len(state.signals.get(name, ())), _KEPT_PER_NAME_MAX, "signals of this name"),
        (state.kept, _KEPT_MAX, "signals"),
    ):
        if count >= bound:
            reason = f"{bound} {what} are kept already"
            d.reject("DeliverSignal", "limit_exceeded", reason, signal.by)
            return
    d.emit(ev.SignalReceived(name, signal.payload, signal.by))
