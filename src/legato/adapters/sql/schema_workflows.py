# SPDX-License-Identifier: Apache-2.0
"""The tables of workflows, for both databases. See `schema`.

A workflow has an id for ever and a slug that it may change; everything else hangs on the id. Its
draft is the newest of the revisions that are kept: who saves over somebody else's gets both.

Rules: WF1-WF6, LG23.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from legato.adapters.sql.schema_base import KEY, metadata

_UNARCHIVED: Final = text("archived_at IS NULL")

workflows: Final = Table(
    "workflows",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("workspace", KEY, nullable=False),
    Column("slug", KEY, nullable=False),
    Column("title", Text, nullable=False),
    # Slug and title without differences of case: what is searched.
    Column("folded", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Column("created_by", Text, nullable=False),
    # The number of the version that it stands for now.
    Column("published", Integer),
    # The revision that is the draft.
    Column("draft", Integer, nullable=False),
    # Counts changes of this row.
    Column("stamp", BigInteger, nullable=False),
    Index("ix_workflows_workspace", "workspace", "id"),
    Index(
        "ix_workflows_slug",
        "workspace",
        "slug",
        unique=True,
        postgresql_where=_UNARCHIVED,
        sqlite_where=_UNARCHIVED,
    ),
)

workflow_aliases: Final = Table(
    "workflow_aliases",
    metadata,
    # An id that a foreign program gave the workflow.
    Column("workspace", KEY, nullable=False),
    Column("alias", KEY, nullable=False),
    Column("workflow", KEY, nullable=False),
    PrimaryKeyConstraint("workspace", "alias"),
    Index("ix_workflow_aliases_workflow", "workflow"),
    sqlite_with_rowid=False,
)

publications: Final = Table(
    "publications",
    metadata,
    Column("workspace", KEY, nullable=False),
    Column("workflow", KEY, nullable=False),
    # From 1.
    Column("number", Integer, nullable=False),
    Column("version", KEY, nullable=False),
    # As it was written: two of them may have the same version and differ in layout and comments.
    Column("source", LargeBinary, nullable=False),
    # SHA-256 of the source.
    Column("hash", KEY, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("restores", Integer),
    PrimaryKeyConstraint("workflow", "number"),
)

drafts: Final = Table(
    "drafts",
    metadata,
    Column("workspace", KEY, nullable=False),
    Column("workflow", KEY, nullable=False),
    # From 1. Some of those before the draft are kept for who saves over it.
    Column("revision", Integer, nullable=False),
    Column("base_version", Integer),
    Column("source", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    # SHA-256 of the source.
    Column("hash", KEY, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("workflow", "revision"),
)

draft_editors: Final = Table(
    "draft_editors",
    metadata,
    # When the audit was told last that somebody edits the draft.
    Column("workflow", KEY, nullable=False),
    Column("by", KEY, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("workflow", "by"),
    sqlite_with_rowid=False,
)

pins: Final = Table(
    "pins",
    metadata,
    Column("workspace", KEY, nullable=False),
    Column("workflow", KEY, nullable=False),
    Column("node", KEY, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("workflow", "node"),
)

preferences: Final = Table(
    "preferences",
    metadata,
    Column("user_id", KEY, primary_key=True),
    # A JSON object.
    Column("value", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
