# SPDX-License-Identifier: Apache-2.0
"""The statements of the PostgreSQL store but those of `append`, as SQLAlchemy Core.

`compile` turns them into text; this module is not imported at run time. Names are those that
`statements.SQL` knows. Lists are arrays; the database's clock is `clock_timestamp()`.

Rules: LG, OW.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Float,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    extract,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import TSVECTOR, insert
from sqlalchemy.sql import ClauseElement, ColumnElement

from legato.adapters.sql.accounts.definitions import account_statements
from legato.adapters.sql.definitions_admission import admission_statements
from legato.adapters.sql.definitions_audit import audit_statements
from legato.adapters.sql.definitions_credentials import credential_statements
from legato.adapters.sql.definitions_files import file_statements
from legato.adapters.sql.definitions_keeping import keeping_statements
from legato.adapters.sql.definitions_listing import listing_statements, postgres_statements
from legato.adapters.sql.definitions_shared import open_counts
from legato.adapters.sql.postgres.definitions_look_ups import look_ups
from legato.adapters.sql.schema import (
    NOBODYS,
    attempt_logs,
    blobs,
    engines,
    events,
    executions,
    inbox,
    meta,
    node_steps,
    search_texts,
)
from legato.adapters.sql.triggers.definitions import trigger_statements
from legato.adapters.sql.workflows.definitions import workflow_statements
from legato.model.frames import FINAL_EXECUTION

P: Final = bindparam
NOW_MS: Final = cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
FINAL: Final = text(f"executions.status NOT IN {tuple(sorted(FINAL_EXECUTION))}")
WAITING: Final = text("NOT inbox.consumed")
QUEUED: Final = text("executions.status = 'queued' AND executions.held_below IS NULL")
FREE: Final = executions.c.owner.is_(None)
NOT_INDEXED: Final = search_texts.c.text.is_not(None)


def texts(name: str) -> Any:
    """Return an array parameter of texts."""
    return P(name, type_=ARRAY(Text))


def numbers(name: str) -> Any:
    """Return an array parameter of integers."""
    return P(name, type_=ARRAY(BigInteger))


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Tell whether a text column is among the values of an array parameter."""
    return column == func.any(texts(name))


def unnest(name: str, **columns: Any) -> Any:
    """Return a table of parallel array parameters: column name -> element type."""
    arrays = [P(f"{column}s", type_=ARRAY(kind)) for column, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()


def all_statements() -> dict[str, ClauseElement]:
    """Return every statement by name, sorted by name."""
    groups = (
        _log(), _inbox(), _engines(), _claims(), _finds(), _lists(), _steps(), _search(),
        account_statements(), admission_statements(), audit_statements(), credential_statements(),
        file_statements(), keeping_statements(), trigger_statements(), workflow_statements(),
        look_ups(), listing_statements(), postgres_statements(),
    )  # fmt: skip
    return dict(sorted(pair for group in groups for pair in group))


def row_columns() -> list[ColumnElement[Any]]:
    """Return the columns of an `ExecutionRow`, in the order of its fields."""
    names = (
        "workspace", "workflow", "version", "status", "head_seq", "nodes_done", "nodes_total",
        "created_at", "started_at", "ended_at", "error", "waiting_for", "parent", "forked_from",
        "owner", "trigger", "workflow_id", "number", "is_test", "trigger_id",
        "scheduled_at", "held_below",
    )  # fmt: skip
    return [executions.c.id.label("execution_id"), *(executions.c[name] for name in names)]


def _claim_columns() -> list[ColumnElement[Any]]:
    names = (
        "workspace", "version", "workflow", "fence", "head_seq", "status", "created_at", "owner",
        "is_busy", "start",
    )  # fmt: skip
    return [executions.c.id.label("execution_id"), *(executions.c[name] for name in names)]


def _log() -> Iterator[tuple[str, ClauseElement]]:
    columns = (events.c.seq, events.c.at, events.c.body, events.c.crc)
    yield (
        "read_log",
        select(*columns)
        .where(events.c.execution_id == P("execution_id"), events.c.seq > P("after"))
        .order_by(events.c.seq)
        .limit(P("limit")),
    )
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
    yield (
        "read_logs",
        select(events.c.execution_id, *columns)
        .where(among(events.c.execution_id, "ids"))
        .order_by(events.c.execution_id, events.c.seq),
    )
    yield (
        "heads",
        select(executions.c.id, executions.c.head_seq).where(among(executions.c.id, "ids")),
    )
    yield "queued_count", select(func.count()).select_from(executions).where(QUEUED)


def _inbox() -> Iterator[tuple[str, ClauseElement]]:
    # A subquery and no join: the few waiting signals are looked at, never all executions, whatever
    # the planner believes. A signal that crossed with the end is nobody's; the janitor takes it.
    owner = _of_execution(executions.c.owner)
    waiting = select(inbox.c.id, inbox.c.execution_id, inbox.c.body).where(WAITING)
    ordered = waiting.order_by(inbox.c.id)
    yield "pending", ordered.where(owner == P("engine")).limit(P("limit"))
    alive = _of_execution(literal_column("true"))
    yield "pending_for", ordered.where(among(inbox.c.execution_id, "ids"), alive)
    ended = exists().where(
        executions.c.id == inbox.c.execution_id,
        text(f"executions.status IN {tuple(sorted(FINAL_EXECUTION))}"),
    )
    yield "inbox_tidy", delete(inbox).where(WAITING, ended)


def _of_execution(column: Any) -> Any:
    """Return a column of the execution that a signal is for, NULL if it has ended."""
    return (
        select(column)
        .select_from(executions)
        .where(executions.c.id == inbox.c.execution_id, FINAL)
        .scalar_subquery()
    )


def _engines() -> Iterator[tuple[str, ClauseElement]]:
    left_ms = (engines.c.lease_until - NOW_MS).label("lease_left_ms")
    columns = (engines.c.id, engines.c.host, engines.c.pid, left_ms, engines.c.adopts)
    yield "engines", select(*columns).order_by(engines.c.id)
    yield (
        "owner_of",
        select(*columns)
        .join(executions, executions.c.owner == engines.c.id)
        .where(executions.c.id == P("execution_id")),
    )
    yield (
        "engine_known",
        select(literal_column("1")).select_from(engines).where(engines.c.id == P("engine")),
    )
    until = NOW_MS + P("lease_ms", type_=BigInteger)
    put = insert(engines).values(
        id=P("engine"),
        host=P("host"),
        pid=P("pid"),
        machine="",
        lease_steady=0,
        lease_until=until,
        adopts=P("adopts"),
        registered_at=NOW_MS,
    )
    names = ("host", "pid", "lease_until", "adopts", "registered_at")
    yield (
        "engine_put",
        put.on_conflict_do_update(
            index_elements=["id"], set_={name: put.excluded[name] for name in names}
        ),
    )
    yield (
        "engine_renew",
        update(engines).where(engines.c.id == P("engine")).values(lease_until=until),
    )
    yield "engine_drop", delete(engines).where(engines.c.id == P("engine"))
    yield (
        "engines_reap",
        delete(engines).where(engines.c.id != P("engine"), engines.c.lease_until <= NOW_MS),
    )
    yield (
        "let_go",
        update(executions).where(executions.c.owner == P("engine")).values(**NOBODYS),
    )
    pairs = unnest("pairs", id=Text, fence=BigInteger)
    yield (
        "release",
        update(executions)
        .where(
            executions.c.owner == P("engine"),
            executions.c.id == pairs.c.id,
            executions.c.fence == pairs.c.fence,
        )
        .values(**NOBODYS),
    )


def _claims() -> Iterator[tuple[str, ClauseElement]]:
    oldest = (executions.c.created_at, executions.c.id)
    claim = select(*_claim_columns())
    lock: dict[str, Any] = {"skip_locked": True, "of": executions}
    yield (
        "take",
        update(executions)
        .where(among(executions.c.id, "ids"))
        .values(owner=P("engine"), fence=executions.c.fence + 1, held_below=None),
    )
    # Waits for whoever holds the row: the caller wants this one and no other.
    yield "claim_row", claim.where(executions.c.id == P("execution_id")).with_for_update()
    yield (
        "orphaned",
        claim.where(executions.c.owner.in_(_orphan_owners()))
        .order_by(*oldest)
        .limit(P("limit"))
        .with_for_update(**lock),
    )
    yield (
        "wanted",
        claim.where(FREE, executions.c.id.in_(_woken(P("limit"))))
        .order_by(*oldest)
        .limit(P("limit"))
        .with_for_update(**lock),
    )
    line = _queue()
    yield (
        "queued",
        claim.select_from(executions.join(line, line.c.id == executions.c.id))
        .where(FREE, QUEUED)
        .order_by(line.c.place, line.c.workspace <= P("last_workspace"), line.c.workspace)
        .limit(P("limit"))
        .with_for_update(**lock),
    )
    dead = exists().where(engines.c.id != P("engine"), engines.c.lease_until <= NOW_MS)
    yield (
        "anything",
        select(
            or_(
                exists(_woken(literal_column("1"))),
                exists(_orphan_owners()),
                _first_queued().is_not(None),
                dead,
            )
        ),
    )


def _first_queued() -> Any:
    """Return the id of a queued execution, by the order of the index.

    In any other order the planner would walk through all entries that are dead already.
    """
    return (
        select(executions.c.id)
        .where(QUEUED, FREE)
        .order_by(executions.c.workspace, executions.c.created_at, executions.c.id)
        .limit(literal_column("1"))
        .scalar_subquery()
    )


def _orphan_owners() -> Select[Any]:
    """Return owners without a row in `engines`, stepping over the index owner by owner."""
    owners = (
        select(func.min(executions.c.owner).label("owner"))
        .where(executions.c.owner.is_not(None))
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


def _woken(limit: Any) -> Any:
    """Return ids without owner that have a signal, are due, or were let go with work in flight."""
    is_free = _of_execution(FREE)
    told = select(inbox.c.execution_id.label("id")).where(WAITING, is_free)
    due = select(executions.c.id).where(
        FREE, executions.c.wake_at.is_not(None), executions.c.wake_at <= NOW_MS
    )
    drained = select(executions.c.id).where(FREE, executions.c.is_busy)
    parts = (told.distinct(), due, drained)
    return union(*(select(part.limit(limit).subquery().c.id) for part in parts))


def _queue() -> Any:
    """Return queued executions with their place in the line of their workspace, from 1."""
    spaces = (
        select(func.min(executions.c.workspace).label("workspace"))
        .where(QUEUED)
        .cte("spaces", recursive=True)
    )
    following = (
        select(func.min(executions.c.workspace))
        .where(QUEUED, executions.c.workspace > spaces.c.workspace)
        .scalar_subquery()
    )
    spaces = spaces.union_all(select(following).where(spaces.c.workspace.is_not(None)))
    oldest = (executions.c.created_at, executions.c.id)
    line = (
        select(executions.c.id, func.row_number().over(order_by=oldest).label("place"))
        .where(QUEUED, executions.c.workspace == spaces.c.workspace, FREE)
        .order_by(*oldest)
        .limit(P("limit"))
        .lateral("line")
    )
    return (
        select(line.c.id, line.c.place, spaces.c.workspace)
        .select_from(spaces.join(line, literal_column("true")))
        .subquery("queue")
    )


def _finds() -> Iterator[tuple[str, ClauseElement]]:
    """Yield `find` with the letters of the filters that it applies.

    c: children too, s: statuses, t: text, w: workflow.
    """
    for letters in ("", "c", "s", "t", "w", "ct", "st", "sw", "tw", "stw"):
        row = executions
        # The ids of roots rise with time; those of children are any.
        is_plain = not {"c", "s", "w"} & set(letters)
        place = tuple_(P("before_at", type_=BigInteger), P("before", type_=Text))
        conditions: list[Any] = [
            row.c.workspace == P("workspace"),
            row.c.id < P("before", type_=Text)
            if is_plain
            else tuple_(row.c.created_at, row.c.id) < place,
        ]
        if "w" in letters:
            conditions.append(row.c.workflow == P("workflow"))
        if "s" in letters:
            conditions.append(among(row.c.status, "statuses"))
        if "t" in letters:
            conditions.append(or_(row.c.id.in_(_found_text()), among(row.c.id, "fresh")))
        if "s" in letters or "w" in letters:
            conditions.append(or_(P("children", type_=Boolean), row.c.parent.is_(None)))
        elif "c" not in letters:
            conditions.append(row.c.parent.is_(None))
        newest = (row.c.id.desc(),) if is_plain else (row.c.created_at.desc(), row.c.id.desc())
        yield (
            f"find_{letters}",
            select(*row_columns()).where(*conditions).order_by(*newest).limit(P("limit")),
        )


def _found_text() -> Select[Any]:
    return select(search_texts.c.execution_id).where(
        search_texts.c.workspace == P("workspace"),
        search_texts.c.words.op("@@")(cast(P("words", type_=Text), _TsQuery())),
        # What waits to be indexed again is judged by its new text alone.
        search_texts.c.text.is_(None),
    )


class _TsQuery(TSVECTOR):
    __visit_name__ = "TSQUERY"


def _lists() -> Iterator[tuple[str, ClauseElement]]:
    row = executions
    yield "execution", select(*row_columns()).where(row.c.id == P("execution_id"))
    yield "created_at", select(row.c.created_at).where(row.c.id == P("execution_id"))
    yield (
        "by_prefix",
        select(row.c.id)
        .where(row.c.workspace == P("workspace"), row.c.id >= P("first"), row.c.id < P("beyond"))
        .order_by(row.c.id)
        .limit(10),
    )
    yield (
        "counts",
        select(row.c.status, func.count())
        .where(row.c.workspace == P("workspace"))
        .group_by(row.c.status),
    )
    yield "open_counts", open_counts()
    tree = select(row.c.id).where(row.c.parent == P("execution_id")).cte("tree", recursive=True)
    below = executions.alias("below")
    tree = tree.union(select(below.c.id).where(below.c.parent == tree.c.id))
    yield (
        "descendants",
        select(*row_columns())
        .where(row.c.id.in_(select(tree.c.id)))
        .order_by(row.c.created_at, row.c.id)
        .limit(P("limit")),
    )
    yield (
        "blobs_of",
        select(blobs.c.hash, blobs.c.size)
        .where(blobs.c.execution_id == P("execution_id"))
        .order_by(blobs.c.hash),
    )
    yield "meta", select(meta.c.value).where(meta.c.key == P("key"))


def _steps() -> Iterator[tuple[str, ClauseElement]]:
    key = ("execution_id", "node", "item", "name", "ordinal")
    this = and_(*(node_steps.c[name] == P(name) for name in key))
    yield (
        "step",
        select(node_steps.c.attempt, node_steps.c.input_hash, node_steps.c.output).where(this),
    )
    put = insert(node_steps)
    new = {name: put.excluded[name] for name in ("attempt", "input_hash", "output")}
    held = node_steps.c.attempt <= put.excluded.attempt
    for name, where in (
        ("step_begin", and_(held, node_steps.c.output.is_(None))),
        ("step_finish", held),
    ):
        yield name, put.on_conflict_do_update(index_elements=list(key), set_=new, where=where)
    lines = unnest(
        "lines", execution_id=Text, node=Text, item=Integer, attempt=Integer, offset=Integer,
        at=BigInteger, level=Text, text=Text, progress=Float,
    )  # fmt: skip
    fields = [column.name for column in lines.c]
    yield (
        "logs_add",
        insert(attempt_logs).from_select(fields, select(*lines.c)).on_conflict_do_nothing(),
    )
    columns = [attempt_logs.c.id, *(attempt_logs.c[name] for name in fields)]
    whole = (
        select(*columns)
        .where(attempt_logs.c.execution_id == P("execution_id"), attempt_logs.c.id > P("after"))
        .order_by(attempt_logs.c.id)
        .limit(P("limit"))
    )
    yield "logs", whole
    yield "logs_of_node", whole.where(attempt_logs.c.node == P("node"))


def _search() -> Iterator[tuple[str, ClauseElement]]:
    yield (
        "fresh_texts",
        select(search_texts.c.execution_id, search_texts.c.text)
        .where(NOT_INDEXED, search_texts.c.workspace == P("workspace"))
        .order_by(search_texts.c.id.desc())
        .limit(P("limit")),
    )
