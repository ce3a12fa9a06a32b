# SPDX-License-Identifier: Apache-2.0
"""The statements of credentials, for both databases. Not imported at run time.

Rules: CR1-CR5, CR20.
"""

from collections.abc import Iterator

from sqlalchemy import and_, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema_base import KEY
from legato.adapters.sql.schema_credentials import (
    credential_uses,
    credential_workflows,
    credentials,
)

Named = Iterator[tuple[str, ClauseElement]]


def credential_statements() -> Named:
    """Yield them with their names."""
    for group in (_kept, _changes, _workflows, _uses):
        for name, statement in group():
            yield f"credentials.{name}", statement


def _kept() -> Named:
    c = credentials.c
    here = c.workspace == P("workspace")
    after = P("after", type_=KEY)
    yield "find", select(credentials).where(here, c.id == P("id"))
    yield "named", select(credentials).where(here, c.name == P("name"))
    yield (
        "page",
        select(credentials)
        .where(here, or_(after.is_(None), c.id < after))
        .order_by(c.id.desc())
        .limit(P("limit")),
    )
    yield (
        "every",
        select(credentials)
        .where(or_(after.is_(None), c.id > after))
        .order_by(c.id)
        .limit(P("limit")),
    )
    yield "names", select(c.name).where(here)
    yield "keys", select(c.key_id, func.count().label("count")).group_by(c.key_id)
    yield "count", select(func.count().label("count")).select_from(credentials).where(here)
    # Waits for whoever publishes a workflow that names it, and has that one wait.
    yield (
        "lock",
        select(c.name, c.version).where(here, c.id == P("id")).with_for_update(),
    )
    yield (
        "hold",
        select(c.id).where(here, c.name == P("name")).with_for_update(read=True),
    )


def _changes() -> Named:
    c = credentials.c
    here = and_(c.workspace == P("workspace"), c.id == P("id"))
    given = ("id", "workspace", "name", "type", "hosts", "version", "key_id", "sealed")
    yield (
        "add",
        insert(credentials)
        .values(
            created_at=NOW,
            created_by=P("by"),
            updated_at=NOW,
            updated_by=P("by"),
            **{name: P(name) for name in given},
        )
        .on_conflict_do_nothing()
        .returning(credentials),
    )
    other = credentials.alias("other")
    taken = exists().where(
        other.c.workspace == P("workspace"), other.c.name == P("name"), other.c.id != P("id")
    )
    yield "taken", select(literal_column("1").label("one")).where(taken)
    changed = ("name", "type", "hosts", "version", "key_id", "sealed")
    yield (
        "replace",
        update(credentials)
        .values(updated_at=NOW, updated_by=P("by"), **{name: P(name) for name in changed})
        .where(here)
        .returning(c.id),
    )
    yield "remove", delete(credentials).where(here).returning(c.id)
    yield (
        "reseal",
        update(credentials)
        .values(sealed=P("sealed"), key_id=P("key_id"))
        .where(c.id == P("id"), c.version == P("version"), c.sealed == P("before"))
        .returning(c.id),
    )


def _workflows() -> Named:
    c = credential_workflows.c
    here = c.workspace == P("workspace")
    after = P("after", type_=KEY)
    yield (
        "used_by",
        select(c.workflow_id, c.slug, c.number)
        .where(here, c.name == P("name"), or_(after.is_(None), c.workflow_id < after))
        .order_by(c.workflow_id.desc())
        .limit(P("limit")),
    )
    yield (
        "workflow_drop",
        delete(credential_workflows).where(here, c.workflow_id == P("workflow_id")),
    )
    yield (
        "workflow_slug",
        update(credential_workflows)
        .values(slug=P("slug"))
        .where(c.workflow_id == P("workflow_id")),
    )
    columns = ("workspace", "name", "workflow_id", "slug", "number")
    yield (
        "workflow_add",
        insert(credential_workflows).values(**{name: P(name) for name in columns}),
    )


def _uses() -> Named:
    c = credential_uses.c
    this = and_(c.execution_id == P("execution_id"), c.credential_id == P("credential_id"))
    yield "has_used", select(c.at).where(this)
    yield (
        "use",
        insert(credential_uses)
        .values(execution_id=P("execution_id"), credential_id=P("credential_id"), at=NOW)
        .on_conflict_do_nothing()
        .returning(c.at),
    )
