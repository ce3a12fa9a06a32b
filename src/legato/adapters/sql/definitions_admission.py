# SPDX-License-Identifier: Apache-2.0
"""The statements of admissions, for both databases. Not imported at run time.

Rules: AM1-AM12.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Select,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.functions import FunctionElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema import (
    OPEN_ROOT,
    answers,
    blobs,
    executions,
    inbox,
    places,
)
from legato.ports.admission import ONCE_TTL_MS

_TTL: Final = literal_column(str(ONCE_TTL_MS), type_=BigInteger)
_OLD: Final = answers.c.at <= NOW - _TTL
_ONE: Final[Any] = literal_column("1")


class workflow_lock(FunctionElement[int]):
    """Wait until no other transaction counts executions of a workflow; one writes on SQLite."""

    name = "workflow_lock"
    type = BigInteger()
    inherit_cache = True


@compiles(workflow_lock, "sqlite")
def _lock_sqlite(*_: Any, **__: Any) -> str:
    return "1"


@compiles(workflow_lock, "postgresql")
def _lock_postgres(element: Any, compiler: Any, **options: Any) -> str:
    inside = compiler.process(element.clauses, **options)
    return f"pg_advisory_xact_lock(hashtextextended({inside}, 0))"


def admission_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield them with their names."""
    yield from _answers()
    yield from _places()
    yield from _executions()
    yield from _held()
    yield from _signals()


def _answers() -> Iterator[tuple[str, ClauseElement]]:
    c = answers.c
    yield "admission.answer", select(answers).where(c.scope == P("scope"), c.at > NOW - _TTL)
    names = ("request", "status", "headers", "body")
    made = insert(answers).values(scope=P("scope"), at=NOW, **{name: P(name) for name in names})
    again = {name: made.excluded[name] for name in (*names, "at")}
    yield (
        "admission.answer_add",
        made.on_conflict_do_update(index_elements=["scope"], set_=again, where=_OLD).returning(
            c.scope
        ),
    )
    yield (
        "admission.answer_change",
        update(answers)
        .where(c.scope == P("scope_is"), c.request == P("request_is"))
        .values(status=P("status"), headers=P("headers"), body=P("body")),
    )
    yield "admission.answer_drop", delete(answers).where(c.scope == P("scope_is"))
    old = select(c.scope).where(_OLD).order_by(c.at).limit(P("limit"))
    yield "admission.answers_drop", delete(answers).where(c.scope.in_(old)).returning(c.scope)


def _places() -> Iterator[tuple[str, ClauseElement]]:
    c = places.c
    names = ("trigger", "key", "kind", "at", "execution_id")
    yield (
        "admission.place_add",
        insert(places)
        .values({name: P(name) for name in names})
        .on_conflict_do_nothing()
        .returning(c.key),
    )
    yield (
        "admission.place",
        select(c.execution_id).where(c.trigger == P("trigger"), c.key == P("key")),
    )
    yield (
        "admission.place_skip",
        update(places)
        .where(c.trigger == P("trigger_is"), c.key == P("key_is"))
        .values(execution_id=None),
    )


def _executions() -> Iterator[tuple[str, ClauseElement]]:
    c = executions.c
    names = (
        "id", "workspace", "workflow", "version", "owner", "fence", "created_at", "parent", "root",
        "forked_from", "trigger", "nodes_total", "start", "workflow_id", "number", "trigger_id",
        "scheduled_at", "held_below",
    )  # fmt: skip
    zero: Any = literal_column("0")
    values: dict[str, Any] = {name: P(name) for name in names}
    values |= {
        "status": literal_column("'queued'"),
        "head_seq": zero,
        "nodes_done": zero,
        "is_busy": literal_column("false", type_=Boolean),
        "is_test": P("is_test", type_=Boolean),
    }
    yield (
        "admission.execution_add",
        insert(executions).values(values).on_conflict_do_nothing().returning(c.id),
    )
    yield "admission.queued", _counted(select(_ONE).select_from(executions).where(_QUEUED))
    yield "admission.lock", select(workflow_lock(P("workflow_id")).label("is_locked"))
    is_open = select(_ONE).select_from(executions).where(_OPEN, c.workflow_id == P("workflow_id"))
    yield "admission.open", _counted(is_open)
    held = select(_ONE).select_from(executions).where(_HELD, c.workflow_id == P("workflow_id"))
    yield "admission.held", _counted(held)
    source = blobs.alias("source")
    inherited = (
        select(source.c.workspace, source.c.hash, P("id"), source.c.size)
        .where(source.c.execution_id == P("source"), source.c.workspace == P("workspace"))
    )  # fmt: skip
    yield (
        "admission.inherit",
        insert(blobs)
        .from_select(["workspace", "hash", "execution_id", "size"], inherited)
        .on_conflict_do_nothing(),
    )


_QUEUED: Final = text("executions.status = 'queued' AND executions.held_below IS NULL")
_HELD: Final = text("executions.held_below IS NOT NULL")
_OPEN: Final = text(OPEN_ROOT)


def _counted(rows: Select[Any]) -> ClauseElement:
    """Return how many rows there are, `limit` at most."""
    some = rows.limit(P("limit")).subquery()
    return select(func.count().label("count")).select_from(some)


def _held() -> Iterator[tuple[str, ClauseElement]]:
    c = executions.c
    first = func.min(c.id).label("first")
    yield (
        "admission.held_workflows",
        select(c.workflow_id, first).where(_HELD).group_by(c.workflow_id).limit(P("limit")),
    )
    yield (
        "admission.held_first",
        select(c.id, c.held_below)
        .where(_HELD, c.workflow_id == P("workflow_id"))
        .order_by(c.id)
        .limit(P("limit")),
    )
    yield "admission.release", update(executions).where(c.id == P("id_is")).values(held_below=None)


def _signals() -> Iterator[tuple[str, ClauseElement]]:
    c = inbox.c
    mine = c.execution_id == P("execution_id")
    waiting = select(func.count()).select_from(inbox).where(mine, text("NOT inbox.consumed"))
    known = (
        select(func.count()).select_from(inbox).where(mine, c.dedupe_key == P("dedupe_key"))
    )  # fmt: skip
    yield (
        "admission.inbox",
        select(
            executions.c.status,
            waiting.scalar_subquery().label("waiting"),
            known.scalar_subquery().label("known"),
        ).where(executions.c.id == P("execution_id")),
    )
    values: dict[str, Any] = {name: P(name) for name in ("execution_id", "dedupe_key", "body")}
    yield (
        "admission.signal_add",
        insert(inbox)
        .values(at=NOW, consumed=literal_column("false", type_=Boolean), **values)
        .on_conflict_do_nothing(index_elements=["execution_id", "dedupe_key"])
        .returning(c.id),
    )
