# SPDX-License-Identifier: Apache-2.0
"""The write path in one statement: turns become rows of a view, triggers carry them out.

A batch of turns is one multi-row INSERT into the temporary view `batch`: one step of the driver,
outside an explicit transaction also begin and commit of it. Its triggers live in the connection,
not in the database. A turn whose fence or head seq does not match aborts the statement; the caller
then looks which turns were refused and sends the others again.

A row is `op, id, c1 … c18`; what the columns mean per op is written beside each packer.

Rules: LG1, LG3, LG4, LG8, LG14, OW1.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from legato.adapters.search import TEXT_MAX, search_id
from legato.adapters.sql.checksum import turn_checksum
from legato.adapters.sql.clean import clean, clean_or_none
from legato.adapters.sql.crash import sqlite_triggers
from legato.model.frames import FINAL_EXECUTION
from legato.ports.log import NewExecution, OutSignal, Turn

REFUSED: Final = "legato: refused"
"""Message of the abort; tells a refusal from other broken constraints."""
WIDTH: Final = 20
ROWS_MAX: Final = 256
"""Rows of one statement: 5 120 parameters, below SQLite's default limit of 32 766."""
SIZES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Row counts for which a statement is kept prepared; a batch is filled up with empty rows."""

TURN: Final = 1
LAST_TURN: Final = 2
EVENTS: Final = 3
NEW: Final = 4
CHILD: Final = 5
SIGNAL: Final = 6
CONSUMED: Final = 7
SEARCH: Final = 8
BLOB: Final = 9
INHERITED: Final = 10

TURN_BODIES: Final = 4
"""Events that travel in a turn's own row."""
ROW_BODIES: Final = 15
"""Events per further row."""

_PADDING: Final = (0,) + (None,) * (WIDTH - 1)


def statement(rows: int) -> str:
    """Return the INSERT for so many rows; the same object each time, so that it stays prepared."""
    return _STATEMENTS[rows]


def fill_up(parameters: list[Any]) -> int:
    """Append empty rows up to the next prepared size.

    Args:
        parameters: At most `ROWS_MAX` rows one after the other; changed in place.

    Returns:
        The size.
    """
    rows = len(parameters) // WIDTH
    size = next(size for size in SIZES if size >= rows)
    parameters.extend(_PADDING * (size - rows))
    return size


def pack_turn(turn: Turn) -> list[Any]:
    """Return the rows of a turn, one after the other."""
    row: list[Any] = pack_new(turn.new, op=NEW) if turn.new is not None else []
    p = turn.projection
    events = turn.events
    count = len(events)
    # fence, prev seq, events, at, status, wake_at, is_busy, done, total, started, ended, error,
    # waiting_for, bodies 1 to 4, checksum if there are no more
    row += (
        LAST_TURN if p.status in FINAL_EXECUTION else TURN,
        turn.execution_id, turn.fence, turn.prev_seq, count, turn.at,
        p.status, p.wake_at, p.is_busy, p.nodes_done, p.nodes_total, p.started_at, p.ended_at,
        None if p.error is None else clean(p.error),
        None if p.waiting_for is None else clean(p.waiting_for),
    )  # fmt: skip
    crc = turn_checksum(turn.execution_id, turn.prev_seq, turn.at, events) if count else None
    row += events[:TURN_BODIES]
    row += (None,) * (TURN_BODIES - count)
    row.append(crc if count <= TURN_BODIES else None)
    for first in range(TURN_BODIES, count, ROW_BODIES):
        # seq of the first body, at, bodies 1 to 15, checksum if there are no more
        bodies = events[first : first + ROW_BODIES]
        row += (EVENTS, turn.execution_id, turn.prev_seq + first + 1, turn.at, *bodies)
        row += (None,) * (ROW_BODIES - len(bodies))
        row.append(crc if first + ROW_BODIES >= count else None)
    if turn.consumed or turn.children or turn.outbox or p.search is not None or turn.blobs:
        _pack_rest(row, turn)
    if turn.new is not None and turn.new.blobs_of:
        row += _pack_inherited(turn.new)
    return row


def _pack_rest(row: list[Any], turn: Turn) -> None:
    if turn.consumed:
        # ids as JSON
        row += _padded(CONSUMED, turn.execution_id, str(list(turn.consumed)))
    for child in turn.children:
        row += pack_new(child, op=CHILD)
    for signal in turn.outbox:
        row += pack_signal(signal)
    if turn.projection.search is not None:
        # text, its id; the workspace is taken from the execution's row
        text = clean(turn.projection.search[:TEXT_MAX])
        row += _padded(SEARCH, turn.execution_id, text, search_id(turn.execution_id, turn.at))
    for blob in turn.blobs:
        # hash, size; the workspace is taken from the execution's row
        row += _padded(BLOB, turn.execution_id, blob.hash, blob.size)


def pack_new(new: NewExecution, *, op: int = CHILD) -> list[Any]:
    """Return the row that creates an execution. `NEW` aborts if it exists, `CHILD` does not."""
    return _padded(
        op, new.execution_id, new.workspace, new.workflow, new.version, new.created_at,
        new.owner, 0 if new.owner is None else 1, new.start, new.parent, new.root,
        new.forked_from, clean_or_none(new.trigger), new.nodes_total, new.workflow_id,
        new.number, new.is_test, new.trigger_id, new.scheduled_at,
    )  # fmt: skip


def pack_created(new: NewExecution, *, op: int = CHILD) -> list[Any]:
    """Return the rows that create an execution that no turn has begun."""
    row = pack_new(new, op=op)
    return row + _pack_inherited(new) if new.blobs_of else row


def _pack_inherited(new: NewExecution) -> list[Any]:
    # ids of executions as JSON
    return _padded(INHERITED, new.execution_id, msgspec.json.encode(new.blobs_of).decode())


def pack_signal(signal: OutSignal) -> list[Any]:
    """Return the row that puts a signal into an inbox, unless that execution has ended."""
    return _padded(SIGNAL, signal.execution_id, signal.dedupe_key, signal.body, signal.at)


def _padded(*values: Any) -> list[Any]:
    return [*values, *(None,) * (WIDTH - len(values))]


def _insert(rows: int) -> str:
    one = "(" + ",".join("?" * WIDTH) + ")"
    return f"INSERT INTO temp.batch VALUES {','.join([one] * rows)}"  # noqa: S608 - no data


_STATEMENTS: Final = {size: _insert(size) for size in SIZES}


# Nothing below is built from data: the holes are constants of this module.
_SIGNAL_SQL: Final = (
    "INSERT OR IGNORE INTO inbox (execution_id, dedupe_key, body, at, consumed)"  # noqa: S608
    " SELECT id, NEW.c1, NEW.c2, NEW.c3, 0 FROM executions"
    f" WHERE id = NEW.id AND status NOT IN {tuple(sorted(FINAL_EXECUTION))};"
)
_SEARCH_SQL: Final = (
    "INSERT INTO search_texts (id, execution_id, workspace, text)"
    # The next id is free where this one is another execution's.
    " SELECT NEW.c2 + EXISTS (SELECT 1 FROM search_texts WHERE id = NEW.c2"
    " AND execution_id <> NEW.id), id, workspace, NEW.c1 FROM executions WHERE id = NEW.id"
    " ON CONFLICT (execution_id) DO UPDATE SET text = excluded.text"
    " ON CONFLICT (id) DO UPDATE SET text = excluded.text;"
)


def _turn(wake_at: str, is_busy: str, more: str = "") -> str:
    return (
        "UPDATE executions SET head_seq = NEW.c2 + NEW.c3, nodes_done = NEW.c8,"  # noqa: S608
        " nodes_total = NEW.c9, started_at = NEW.c10, ended_at = NEW.c11, error = NEW.c12,"
        " waiting_for = NEW.c13, start = CASE WHEN NEW.c2 + NEW.c3 > 0 THEN NULL ELSE start END"
        " WHERE id = NEW.id AND fence = NEW.c1 AND head_seq = NEW.c2;"
        f" SELECT RAISE(ABORT, '{REFUSED}') WHERE changes() = 0;"
        # Apart, and only if they change: SQLite would rewrite their indexes with every turn.
        f" UPDATE executions SET status = NEW.c5, wake_at = {wake_at}, is_busy = {is_busy}{more}"
        f" WHERE id = NEW.id AND (status <> NEW.c5 OR wake_at IS NOT {wake_at}"
        f" OR is_busy <> {is_busy}); " + _events("NEW.c2 + 1", "NEW.c4", 14, TURN_BODIES)
    )


def _events(first_seq: str, at: str, column: int, count: int) -> str:
    parts = []
    for index in range(count):
        body = f"NEW.c{column + index}"
        # The checksum stands with the last body of the row, if the row has one at all.
        is_last = f"NEW.c{column + index + 1} IS NULL" if index + 1 < count else "1"
        parts.append(
            f"INSERT INTO events SELECT NEW.id, {first_seq} + {index}, {at}, {body},"
            f" CASE WHEN {is_last} THEN NEW.c18 END WHERE {body} IS NOT NULL;"
        )
    return " ".join(parts)


def _create(otherwise: str) -> str:
    return (
        f"INSERT{otherwise} INTO executions (id, workspace, workflow, version, status, owner,"
        " fence, head_seq, is_busy, nodes_done, nodes_total, created_at, parent, root,"
        ' forked_from, "trigger", start, workflow_id, number, is_test, trigger_id, scheduled_at)'
        " VALUES (NEW.id, NEW.c1, NEW.c2, NEW.c3, 'queued', NEW.c5, NEW.c6, 0, 0, 0, NEW.c12,"
        " NEW.c4, NEW.c8, NEW.c9, NEW.c10, NEW.c11, NEW.c7, NEW.c13, NEW.c14, NEW.c15, NEW.c16,"
        " NEW.c17);"
    )


def setup() -> Sequence[str]:
    """Return the statements that give a connection the view and its triggers."""
    columns = ", ".join(f"NULL AS c{index}" for index in range(1, WIDTH - 1))
    return (
        f"CREATE TEMP VIEW batch AS SELECT 0 AS op, NULL AS id, {columns}",
        _trigger("turn", f"NEW.op = {TURN}", _turn("NEW.c6", "NEW.c7")),
        _trigger(
            "last_turn",
            f"NEW.op = {LAST_TURN}",
            # The end: nobody owns it any more, and no signal is kept for it.
            _turn("NULL", "0", ", owner = NULL")  # noqa: S608
            + " DELETE FROM inbox WHERE execution_id = NEW.id;",
        ),
        _trigger("events", f"NEW.op = {EVENTS}", _events("NEW.c1", "NEW.c2", 3, ROW_BODIES)),
        _trigger("new", f"NEW.op = {NEW}", _create("")),
        _trigger("child", f"NEW.op = {CHILD}", _create(" OR IGNORE")),
        _trigger("signal", f"NEW.op = {SIGNAL}", _SIGNAL_SQL),
        _trigger(
            "consumed",
            f"NEW.op = {CONSUMED}",
            "UPDATE inbox SET consumed = 1 WHERE execution_id = NEW.id"
            " AND id IN (SELECT value FROM json_each(NEW.c1));",
        ),
        _trigger("search", f"NEW.op = {SEARCH}", _SEARCH_SQL),
        _trigger(
            "blob",
            f"NEW.op = {BLOB}",
            "INSERT OR IGNORE INTO blobs (workspace, hash, execution_id, size)"
            " SELECT workspace, NEW.c1, id, NEW.c2 FROM executions WHERE id = NEW.id;",
        ),
        _trigger(
            "inherited",
            f"NEW.op = {INHERITED}",
            "INSERT OR IGNORE INTO blobs (workspace, hash, execution_id, size)"
            " SELECT b.workspace, b.hash, e.id, b.size FROM executions e JOIN blobs b"
            " ON b.workspace = e.workspace WHERE e.id = NEW.id"
            " AND b.execution_id IN (SELECT value FROM json_each(NEW.c1));",
        ),
    )


def crash_triggers() -> Iterator[str]:
    """Return what a connection needs besides if its process is to die inside the statement."""
    turns = (TURN, LAST_TURN)
    return sqlite_triggers(
        {"append": turns, "end": (LAST_TURN,), "child": (CHILD,), "child_end": (SIGNAL,)}
    )


def _trigger(name: str, condition: str, body: str) -> str:
    return (
        f"CREATE TEMP TRIGGER batch_{name} INSTEAD OF INSERT ON batch WHEN {condition} "
        f"BEGIN {body} END"
    )
