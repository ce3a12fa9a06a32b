# SPDX-License-Identifier: Apache-2.0
"""Uploaded files, the room that they take, and who keeps payloads from being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", KEY, nullable=False),
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.Column("by", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_index("ix_files_workspace", "files", ["workspace", "id"])
    op.create_index("ix_files_hash", "files", ["workspace", "hash", "id"])
    op.create_index("ix_files_name", "files", ["workspace", "name", "id"])
    op.create_index("ix_files_age", "files", ["created_at", "id"])
    op.create_table(
        "file_spaces",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("own", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("workspace", name="pk_file_spaces"),
    )
    op.create_table(
        "blob_holds",
        sa.Column("holder", KEY, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("holder", name="pk_blob_holds"),
    )
