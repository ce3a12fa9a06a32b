# SPDX-License-Identifier: Apache-2.0
"""The statements of the audit, for both databases. Not imported at run time.

Rules: AD1, AD3.
"""

from collections.abc import Iterator

from sqlalchemy import literal_column, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert, try_audit_lock
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
