# SPDX-License-Identifier: Apache-2.0
"""Settle what a dead owner owed: the folded state is the outbox.

Running attempts are lost (or parked, by effect class); evaluations are asked again by `settle`
because a fresh fold has no phases; children report through the inbox.
"""

from legato.engine.decide.child import ask_open_loops
from legato.engine.decide.decision import Decision
from legato.engine.decide.report import settle_loss
from legato.engine.state import ItemsState
from legato.model import events as ev
from legato.model.signals import AdoptExecution, RestoreExecution


def adopt(d: Decision, signal: AdoptExecution) -> None:
    """Record the adoption if attempts were in flight, and settle each of them."""
    state = d.state
    if state.running:
        d.emit(ev.ExecutionAdopted(signal.engine, signal.fence, signal.cause))
    for index, node in enumerate(state.nodes):
        if node.items is not None and not node.is_final:
            _adopt_items(d, index, node.items, signal.cause)
        elif node.status == "running":
            settle_loss(d, index, None, node.attempt, signal.cause)
    restore(d)


def restore(d: Decision, _signal: RestoreExecution | None = None) -> None:
    """Ask again what a fresh fold does not know: loops between iterations, skipped items."""
    ask_open_loops(d)
    for index in d.state.foreach_open:
        items = d.state.nodes[index].items
        if items is not None:
            items.retry_ready.extend(_untouched(items))


def _adopt_items(d: Decision, index: int, items: ItemsState, cause: ev.LostCause) -> None:
    spec = d.state.spec(index)
    running = sorted(items.running)
    if running and spec.effect != "non_idempotent" and d.state.stopping is None:
        d.emit(ev.ItemsLost(spec.id, tuple(running), cause, d.now))
        return
    for item in running:
        settle_loss(d, index, item, items.attempts.get(item, 1), cause)


def _untouched(items: ItemsState) -> list[int]:
    """Return items before `next_pending` that never began.

    Their evaluation was slower than a later item's, so the cursor has passed them.
    """
    return [
        item
        for item in range(items.next_pending)
        if not (
            items.done[item]
            or item in items.running
            or item in items.children
            or item in items.retry_at
            or item in items.parked
        )
    ]
