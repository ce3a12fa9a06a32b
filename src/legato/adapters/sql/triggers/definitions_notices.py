# SPDX-License-Identifier: Apache-2.0
"""The statements of notices, for both databases. Not imported at run time.

Rules: TR40-TR49.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import BigInteger, case, delete, func, literal_column, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema import executions
from legato.adapters.sql.schema_triggers import notice_targets, notices

WAITING_COUNTED_MAX: Final = 10_000
_ONE: Final[Any] = literal_column("1")


def notice_statements() -> Iterator[tuple[str, ClauseElement]]:
    """Yield them with their names."""
    yield from _targets()
    yield from _notices()


def _targets() -> Iterator[tuple[str, ClauseElement]]:
    t = notice_targets.c
    yield "target", select(notice_targets).where(t.workspace == P("workspace"))
    made = insert(notice_targets).values(
        workspace=P("workspace"), url=P("url"), kinds=P("kinds"), secret=P("secret"), changed_at=NOW
    )
    is_other = made.excluded.secret != t.secret
    until = NOW + P("overlap_ms", type_=BigInteger)
    yield (
        "target_put",
        made.on_conflict_do_update(
            index_elements=["workspace"],
            set_={
                "url": made.excluded.url,
                "kinds": made.excluded.kinds,
                "secret": made.excluded.secret,
                "old_secret": case((is_other, t.secret), else_=t.old_secret),
                "old_until": case((is_other, until), else_=t.old_until),
                "changed_at": made.excluded.changed_at,
            },
        ),
    )
    yield "targets", select(notice_targets).order_by(t.workspace)
    yield (
        "target_reseal",
        update(notice_targets)
        .values(secret=P("secret"), old_secret=P("old_secret"))
        .where(t.workspace == P("workspace_is"), t.secret == P("secret_was"))
        .returning(t.workspace),
    )


def _notices() -> Iterator[tuple[str, ClauseElement]]:
    n = notices.c
    names = ("kind", "workspace", "workflow", "data")
    zero: Any = literal_column("0")
    yield (
        "notice_add",
        insert(notices).values(
            **{name: P(name) for name in names}, seq=zero, tries=zero, at=NOW, due_at=NOW
        ),
    )
    root = executions.alias("root")
    due = (
        select(
            notices,
            func.coalesce(n.workflow, root.c.workflow_id).label("of"),
            root.c.is_test.label("of_test"),
            root.c.workflow.label("of_slug"),
        )
        .outerjoin(root, root.c.id == n.root)
        .where(n.due_at <= NOW)
        .order_by(n.due_at)
        .limit(P("limit"))
    )
    yield "notices_due", due
    yield (
        "notice_take",
        update(notices)
        .values(due_at=NOW + P("claim_ms", type_=BigInteger))
        .where(n.id == P("id_is"), n.due_at == P("due_is"))
        .returning(n.id),
    )
    yield "notice_done", delete(notices).where(n.id == P("id"))
    yield (
        "notice_postpone",
        update(notices)
        .values(due_at=NOW + P("delay_ms", type_=BigInteger), tries=n.tries + _ONE)
        .where(n.id == P("id_is")),
    )
    yield "notices_drop", delete(notices)
    some = select(_ONE).select_from(notices).limit(literal_column(str(WAITING_COUNTED_MAX)))
    yield (
        "notices_waiting",
        select(func.count().label("count")).select_from(some.subquery()),
    )
