# SPDX-License-Identifier: Apache-2.0
"""The first schema: executions, log, inbox, owners, versions, journal, logs, blobs, search."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _executions()
    _log_and_inbox()
    _engines_and_versions()
    _attempts()
    _blobs_and_search()
    meta = op.create_table(
        "meta",
        _key("key"),
        _text("value"),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.bulk_insert(meta, [{"key": "epoch", "value": "1"}])


def _text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=nullable)


def _key(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, KEY, nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _int(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(create_constraint=False), nullable=False)


def _partial(table: str, name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        f"ix_{table}_{name}", table, columns, postgresql_where=where, sqlite_where=where
    )


def _executions() -> None:
    op.create_table(
        "executions",
        _key("id"),
        _key("workspace"),
        _key("workflow"),
        _key("version"),
        _key("status"),
        _key("owner", nullable=True),
        _big("fence"),
        _big("head_seq"),
        _big("wake_at", nullable=True),
        _flag("is_busy"),
        _int("nodes_done"),
        _int("nodes_total"),
        _big("created_at"),
        _big("started_at", nullable=True),
        _big("ended_at", nullable=True),
        _text("error", nullable=True),
        _text("waiting_for", nullable=True),
        _key("parent", nullable=True),
        _key("root", nullable=True),
        _key("forked_from", nullable=True),
        _text("trigger"),
        _bytes("start", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )
    newest = ["workspace", "created_at", "id"]
    op.create_index("ix_executions_all", "executions", newest)
    op.create_index(
        "ix_executions_workflow", "executions", ["workspace", "workflow", "created_at", "id"]
    )
    op.create_index(
        "ix_executions_status", "executions", ["workspace", "status", "created_at", "id"]
    )
    _partial("executions", "roots", newest, "parent IS NULL")
    _partial("executions", "queued", newest, "status = 'queued'")
    _partial("executions", "owner", ["owner"], "owner IS NOT NULL")
    _partial("executions", "wake", ["wake_at"], "owner IS NULL AND wake_at IS NOT NULL")
    _partial("executions", "drained", ["created_at"], "owner IS NULL AND is_busy")
    _partial("executions", "parent", ["parent"], "parent IS NOT NULL")


def _log_and_inbox() -> None:
    op.create_table(
        "events",
        _key("execution_id"),
        _big("seq"),
        _big("at"),
        _bytes("body"),
        _big("crc", nullable=True),
        sa.PrimaryKeyConstraint("execution_id", "seq", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inbox",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _key("execution_id"),
        _key("dedupe_key"),
        _bytes("body"),
        _big("at"),
        _flag("consumed"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("execution_id", "dedupe_key", name="uq_inbox_execution_id_dedupe_key"),
        sqlite_autoincrement=True,
    )
    _partial("inbox", "waiting", ["execution_id", "id"], "NOT consumed")


def _engines_and_versions() -> None:
    op.create_table(
        "engines",
        _key("id"),
        _text("host"),
        _int("pid"),
        _text("machine"),
        _big("lease_steady"),
        _big("lease_until"),
        _flag("adopts"),
        _big("registered_at"),
        sa.PrimaryKeyConstraint("id", name="pk_engines"),
    )
    op.create_table(
        "versions",
        _key("workspace"),
        _key("version"),
        _key("name"),
        _bytes("compiled"),
        _bytes("source"),
        _big("created_at"),
        sa.PrimaryKeyConstraint("version", "workspace", name="pk_versions"),
    )
    op.create_table(
        "published",
        _key("workspace"),
        _key("name"),
        _key("version"),
        sa.PrimaryKeyConstraint("workspace", "name", name="pk_published"),
    )


def _attempts() -> None:
    op.create_table(
        "node_steps",
        _key("execution_id"),
        _key("node"),
        _int("item"),
        _key("name"),
        _int("ordinal"),
        _int("attempt"),
        _key("input_hash"),
        _bytes("output", nullable=True),
        sa.PrimaryKeyConstraint(
            "execution_id", "node", "item", "name", "ordinal", name="pk_node_steps"
        ),
    )
    op.create_table(
        "attempt_logs",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _key("execution_id"),
        _key("node"),
        _int("item"),
        _int("attempt"),
        _int("offset"),
        _big("at"),
        _text("level"),
        _text("text"),
        sa.Column("progress", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_attempt_logs"),
        sa.UniqueConstraint(
            "execution_id",
            "node",
            "item",
            "attempt",
            "offset",
            name="uq_attempt_logs_execution_id_node_item_attempt_offset",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempt_logs_arrival", "attempt_logs", ["execution_id", "id"])


def _blobs_and_search() -> None:
    op.create_table(
        "blobs",
        _key("workspace"),
        _key("hash"),
        _key("execution_id"),
        _big("size"),
        sa.PrimaryKeyConstraint("workspace", "hash", "execution_id", name="pk_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blobs_execution", "blobs", ["execution_id"])
    op.create_table(
        "search_texts",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _key("execution_id"),
        _key("workspace"),
        _text("text", nullable=True),
        sa.Column("words", TSVECTOR().with_variant(sa.Text(), "sqlite")),
        sa.PrimaryKeyConstraint("id", name="pk_search_texts"),
        sa.UniqueConstraint("execution_id", name="uq_search_texts_execution_id"),
    )
    _partial("search_texts", "waiting", ["workspace", "id"], "text IS NOT NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_search_texts_words", "search_texts", ["words"], postgresql_using="gin")
    else:
        op.execute(
            "CREATE VIRTUAL TABLE search_index USING fts5("
            "words, tokenize = \"ascii tokenchars '_'\", detail = 'none')"
        )
