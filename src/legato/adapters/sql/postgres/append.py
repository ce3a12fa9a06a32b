# SPDX-License-Identifier: Apache-2.0
"""Appending on PostgreSQL: a batch of turns is one statement over parallel arrays.

`LEAN` does what almost every turn needs: move fenced rows on and insert their events. `FULL` also
creates executions, sends and consumes signals, stores texts and references; each part that is
there costs some microseconds even if its arrays are empty.

`ord` is a turn's place in the batch. Rows are kept if their turn's `ord` was accepted; that is
asked with an array, because the planner believes every array to be short and would join them row
by row.

Rules: LG1, LG3, LG4, LG8, LG14, OW1.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from legato.adapters.search import TEXT_MAX, search_id
from legato.adapters.sql.checksum import turn_checksum
from legato.adapters.sql.clean import clean, clean_or_none
from legato.model.frames import FINAL_EXECUTION
from legato.ports.log import NewExecution, Turn

FINAL: Final = tuple(sorted(FINAL_EXECUTION))

# Column, element type; in this order they are parameters of the statements.
_TURNS: Final = (
    ("ord", "int"), ("id", "text"), ("fence", "bigint"), ("prev", "bigint"), ("head", "bigint"),
    ("at", "bigint"), ("status", "text"), ("is_last", "bool"), ("wake_at", "bigint"),
    ("is_busy", "bool"), ("done", "int"), ("total", "int"), ("started", "bigint"),
    ("ended", "bigint"), ("error", "text"), ("waiting", "text"),
)  # fmt: skip
_EVENTS: Final = (
    ("ord", "int"), ("id", "text"), ("seq", "bigint"), ("at", "bigint"), ("body", "bytea"),
    ("crc", "bigint"),
)  # fmt: skip
_CREATED: Final = (
    ("ord", "int"), ("id", "text"), ("workspace", "text"), ("workflow", "text"),
    ("version", "text"), ("status", "text"), ("owner", "text"), ("fence", "bigint"),
    ("head_seq", "bigint"), ("wake_at", "bigint"), ("is_busy", "bool"), ("nodes_done", "int"),
    ("nodes_total", "int"), ("created_at", "bigint"), ("started_at", "bigint"),
    ("ended_at", "bigint"), ("error", "text"), ("waiting_for", "text"), ("parent", "text"),
    ("root", "text"), ("forked_from", "text"), ("trigger", "text"), ("start", "bytea"),
    ("workflow_id", "text"), ("number", "int"), ("is_test", "bool"), ("trigger_id", "text"),
    ("scheduled_at", "bigint"),
)  # fmt: skip
_SIGNALS: Final = (
    ("ord", "int"), ("id", "text"), ("key", "text"), ("body", "bytea"), ("at", "bigint"),
)  # fmt: skip
_CONSUMED: Final = (("ord", "int"), ("id", "bigint"), ("execution", "text"))
_ENDED: Final = (("ord", "int"), ("id", "text"))
_TEXTS: Final = (
    ("ord", "int"), ("id", "text"), ("workspace", "text"), ("text", "text"), ("place", "bigint"),
)  # fmt: skip
_BLOBS: Final = (
    ("ord", "int"), ("id", "text"), ("workspace", "text"), ("hash", "text"), ("size", "bigint"),
)  # fmt: skip
_INHERITED: Final = (
    ("ord", "int"), ("id", "text"), ("workspace", "text"), ("source", "text"),
)  # fmt: skip
_LEAN_TABLES: Final = (_TURNS, _EVENTS)
_FULL_TABLES: Final = (
    _TURNS, _EVENTS, _CREATED, _CREATED, _SIGNALS, _CONSUMED, _ENDED, _TEXTS, _BLOBS, _INHERITED,
)  # fmt: skip


class Batch:
    """Turns as parallel arrays, one list per column.

    `tables` are in the order of `_FULL_TABLES`: turns, events, born, children, signals, consumed,
    ended, texts, blobs, inherited.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_lean = True
        self._rows: tuple[list[tuple[Any, ...]], ...] = tuple([] for _ in _FULL_TABLES)

    def add(self, turn: Turn) -> None:
        """Add a turn; its place is the number of turns before it."""
        place = self.count
        self.count += 1
        turns, events, born, *_ = self._rows
        p = turn.projection
        head = turn.prev_seq + len(turn.events)
        is_last = p.status in FINAL_EXECUTION
        error, waiting_for = clean_or_none(p.error), clean_or_none(p.waiting_for)
        if turn.new is None:
            turns.append(
                (place, turn.execution_id, turn.fence, turn.prev_seq, head, turn.at, p.status,
                 is_last, None if is_last else p.wake_at, p.is_busy and not is_last, p.nodes_done,
                 p.nodes_total, p.started_at, p.ended_at, error, waiting_for)
            )  # fmt: skip
        elif (turn.fence, turn.prev_seq) == (0 if turn.new.owner is None else 1, 0):
            new = turn.new
            born.append(
                (place, new.execution_id, new.workspace, new.workflow, new.version, p.status,
                 None if is_last else new.owner, turn.fence, head, None if is_last else p.wake_at,
                 p.is_busy and not is_last, p.nodes_done, p.nodes_total, new.created_at,
                 p.started_at, p.ended_at, error, waiting_for, new.parent, new.root,
                 new.forked_from, clean(new.trigger), None if head else new.start, *_admitted(new))
            )  # fmt: skip
        if turn.events:
            crc = turn_checksum(turn.execution_id, turn.prev_seq, turn.at, turn.events)
            for seq, body in enumerate(turn.events, turn.prev_seq + 1):
                last = crc if seq == head else None
                events.append((place, turn.execution_id, seq, turn.at, body, last))
        if turn.new is not None or is_last or _has_more(turn):
            self.is_lean = False
            self._add_more(place, turn, is_last=is_last)

    def _add_more(self, place: int, turn: Turn, *, is_last: bool) -> None:
        _, _, _, children, signals, consumed, ended, texts, blobs, inherited = self._rows
        workspace = None if turn.new is None else turn.new.workspace
        for child in turn.children:
            children.append((place, *created_row(child)))
        for signal in turn.outbox:
            signals.append((place, signal.execution_id, signal.dedupe_key, signal.body, signal.at))
        if is_last:
            ended.append((place, turn.execution_id))
        else:
            consumed.extend((place, row_id, turn.execution_id) for row_id in turn.consumed)
        text = turn.projection.search
        if text is not None:
            at = search_id(turn.execution_id, turn.at)
            texts.append((place, turn.execution_id, workspace, clean(text[:TEXT_MAX]), at))
        for blob in turn.blobs:
            blobs.append((place, turn.execution_id, workspace, blob.hash, blob.size))
        if turn.new is not None:
            inherited.extend((place, *row) for row in inherited_rows(turn.new))

    def arguments(self) -> Iterator[list[Any]]:
        """Yield the parameters of `LEAN` or `FULL`."""
        tables = _LEAN_TABLES if self.is_lean else _FULL_TABLES
        for columns, rows in zip(tables, self._rows, strict=False):
            yield from columns_of(rows, len(columns))


def _has_more(turn: Turn) -> bool:
    return bool(
        turn.consumed
        or turn.children
        or turn.outbox
        or turn.blobs
        or turn.projection.search is not None
    )


def inherited_rows(new: NewExecution) -> list[tuple[str, str, str]]:
    """Return (id, workspace, source) of each execution whose payloads a fork keeps."""
    return [(new.execution_id, new.workspace, source) for source in new.blobs_of]


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Return rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def created_row(new: NewExecution) -> tuple[Any, ...]:
    """Return the row of an execution that no turn has begun, without `ord`."""
    return (
        new.execution_id, new.workspace, new.workflow, new.version, "queued", new.owner,
        0 if new.owner is None else 1, 0, None, False, 0, new.nodes_total, new.created_at, None,
        None, None, None, new.parent, new.root, new.forked_from, clean(new.trigger), new.start,
        *_admitted(new),
    )  # fmt: skip


def _admitted(new: NewExecution) -> tuple[Any, ...]:
    return new.workflow_id, new.number, new.is_test, new.trigger_id, new.scheduled_at


def waves(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """Split turns so that none meets its own execution, changed or created, in one statement.

    A statement sees the rows as they were before it. Hardly ever more than one part.
    """
    part: list[Turn] = []
    touched: set[str] = set()
    for turn in turns:
        if turn.execution_id in touched or len(part) >= TURNS_MAX:
            yield part
            part, touched = [], set()
        part.append(turn)
        touched.add(turn.execution_id)
        touched.update(child.execution_id for child in turn.children)
    if part:
        yield part


TURNS_MAX: Final = 1_000
"""Turns of one statement."""


def _table(columns: Sequence[tuple[str, str]], first: int, alias: str) -> str:
    arrays = ", ".join(f"${first + index}::{kind}[]" for index, (_, kind) in enumerate(columns))
    names = ", ".join(name for name, _ in columns)
    return f"unnest({arrays}) AS {alias}({names})"


def _names(columns: Sequence[tuple[str, str]], alias: str = "") -> str:
    return ", ".join(f"{alias}{name}" for name, _ in columns)


_KEPT: Final = "ord = ANY (ARRAY(SELECT ord FROM accepted))"

# Nothing below is built from data: the holes are constants of this module.
_MOVED: Final = (
    "moved AS (UPDATE executions e SET head_seq = t.head, status = t.status,"  # noqa: S608
    " owner = CASE WHEN t.is_last THEN NULL ELSE e.owner END, wake_at = t.wake_at,"
    " is_busy = t.is_busy, nodes_done = t.done, nodes_total = t.total, started_at = t.started,"
    " ended_at = t.ended, error = t.error, waiting_for = t.waiting,"
    " start = CASE WHEN t.head > 0 THEN NULL ELSE e.start END"
    f" FROM {_table(_TURNS, 1, 't')}"
    " WHERE e.id = t.id AND e.fence = t.fence AND e.head_seq = t.prev RETURNING t.ord)"
)
_LOGGED: Final = (
    "logged AS (INSERT INTO events (execution_id, seq, at, body, crc)"  # noqa: S608
    f" SELECT id, seq, at, body, crc FROM {_table(_EVENTS, 1 + len(_TURNS), 'v')} WHERE {_KEPT})"
)
LEAN: Final = (
    f"WITH {_MOVED}, accepted AS (SELECT ord FROM moved), {_LOGGED}"  # noqa: S608
    " SELECT ord FROM accepted"
)
"""Parameters: the columns of `_TURNS` and `_EVENTS`. Returns the accepted places."""


def _full() -> str:
    first = [1]
    for columns in _FULL_TABLES:
        first.append(first[-1] + len(columns))
    created = ", ".join(f'"{name}"' for name, _ in _CREATED[1:])
    values = _names(_CREATED[1:], "n.")
    workspace = "COALESCE(x.workspace, (SELECT e.workspace FROM executions e WHERE e.id = x.id))"
    # S608: as above.
    parts = [
        _MOVED,
        f"candidates AS (SELECT * FROM {_table(_CREATED, first[2], 'n')})",  # noqa: S608
        f"born AS (INSERT INTO executions ({created}) SELECT {values} FROM candidates n"  # noqa: S608
        " ON CONFLICT (id) DO NOTHING RETURNING id)",
        "accepted AS (SELECT ord FROM moved UNION ALL SELECT n.ord FROM candidates n"
        " WHERE n.id = ANY (ARRAY(SELECT id FROM born)))",
        _LOGGED,
        f"children AS (INSERT INTO executions ({created}) SELECT {values}"  # noqa: S608
        f" FROM {_table(_CREATED, first[3], 'n')} WHERE n.{_KEPT}"
        " ON CONFLICT (id) DO NOTHING RETURNING id)",
        "sent AS (INSERT INTO inbox (execution_id, dedupe_key, body, at, consumed)"  # noqa: S608
        f" SELECT s.id, s.key, s.body, s.at, false FROM {_table(_SIGNALS, first[4], 's')}"
        f" WHERE s.{_KEPT} AND (EXISTS (SELECT FROM executions e WHERE e.id = s.id"
        f" AND e.status NOT IN {FINAL}) OR s.id = ANY (ARRAY("
        "SELECT id FROM children UNION ALL SELECT id FROM born)))"
        " ORDER BY s.ord ON CONFLICT (execution_id, dedupe_key) DO NOTHING)",
        "considered AS (UPDATE inbox i SET consumed = true"  # noqa: S608
        f" FROM {_table(_CONSUMED, first[5], 'm')}"
        f" WHERE i.id = m.id AND i.execution_id = m.execution AND m.{_KEPT})",
        "emptied AS (DELETE FROM inbox WHERE execution_id = ANY (ARRAY("  # noqa: S608
        f"SELECT id FROM {_table(_ENDED, first[6], 'f')} WHERE {_KEPT})))",
        "texts AS (INSERT INTO search_texts (id, execution_id, workspace, text)"  # noqa: S608
        # The next id is free where this one is another execution's.
        " SELECT x.place + CAST(EXISTS (SELECT FROM search_texts o WHERE o.id = x.place"
        f" AND o.execution_id <> x.id) AS int), x.id, {workspace}, x.text"
        f" FROM {_table(_TEXTS, first[7], 'x')} WHERE x.{_KEPT}"
        " ON CONFLICT (execution_id) DO UPDATE SET text = excluded.text)",
        "referred AS (INSERT INTO blobs (execution_id, workspace, hash, size)"  # noqa: S608
        f" SELECT x.id, {workspace}, x.hash, x.size FROM {_table(_BLOBS, first[8], 'x')}"
        f" WHERE x.{_KEPT} UNION SELECT x.id, b.workspace, b.hash, b.size"
        f" FROM {_table(_INHERITED, first[9], 'x')}"
        " JOIN blobs b ON b.execution_id = x.source AND b.workspace = x.workspace"
        f" WHERE x.{_KEPT} ON CONFLICT DO NOTHING)",
    ]
    return f"WITH {', '.join(parts)} SELECT ord FROM accepted"  # noqa: S608


FULL: Final = _full()
"""Parameters: the columns of all tables. Returns the accepted places."""

CREATE: Final = (
    f"INSERT INTO executions ({', '.join(f'{chr(34)}{name}{chr(34)}' for name, _ in _CREATED[1:])})"  # noqa: S608
    f" SELECT * FROM {_table(_CREATED[1:], 1, 'n')} ON CONFLICT (id) DO NOTHING RETURNING id"
)
"""Parameters: the columns of `created_row`. Returns the ids that are new."""
CREATE_WIDTH: Final = len(_CREATED) - 1

INHERIT: Final = (
    "INSERT INTO blobs (execution_id, workspace, hash, size)"  # noqa: S608
    " SELECT DISTINCT x.id, b.workspace, b.hash, b.size"
    f" FROM {_table(_INHERITED[1:], 1, 'x')}"
    " JOIN blobs b ON b.execution_id = x.source AND b.workspace = x.workspace"
    " ON CONFLICT DO NOTHING"
)
"""Parameters: the columns of `inherited_rows`."""
INHERIT_WIDTH: Final = len(_INHERITED) - 1

SEND: Final = (
    f"WITH s AS (SELECT * FROM {_table(_SIGNALS, 1, 's')}),"  # noqa: S608
    " seen AS (SELECT s.ord, s.id, s.key, s.body, s.at, e.status,"
    " (SELECT count(*) FROM inbox i WHERE i.execution_id = s.id AND NOT i.consumed) AS waiting,"
    " EXISTS (SELECT FROM inbox i WHERE i.execution_id = s.id AND i.dedupe_key = s.key) AS known"
    " FROM s LEFT JOIN executions e ON e.id = s.id),"
    " judged AS (SELECT *, row_number() OVER (PARTITION BY id, known ORDER BY ord) AS place"
    " FROM seen),"
    " sent AS (INSERT INTO inbox (execution_id, dedupe_key, body, at, consumed)"
    " SELECT id, key, body, at, false FROM judged WHERE NOT known"
    f" AND status NOT IN {FINAL} AND waiting + place <= ${len(_SIGNALS) + 1}::bigint"
    " ORDER BY ord ON CONFLICT (execution_id, dedupe_key) DO NOTHING"
    " RETURNING execution_id, dedupe_key)"
    " SELECT j.ord, j.status, j.waiting, j.known, j.waiting + j.place AS after,"
    " EXISTS (SELECT FROM sent WHERE sent.execution_id = j.id AND sent.dedupe_key = j.key)"
    " AS is_sent FROM judged j"
)
"""Parameters: the columns of `_SIGNALS` (each id and key once) and the inbox limit."""
SEND_WIDTH: Final = len(_SIGNALS)
