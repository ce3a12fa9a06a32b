# SPDX-License-Identifier: Apache-2.0
"""Which process dies at which named point: one cell each, run on both databases."""

from dataclasses import dataclass
from typing import Final, Literal

from legato.crashpoints import POINTS

Where = Literal["run", "engine", "resume", "sender", "drain"]
"""Who is armed: `legato run`, an adopting `legato engine` or `executions resume` after a crash of
the run, an `executions approve` beside the run, or a run that was told to stop."""

EARLIER: Final = "attempt.before_report:5"
"""Where the run dies of which an armed adopter takes over: several attempts are in flight."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A point, the hit at which the process dies, and which process it is."""

    point: str
    hit: int = 1
    where: Where = "run"

    @property
    def order(self) -> str:
        """The text that arms a process for it."""
        return f"{self.point}:{self.hit}"

    def __str__(self) -> str:
        """Name the cell in a test's id."""
        return f"{self.where}-{self.point}-{self.hit}"


_ADOPTING: Final = ("claim.before_commit", "claim.after_commit", "adoption.after_load")
_SENDING: Final = ("inbox.before_commit", "inbox.after_commit")
_MORE: Final = (
    # The same place early and late: another state of the graph each time.
    Cell("append.before_write", 7),
    Cell("append.before_commit", 3),
    Cell("append.before_commit", 12),
    Cell("append.after_commit", 4),
    Cell("append.after_commit", 14),
    Cell("turn.before_effects", 3),
    Cell("turn.before_effects", 10),
    Cell("turn.after_effects", 6),
    Cell("attempt.before_run", 9),
    Cell("attempt.before_report", 4),
    Cell("attempt.before_report", 15),
    Cell("attempt.before_report", 25),
    Cell("journal.after_begin", 2),
    Cell("journal.after_begin", 3),
    Cell("journal.before_finish", 3),
    Cell("journal.after_finish", 5),
    Cell("end.before_commit", 2),
    Cell("end.after_commit", 3),
    # An adopter that dies while it makes up for what was lost.
    Cell("append.before_commit", 1, "resume"),
    Cell("append.after_commit", 1, "resume"),
    Cell("turn.before_effects", 1, "engine"),
    Cell("attempt.before_report", 2, "resume"),
    Cell("lease.before_register", 1, "engine"),
    Cell("lease.after_register", 1, "resume"),
)


def _cells() -> tuple[Cell, ...]:
    found: list[Cell] = []
    for point in POINTS:
        if point in _ADOPTING:
            found += [Cell(point, 1, "engine"), Cell(point, 1, "resume")]
        elif point in _SENDING:
            found.append(Cell(point, 1, "sender"))
        elif point == "drain.before_resign":
            found.append(Cell(point, 1, "drain"))
        else:
            found.append(Cell(point))
    return (*found, *_MORE)


CELLS: Final = _cells()
