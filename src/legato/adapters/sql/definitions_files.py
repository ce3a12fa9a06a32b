# SPDX-License-Identifier: Apache-2.0
"""The statements of files and of who refers to payloads, for both databases.

Not imported at run time. Rules: FI14, FI20-FI22, FI32-FI36, FI41.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import BigInteger, Text, and_, delete, func, literal_column, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, Select
from sqlalchemy.sql.functions import FunctionElement

from legato.adapters.sql.definitions_shared import NOW, P, if_given, insert
from legato.adapters.sql.schema import blobs, executions
from legato.adapters.sql.schema_files import blob_holds, file_spaces, files
from legato.model.frames import OPEN_EXECUTION

Named = Iterator[tuple[str, ClauseElement]]
_ONE: Final[Any] = literal_column("1")
_ZERO: Final[Any] = literal_column("0", type_=BigInteger)


class json_texts(FunctionElement[str]):
    """The texts of a JSON list, one a row, in the column `value`."""

    name = "json_texts"
    type = Text()
    inherit_cache = True


@compiles(json_texts, "sqlite")
def _texts_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(json_texts, "postgresql")
def _texts_postgres(element: Any, compiler: Any, **options: Any) -> str:
    inside = compiler.process(element.clauses, **options)
    return f"json_array_elements_text(CAST({inside} AS json))"


def _each_of(name: str) -> Select[Any]:
    """Return the texts of a parameter that is a JSON list."""
    return select(json_texts(P(name)).table_valued("value").c.value)


def file_statements() -> Named:
    """Yield them with their names."""
    for group in (_rows, _spaces, _references, _holds):
        for name, statement in group():
            yield f"files.{name}", statement


def _rows() -> Named:
    c = files.c
    yield "add", insert(files)
    here = c.workspace == P("workspace")
    yield "get", select(files).where(here, c.id == P("id"))
    yield "named", select(files).where(here, c.id.in_(_each_of("ids")))
    # Executions that begin with it come first, or see that it is gone.
    yield "lock", select(c.hash, c.size).where(here, c.id == P("id")).with_for_update(read=True)
    yield "remove", delete(files).where(here, c.id == P("id")).returning(c.hash, c.size)
    yield "has_content", select(c.id).where(here, c.hash == P("hash")).limit(_ONE)
    page = (
        select(files)
        .where(
            here,
            if_given("above", c.id >= P("above")),
            if_given("below", c.id < P("below")),
            c.created_at >= P("created_after"),
            c.created_at < P("created_before"),
        )
        .order_by(c.id.desc())
        .limit(P("limit"))
    )
    # Each by the index that finds the fewest.
    yield "find", page
    yield "find_name", page.where(c.name == P("name"))
    yield "find_hash", page.where(c.hash == P("hash"), if_given("name", c.name == P("name")))
    yield (
        "old",
        select(c.id, c.workspace)
        .where(c.created_at < NOW - P("age_ms", type_=BigInteger))
        .order_by(c.created_at, c.id)
        .limit(P("limit")),
    )


def _spaces() -> Named:
    c = file_spaces.c
    made = insert(file_spaces).values(workspace=P("workspace"), used=_ZERO)
    yield (
        "space_lock",
        made.on_conflict_do_update(index_elements=["workspace"], set_={"used": c.used}).returning(
            c.used, c.own
        ),
    )
    yield (
        "space_change",
        update(file_spaces)
        .where(c.workspace == P("workspace_is"))
        .values(used=c.used + P("bytes", type_=BigInteger)),
    )
    yield "space", select(c.used, c.own).where(c.workspace == P("workspace"))
    own = insert(file_spaces).values(workspace=P("workspace"), used=_ZERO, own=P("own"))
    yield (
        "space_own",
        own.on_conflict_do_update(
            index_elements=["workspace"], set_={"own": own.excluded.own}
        ).returning(c.used, c.own),
    )


def _references() -> Named:
    refer = insert(blobs).values(
        **{name: P(name) for name in ("workspace", "hash", "execution_id", "size")}
    )
    yield "refer", refer.on_conflict_do_nothing()
    found = [
        select(table.c.hash).where(
            table.c.workspace == P("workspace"), table.c.hash.in_(_each_of("hashes"))
        )
        for table in (blobs, files)
    ]
    yield "referred", found[0].union(found[1])
    c = executions.c
    yield (
        "oldest_work",
        select(func.min(c.created_at).label("at")).where(
            c.workspace == P("workspace"),
            c.status.in_([literal_column(f"'{each}'") for each in sorted(OPEN_EXECUTION)]),
            or_(c.is_busy, and_(c.head_seq == _ZERO)),
        ),
    )


def _holds() -> Named:
    c = blob_holds.c
    until = NOW + P("ttl_ms", type_=BigInteger)
    made = insert(blob_holds).values(holder=P("holder"), until=until)
    yield (
        "hold",
        made.on_conflict_do_update(index_elements=["holder"], set_={"until": made.excluded.until}),
    )
    yield "let_go", delete(blob_holds).where(c.holder == P("holder"))
    yield "holds_drop", delete(blob_holds).where(c.until <= NOW)
    yield "holds", select(c.holder).where(c.until > NOW).limit(_ONE)
