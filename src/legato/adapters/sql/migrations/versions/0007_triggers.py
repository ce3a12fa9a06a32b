# SPDX-License-Identifier: Apache-2.0
"""Triggers, what they missed, and notices that the database itself puts down."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TOLD = (
    "NEW.status IN ('failed', 'timed_out', 'needs_attention')"
    " AND (NEW.parent IS NULL OR NEW.status = 'needs_attention')"
    " AND (NEW.workflow_id IS NOT NULL OR NEW.parent IS NOT NULL) AND NOT NEW.is_test"
)
COLUMNS = "INSERT INTO notices (kind, workspace, root, execution_id, seq, at, data, tries, due_at)"
VALUES = (
    "CASE WHEN NEW.status = 'needs_attention' THEN 'needs_attention' ELSE 'failed' END,"
    " NEW.workspace, COALESCE(NEW.root, NEW.id), NEW.id, NEW.head_seq"
)
SQLITE_NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
POSTGRES_NOW = "CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"
SQLITE = (
    "CREATE TRIGGER executions_in_trouble AFTER UPDATE OF status ON executions WHEN"
    f" NEW.status <> OLD.status AND {TOLD}"
    f" BEGIN {COLUMNS} VALUES ({VALUES}, {SQLITE_NOW}, '{{}}', 0, {SQLITE_NOW}); END",
)
POSTGRES = (
    "CREATE FUNCTION execution_in_trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    f" {COLUMNS} VALUES ({VALUES}, {POSTGRES_NOW}, '{{}}', 0, {POSTGRES_NOW});"
    " RETURN NULL; END $$",
    "CREATE TRIGGER executions_in_trouble AFTER UPDATE OF status ON executions FOR EACH ROW"
    f" WHEN (NEW.status <> OLD.status AND {TOLD}) EXECUTE FUNCTION execution_in_trouble()",
    "CREATE TRIGGER executions_born_in_trouble AFTER INSERT ON executions FOR EACH ROW"
    f" WHEN ({TOLD}) EXECUTE FUNCTION execution_in_trouble()",
)


def upgrade() -> None:
    _triggers()
    _notices()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRES:
        op.execute(statement)


def _triggers() -> None:
    op.create_table(
        "triggers",
        _key("id"),
        _key("workspace"),
        _key("workflow"),
        _key("name"),
        _key("kind"),
        _text("config"),
        sa.Column("is_live", sa.Boolean(create_constraint=False), nullable=False),
        _big("paused_at", nullable=True),
        _text("paused_by"),
        _big("next_at", nullable=True),
        _big("claimed_until", nullable=True),
        _bytes("token_hash", nullable=True),
        _bytes("token", nullable=True),
        _bytes("secret", nullable=True),
        _bytes("old_secret", nullable=True),
        _big("old_until", nullable=True),
        _big("created_at"),
        _big("changed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_triggers"),
        sa.UniqueConstraint("token_hash", name="uq_triggers_token_hash"),
        sa.UniqueConstraint("workflow", "name", name="uq_triggers_workflow_name"),
    )
    op.create_index("ix_triggers_workspace", "triggers", ["workspace", "kind", "id"])
    due = sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_triggers_due", "triggers", ["next_at"], postgresql_where=due, sqlite_where=due
    )
    op.create_table(
        "missed_ticks",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _key("trigger_id"),
        _big("at"),
        _int("count"),
        _big("first"),
        _big("last"),
        _int("made_good"),
        sa.PrimaryKeyConstraint("id", name="pk_missed_ticks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_missed_ticks_trigger", "missed_ticks", ["trigger_id", "id"])


def _notices() -> None:
    op.create_table(
        "notice_targets",
        _key("workspace"),
        _text("url", nullable=True),
        _text("kinds"),
        _bytes("secret"),
        _bytes("old_secret", nullable=True),
        _big("old_until", nullable=True),
        _big("changed_at"),
        sa.PrimaryKeyConstraint("workspace", name="pk_notice_targets"),
    )
    op.create_table(
        "notices",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _text("kind"),
        _key("workspace"),
        _key("workflow", nullable=True),
        _key("root", nullable=True),
        _key("execution_id", nullable=True),
        _big("seq"),
        _big("at"),
        _text("data"),
        _int("tries"),
        _big("due_at"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_due", "notices", ["due_at"])


def _key(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, KEY, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _int(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)
