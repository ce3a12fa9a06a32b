# SPDX-License-Identifier: Apache-2.0
"""The crash points of an append: which places a batch of turns passes. For `tests/crash` only.

Must cost nothing while no process is to die: both functions are called only if one is.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from legato.crashpoints import crash_point
from legato.model.frames import FINAL_EXECUTION
from legato.ports.log import Turn

FUNCTION: Final = "legato_crash_point"
"""SQL function that triggers call: a statement is then half done when the process dies."""


def crash_points(turns: Sequence[Turn], when: str) -> None:
    """Pass the places of a batch.

    Args:
        turns: What is appended.
        when: `before_commit` or `after_commit`.
    """
    crash_point(f"append.{when}")
    if any(turn.children for turn in turns):
        crash_point(f"child.{when}")
    if any(turn.projection.status in FINAL_EXECUTION for turn in turns):
        crash_point(f"end.{when}")
    if any(turn.projection.status in FINAL_EXECUTION and turn.outbox for turn in turns):
        crash_point(f"child_end.{when}")


def sqlite_triggers(ops: dict[str, tuple[int, ...]]) -> Iterator[str]:
    """Return triggers that pass the places before the commit, inside the one statement.

    Args:
        ops: The place's name without `.before_commit` -> the kinds of rows that pass it.
    """
    for name, kinds in ops.items():
        among = ", ".join(map(str, kinds))
        yield (
            f"CREATE TEMP TRIGGER batch_crash_{name} INSTEAD OF INSERT ON batch"
            f" WHEN NEW.op IN ({among}) BEGIN SELECT {FUNCTION}('{name}.before_commit'); END"
        )
