# SPDX-License-Identifier: Apache-2.0
"""Workflows with ids, drafts and pins; publications hang on the id instead of the name."""

import hashlib
import json
from collections.abc import Iterable

import sqlalchemy as sa
import uuid_utils
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OLD = sa.table(
    "publications_old",
    *(
        sa.column(name)
        for name in ("workspace", "name", "number", "version", "at", "by", "restores")
    ),
    sa.column("source", sa.LargeBinary),
)


def upgrade() -> None:
    """Make the tables, and a workflow of every name that was published."""
    _make_workflows()
    op.rename_table("publications", "publications_old")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE publications_old RENAME CONSTRAINT pk_publications TO pk_old")
    publications = _make_publications()
    drafts = _make_drafts()
    for workspace, name in _named():
        _lift(workspace, name, publications, drafts)
    op.drop_table("publications_old")
    runs = sa.text("workflow_id IS NOT NULL AND parent IS NULL AND NOT is_test")
    columns = ["workflow_id", "created_at", "id"]
    op.create_index(
        "ix_executions_runs", "executions", columns, postgresql_where=runs, sqlite_where=runs
    )


def _named() -> Iterable[tuple[str, str]]:
    query = sa.select(OLD.c.workspace, OLD.c.name).distinct().order_by(OLD.c.workspace, OLD.c.name)
    return [(row[0], row[1]) for row in op.get_bind().execute(query).fetchall()]


def _lift(workspace: str, name: str, publications: sa.Table, drafts: sa.Table) -> None:
    bind = op.get_bind()
    mine = sa.and_(OLD.c.workspace == workspace, OLD.c.name == name)
    query = sa.select(OLD.c.number, OLD.c.at, OLD.c.by).where(mine).order_by(OLD.c.number)
    past = bind.execute(query).fetchall()
    first, last = past[0], past[-1]
    workflow = str(uuid_utils.uuid7())
    source = version = b""
    for number, _, _ in past:  # one at a time: each may have 2 MiB
        row = bind.execute(sa.select(OLD).where(mine, OLD.c.number == number)).one()
        source, version = bytes(row.source), row.version
        bind.execute(
            publications.insert().values(
                workspace=workspace, workflow=workflow, number=number, version=version,
                source=source, hash=hashlib.sha256(source).hexdigest(), at=row.at, by=row.by,
                message="", restores=row.restores,
            )
        )  # fmt: skip
    bind.execute(
        drafts.insert().values(
            workspace=workspace, workflow=workflow, revision=1, base_version=last.number,
            source=source, size=len(source), hash=hashlib.sha256(source).hexdigest(), by=last.by,
            at=last.at,
        )
    )  # fmt: skip
    title = _title(workspace, version)
    workflows = sa.table("workflows", *(sa.column(each) for each in WORKFLOW_COLUMNS))
    bind.execute(
        workflows.insert().values(
            id=workflow, workspace=workspace, slug=name, title=title,
            folded=f"{name}\n{title}".casefold(), created_at=first.at, updated_at=last.at,
            archived_at=None, created_by=first.by, published=last.number, draft=1, stamp=1,
        )
    )  # fmt: skip


def _title(workspace: str, version: object) -> str:
    """Return the title in a version's compiled form; nothing if it has none."""
    versions = sa.table(
        "versions",
        *(sa.column("workspace"), sa.column("version"), sa.column("compiled", sa.LargeBinary)),
    )
    query = sa.select(versions.c.compiled).where(
        versions.c.workspace == workspace, versions.c.version == version
    )
    compiled = op.get_bind().execute(query).scalar()
    try:
        found = json.loads(bytes(compiled or b"{}"))
    except ValueError:
        return ""
    title = found.get("title") if isinstance(found, dict) else None
    return title if isinstance(title, str) else ""


WORKFLOW_COLUMNS = (
    "id", "workspace", "slug", "title", "folded", "created_at", "updated_at", "archived_at",
    "created_by", "published", "draft", "stamp",
)  # fmt: skip


def _make_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", KEY, nullable=False),
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("slug", KEY, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("archived_at", sa.BigInteger),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("published", sa.Integer),
        sa.Column("draft", sa.Integer, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workflows"),
    )
    op.create_index("ix_workflows_workspace", "workflows", ["workspace", "id"])
    unarchived = sa.text("archived_at IS NULL")
    op.create_index(
        "ix_workflows_slug",
        "workflows",
        ["workspace", "slug"],
        unique=True,
        postgresql_where=unarchived,
        sqlite_where=unarchived,
    )
    op.create_table(
        "workflow_aliases",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("alias", KEY, nullable=False),
        sa.Column("workflow", KEY, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "alias", name="pk_workflow_aliases"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_workflow_aliases_workflow", "workflow_aliases", ["workflow"])
    op.create_table(
        "preferences",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_preferences"),
    )


def _make_publications() -> sa.Table:
    return op.create_table(
        "publications",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("workflow", KEY, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("restores", sa.Integer),
        sa.PrimaryKeyConstraint("workflow", "number", name="pk_publications"),
    )


def _make_drafts() -> sa.Table:
    op.create_table(
        "draft_editors",
        sa.Column("workflow", KEY, nullable=False),
        sa.Column("by", KEY, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workflow", "by", name="pk_draft_editors"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pins",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("workflow", KEY, nullable=False),
        sa.Column("node", KEY, nullable=False),
        sa.Column("output", sa.LargeBinary, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workflow", "node", name="pk_pins"),
    )
    return op.create_table(
        "drafts",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("workflow", KEY, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("base_version", sa.Integer),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workflow", "revision", name="pk_drafts"),
    )
