# SPDX-License-Identifier: Apache-2.0
"""What one turn decides: the state it may read, the events and effects it makes.

`emit` applies an event at once, so later code of the same turn sees its consequences. Clock and
chance come in as arguments. Slots are counted by the runtime and lent through a small protocol.

Rules: EN2, EN7, AT1, XW1.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from legato.engine.evolve import evolve
from legato.engine.state import ExecutionState
from legato.model import events as ev
from legato.model.effects import AnyEffect, Evaluate
from legato.model.ids import NodeId
from legato.model.policy import SIGNAL_REJECTIONS_MAX
from legato.model.values import Value


class Slots(Protocol):
    """Places for running attempts that this execution may take."""

    def take(self, pool: str, held_max: int) -> bool:
        """Take one place of a pool unless none is free or `held_max` (0: no bound) are held."""
        ...

    def give(self, pool: str) -> None:
        """Give one place back."""
        ...


class Decision:
    """One turn in the making.

    `ended_items` and `starting` gather what the turn's signals say about items, node by node, so
    that `settle` can record each in one event: item -> output, and (item, attempt, input hash,
    config). While the rule of a person's wish runs, `wish` names it: what is emitted then is what
    came of it.
    """

    __slots__ = (
        "chance", "effects", "ended_items", "events", "now", "slots", "starting", "state",
        "touched", "wish",
    )  # fmt: skip

    def __init__(
        self, state: ExecutionState, now: int, chance: Callable[[], float], slots: Slots
    ) -> None:
        """Begin a turn.

        Args:
            state: Owned by the caller; discarded if the turn is not committed.
            now: Time of every event of the turn, ms; never before the last event.
            chance: Gives numbers in [0, 1) for jitter.
            slots: Where running attempts are counted.
        """
        self.state = state
        self.now = max(now, state.last_at)
        self.chance = chance
        self.slots = slots
        self.events: list[ev.AnyEvent] = []
        self.effects: list[AnyEffect] = []
        self.touched: dict[int, None] = {}
        self.wish = ""
        self.ended_items: dict[int, dict[int, Value]] = {}
        self.starting: dict[int, list[tuple[int, int, str, Value]]] = {}

    def emit(self, event: ev.AnyEvent) -> None:
        """Record a fact and apply it."""
        if self.wish:
            event = replace(event, wish=self.wish)
        self.touched[evolve(self.state, event, self.now)] = None
        self.events.append(event)

    def evaluate(self, effect: Evaluate) -> None:
        """Ask for an evaluation; its answer comes as ReportEvaluated."""
        self.state.evaluating += 1
        self.effects.append(effect)

    def find(self, node: NodeId) -> int | None:
        """Return the index of a node by id, or None."""
        return self.state.graph.index_of.get(node)

    def take_slot(self, index: int) -> bool:
        """Take a place for an attempt of this node, if there is one."""
        workflow = self.state.graph.workflow
        return self.slots.take(self.state.graph.nodes[index].pool, workflow.concurrency)

    def give_slot(self, index: int) -> None:
        """Give the place of an attempt of this node back."""
        self.slots.give(self.state.graph.nodes[index].pool)

    def reject(self, signal: str, code: str, reason: str, by: str = "") -> None:
        """Record that a signal was refused, while there is room for such records."""
        if self.state.rejections < SIGNAL_REJECTIONS_MAX:
            self.emit(ev.SignalRejected(signal, code, reason, by))
