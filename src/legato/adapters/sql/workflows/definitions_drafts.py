# SPDX-License-Identifier: Apache-2.0
"""The statements of drafts and pins, for both databases; see `definitions`.

Rules: WF4-WF6, WF9.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Integer, and_, delete, func, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema_workflows import draft_editors, drafts, pins, workflows
from legato.ports.workflows import EDIT_TOLD_MS, REVISIONS_BYTES_MAX, REVISIONS_KEPT

Named = Iterator[tuple[str, ClauseElement]]

_ONE: Any = literal_column("1")


def draft_statements() -> Named:
    """Yield them with their names."""
    yield from _drafts()
    yield from _pins()


def _drafts() -> Named:
    c = drafts.c
    names = ("workspace", "workflow", "revision", "base_version", "source", "size", "hash", "by")
    yield (
        "draft_add",
        insert(drafts).values(**{name: P(name) for name in names}, at=P("at")),
    )
    mine = and_(c.workspace == P("workspace"), c.workflow == P("workflow"))
    columns = (c.workflow, c.revision, c.base_version, c.source, c.by, c.at)
    yield (
        "draft",
        select(*columns)
        .select_from(drafts)
        .join(workflows, and_(workflows.c.id == c.workflow, workflows.c.draft == c.revision))
        .where(mine),
    )
    wanted = c.revision == P("revision", type_=Integer)
    yield "draft_revision", select(*columns).where(mine, wanted)
    yield (
        "draft_set",
        update(workflows).values(draft=P("revision")).where(workflows.c.id == P("workflow")),
    )
    yield (
        "draft_base",
        update(drafts)
        .values(base_version=P("base_version"))
        .where(c.workflow == P("workflow"), c.revision == P("revision")),
    )
    total = func.sum(c.size).over(order_by=c.revision.desc()).label("total")
    kept = select(c.revision, total).where(c.workflow == P("workflow")).subquery()
    too_much = select(kept.c.revision).where(
        kept.c.total > literal_column(str(REVISIONS_BYTES_MAX))
    )
    yield (
        "drafts_prune",
        delete(drafts).where(
            c.workflow == P("workflow"),
            c.revision < P("revision"),
            or_(
                c.revision <= P("revision") - literal_column(str(REVISIONS_KEPT)),
                c.revision.in_(too_much),
            ),
        ),
    )
    told = insert(draft_editors).values(workflow=P("workflow"), by=P("by"), told_at=NOW)
    yield (
        "edit_told",
        told.on_conflict_do_update(
            index_elements=[draft_editors.c.workflow, draft_editors.c.by],
            set_={"told_at": told.excluded.told_at},
            where=draft_editors.c.told_at
            <= told.excluded.told_at - literal_column(str(EDIT_TOLD_MS)),
        ).returning(draft_editors.c.told_at),
    )


def _pins() -> Named:
    c = pins.c
    mine = and_(c.workspace == P("workspace"), c.workflow == P("workflow"))
    this = and_(mine, c.node == P("node"))
    columns = (c.workflow, c.node, c.output, c.by, c.at)
    yield "pins", select(*columns).where(mine).order_by(c.node)
    names = (c.workflow, c.node, c.by, c.at, func.length(c.output).label("size"))
    yield "pin_names", select(*names).where(mine).order_by(c.node)
    yield "pin", select(*columns).where(this)
    yield (
        "pins_other",
        select(func.count().label("count")).select_from(pins).where(mine, c.node != P("node")),
    )
    put = insert(pins).values(
        workspace=P("workspace"),
        workflow=P("workflow"),
        node=P("node"),
        output=P("output"),
        by=P("by"),
        at=NOW,
    )
    yield (
        "pin_put",
        put.on_conflict_do_update(
            index_elements=[c.workflow, c.node],
            set_={name: put.excluded[name] for name in ("output", "by", "at")},
        ).returning(*columns),
    )
    yield "pin_drop", delete(pins).where(this).returning(c.node)
