# SPDX-License-Identifier: Apache-2.0
"""What the definitions of SQLite's statements share: parameters, conditions, rows as JSON.

Rules: LG.
"""

from typing import Any, Final

from sqlalchemy import (
    LargeBinary,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.sql import ColumnElement

from legato.adapters.sql.schema import search_texts
from legato.model.frames import FINAL_EXECUTION

P: Final = bindparam
WAITING: Final = text("NOT inbox.consumed")
"""Written as in the partial index: SQLite compares the text."""
QUEUED: Final = text("executions.status = 'queued' AND executions.held_below IS NULL")
BUSY: Final = text("executions.is_busy")
INDEX: Final = "INDEXED BY {}"
"""Hint for where SQLite, which keeps no statistics here, would choose another index."""
FINAL: Final = str(tuple(sorted(FINAL_EXECUTION)))
NOT_INDEXED: Final = search_texts.c.text.is_not(None)


def array(name: str) -> Select[Any]:
    """Return the elements of a JSON parameter as a subquery."""
    return select(func.json_each(P(name)).table_valued("value").c.value)


def as_json(statement: Select[Any]) -> Select[Any]:
    """Return all rows of a statement as one JSON array of objects, in their order."""
    rows = statement.subquery("r")
    pairs: list[ColumnElement[Any]] = []
    for column in rows.columns:
        pairs += (literal_column(f"'{column.name}'"), column)
    return select(cast(func.json_group_array(func.json_object(*pairs)), LargeBinary))


def body_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return JSON that is stored as bytes as text."""
    return cast(column, Text)


def pairs(name: str, *, both: bool = True) -> Select[Any]:
    """Return the pairs (or their first halves) of a JSON parameter as a subquery."""
    halves = [text("json_extract(value, '$[0]')"), text("json_extract(value, '$[1]')")]
    return select(*halves[: 1 + both]).select_from(text(f"json_each(:{name})"))
