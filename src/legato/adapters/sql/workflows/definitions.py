# SPDX-License-Identifier: Apache-2.0
"""The statements of workflows and what their names stand for, for both databases.

Rules: LG20, LG26, CL30, CL33, WF1-WF6.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, and_, delete, exists, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema import executions, versions
from legato.adapters.sql.schema_workflows import (
    draft_editors,
    drafts,
    pins,
    preferences,
    publications,
    workflow_aliases,
    workflows,
)
from legato.adapters.sql.workflows.definitions_drafts import draft_statements
from legato.adapters.sql.workflows.definitions_lists import list_statements
from legato.model.frames import OPEN_EXECUTION

Named = Iterator[tuple[str, ClauseElement]]

ONE: Any = literal_column("1")
_ROW = workflows.c


def workflow_statements() -> Named:
    """Yield every statement of workflows with its name."""
    yield from _versions()
    groups = (_find, _change, _stand, _publications, _purge, draft_statements, list_statements)
    for group in groups:
        for name, statement in group():
            yield f"workflows.{name}", statement


def _versions() -> Named:
    c = versions.c
    yield "version_put", insert(versions).on_conflict_do_nothing()
    columns = (c.workspace, c.name, c.compiled, c.source, c.created_at)
    yield "version", select(*columns).where(c.version == P("version")).limit(ONE)
    yield (
        "version_known",
        select(ONE)
        .select_from(versions)
        .where(c.version == P("version"), c.workspace == P("workspace")),
    )


def _find() -> Named:
    mine = _ROW.workspace == P("workspace")
    is_id = _ROW.id == P("named")
    has_alias = _ROW.id.in_(
        select(workflow_aliases.c.workflow).where(
            workflow_aliases.c.workspace == P("workspace"), workflow_aliases.c.alias == P("named")
        )
    )
    is_live = _ROW.archived_at.is_(None)
    by_slug = and_(_ROW.slug == P("named"), is_live)
    version = publications.c.version
    joined = (
        select(workflows, version)
        .select_from(workflows)
        .outerjoin(
            publications,
            and_(publications.c.workflow == _ROW.id, publications.c.number == _ROW.published),
        )
    )
    # Three questions by keys: one with OR would look at every workflow.
    yield "by_id", joined.where(is_id, mine)
    yield "by_slug", joined.where(mine, by_slug)
    yield "by_alias", joined.where(mine, has_alias, is_live)
    yield "lock", select(workflows).where(is_id, mine).with_for_update()
    yield (
        "lock_slug",
        select(workflows).where(mine, _ROW.slug == P("slug"), is_live).with_for_update(),
    )


def _change() -> Named:
    names = ("id", "workspace", "slug", "title", "folded", "created_by", "published", "draft")
    yield (
        "add",
        insert(workflows)
        .values(
            **{name: P(name) for name in names},
            created_at=P("at"),
            updated_at=P("at"),
            archived_at=None,
            stamp=ONE,
        )
        .on_conflict_do_nothing()
        .returning(*workflows.c),
    )
    yield (
        "alias_add",
        insert(workflow_aliases).on_conflict_do_nothing().returning(workflow_aliases.c.workflow),
    )
    yield "now", select(NOW.label("at"))
    other = workflows.alias("other")
    yield (
        "change",
        update(workflows)
        .values(
            slug=P("slug"),
            title=P("title"),
            folded=P("folded"),
            updated_at=NOW,
            stamp=_ROW.stamp + ONE,
        )
        .where(
            _ROW.id == P("id"),
            ~exists().where(
                other.c.workspace == P("workspace"),
                other.c.slug == P("slug"),
                other.c.archived_at.is_(None),
                other.c.id != P("id"),
            ),
        )
        .returning(*workflows.c),
    )


def _stand() -> Named:
    yield (
        "archive",
        update(workflows)
        .values(archived_at=NOW, updated_at=NOW, stamp=_ROW.stamp + ONE)
        .where(_ROW.id == P("id"))
        .returning(*workflows.c),
    )
    yield (
        "published_set",
        update(workflows)
        .values(
            published=P("number"),
            title=P("title"),
            folded=P("folded"),
            updated_at=P("at"),
            stamp=_ROW.stamp + ONE,
        )
        .where(_ROW.id == P("id")),
    )


def _of_publication() -> Select[Any]:
    columns = [each for each in publications.c if each.name not in {"source", "workflow"}]
    name, workflow = _ROW.slug.label("name"), publications.c.workflow.label("workflow_id")
    return (
        select(*columns, name, workflow)
        .select_from(publications)
        .join(workflows, _ROW.id == publications.c.workflow)
    )


def _publications() -> Named:
    c = publications.c
    yield "publication_add", insert(publications)
    mine = c.workspace == P("workspace")
    of_slug = and_(
        _ROW.workspace == P("workspace"), _ROW.slug == P("name"), _ROW.archived_at.is_(None)
    )
    newest = c.number.desc()
    yield (
        "publications_named",
        _of_publication().where(of_slug).order_by(newest).limit(P("limit")),
    )
    yield (
        "publications",
        _of_publication()
        .where(mine, c.workflow == P("workflow"), if_below("before"))
        .order_by(newest)
        .limit(P("limit")),
    )
    yield (
        "newest",
        _of_publication()
        .where(
            _ROW.workspace == P("workspace"),
            _ROW.archived_at.is_(None),
            c.number == _ROW.published,
        )
        .order_by(_ROW.slug),
    )
    yield (
        "source_named",
        select(c.source)
        .select_from(publications)
        .join(workflows, _ROW.id == c.workflow)
        .where(of_slug, c.number == P("number")),
    )
    this = and_(c.workflow == P("workflow"), c.number == P("number"))
    yield "publication", _of_publication().where(mine, this)
    yield (
        "publication_text",
        _of_publication()
        .add_columns(c.source, versions.c.compiled)
        .join(versions, and_(versions.c.version == c.version, versions.c.workspace == c.workspace))
        .where(mine, this),
    )


def if_below(name: str) -> Any:
    """Return the condition that a number is below a parameter, if that is given."""
    return or_(P(name, type_=publications.c.number.type).is_(None), publications.c.number < P(name))


def _purge() -> Named:
    e = executions.c
    open_status: list[Any] = [literal_column(f"'{each}'") for each in sorted(OPEN_EXECUTION)]
    yield (
        "open_execution",
        select(e.id)
        .where(
            e.workspace == P("workspace"),
            e.status.in_(open_status),
            e.workflow_id == P("workflow"),
        )
        .limit(ONE),
    )
    for name, table in (
        ("aliases", workflow_aliases),
        ("publications", publications),
        ("drafts", drafts),
        ("draft_editors", draft_editors),
        ("pins", pins),
    ):
        yield f"purge_{name}", delete(table).where(table.c.workflow == P("workflow"))
    yield "purge", delete(workflows).where(_ROW.id == P("workflow")).returning(_ROW.id)
    yield (
        "preferences",
        select(preferences.c.value).where(preferences.c.user_id == P("user_id")),
    )
    put = insert(preferences).values(user_id=P("user_id"), value=P("value"), at=NOW)
    yield (
        "preferences_put",
        put.on_conflict_do_update(
            index_elements=[preferences.c.user_id],
            set_={"value": put.excluded.value, "at": put.excluded.at},
        ),
    )
