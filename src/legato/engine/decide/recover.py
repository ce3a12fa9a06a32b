# SPDX-License-Identifier: Apache-2.0
"""What a fresh fold lacks: evaluations in flight and stops under way are not in the log.

Called once, before a folded state settles for the first time, whoever folded it: the engine that
adopted the execution, or its owner after a commit of unknown outcome. Undecided nodes and due
timers need nothing: the fold holds them.

Rules: EN11, OW6, LG6.
"""

from legato.engine.decide.cancel import stop_running
from legato.engine.decide.child import ask_open_loops
from legato.engine.decide.decision import Decision
from legato.engine.state import ItemsState


def recover(d: Decision) -> None:
    """Ask again for whatever was under way outside the log. Cost: O(nodes + items)."""
    state = d.state
    state.is_fresh = False
    for index in state.foreach_open:
        items = state.items(index)
        items.retry_ready.extend(_overtaken(items))
        state.pump(index)
    if state.cancel is not None:
        stop_running(d)
    elif state.stopping is None:
        ask_open_loops(d)


def _overtaken(items: ItemsState) -> list[int]:
    """Return items that never began although later ones did: their evaluation was slower."""
    return [
        item
        for item in range(items.next_pending)
        if items.is_free(item) and item not in items.retry_at
    ]
