# SPDX-License-Identifier: Apache-2.0
"""Which process dies at which named point: one cell each, run on both databases."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from legato.crashpoints import POINTS
from tests.crash.ledger import Ledger
from tests.crash.site import KILLED, Process
from tests.crash.trial import Trial, needs_person, trial

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

    @property
    def kills(self) -> int:
        """How many processes die in it: an adopter needs somebody to adopt from."""
        return 2 if self.where in {"engine", "resume"} else 1

    def __str__(self) -> str:
        """Name the cell in a test's id."""
        return f"{self.where}-{self.point}-{self.hit}"


_ADOPTING: Final = ("claim.before_commit", "claim.after_commit", "adoption.after_load")
_SENDING: Final = ("inbox.before_commit", "inbox.after_commit")
SERVING: Final = (
    "admission.before_write",
    "admission.after_commit",
    "tick.before_admission",
    "tick.after_admission",
    "tick.after_advance",
)
"""Places of a server that keeps schedules: `tests/integration/api/test_schedules.py` dies there."""
RESTORING: Final = (
    "restore.begun",
    "restore.filled",
    "restore.old_life_ended",
    "restore.before_end",
)
"""Places of `legato restore`, which no run passes: `test_restore_drill` dies there."""
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
        elif point in {*SERVING, *RESTORING}:
            continue
        elif point == "drain.before_resign":
            found.append(Cell(point, 1, "drain"))
        else:
            found.append(Cell(point))
    return (*found, *_MORE)


CELLS: Final = _cells()


def play(cell: Cell, folder: Path, ledger: Ledger, url: str) -> tuple[Trial, list[str]]:
    """Let a process die as the cell says, start again until all has ended, and judge.

    Args:
        cell: Who dies where.
        folder: Of this trial alone.
        ledger: Counts its effects.
        url: An empty database, empty for SQLite.

    Returns:
        The trial, and every broken promise as a sentence.
    """
    with trial(folder, ledger, url) as each:
        _crash(each, cell)
        missed = [] if each.kills == cell.kills else [f"it was not killed there: {each.codes}"]
        records = each.to_the_end("engine" if cell.where == "engine" else "resume")
        return each, missed + each.problems(records)


def _crash(each: Trial, cell: Cell) -> None:
    """Let the armed process meet its end."""
    if cell.where == "run":
        each.begin(crash=cell.order)
    elif cell.where == "sender":
        _crash_sender(each, cell)
    elif cell.where == "drain":
        process = each.site.run(crash=cell.order)
        each.attend(process, lambda line: _stop_at_question(process, line))
    else:
        each.begin(crash=EARLIER)
        each.again(cell.where, crash=cell.order)


def _stop_at_question(process: Process, line: dict[str, Any]) -> None:
    if needs_person(line):
        process.send(signal.SIGTERM)


def _crash_sender(each: Trial, cell: Cell) -> None:
    """Approve by a command that dies, beside the living run; then by one that does not."""
    codes: list[int] = []

    def approve(line: dict[str, Any]) -> None:
        if not codes and needs_person(line):
            sender = each.site.start(
                "executions", "approve", line["execution_id"], "ask", crash=cell.order
            )
            codes.append(sender.finish())
            each.person.look()

    process = each.site.run()
    for line in process:
        approve(line)
        if codes:
            break
    each.kills += codes == [KILLED]
    each.attend(process)
