# SPDX-License-Identifier: Apache-2.0
"""The statements of log, inbox and owners on SQLite, as SQLAlchemy Core.

`compile` turns them into text; this module is not imported at run time. Names are those that
`statements.SQL` knows. Every query that returns rows returns one JSON text in one row; every list
parameter is one JSON text.

Rules: LG, OW.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from sqlalchemy import (
    LargeBinary,
    Select,
    Text,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import ClauseElement, ColumnElement

from legato.adapters.sql.accounts.definitions import account_statements
from legato.adapters.sql.definitions_admission import admission_statements
from legato.adapters.sql.definitions_audit import audit_statements
from legato.adapters.sql.definitions_credentials import credential_statements
from legato.adapters.sql.definitions_files import file_statements
from legato.adapters.sql.definitions_keeping import keeping_statements
from legato.adapters.sql.definitions_listing import listing_statements, sqlite_statements
from legato.adapters.sql.schema import (
    NOBODYS,
    engines,
    events,
    executions,
    inbox,
)
from legato.adapters.sql.sqlite.definitions_base import (
    BUSY,
    FINAL,
    INDEX,
    QUEUED,
    WAITING,
    P,
    array,
    as_json,
    body_text,
    pairs,
)
from legato.adapters.sql.sqlite.definitions_lists import (
    finds,
    lists,
    search,
    steps,
)
from legato.adapters.sql.triggers.definitions import trigger_statements
from legato.adapters.sql.workflows.definitions import workflow_statements


def _claim_columns(table: Any) -> list[ColumnElement[Any]]:
    names = ("workspace", "version", "workflow", "fence", "head_seq", "status", "created_at")
    return [
        table.c.id.label("execution_id"),
        *(table.c[name] for name in names),
        table.c.owner,
        table.c.is_busy,
        body_text(table.c.start).label("start"),
    ]


def all_statements() -> dict[str, ClauseElement]:
    """Return every statement by name, sorted by name."""
    groups = (
        _log(), _inbox(), _owners(), finds(), lists(), steps(), search(),
        account_statements(), admission_statements(), audit_statements(), credential_statements(),
        file_statements(), keeping_statements(), trigger_statements(), workflow_statements(),
        listing_statements(), sqlite_statements(),
    )  # fmt: skip
    return dict(sorted(pair for group in groups for pair in group))


def _log() -> Iterator[tuple[str, ClauseElement]]:
    page = (
        select(events.c.seq, events.c.at, events.c.crc, events.c.body)
        .where(events.c.execution_id == P("execution_id"), events.c.seq > P("after"))
        .order_by(events.c.seq)
        .limit(P("limit"))
        .subquery("page")
    )
    yield "read_log", select(cast(_event_list(page), LargeBinary))
    yield (
        "turn_end",
        select(events.c.seq)
        .where(
            events.c.execution_id == P("execution_id"),
            events.c.seq <= P("seq"),
            events.c.crc.is_not(None),
        )
        .order_by(events.c.seq.desc())
        .limit(1),
    )
    wanted = func.json_each(P("ids")).table_valued("value", name="wanted")
    one = (
        # In the order of the primary key, by which it is searched.
        select(_event_list(events))
        .where(events.c.execution_id == wanted.c.value)
        .correlate(wanted)
        .scalar_subquery()
    )
    entries = func.group_concat('"' + cast(wanted.c.value, Text) + '":' + one)
    whole = "{" + func.coalesce(entries, "") + "}"
    yield "read_logs", select(cast(whole, LargeBinary)).select_from(wanted)
    yield (
        "heads",
        select(
            cast(func.json_group_object(executions.c.id, executions.c.head_seq), LargeBinary)
        ).where(executions.c.id.in_(array("ids"))),
    )
    yield (
        "fences",
        as_json(
            select(executions.c.id, executions.c.fence, executions.c.head_seq).where(
                executions.c.id.in_(array("ids"))
            )
        ),
    )
    yield (
        "existing",
        select(cast(func.json_group_array(executions.c.id), LargeBinary)).where(
            executions.c.id.in_(array("ids"))
        ),
    )
    yield (
        "queued_count",
        select(func.count()).select_from(executions).where(QUEUED),
    )


def _event_list(rows: Any) -> ColumnElement[str]:
    """Return `[[seq,at,crc,body],…]`. Bodies are JSON: joined as they are, not parsed."""
    parts: list[Any] = ["["]
    for column in (rows.c.seq, rows.c.at, rows.c.crc):
        parts += (func.coalesce(cast(column, Text), "null"), ",")
    parts += (body_text(rows.c.body), "]")
    entry = reduce(lambda one, two: one + two, parts[1:], literal(parts[0]))
    return "[" + func.coalesce(func.group_concat(entry), "") + "]"


def _inbox() -> Iterator[tuple[str, ClauseElement]]:
    columns = (inbox.c.id, inbox.c.execution_id, body_text(inbox.c.body).label("body"))
    waiting = select(*columns).where(WAITING).with_hint(inbox, INDEX.format("ix_inbox_waiting"))
    # From the few waiting signals to their executions, never the other way round.
    owner = select(executions.c.owner).where(executions.c.id == inbox.c.execution_id)
    mine = waiting.where(owner.scalar_subquery() == P("engine"))
    yield "pending", as_json(mine.order_by(inbox.c.id).limit(P("limit")))
    yield (
        "pending_for",
        as_json(waiting.where(inbox.c.execution_id.in_(array("ids"))).order_by(inbox.c.id)),
    )
    count = (
        select(func.count())
        .select_from(inbox)
        .where(WAITING, inbox.c.execution_id == executions.c.id)
        .scalar_subquery()
    )
    yield (
        "inbox_state",
        as_json(
            select(executions.c.id, executions.c.status, count.label("waiting")).where(
                executions.c.id.in_(array("ids"))
            )
        ),
    )
    known = func.json_array(inbox.c.execution_id, inbox.c.dedupe_key)
    yield (
        "inbox_known",
        select(cast(func.json_group_array(known), LargeBinary)).where(
            tuple_(inbox.c.execution_id, inbox.c.dedupe_key).in_(pairs("pairs"))
        ),
    )


def _owners() -> Iterator[tuple[str, ClauseElement]]:
    yield "engines", as_json(select(engines).order_by(engines.c.id))
    yield "engine_drop", delete(engines).where(engines.c.id == P("engine"))
    yield "engines_drop", delete(engines).where(engines.c.id.in_(array("ids")))
    yield "engine_add", insert(engines)
    yield (
        "engine_renew",
        update(engines)
        .where(engines.c.id == P("engine"))
        .values(lease_steady=P("lease_steady"), lease_until=P("lease_until")),
    )
    yield (
        "let_go",
        update(executions).where(executions.c.owner == P("engine")).values(**NOBODYS),
    )
    yield (
        "release",
        update(executions)
        .where(
            executions.c.owner == P("engine"),
            executions.c.id.in_(pairs("pairs", both=False)),
            tuple_(executions.c.id, executions.c.fence).in_(pairs("pairs")),
        )
        .values(**NOBODYS),
    )
    yield (
        "take",
        update(executions)
        .where(executions.c.id.in_(array("ids")))
        .values(owner=P("engine"), fence=executions.c.fence + 1, held_below=None),
    )
    yield (
        "claim_row",
        as_json(select(*_claim_columns(executions)).where(executions.c.id == P("execution_id"))),
    )
    yield (
        "owner_of",
        as_json(
            select(engines).where(
                engines.c.id
                == select(executions.c.owner)
                .where(executions.c.id == P("execution_id"))
                .scalar_subquery()
            )
        ),
    )
    oldest = (executions.c.created_at, executions.c.id)
    orphans = _orphan_owners()
    yield (
        "orphaned",
        as_json(
            select(*_claim_columns(executions))
            .where(executions.c.owner.in_(orphans))
            .order_by(*oldest)
            .limit(P("limit"))
        ),
    )
    yield (
        "wanted",
        as_json(
            select(*_claim_columns(executions))
            .where(executions.c.owner.is_(None), executions.c.id.in_(_woken()))
            .order_by(*oldest)
            .limit(P("limit"))
        ),
    )
    yield "queued", as_json(_queued())
    yield (
        "anything",
        select(
            or_(
                exists(_woken(limit=1)),
                exists(orphans),
                exists(
                    select(text("1"))
                    .select_from(executions)
                    .where(QUEUED, executions.c.owner.is_(None))
                ),
            )
        ),
    )


def _orphan_owners() -> Select[Any]:
    """Return owners without a row in `engines`, stepping over the index owner by owner."""
    owned = executions.c.owner.is_not(None)
    owners = (
        select(func.min(executions.c.owner).label("owner"))
        .where(owned)
        .cte("owners", recursive=True)
    )
    following = executions.alias("following")
    step = (
        select(func.min(following.c.owner))
        .where(following.c.owner.is_not(None), following.c.owner > owners.c.owner)
        .scalar_subquery()
    )
    owners = owners.union_all(select(step).where(owners.c.owner.is_not(None)))
    return select(owners.c.owner).where(
        owners.c.owner.is_not(None), owners.c.owner.not_in(select(engines.c.id))
    )


def _woken(limit: int | None = None) -> Any:
    """Return ids without owner that have a signal, are due, or were let go with work in flight."""
    top: Any = P("limit") if limit is None else literal_column(str(limit))
    free = executions.c.owner.is_(None)
    alive = exists().where(
        executions.c.id == inbox.c.execution_id, free, text(f"executions.status NOT IN {FINAL}")
    )
    told = select(inbox.c.execution_id.label("id")).where(WAITING, alive)
    signalled = told.distinct().limit(top).subquery()
    due = (
        select(executions.c.id)
        .where(free, executions.c.wake_at.is_not(None), executions.c.wake_at <= P("now"))
        .limit(top)
        .subquery()
    )
    drained = select(executions.c.id).where(free, BUSY).limit(top).subquery()
    return union(select(signalled.c.id), select(due.c.id), select(drained.c.id))


def _queued() -> Select[Any]:
    """Return queued executions, one of each workspace in turn, the oldest of each first."""
    by = INDEX.format("ix_executions_queued")
    spaces = (
        select(func.min(executions.c.workspace).label("workspace"))
        .where(QUEUED)
        .with_hint(executions, by)
        .cte("spaces", recursive=True)
    )
    following = (
        select(func.min(executions.c.workspace))
        .where(QUEUED, executions.c.workspace > spaces.c.workspace)
        .with_hint(executions, by)
        .scalar_subquery()
    )
    spaces = spaces.union_all(select(following).where(spaces.c.workspace.is_not(None)))
    line = (
        select(executions.c.id)
        .where(
            QUEUED,
            executions.c.workspace == spaces.c.workspace,
            executions.c.owner.is_(None),
        )
        .with_hint(executions, by)
        .order_by(executions.c.created_at, executions.c.id)
        .limit(P("limit"))
        .correlate(spaces)
    )
    found = executions.alias("found")
    turn = func.row_number().over(
        partition_by=found.c.workspace, order_by=(found.c.created_at, found.c.id)
    )
    return (
        select(*_claim_columns(found))
        .select_from(spaces.join(found, found.c.id.in_(line)))
        .order_by(turn, found.c.workspace <= P("last_workspace"), found.c.workspace)
        .limit(P("limit"))
    )
