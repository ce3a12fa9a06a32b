# SPDX-License-Identifier: Apache-2.0
"""A named signal arrives: a waiting node takes it, or it is kept until one waits."""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.signals import DeliverSignal
from legato.model.values import load

_KEPT_PER_NAME_MAX = 100
"""A name that nobody waits for must not grow without end."""


def deliver(d: Decision, signal: DeliverSignal) -> None:
    """Complete the first node that waits for the name, else keep the signal."""
    state = d.state
    for index in state.open_waits:
        node = state.nodes[index]
        if node.wait == "signal" and load(node.wait_config.json).get("name") == signal.name:
            d.emit(ev.NodeCompleted(state.spec(index).id, signal.payload, by=signal.by))
            return
    if len(state.signals.get(signal.name, ())) >= _KEPT_PER_NAME_MAX:
        reason = f"{_KEPT_PER_NAME_MAX} signals of this name are waiting already"
        d.reject("DeliverSignal", "limit_exceeded", reason, signal.by)
        return
    d.emit(ev.SignalReceived(signal.name, signal.payload, signal.by))
