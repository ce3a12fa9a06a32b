# SPDX-License-Identifier: Apache-2.0
"""What definitions for both databases at once are made of. Not imported at run time.

Rules: AC3, AC4, AD3.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert as insert_of_postgres
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from legato.adapters.sql.schema import executions
from legato.adapters.sql.schema_accounts import workspaces
from legato.model.frames import OPEN_EXECUTION
from legato.model.ids import LOCAL_WORKSPACE
from legato.ports.executions import OPEN_COUNTED_MAX

P: Final = bindparam

insert: Final = insert_of_postgres
"""INSERT with ON CONFLICT; both compilers write what it says."""

AUDIT_LOCK: Final = 0x6C656761756474
"""Key of the advisory lock ("legaudt" in ASCII) under which one process seals the audit."""


def if_given(name: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition that holds, too, where its parameter is NULL."""
    return or_(P(name, type_=Text).is_(None), condition)


def open_counts() -> Select[Any]:
    """Return the query for how many executions are in each status that is no end.

    It names the workspaces, or no index would help.
    """
    first: Select[Any] = select(literal_column(f"'{LOCAL_WORKSPACE}'"))
    row = executions.c
    looked_at = (
        select(row.status)
        .where(
            row.workspace.in_(select(workspaces.c.id).union(first)),
            row.status.in_([literal_column(f"'{each}'") for each in sorted(OPEN_EXECUTION)]),
        )
        .limit(literal_column(str(OPEN_COUNTED_MAX)))
        .subquery()
    )
    status = looked_at.c.status
    return select(status, func.count().label("count")).group_by(status)


class now_ms(FunctionElement[int]):
    """The database's clock in ms since the Unix epoch."""

    name = "now_ms"
    type = BigInteger()
    inherit_cache = True


class try_audit_lock(FunctionElement[int]):
    """Whether this transaction has the sealer's lock now; a writer of SQLite always has."""

    name = "try_audit_lock"
    type = Integer()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_sqlite(*_: Any, **__: Any) -> str:
    # Days since noon in Greenwich on November 24, 4714 B.C.
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_postgres(*_: Any, **__: Any) -> str:
    # Stands still within a statement, as SQLite's does: times that are made together are equal.
    return "CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"


@compiles(try_audit_lock, "sqlite")
def _lock_sqlite(*_: Any, **__: Any) -> str:
    return "1"


@compiles(try_audit_lock, "postgresql")
def _lock_postgres(*_: Any, **__: Any) -> str:
    return f"CAST(pg_try_advisory_xact_lock({AUDIT_LOCK}) AS INTEGER)"


NOW: Final = now_ms()
DAY_MS: Final = 86_400_000
