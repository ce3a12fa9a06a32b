# SPDX-License-Identifier: Apache-2.0
"""The statements of lists, steps, attempt logs and search on SQLite.

Rules: LG, JN.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Boolean,
    LargeBinary,
    Select,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import ClauseElement, ColumnElement

from legato.adapters.sql.definitions_shared import open_counts
from legato.adapters.sql.schema import (
    attempt_logs,
    blobs,
    executions,
    meta,
    node_steps,
    search_texts,
)
from legato.adapters.sql.sqlite.definitions_base import (
    NOT_INDEXED,
    P,
    array,
    as_json,
    pairs,
)


def _row_columns(table: Any) -> list[ColumnElement[Any]]:
    names = (
        "workspace", "workflow", "version", "status", "head_seq", "nodes_done", "nodes_total",
        "created_at", "started_at", "ended_at", "error", "waiting_for", "parent", "forked_from",
        "owner", "trigger", "workflow_id", "number", "is_test", "trigger_id",
        "scheduled_at", "held_below",
    )  # fmt: skip
    return [table.c.id.label("execution_id"), *(table.c[name] for name in names)]


def finds() -> Iterator[tuple[str, ClauseElement]]:
    """Yield `find` with the letters of the filters that it applies.

    c: children too, s: statuses, t: text, w: workflow.
    """
    for letters in ("", "c", "s", "t", "w", "ct", "st", "sw", "tw", "stw"):
        yield f"find_{letters}", as_json(_find(letters))


def _find(letters: str) -> Select[Any]:
    row = executions
    newest = (row.c.created_at.desc(), row.c.id.desc())
    # A search begins with what it found: `|| ''` keeps SQLite from walking through the workspace.
    workspace = row.c.workspace.concat("") if "t" in letters else row.c.workspace
    conditions: list[Any] = [
        workspace == P("workspace"),
        tuple_(row.c.created_at, row.c.id) < tuple_(P("before_at"), P("before")),
    ]
    if "w" in letters:
        conditions.append(row.c.workflow == P("workflow"))
    if "t" in letters:
        conditions.append(row.c.id.in_(_found_text()))
    if "s" in letters or "w" in letters:
        conditions.append(or_(P("children", type_=Boolean), row.c.parent.is_(None)))
    elif "c" not in letters:
        conditions.append(row.c.parent.is_(None))
    if "s" not in letters:
        return select(*_row_columns(row)).where(*conditions).order_by(*newest).limit(P("limit"))
    # One short list per status out of its index, then the newest of all of them.
    status = func.json_each(P("statuses")).table_valued("value", name="wanted")
    line = (
        select(row.c.id)
        .where(*conditions, row.c.status == status.c.value)
        .order_by(*newest)
        .limit(P("limit"))
        .correlate(status)
    )
    found = executions.alias("found")
    return (
        select(*_row_columns(found))
        .select_from(status.join(found, found.c.id.in_(line)))
        .order_by(found.c.created_at.desc(), found.c.id.desc())
        .limit(P("limit"))
    )


def _found_text() -> Any:
    indexed = (
        select(search_texts.c.execution_id)
        .where(search_texts.c.workspace == P("workspace"))
        .where(
            search_texts.c.id.in_(
                select(literal_column("rowid"))
                .select_from(text("search_index"))
                .where(text("search_index MATCH :words"))
            )
        )
        # What waits to be indexed again is judged by its new text alone.
        .where(search_texts.c.text.is_(None))
    )
    return indexed.union_all(array("fresh"))


def lists() -> Iterator[tuple[str, ClauseElement]]:
    """Yield the reads of executions."""
    row = executions
    yield "execution", as_json(select(*_row_columns(row)).where(row.c.id == P("execution_id")))
    yield "created_at", select(row.c.created_at).where(row.c.id == P("execution_id"))
    page = (
        select(row.c.id)
        .where(row.c.workspace == P("workspace"), row.c.id >= P("first"), row.c.id < P("beyond"))
        .order_by(row.c.id)
        .limit(10)
        .subquery()
    )
    yield "by_prefix", select(cast(func.json_group_array(page.c.id), LargeBinary))
    counted = (
        select(row.c.status, func.count().label("count"))
        .where(row.c.workspace == P("workspace"))
        .group_by(row.c.status)
        .subquery()
    )
    yield (
        "counts",
        select(cast(func.json_group_object(counted.c.status, counted.c.count), LargeBinary)),
    )
    opened = open_counts().subquery()
    yield (
        "open_counts",
        select(cast(func.json_group_object(opened.c.status, opened.c.count), LargeBinary)),
    )
    tree = select(row.c.id).where(row.c.parent == P("execution_id")).cte("tree", recursive=True)
    below = executions.alias("below")
    tree = tree.union(select(below.c.id).where(below.c.parent == tree.c.id))
    yield (
        "descendants",
        as_json(
            select(*_row_columns(row))
            .where(row.c.id.in_(select(tree.c.id)))
            .order_by(row.c.created_at, row.c.id)
            .limit(P("limit"))
        ),
    )
    yield (
        "blobs_of",
        as_json(
            select(blobs.c.hash, blobs.c.size)
            .where(blobs.c.execution_id == P("execution_id"))
            .order_by(blobs.c.hash)
        ),
    )
    yield "meta", select(meta.c.value).where(meta.c.key == P("key"))


def steps() -> Iterator[tuple[str, ClauseElement]]:
    """Yield what belongs to attempts: the journal and the log lines."""
    key = ("execution_id", "node", "item", "name", "ordinal")
    this = and_(*(node_steps.c[name] == P(name) for name in key))
    yield (
        "step",
        select(node_steps.c.attempt, node_steps.c.input_hash, node_steps.c.output).where(this),
    )
    put = insert(node_steps)
    new = {name: put.excluded[name] for name in ("attempt", "input_hash", "output")}
    yield (
        "step_begin",
        put.on_conflict_do_update(
            index_elements=list(key),
            set_=new,
            where=and_(node_steps.c.attempt <= put.excluded.attempt, node_steps.c.output.is_(None)),
        ),
    )
    yield (
        "step_finish",
        put.on_conflict_do_update(
            index_elements=list(key), set_=new, where=node_steps.c.attempt <= put.excluded.attempt
        ),
    )
    fields = (
        "execution_id",
        "node",
        "item",
        "attempt",
        "offset",
        "at",
        "level",
        "text",
        "progress",
    )
    lines = select(
        *(text(f"json_extract(value, '$[{index}]')") for index in range(len(fields)))
    ).select_from(text("json_each(:lines)"))
    yield (
        "logs_add",
        # `WHERE true` keeps SQLite's parser from taking ON CONFLICT for a join's ON.
        insert(attempt_logs)
        .from_select(list(fields), lines.where(text("true")))
        .on_conflict_do_nothing(),
    )
    columns = [attempt_logs.c.id, *(attempt_logs.c[name] for name in fields)]
    for name, condition in (("logs", []), ("logs_of_node", [attempt_logs.c.node == P("node")])):
        yield (
            name,
            as_json(
                select(*columns)
                .where(
                    attempt_logs.c.execution_id == P("execution_id"),
                    attempt_logs.c.id > P("after"),
                    *condition,
                )
                .order_by(attempt_logs.c.id)
                .limit(P("limit"))
            ),
        )


def search() -> Iterator[tuple[str, ClauseElement]]:
    """Yield what moves texts into the full-text index."""
    columns = (search_texts.c.id, search_texts.c.execution_id, search_texts.c.text)
    yield (
        "fresh_texts",
        as_json(
            select(*columns)
            .where(NOT_INDEXED, search_texts.c.workspace == P("workspace"))
            .order_by(search_texts.c.id.desc())
            .limit(P("limit"))
        ),
    )
    yield (
        "waiting_texts",
        as_json(select(*columns).where(NOT_INDEXED).limit(P("limit"))),
    )
    yield (
        "index_drop",
        text(
            "DELETE FROM search_index WHERE rowid IN"
            " (SELECT json_extract(value, '$[0]') FROM json_each(:rows))"
        ),
    )
    yield (
        "index_add",
        text(
            "INSERT INTO search_index (rowid, words)"
            " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            " FROM json_each(:rows)"
        ),
    )
    yield (
        "texts_indexed",
        update(search_texts)
        .where(search_texts.c.id.in_(pairs("rows", both=False)))
        .values(text=None),
    )
