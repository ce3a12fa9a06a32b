# SPDX-License-Identifier: Apache-2.0
"""What the engine must reach and aims at, and how a figure is judged against it.

A bound is against a constant, against the raw limit of the same store in the same run, against the
best durable peer in the same run, or against the same workload on SQLite. A bound whose other side
was not measured is not judged, and the report says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Against = Literal["constant", "raw", "peer", "sqlite"]
Mark = Literal["PASS", "FAIL", "not judged"]


@dataclass(frozen=True, slots=True)
class Bound:
    """`figure` must be at most (or at least) `factor` times the other side."""

    factor: float
    against: Against = "constant"
    figure: str = "value"
    is_minimum: bool = False

    def text(self) -> str:
        """Return it as a person reads it."""
        sign = "≥" if self.is_minimum else "≤"
        if self.against == "constant":
            name = {"value": "", "p99_ms": "p99 "}.get(self.figure, f"{self.figure} ")
            number = f"{self.factor:,.0f}" if self.factor >= 1_000 else f"{self.factor:g}"
            return f"{name}{sign} {number.replace(',', ' ')}"
        if self.against == "sqlite":
            return f"within {self.factor:g}x of sqlite" if self.factor > 1 else "as sqlite"
        return f"{sign} {self.factor:g}x {self.against}"

    def holds(self, figures: Mapping[str, float], others: Mapping[str, float]) -> bool | None:
        """Judge; None if either side is unknown. `others` has the sides, constants aside."""
        value = figures.get(self.figure)
        other = 1.0 if self.against == "constant" else others.get(self.against)
        if value is None or other is None or (self.against != "constant" and other <= 0):
            return None
        if self.against == "sqlite":
            ratio = other / value if self.is_minimum else value / other
            return ratio <= self.factor
        return value >= self.factor * other if self.is_minimum else value <= self.factor * other


@dataclass(frozen=True, slots=True)
class Goal:
    """A workload's line of the table."""

    title: str
    unit: str
    must: tuple[Bound, ...]
    aim: tuple[Bound, ...] = ()
    is_rate: bool = False

    def on(self, store: str) -> "Goal":
        """Return the goal for a store: all but SQLite are judged against SQLite."""
        if store == "sqlite" or not self.is_compared:
            return self
        return Goal(
            self.title,
            self.unit,
            (Bound(2.0, "sqlite", is_minimum=self.is_rate),),
            (Bound(1.0, "sqlite", is_minimum=self.is_rate),),
            self.is_rate,
        )

    @property
    def is_compared(self) -> bool:
        """Tell whether other stores are held to SQLite's figure instead of these bounds."""
        return bool(self.aim)


def judge(
    bounds: tuple[Bound, ...], figures: Mapping[str, float], others: Mapping[str, float]
) -> Mark:
    """FAIL if any bound is broken, else `not judged` if any could not be judged, else PASS."""
    found = [bound.holds(figures, others) for bound in bounds]
    if False in found:
        return "FAIL"
    return "not judged" if None in found else "PASS"


def _most(factor: float, against: Against = "constant", figure: str = "value") -> Bound:
    return Bound(factor, against, figure)


def _least(factor: float, against: Against = "constant") -> Bound:
    return Bound(factor, against, is_minimum=True)


_DIAMONDS: Final = (_least(1_000), _least(10, "peer"))

GOALS: Final[dict[str, Goal]] = {
    "W1": Goal(
        "W1 chain of 100 nodes", "ms/node", (_most(3, "raw"), _most(1.0)), (_most(0.6),)
    ),
    "W2": Goal(
        "W2 1 -> 1000 -> 1", "nodes/s", (_least(6_000), _least(7, "peer")), (_least(20_000),), True
    ),
    "W3-200": Goal(
        "W3 200 diamonds at once", "workflows/s",
        (*_DIAMONDS, _most(400, figure="p99_ms")), (_least(2_500),), True,
    ),
    "W3-2000": Goal(
        "W3 2000 diamonds at once", "workflows/s", _DIAMONDS, (_least(2_500),), True
    ),
    "W4": Goal("W4 one node, idle system", "ms", (_most(4),), (_most(2),)),
    "memory": Goal("peak of all processes after all", "MB", (_most(130),), (_most(100),)),
    "layers-10000": Goal("10 000 nodes in layers", "s", (_most(60),)),
    "fan-10000": Goal("1 -> 9 998 -> 1", "s", (_most(60),)),
    "foreach-100000": Goal("foreach over 100 000 items", "s", (_most(120),)),
    "foreach-100000-wide": Goal("the same, concurrency 200", "s", (_most(120),)),
    "flat-layers": Goal("cost per node, layers, 100..10 000", "largest/least", (_most(2),)),
    "flat-chain": Goal("cost per node, chain, 100..10 000", "largest/least", (_most(2),)),
    "idle": Goal("200 waiting executions", "% of a core", (_most(1),)),
    "adoption": Goal("1000 interrupted, all adopted", "s", (_most(5),)),
    "help": Goal("legato --help", "s", (_most(0.4),)),
}  # fmt: skip
"""Bounds of the large executions say that they finish; they are no aims for speed."""
