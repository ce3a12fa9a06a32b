# SPDX-License-Identifier: Apache-2.0
"""Retention, and keys of programs that a restore has disabled."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ENDED_ROOT = "ended_at IS NOT NULL AND parent IS NULL"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("disabled_at", sa.BigInteger))
    where = sa.text(ENDED_ROOT)
    op.create_index(
        "ix_executions_ended",
        "executions",
        ["status", "ended_at"],
        postgresql_where=where,
        sqlite_where=where,
    )
    op.create_table(
        "purges",
        sa.Column("execution_id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name="pk_purges"),
    )
    op.create_index("ix_purges_at", "purges", ["at"])
