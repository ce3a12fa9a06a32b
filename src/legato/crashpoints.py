# SPDX-License-Identifier: Apache-2.0
"""Named places at which a test may have this process die, as by `kill -9`.

Every place where a crash could come between two things that belong together calls
`crash_point(name)`. Normally that is one comparison and nothing else. A test names one place when
it starts the process (`LEGATO_CRASH_POINT=name` or `name:3` for the third time); the process then
kills itself there, with no handler, no flush and no goodbye.

Must not read the environment (`legato.cli.main` does) and must not decide anything else: what
holds after the crash is what the tests of `tests/crash` are for.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "LEGATO_CRASH_POINT"
"""Names the place; read by the command line only."""

POINTS: Final[dict[str, str]] = {
    "migration.before_commit": "the tables are made and not yet committed",
    "migration.after_commit": "the tables are committed and nobody has used them",
    "lease.before_register": "the engine knows its id and has no row",
    "lease.after_register": "the engine's lease is committed and it owns nothing",
    "catalogue.before_write": "an execution is wanted and its workflow's version is not stored",
    "catalogue.after_commit": "a workflow version is committed, its execution is not",
    "append.before_write": "turns are taken and nothing of them has reached the database",
    "append.before_commit": "turns are written and not yet committed",
    "append.after_commit": "turns are committed and the engine does not know it",
    "turn.before_effects": "the engine knows the commit and has issued no effect of it",
    "turn.after_effects": "the effects of a commit are under way",
    "child.before_commit": "a child's row is written with its parent's event, not committed",
    "child.after_commit": "a child is committed and the engine does not know it",
    "child.before_begin": "the engine knows a committed child and has not begun it",
    "child_end.before_commit": "a child's last event and its parent's signal are not committed",
    "child_end.after_commit": "a child has ended and its parent does not know it",
    "end.before_commit": "an execution's last event is written and not committed",
    "end.after_commit": "an execution has ended and nobody was told",
    "attempt.before_run": "an attempt's start is committed and its node has not been called",
    "attempt.before_report": "an effect has happened and its result is nowhere but in memory",
    "journal.before_begin": "a step is about to be noted as begun",
    "journal.after_begin": "a step is noted as begun and its effect has not happened",
    "journal.before_finish": "a step's effect has happened and is not in the journal",
    "journal.after_finish": "a step's result is in the journal and the node does not know it",
    "blob.before_durable": "a payload is not yet durable and nothing refers to it",
    "blob.after_durable": "a payload is durable and nothing refers to it yet",
    "evaluation.before_report": "a value was computed outside the turn and is only in memory",
    "claim.before_commit": "executions are claimed and the claim is not committed",
    "claim.after_commit": "executions are claimed and not loaded",
    "adoption.after_load": "a log is folded and what it owes is not settled",
    "inbox.before_commit": "a signal is written by its sender and not yet committed",
    "inbox.after_commit": "a signal is committed and its sender was not told",
    "admission.before_write": "an execution is wanted under terms and nothing of it is written",
    "admission.after_commit": "an execution is committed with its terms and nobody was told",
    "tick.before_admission": "a due tick is claimed and nothing of its execution is written",
    "tick.after_admission": "a tick's execution is committed and the schedule has not moved on",
    "tick.after_advance": "a schedule has moved on and its next tick is not due",
    "restore.begun": "a restore has marked its home and put nothing in",
    "restore.filled": "database and payloads are in and nothing of the old life has ended",
    "restore.old_life_ended": "sessions and keys have ended and no execution is parked",
    "restore.before_end": "everything is parked and the marks are still there",
    "drain.before_resign": "an engine that stops still holds its lease",
}
"""Every place, and what has and has not happened there."""

_armed: str | None = None
_hits_left = 0


def arm(order: str) -> None:
    """Have this process die at a place, from now on.

    Args:
        order: `name` or `name:n`, n from 1: die when the place is reached for the n-th time. An
            empty text disarms.

    Raises:
        ValueError: There is no such place, or n is no number from 1.
    """
    global _armed, _hits_left  # noqa: PLW0603 - one per process by nature, like the signal it sends
    name, _, count = order.partition(":")
    if name and name not in POINTS:
        raise ValueError(f"{VARIABLE}: there is no crash point {name}; known: {', '.join(POINTS)}")
    if count and not (count.isdecimal() and int(count) > 0):
        raise ValueError(f"{VARIABLE}: {count} is no number from 1")
    _armed = name or None
    _hits_left = int(count or 1)


def is_armed() -> bool:
    """Tell whether this process is to die at some place."""
    return _armed is not None


def crash_point(name: str) -> None:
    """Die here if the process was armed for this place and its time has come."""
    if _armed is not None and name == _armed:
        _die()


def _die() -> None:
    global _hits_left  # noqa: PLW0603 - see arm
    _hits_left -= 1
    if _hits_left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
