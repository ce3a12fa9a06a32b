# SPDX-License-Identifier: Apache-2.0
"""The tables of triggers and notices, for both databases. See `schema`.

A trigger of the same name in the same workflow is the same row for ever, whatever is published in
between. Notices of executions are put down by the database itself, with the turn that is their
cause: no code path can forget them, and none of them waits.

Rules: TR10, TR40, LG23.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from legato.adapters.sql.schema_base import KEY, metadata, only, row_id

triggers: Final = Table(
    "triggers",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("workspace", KEY, nullable=False),
    Column("workflow", KEY, nullable=False),
    # As the document names it: `cron1`.
    Column("name", KEY, nullable=False),
    Column("kind", KEY, nullable=False),
    # `with`, as JSON with every default filled in.
    Column("config", Text, nullable=False),
    # The published document of an unarchived workflow has it.
    Column("is_live", Boolean(create_constraint=False), nullable=False),
    Column("paused_at", BigInteger),
    Column("paused_by", Text, nullable=False),
    # NULL for what is not live, is paused, or is no schedule.
    Column("next_at", BigInteger),
    Column("claimed_until", BigInteger),
    Column("token_hash", LargeBinary, unique=True),
    # Sealed, as the secrets are.
    Column("token", LargeBinary),
    Column("secret", LargeBinary),
    Column("old_secret", LargeBinary),
    Column("old_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("workflow", "name"),
    Index("ix_triggers_workspace", "workspace", "kind", "id"),
    only("triggers", "due", ("next_at",), "next_at IS NOT NULL"),
)

missed_ticks: Final = Table(
    "missed_ticks",
    metadata,
    row_id(),
    Column("trigger_id", KEY, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("made_good", Integer, nullable=False),
    Index("ix_missed_ticks_trigger", "trigger_id", "id"),
    sqlite_autoincrement=True,
)

notice_targets: Final = Table(
    "notice_targets",
    metadata,
    Column("workspace", KEY, primary_key=True),
    Column("url", Text),
    # A JSON list.
    Column("kinds", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("old_until", BigInteger),
    Column("changed_at", BigInteger, nullable=False),
)

notices: Final = Table(
    "notices",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),
    Column("workspace", KEY, nullable=False),
    # NULL: that of the root execution.
    Column("workflow", KEY),
    Column("root", KEY),
    Column("execution_id", KEY),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Index("ix_notices_due", "due_at"),
    sqlite_autoincrement=True,
)

_TOLD: Final = (
    "NEW.status IN ('failed', 'timed_out', 'needs_attention')"
    " AND (NEW.parent IS NULL OR NEW.status = 'needs_attention')"
    " AND (NEW.workflow_id IS NOT NULL OR NEW.parent IS NOT NULL) AND NOT NEW.is_test"
)
"""Troubles of what somebody published; of what a root calls only what waits for people."""
_COLUMNS: Final = (
    "INSERT INTO notices (kind, workspace, root, execution_id, seq, at, data, tries, due_at)"
)
_VALUES: Final = (
    "CASE WHEN NEW.status = 'needs_attention' THEN 'needs_attention' ELSE 'failed' END,"
    " NEW.workspace, COALESCE(NEW.root, NEW.id), NEW.id, NEW.head_seq"
)
_SQLITE_NOW: Final = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_POSTGRES_NOW: Final = "CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"

SQLITE_NOTICES: Final = (
    "CREATE TRIGGER executions_in_trouble AFTER UPDATE OF status ON executions WHEN"
    f" NEW.status <> OLD.status AND {_TOLD}"
    f" BEGIN {_COLUMNS} VALUES ({_VALUES}, {_SQLITE_NOW}, '{{}}', 0, {_SQLITE_NOW}); END",
)
"""An execution begins as queued on SQLite: it comes to trouble by a change alone."""

POSTGRES_NOTICES: Final = (
    "CREATE FUNCTION execution_in_trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    f" {_COLUMNS} VALUES ({_VALUES}, {_POSTGRES_NOW}, '{{}}', 0, {_POSTGRES_NOW});"
    " RETURN NULL; END $$",
    "CREATE TRIGGER executions_in_trouble AFTER UPDATE OF status ON executions FOR EACH ROW"
    f" WHEN (NEW.status <> OLD.status AND {_TOLD}) EXECUTE FUNCTION execution_in_trouble()",
    "CREATE TRIGGER executions_born_in_trouble AFTER INSERT ON executions FOR EACH ROW"
    f" WHEN ({_TOLD}) EXECUTE FUNCTION execution_in_trouble()",
)
"""There the first turn makes the row as it is after it."""


@event.listens_for(metadata, "after_create")
def _create_notices(_metadata: MetaData, connection: Any, **_options: Any) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in SQLITE_NOTICES if is_sqlite else POSTGRES_NOTICES:
        connection.execute(text(statement))
