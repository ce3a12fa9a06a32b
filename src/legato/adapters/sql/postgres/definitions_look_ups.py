# SPDX-License-Identifier: Apache-2.0
"""Look-ups of many at once: the statement for one, for each pair of two arrays.

Rules: AC13.
"""

from collections.abc import Iterator

from sqlalchemy import ARRAY, LargeBinary, Text, bindparam, column, func, select, true
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.accounts.definitions_sessions import principal
from legato.adapters.sql.definitions_listing import look


def look_ups() -> Iterator[tuple[str, ClauseElement]]:
    """Yield them with their names; `n` counts the pairs from 1."""
    arrays = (
        bindparam("sid_hash", type_=ARRAY(LargeBinary)),
        bindparam("workspace", type_=ARRAY(Text)),
    )
    columns = (column("sid_hash", LargeBinary), column("workspace", Text))
    asked = (
        func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="n")
        .render_derived(name="asked")
    )
    found = principal(asked.c.sid_hash, asked.c.workspace).lateral("found")
    yield (
        "accounts.principal_of_session.many",
        select(asked.c.n, *found.c).select_from(asked.join(found, true())),
    )
    wanted = (
        func.unnest(bindparam("execution_id", type_=ARRAY(Text)))
        .table_valued(column("execution_id", Text), with_ordinality="n")
        .render_derived(name="wanted")
    )
    looked = look(wanted.c.execution_id).lateral("looked")
    yield (
        "list.look.many",
        select(wanted.c.n, *looked.c).select_from(wanted.join(looked, true())),
    )
