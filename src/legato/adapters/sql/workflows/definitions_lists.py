# SPDX-License-Identifier: Apache-2.0
"""The statements of the list of workflows, for both databases; see `definitions`.

Rules: WF7.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Boolean, Integer, Text, and_, func, literal_column, or_, select
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import P, if_given
from legato.adapters.sql.schema import executions
from legato.adapters.sql.schema_workflows import drafts, publications, workflows
from legato.ports.workflows import RUNS_SHOWN

Named = Iterator[tuple[str, ClauseElement]]


def list_statements() -> Named:
    """Yield them with their names."""
    c = workflows.c
    wants_published = P("is_published", type_=Boolean)
    # Both databases know REPLACE, and no other function that finds a text as it is.
    needle = P("text", type_=Text)
    empty: Any = literal_column("''")
    found = (
        select(
            workflows,
            drafts.c.at.label("draft_at"),
            drafts.c.by.label("draft_by"),
            drafts.c.hash.label("draft_hash"),
            publications.c.hash.label("published_hash"),
        )
        .select_from(workflows)
        .join(drafts, and_(drafts.c.workflow == c.id, drafts.c.revision == c.draft))
        .outerjoin(
            publications,
            and_(publications.c.workflow == c.id, publications.c.number == c.published),
        )
        .where(
            c.workspace == P("workspace"),
            or_(wants_published.is_(None), wants_published == c.published.is_not(None)),
            or_(needle.is_(None), func.replace(c.folded, needle, empty) != c.folded),
            if_given("after", c.id < P("after")),
        )
        .order_by(c.id.desc())
        .limit(P("limit", type_=Integer))
    )
    yield "page", found.where(c.archived_at.is_(None))
    yield "page_archived", found.where(c.archived_at.is_not(None))
    e = executions.c
    yield (
        "last_runs",
        select(e.id, e.status, e.created_at)
        .where(
            e.workspace == P("workspace"),
            e.workflow_id == P("workflow"),
            e.parent.is_(None),
            ~e.is_test,
        )
        .order_by(e.created_at.desc(), e.id.desc())
        .limit(literal_column(str(RUNS_SHOWN))),
    )
