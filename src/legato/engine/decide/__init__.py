# SPDX-License-Identifier: Apache-2.0
"""`decide`: signals in, events and effects out. One small function per signal kind.

Within a batch the start comes first, then a cancel, then the rest in order. After an execution's
end every signal is ignored. A signal whose function raises is the runtime's to reject; nothing
here catches.

Rules: EN2, EN5, EN7, EN8, ST3, ST4.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from legato.engine.decide.adopt import adopt
from legato.engine.decide.answer import answer
from legato.engine.decide.cancel import cancel, cancel_overdue
from legato.engine.decide.child import report_child
from legato.engine.decide.decision import Decision, Slots
from legato.engine.decide.deliver import deliver
from legato.engine.decide.evaluated import report_evaluated
from legato.engine.decide.items import flush_ended
from legato.engine.decide.operate import force_node, retry_node, skip_node
from legato.engine.decide.pause import pause, resume
from legato.engine.decide.report import (
    report_cancelled,
    report_failure,
    report_lost,
    report_success,
)
from legato.engine.decide.settle import settle
from legato.engine.decide.start import start
from legato.engine.decide.timers import fire_timers
from legato.model import signals as sig

__all__ = ["RULES", "Decision", "Slots", "decide"]

RULES: Final[dict[type, Callable[[Decision, Any], None]]] = {
    sig.StartExecution: start,
    sig.AdoptExecution: adopt,
    sig.RestoreExecution: lambda _d, _signal: None,  # every fresh state recovers
    sig.ReportSuccess: report_success,
    sig.ReportFailure: report_failure,
    sig.ReportCancelled: report_cancelled,
    sig.ReportLost: report_lost,
    sig.ReportEvaluated: report_evaluated,
    sig.ReportChild: report_child,
    sig.FireTimers: lambda _d, _signal: None,  # every turn looks at what is due
    sig.CancelExecution: cancel,
    sig.PauseExecution: pause,
    sig.ResumeExecution: resume,
    sig.AnswerApproval: answer,
    sig.DeliverSignal: deliver,
    sig.RetryNode: retry_node,
    sig.SkipNode: skip_node,
    sig.ForceNode: force_node,
    sig.RefuseSignal: lambda d, signal: d.reject(signal.signal, "internal", signal.reason),
}

_BEFORE_OTHERS: Final[dict[type, int]] = {
    sig.StartExecution: 0,
    sig.AdoptExecution: 1,
    sig.CancelExecution: 2,
}
_IN_ORDER: Final = len(_BEFORE_OTHERS)


def decide(d: Decision, signals: Sequence[sig.AnySignal]) -> None:
    """Consider signals (start, adoption and cancel first, else in order), then settle.

    Events and effects are added to `d`; the state is already changed by them. It may be called
    again with ReportEvaluated for effects that could be carried out within the turn.

    Cost: amortised O(nodes + edges) over an execution.
    """
    state = d.state
    if len(signals) > 1:
        signals = sorted(signals, key=lambda each: _BEFORE_OTHERS.get(type(each), _IN_ORDER))
    if cancel_overdue(d):
        settle(d)
    for signal in signals:
        if state.ended is not None:
            return
        if state.started is None and type(signal) is not sig.StartExecution:
            continue
        d.wish = signal.wish
        RULES[type(signal)](d, signal)
        d.wish = ""
        if type(signal) is sig.CancelExecution:
            settle(d)  # so that nothing of this batch can wake what the cancel ends
    if state.ended is None:
        flush_ended(d)  # an item that ended in this turn can time out no more
        fire_timers(d)
        settle(d)
