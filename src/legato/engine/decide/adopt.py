# SPDX-License-Identifier: Apache-2.0
"""Settle what a dead owner owed: the folded state is the outbox.

Running attempts are lost (or parked, by effect class); everything that is not in the log is asked
for again by `recover`; children report through the inbox.

Rules: AT4, AT5, AT6, BK20, BK21, OW6.
"""

from legato.engine.decide.decision import Decision
from legato.engine.decide.loss import lose_attempt, lose_items
from legato.model import events as ev
from legato.model.signals import AdoptExecution


def adopt(d: Decision, signal: AdoptExecution) -> None:
    """Record the adoption if attempts were in flight, and settle each of them.

    After a restore it is recorded in any case: the execution then waits for a person's consent.

    Cost: O(nodes), once per owner.
    """
    state = d.state
    waits_for_consent = signal.cause == "restored" and state.stopping is None
    if not (state.running or waits_for_consent):
        return
    d.emit(ev.ExecutionAdopted(signal.engine, signal.fence, signal.cause))
    for index, node in enumerate(state.nodes):
        if node.items is not None and node.items.running:
            lose_items(d, index, sorted(node.items.running), signal.cause)
        elif node.items is None and node.status == "running":
            lose_attempt(d, index, node.attempt, signal.cause)
