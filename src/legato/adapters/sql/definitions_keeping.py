# SPDX-License-Identifier: Apache-2.0
"""The statements of retention and restores, for both databases. Not imported at run time.

Rules: BK22, BK23, BK40-BK43.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Table,
    Text,
    cast,
    delete,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema import (
    ENDED_ROOT,
    attempt_logs,
    blobs,
    engines,
    events,
    executions,
    inbox,
    meta,
    node_steps,
    search_texts,
    search_values,
)
from legato.adapters.sql.schema_accounts import api_keys, one_time_tokens, sessions
from legato.adapters.sql.schema_keeping import purges
from legato.model.frames import FINAL_EXECUTION

Named = Iterator[tuple[str, ClauseElement]]

_C: Final = executions.c
_ONE: Final[Any] = literal_column("1")
_OPEN: Final = text(f"executions.status NOT IN {tuple(sorted(FINAL_EXECUTION))}")
_WAITING: Final = text("NOT inbox.consumed")
_ENDED_ROOT: Final = text(" AND ".join(f"executions.{each}" for each in ENDED_ROOT.split(" AND ")))
PIECES: Final[dict[str, tuple[Table, tuple[str, ...]]]] = {
    "events": (events, ("seq",)),
    "inbox": (inbox, ("id",)),
    "steps": (node_steps, ("node", "item", "name", "ordinal")),
    "logs": (attempt_logs, ("id",)),
    "blobs": (blobs, ("workspace", "hash")),
}
"""Tables from which what was purged goes piece by piece, and what tells its rows apart."""


def keeping_statements() -> Named:
    """Yield them with their names."""
    for group in (_notes, _open, _lives, _expired, _purge, _pieces, _logs):
        for name, statement in group():
            yield f"keeping.{name}", statement


def _notes() -> Named:
    made = insert(meta).values(key=P("key"), value=P("value"))
    yield "note", select(meta.c.value).where(meta.c.key == P("key"))
    yield (
        "note_set",
        made.on_conflict_do_update(index_elements=["key"], set_={"value": made.excluded.value}),
    )
    yield "note_drop", delete(meta).where(meta.c.key == P("key"))
    yield "now", select(NOW.label("now"))


def _open() -> Named:
    ids = select(_C.id).where(_OPEN).order_by(_C.id).limit(P("limit"))
    yield "open", ids
    yield "open_after", ids.where(_C.id > P("after"))


def _lives() -> Named:
    """Yield what ends with the life of a store that was restored."""
    one = literal_column("1", type_=BigInteger)
    yield (
        "epoch_up",
        update(meta)
        .where(meta.c.key == literal_column("'epoch'"))
        .values(value=cast(cast(meta.c.value, BigInteger) + one, Text))
        .returning(meta.c.value),
    )
    yield (
        "sessions_end",
        update(sessions)
        .where(sessions.c.ended_at.is_(None))
        .values(ended_at=NOW, version=sessions.c.version + one)
        .returning(sessions.c.id),
    )
    yield (
        "tokens_void",
        update(one_time_tokens)
        .where(one_time_tokens.c.used_at.is_(None))
        .values(used_at=NOW)
        .returning(one_time_tokens.c.kind),
    )
    yield (
        "keys_disable",
        update(api_keys)
        .where(api_keys.c.revoked_at.is_(None), api_keys.c.disabled_at.is_(None))
        .values(disabled_at=NOW)
        .returning(api_keys.c.id),
    )
    yield "engines_drop", delete(engines)
    yield (
        "owners_drop",
        update(executions)
        .where(_C.owner.is_not(None))
        .values(owner=literal_column("NULL"), fence=_C.fence + one),
    )
    yield (
        "signals_waiting",
        select(inbox.c.id, inbox.c.body)
        .where(_WAITING, inbox.c.id > P("after"))
        .order_by(inbox.c.id)
        .limit(P("limit")),
    )
    yield (
        "signal_drop",
        update(inbox)
        .where(inbox.c.id == P("row"))
        .values(consumed=literal_column("true", type_=Boolean)),
    )


def _expired() -> Named:
    yield (
        "expired",
        select(_C.workspace, _C.id)
        .where(_ENDED_ROOT, _C.status == P("status"), _C.ended_at < P("before"))
        .order_by(_C.ended_at)
        .limit(P("limit")),
    )


def _purge() -> Named:
    yield (
        "purge_look",
        select(_C.status, _C.parent, _C.ended_at)
        .where(_C.id == P("id"), _C.workspace == P("workspace"))
        .with_for_update(),
    )
    tree = (
        select(_C.id, literal_column("0").label("depth"))
        .where(_C.id == P("id"))
        .cte("tree", recursive=True)
    )
    called = executions.alias("called")
    tree = tree.union_all(
        select(called.c.id, tree.c.depth + _ONE).where(called.c.parent == tree.c.id)
    )
    yield (
        "purge_tree",
        select(tree.c.id, _C.ended_at)
        .join(executions, _C.id == tree.c.id)
        .order_by(tree.c.depth.desc())
        .limit(P("limit")),
    )
    yield (
        "purge_open",
        select(_ONE)
        .select_from(tree)
        .join(executions, _C.id == tree.c.id)
        .where(_C.ended_at.is_(None))
        .limit(_ONE),
    )
    yield (
        "purge_note",
        insert(purges).values(execution_id=P("id"), at=NOW).on_conflict_do_nothing(),
    )
    yield "purge_row", delete(executions).where(_C.id == P("id"))
    texts = search_texts.c
    yield "purge_texts", select(texts.id).where(texts.execution_id == P("id"))
    yield "purge_values", delete(search_values).where(search_values.c.text_id == P("row_id"))
    yield "purge_text", delete(search_texts).where(search_texts.c.execution_id == P("id"))
    yield (
        "purges",
        select(purges.c.execution_id).order_by(purges.c.at, purges.c.execution_id).limit(_ONE),
    )
    yield "purge_done", delete(purges).where(purges.c.execution_id == P("id"))


def _pieces() -> Named:
    for name, (table, columns) in PIECES.items():
        mine_id = table.c.execution_id
        mine = mine_id == P("id")
        keys = [table.c[each] for each in columns]
        some = select(*keys).where(mine).limit(P("limit"))
        which = keys[0].in_(some) if len(keys) == 1 else tuple_(*keys).in_(some)
        yield f"piece_{name}", delete(table).where(mine, which).returning(mine_id.label("gone"))


def _logs() -> Named:
    lines = attempt_logs.c
    yield (
        "logs_page",
        select(lines.id, lines.at, _C.ended_at)
        .select_from(attempt_logs)
        .join(executions, _C.id == lines.execution_id)
        .where(lines.id > P("after"))
        .order_by(lines.id)
        .limit(P("limit")),
    )
    yield "log_drop", delete(attempt_logs).where(lines.id == P("row"))
