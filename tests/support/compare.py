# SPDX-License-Identifier: Apache-2.0
"""Compare folded states: all that follows from the log, not what an owner's memory adds."""

from collections import deque
from typing import Any, Final

from legato.engine.state import ExecutionState, ItemsState, NodeState

VOLATILE: Final[dict[type, frozenset[str]]] = {
    ExecutionState: frozenset(
        {"is_fresh", "is_halted", "ready", "holding", "evaluating", "outputs_pending", "graph"}
    ),
    NodeState: frozenset({"phase"}),
    ItemsState: frozenset({"evaluating", "asking", "retry_ready", "cursor"}),
}
QUEUES: Final = frozenset({"timers", "decidable", "pumps", "closing"})
"""Filled by events, emptied by `decide`: equal only in what they still mean."""


def facts(state: ExecutionState) -> dict[str, Any]:
    """Return everything about a state that must follow from its log."""
    return {
        name: _plain(getattr(state, name))
        for name in ExecutionState.__slots__
        if name not in VOLATILE[ExecutionState] | QUEUES
    }


def live_timers(state: ExecutionState) -> set[tuple[int, int, int]]:
    """Return the timers that still mean something."""
    return {timer for timer in state.timers if state.is_timer_live(*timer)}


def differences(live: ExecutionState, folded: ExecutionState, now: int) -> list[str]:
    """Return in what two states of the same log differ; empty if they are the same.

    A timer that was due at `now` (ms) may have been taken out of the live state already.
    """
    one, other = facts(live), facts(folded)
    found = [
        f"{name}: {value} is not {other[name]}"
        for name, value in one.items()
        if value != other[name]
    ]
    extra = live_timers(live) - live_timers(folded)
    fired = live_timers(folded) - live_timers(live)
    if extra or any(due > now for due, _, _ in fired):
        found.append(f"timers: {live_timers(live)} is not {live_timers(folded)}")
    return found


def _plain(value: object) -> Any:
    if isinstance(value, NodeState | ItemsState):
        kind = type(value)
        return {
            name: _plain(getattr(value, name))
            for name in kind.__slots__
            if name not in VOLATILE[kind]
        }
    if isinstance(value, list | deque | tuple) and not hasattr(value, "_fields"):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return [(key, _plain(each)) for key, each in value.items()]
    return bytes(value) if isinstance(value, bytearray) else value
