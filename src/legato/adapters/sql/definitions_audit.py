# SPDX-License-Identifier: Apache-2.0
"""The statements of the audit, for both databases. Not imported at run time.

Rules: AD1, AD3, AD10.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, Text, func, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, if_given, insert, try_audit_lock
from legato.adapters.sql.schema_accounts import audit


def audit_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield them with their names."""
    c = audit.c
    columns = (
        "workspace", "actor_kind", "actor", "action", "target_kind", "target", "result", "ip",
        "request_id", "data",
    )  # fmt: skip
    yield "audit.add", insert(audit).values(at=NOW, **{name: P(name) for name in columns})
    yield "audit.lock", select(try_audit_lock().label("is_mine"))
    yield (
        "audit.head",
        select(c.seq, c.hash)
        .where(c.seq.is_not(None))
        .order_by(c.seq.desc())
        .limit(literal_column("1")),
    )
    yield "audit.unsealed", select(audit).where(c.seq.is_(None)).order_by(c.id).limit(P("limit"))
    yield "audit.seal", update(audit).values(seq=P("seq"), hash=P("hash")).where(c.id == P("row"))
    later = select(audit).where(c.seq > P("after")).order_by(c.seq).limit(P("limit"))
    yield "audit.read", later
    yield "audit.read_of", later.where(c.workspace == P("workspace"))
    unsealed = select(literal_column("1")).where(c.seq.is_(None)).limit(P("limit")).subquery()
    yield "audit.unsealed_count", select(func.count().label("count")).select_from(unsealed)
    earlier = select(audit).where(c.seq < P("before")).order_by(c.seq.desc())
    for name, some in (("", earlier), ("_of", earlier.where(c.workspace == P("workspace")))):
        yield f"audit.newest{name}", _wanted(some)
        last = some.with_only_columns(c.seq).limit(literal_column("1")).offset(P("looked_at"))
        yield f"audit.floor{name}", last


def _wanted(rows: Select[Any]) -> ClauseElement:
    """Return those of the first rows that keep the conditions."""
    looked_at = rows.limit(P("looked_at")).subquery()
    c = looked_at.c
    group = P("action_group", type_=Text)
    return (
        select(looked_at)
        .where(
            if_given("action", c.action == P("action")),
            or_(group.is_(None), func.substr(c.action, 1, func.length(group)) == group),
            if_given("actor", c.actor == P("actor")),
            c.at >= P("since"),
            c.at < P("until"),
        )
        .order_by(c.seq.desc())
        .limit(P("limit"))
    )
