# SPDX-License-Identifier: Apache-2.0
"""Under which terms executions are admitted, and what was answered to requests with a key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FINAL = "('cancelled', 'completed', 'failed', 'timed_out')"
QUEUED = "status = 'queued' AND held_below IS NULL"
OPEN_ROOT = (
    "workflow_id IS NOT NULL AND parent IS NULL AND held_below IS NULL AND NOT is_test"
    f" AND status NOT IN {FINAL}"
)


def upgrade() -> None:
    op.add_column("executions", sa.Column("workflow_id", KEY))
    op.add_column("executions", sa.Column("number", sa.Integer))
    op.add_column(
        "executions", sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("executions", sa.Column("trigger_id", KEY))
    op.add_column("executions", sa.Column("scheduled_at", sa.BigInteger))
    op.add_column("executions", sa.Column("held_below", sa.Integer))
    op.drop_index("ix_executions_queued", "executions")
    _only("queued", ["workspace", "created_at", "id"], QUEUED)
    _only("open", ["workflow_id"], OPEN_ROOT)
    _only("held", ["workflow_id", "id"], "held_below IS NOT NULL")
    op.create_table(
        "answers",
        sa.Column("scope", KEY, nullable=False),
        sa.Column("request", KEY, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_answers"),
    )
    op.create_index("ix_answers_at", "answers", ["at"])
    op.create_table(
        "places",
        sa.Column("trigger", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("execution_id", KEY),
        sa.PrimaryKeyConstraint("trigger", "key", name="pk_places"),
    )
    op.create_index("ix_places_at", "places", ["at"])


def _only(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        f"ix_executions_{name}", "executions", columns, postgresql_where=where, sqlite_where=where
    )
