# SPDX-License-Identifier: Apache-2.0
"""The statements of lists by id, and of what indexes them, for both databases.

Not imported at run time. Rules: XR10-XR19.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from legato.adapters.sql.definitions_shared import P, if_given, insert
from legato.adapters.sql.schema import (
    ASKING,
    FILTERS,
    ROOT,
    events,
    executions,
    search_texts,
    search_values,
)
from legato.model.frames import FINAL_EXECUTION

_C: Final = executions.c
_ROOT: Final = text(f"executions.{ROOT}")
"""Written as in the partial indexes: SQLite compares the text."""
_ASKING: Final = text(f"executions.{ASKING}")
ROW: Final = (
    "workspace", "workflow", "version", "status", "head_seq", "nodes_done", "nodes_total",
    "created_at", "started_at", "ended_at", "error", "waiting_for", "parent", "forked_from",
    "owner", "trigger", "workflow_id", "number", "is_test", "trigger_id", "scheduled_at",
    "held_below",
)  # fmt: skip


class among(FunctionElement[bool]):
    """Whether a text is among those of a JSON list."""

    name = "among"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # or SQLite would get `… = 1`, for which it has no index


class among_numbers(FunctionElement[bool]):
    """Whether a number is among those of a JSON list."""

    name = "among_numbers"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True


class unindexed(FunctionElement[str]):
    """A column as it is, for which SQLite looks into no index.

    It keeps no statistics, and would take a whole workspace for less than a short list of ids.
    """

    name = "unindexed"
    type = Text()
    inherit_cache = True


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return "+" + str(compiler.process(element.clauses, **options))


@compiles(unindexed, "postgresql")
def _unindexed_postgres(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(among, "sqlite")
@compiles(among_numbers, "sqlite")
def _among_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    one, many = (compiler.process(each, **options) for each in element.clauses)
    return f"{one} IN (SELECT value FROM json_each({many}))"  # noqa: S608 - no data


@compiles(among, "postgresql")
def _among_postgres(element: Any, compiler: Any, **options: Any) -> str:
    one, many = (compiler.process(each, **options) for each in element.clauses)
    return f"{one} = ANY (ARRAY(SELECT json_array_elements_text(CAST({many} AS json))))"


@compiles(among_numbers, "postgresql")
def _among_numbers(element: Any, compiler: Any, **options: Any) -> str:
    one, many = (compiler.process(each, **options) for each in element.clauses)
    each = f"CAST(json_array_elements_text(CAST({many} AS json)) AS bigint)"
    return f"{one} = ANY (ARRAY(SELECT {each}))"


def _row() -> list[ColumnElement[Any]]:
    return [_C.id.label("execution_id"), *(_C[name] for name in ROW)]


def listing_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield them with their names."""
    yield from _candidates()
    yield from _rows()
    yield from _indexing()


def _page(index: str, *conditions: Any) -> Select[Any]:
    return (
        select(_C.id)
        .with_hint(executions, f"INDEXED BY ix_executions_{index}", "sqlite")
        .where(*conditions, _C.id < P("before", type_=Text), _C.id >= P("first", type_=Text))
        .order_by(_C.id.desc())
        .limit(P("limit"))
    )


def _candidates() -> Iterator[tuple[str, ClauseElement]]:
    here = _C.workspace == P("workspace")
    yield "list.by_all", _page("roots", here, _ROOT)
    for name in FILTERS:
        yield f"list.by_{name}", _page(f"roots_{name}", here, _ROOT, _C[name] == P("value"))
    yield "list.by_parent", _page("parent", here, _C.parent == P("value"))
    yield (
        "list.by_value",
        select(search_values.c.text_id.label("id"))
        .where(
            search_values.c.key == P("key"),
            search_values.c.text_id < P("below"),
            search_values.c.text_id >= P("first"),
        )
        .order_by(search_values.c.text_id.desc())
        .limit(P("limit")),
    )
    yield (
        "list.of_texts",
        select(search_texts.c.execution_id).where(
            among_numbers(search_texts.c.id, P("ids", type_=Text))
        ),
    )


def look(execution_id: Any) -> Select[Any]:
    """Return the query for one execution, its first event, and its last if it has ended."""
    first, last = events.alias("first"), events.alias("last")
    ended = _C.status.in_([literal_column(f"'{each}'") for each in sorted(FINAL_EXECUTION)])
    return (
        select(
            *_row(),
            first.c.body.label("first_body"),
            last.c.body.label("last_body"),
            _C.start,
        )
        .select_from(
            executions.outerjoin(
                first, and_(first.c.execution_id == _C.id, first.c.seq == literal_column("1"))
            ).outerjoin(last, and_(last.c.execution_id == _C.id, last.c.seq == _C.head_seq, ended))
        )
        .where(_C.id == execution_id)
    )


def _rows() -> Iterator[tuple[str, ClauseElement]]:
    asked = P("parent", type_=Text)
    number = P("number", type_=Integer)
    since, until = P("created_from", type_=BigInteger), P("created_to", type_=BigInteger)
    statuses = P("statuses", type_=Text)
    yield (
        "list.rows",
        select(*_row()).where(
            among(_C.id, P("ids", type_=Text)),
            unindexed(_C.workspace) == P("workspace"),
            or_(and_(asked.is_(None), _C.parent.is_(None)), _C.parent == asked),
            or_(statuses.is_(None), among(_C.status, statuses)),
            *(if_given(name, _C[name] == P(name)) for name in _TEXT_FILTERS),
            or_(number.is_(None), _C.number == number),
            or_(since.is_(None), _C.created_at >= since),
            or_(until.is_(None), _C.created_at < until),
        ),
    )
    yield "list.look", look(P("execution_id"))
    open_ = text(f"executions.status NOT IN {tuple(sorted(FINAL_EXECUTION))}")
    asking = (_C.workspace == P("workspace"), _ASKING, open_)
    yield (
        "list.asking",
        select(*_row())
        .where(*asking, _C.id < P("before", type_=Text))
        .order_by(_C.id.desc())
        .limit(P("limit")),
    )
    some = select(literal_column("1").label("one")).where(*asking).limit(P("limit")).subquery()
    yield "list.count_asking", select(func.count().label("count")).select_from(some)


_TEXT_FILTERS: Final = ("workflow", "workflow_id", "trigger")


def _indexing() -> Iterator[tuple[str, ClauseElement]]:
    c = search_texts.c
    yield (
        "index.waiting",
        select(c.id, c.execution_id, c.workspace, c.text)
        .with_hint(search_texts, "INDEXED BY ix_search_texts_waiting", "sqlite")
        .where(c.text.is_not(None))
        .order_by(c.id.desc())
        .limit(P("limit")),
    )
    mine = events.c.execution_id == P("execution_id")
    yield (
        "index.last",
        select(events.c.seq, events.c.body).where(mine).order_by(events.c.seq.desc()).limit(1),
    )
    yield (
        "index.events",
        select(events.c.seq, events.c.body)
        .where(mine, events.c.seq > P("after"))
        .order_by(events.c.seq)
        .limit(P("limit")),
    )
    yield (
        "index.value_add",
        insert(search_values).values(key=P("key"), text_id=P("text_id")).on_conflict_do_nothing(),
    )


def taken() -> Any:
    """Return the update that a text is indexed, if it is the one that was read."""
    c = search_texts.c
    return (
        update(search_texts).where(c.id == P("row_id"), c.text == P("was")).values(text=None)
    ).returning(c.id)


def sqlite_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield what only SQLite has: words in a table for searching."""
    yield "index.taken", taken()
    yield (
        "list.with_value",
        text(
            "SELECT value AS id FROM json_each(:ids) WHERE EXISTS (SELECT 1 FROM search_values"
            " WHERE key = :key AND text_id = value)"
        ),
    )
    yield "index.drop", text("DELETE FROM search_index WHERE rowid = :row_id")
    yield "index.add", text("INSERT INTO search_index (rowid, words) VALUES (:row_id, :words)")
    yield (
        "list.by_words",
        text(
            "SELECT rowid AS id FROM search_index WHERE search_index MATCH :words"
            " AND rowid < :below AND rowid >= :first ORDER BY rowid DESC LIMIT :limit"
        ),
    )
    yield (
        "list.with_words",
        text(
            "SELECT rowid AS id FROM search_index WHERE search_index MATCH :words"
            " AND rowid IN (SELECT value FROM json_each(:ids))"
        ),
    )


def postgres_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield what only PostgreSQL has: words beside their text."""
    c = search_texts.c
    lexemes = func.array_to_tsvector(func.string_to_array(P("words", type_=Text), " "))
    yield (
        "list.with_value",
        select(search_values.c.text_id.label("id")).where(
            search_values.c.key == P("key"),
            among_numbers(search_values.c.text_id, P("ids", type_=Text)),
        ),
    )
    yield "index.words", taken().values(words=lexemes)
    found = c.words.op("@@")(cast(P("words", type_=Text), TSQUERY()))
    window = (
        select(c.id, c.words)
        .where(c.id < P("below"), c.id >= P("first"))
        .order_by(c.id.desc())
        .limit(P("limit"))
        .subquery("look")
    )
    match = window.c.words.op("@@")(cast(P("words", type_=Text), TSQUERY()))
    yield (
        "list.by_words",
        select(c.id)
        .where(found, c.id < P("below"), c.id >= P("first"))
        .order_by(c.id.desc())
        .limit(P("limit")),
    )
    yield (
        "list.with_words",
        select(c.id).where(found, among_numbers(c.id, P("ids", type_=Text))),
    )
    yield (
        "list.words_near",
        select(window.c.id, func.coalesce(match, text("false")).label("is_found")),
    )
