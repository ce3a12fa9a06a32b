# SPDX-License-Identifier: Apache-2.0
"""Short ways to make what the store takes."""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from legato.model.frames import ExecutionStatus
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId
from legato.ports.log import NewExecution, OutSignal, Projection, Turn

LOCAL: Final = WorkspaceId("local")
VERSION: Final = VersionHash("f" * 64)
START: Final = b'{"type":"StartExecution"}'
A: Final = EngineId("engine-a")
B: Final = EngineId("engine-b")
LEASE_MS: Final = 60_000


def executed(sql: str, *values: object) -> Callable[[sqlite3.Connection], None]:
    """Return a job for the SQLite writer that runs one statement."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(sql, values)

    return work


def execution_id(number: int) -> ExecutionId:
    """Return an id; ids order by number, as UUIDv7 order by time."""
    return ExecutionId(f"01930000-0000-7000-8000-{number:012x}")


def new(number: int = 1, **changes: Any) -> NewExecution:
    """Return a queued execution with its start."""
    values: dict[str, Any] = {
        "execution_id": execution_id(number),
        "workspace": LOCAL,
        "workflow": "report",
        "version": VERSION,
        "created_at": 1_000 + number,
        "start": START,
        "nodes_total": 3,
    }
    return NewExecution(**{**values, **changes})


def body(number: int) -> bytes:
    """Return an event's body."""
    return b'{"type":"NodeCompleted","node":"n%d","text":"\xc3\xa9\\u0000 \\" "}' % number


def turn(
    number: int = 1,
    *,
    fence: int = 1,
    after: int = 0,
    events: int = 1,
    status: ExecutionStatus = "running",
    project: dict[str, Any] | None = None,
    **changes: Any,
) -> Turn:
    """Return a turn with so many events after `after`.

    Args:
        number: Of the execution.
        fence: Its owner's number.
        after: Head seq before the turn.
        events: How many.
        status: The status that it leads to.
        project: Other fields of the projection.
        changes: Other fields of the turn.
    """
    return Turn(
        execution_id=execution_id(number),
        fence=fence,
        prev_seq=after,
        at=5_000 + after,
        events=tuple(body(seq) for seq in range(after + 1, after + events + 1)),
        projection=Projection(status=status, **(project or {})),
        **changes,
    )


def signal(number: int, key: str, text: bytes = b'{"type":"FireTimers"}') -> OutSignal:
    """Return a signal of a turn to an execution."""
    return OutSignal(execution_id(number), key, text, 7_000)


def born(
    number: int = 1,
    owner: EngineId = A,
    blobs_of: tuple[ExecutionId, ...] = (),
    **changes: Any,
) -> Turn:
    """Return the first turn of an execution that its engine creates itself."""
    made = new(number, owner=owner, start=None, blobs_of=blobs_of)
    return turn(number, new=made, **changes)
