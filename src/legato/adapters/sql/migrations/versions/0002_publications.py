# SPDX-License-Identifier: Apache-2.0
"""What a name stood for, publication by publication, instead of what it stands for now."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "publications",
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("restores", sa.Integer),
        sa.PrimaryKeyConstraint("workspace", "name", "number", name="pk_publications"),
    )
    op.execute(
        'INSERT INTO publications (workspace, name, number, version, source, at, "by")'
        " SELECT p.workspace, p.name, 1, p.version, v.source, v.created_at, ''"
        " FROM published p JOIN versions v ON v.workspace = p.workspace AND v.version = p.version"
    )
    op.drop_table("published")
