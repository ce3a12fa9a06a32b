# SPDX-License-Identifier: Apache-2.0
"""The tables, for both databases. Migrations lead here step by step; a test compares.

Times are integer milliseconds since the Unix epoch. JSON is kept as the bytes that were encoded:
the store never reads inside. Partial indexes hold only what somebody still has to look at, so
that ended executions cost nothing but their row.

Those of accounts and of the audit stand in `schema_accounts`, those of workflows in
`schema_workflows`; `metadata` holds all of them.

Rules: LG1, LG14, LG23, LG26, OW2.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from legato.adapters.sql import (
    schema_accounts,
    schema_credentials,
    schema_files,
    schema_keeping,
    schema_workflows,
)
from legato.adapters.sql.schema_base import KEY as _Key
from legato.adapters.sql.schema_base import only as _only
from legato.adapters.sql.schema_base import row_id as _row_id
from legato.model.frames import FINAL_EXECUTION

metadata: Final = schema_accounts.users.metadata
"""All tables: those of the other modules are in it already."""
assert metadata is schema_credentials.credentials.metadata
assert metadata is schema_files.files.metadata
assert metadata is schema_keeping.purges.metadata
assert metadata is schema_workflows.workflows.metadata

QUEUED: Final = "status = 'queued' AND held_below IS NULL"
"""What an engine with room may claim."""
OPEN_ROOT: Final = (
    "workflow_id IS NOT NULL AND parent IS NULL AND held_below IS NULL AND NOT is_test"
    f" AND status NOT IN {tuple(sorted(FINAL_EXECUTION))}"
)
"""What an overlap rule counts."""

RUNS: Final = "workflow_id IS NOT NULL AND parent IS NULL AND NOT is_test"
"""What the strip of a workflow's last executions shows."""
ROOT: Final = "parent IS NULL"
"""What lists show."""
FILTERS: Final = ("status", "workflow", "workflow_id", "number", "trigger")
"""Columns by which lists of roots are filtered; each has an index in the order of ids."""
ASKING: Final = "waiting_for IS NOT NULL"
"""Where a person may have to answer."""
ENDED_ROOT: Final = "ended_at IS NOT NULL AND parent IS NULL"
"""What retention may let go; it takes along what it called."""

executions: Final = Table(
    "executions",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("workspace", _Key, nullable=False),
    Column("workflow", _Key, nullable=False),
    Column("version", _Key, nullable=False),
    Column("status", _Key, nullable=False),
    Column("owner", _Key),
    Column("fence", BigInteger, nullable=False),
    Column("head_seq", BigInteger, nullable=False),
    Column("wake_at", BigInteger),
    Column("is_busy", Boolean(create_constraint=False), nullable=False),
    Column("nodes_done", Integer, nullable=False),
    Column("nodes_total", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("error", Text),
    Column("waiting_for", Text),
    Column("parent", _Key),
    Column("root", _Key),
    Column("forked_from", _Key),
    Column("trigger", Text, nullable=False),
    Column("start", LargeBinary),
    Column("workflow_id", _Key),
    Column("number", Integer),
    Column("is_test", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("trigger_id", _Key),
    Column("scheduled_at", BigInteger),
    # Waits until fewer than so many others of its workflow are open; NULL: it waits for none.
    Column("held_below", Integer),
    Index("ix_executions_all", "workspace", "created_at", "id"),
    Index("ix_executions_workflow", "workspace", "workflow", "created_at", "id"),
    Index("ix_executions_status", "workspace", "status", "created_at", "id"),
    _only("executions", "roots", ("workspace", "id"), ROOT),
    *(_only("executions", f"roots_{name}", ("workspace", name, "id"), ROOT) for name in FILTERS),
    _only("executions", "asking", ("workspace", "id"), ASKING),
    _only("executions", "queued", ("workspace", "created_at", "id"), QUEUED),
    _only("executions", "open", ("workflow_id",), OPEN_ROOT),
    _only("executions", "runs", ("workflow_id", "created_at", "id"), RUNS),
    _only("executions", "held", ("workflow_id", "id"), "held_below IS NOT NULL"),
    _only("executions", "owner", ("owner",), "owner IS NOT NULL"),
    _only("executions", "wake", ("wake_at",), "owner IS NULL AND wake_at IS NOT NULL"),
    # What retention looks through.
    _only("executions", "ended", ("status", "ended_at"), ENDED_ROOT),
    _only("executions", "drained", ("created_at",), "owner IS NULL AND is_busy"),
    _only("executions", "parent", ("parent",), "parent IS NOT NULL"),
    sqlite_with_rowid=False,
    # Every turn rewrites its row: room on the page keeps the new version on the same page.
    postgresql_with={"fillfactor": 70},
)

NOBODYS: Final[dict[str, Any]] = {"owner": None, "fence": executions.c.fence + 1}
"""What an execution becomes that its owner lets go: what that one still commits comes too late."""

events: Final = Table(
    "events",
    metadata,
    Column("execution_id", _Key, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # Of the whole turn, on its last event; see `checksum`.
    Column("crc", BigInteger),
    PrimaryKeyConstraint("execution_id", "seq"),
    sqlite_with_rowid=False,
)

inbox: Final = Table(
    "inbox",
    metadata,
    _row_id(),
    Column("execution_id", _Key, nullable=False),
    Column("dedupe_key", _Key, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("consumed", Boolean(create_constraint=False), nullable=False),
    UniqueConstraint("execution_id", "dedupe_key"),
    _only("inbox", "waiting", ("execution_id", "id"), "NOT consumed"),
    sqlite_autoincrement=True,
)

engines: Final = Table(
    "engines",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    # SQLite only: which boot of which machine, and the lease's end by its steady clock.
    Column("machine", Text, nullable=False),
    Column("lease_steady", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("adopts", Boolean(create_constraint=False), nullable=False),
    Column("registered_at", BigInteger, nullable=False),
)

versions: Final = Table(
    "versions",
    metadata,
    Column("workspace", _Key, nullable=False),
    Column("version", _Key, nullable=False),
    Column("name", _Key, nullable=False),
    Column("compiled", LargeBinary, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("version", "workspace"),
)

node_steps: Final = Table(
    "node_steps",
    metadata,
    Column("execution_id", _Key, nullable=False),
    Column("node", _Key, nullable=False),
    Column("item", Integer, nullable=False),
    Column("name", _Key, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("input_hash", _Key, nullable=False),
    Column("output", LargeBinary),
    PrimaryKeyConstraint("execution_id", "node", "item", "name", "ordinal"),
)

attempt_logs: Final = Table(
    "attempt_logs",
    metadata,
    _row_id(),
    Column("execution_id", _Key, nullable=False),
    Column("node", _Key, nullable=False),
    Column("item", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("progress", Float),
    UniqueConstraint("execution_id", "node", "item", "attempt", "offset"),
    Index("ix_attempt_logs_arrival", "execution_id", "id"),
    sqlite_autoincrement=True,
)

blobs: Final = Table(
    "blobs",
    metadata,
    # One row per execution that refers to the payload: it may go when the last of them goes.
    Column("workspace", _Key, nullable=False),
    Column("hash", _Key, nullable=False),
    Column("execution_id", _Key, nullable=False),
    Column("size", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace", "hash", "execution_id"),
    Index("ix_blobs_execution", "execution_id"),
    sqlite_with_rowid=False,
)

search_texts: Final = Table(
    "search_texts",
    metadata,
    # `text` waits here until the indexer has moved its words into the index; then it is NULL.
    # PostgreSQL keeps them in `words`, SQLite in the table `search_index`. The id is made by
    # `search.search_id`: it rises with the time in the execution's own id.
    _row_id(),
    Column("execution_id", _Key, nullable=False, unique=True),
    Column("workspace", _Key, nullable=False),
    Column("text", Text),
    Column("words", TSVECTOR().with_variant(Text(), "sqlite")),
    _only("search_texts", "waiting", ("id",), "text IS NOT NULL"),
    Index("ix_search_texts_words", "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
)

answers: Final = Table(
    "answers",
    metadata,
    # What was answered to requests with an Idempotency-Key, and the hash of what was asked.
    Column("scope", _Key, primary_key=True),
    Column("request", _Key, nullable=False),
    Column("status", Integer, nullable=False),
    # A JSON list of pairs.
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_answers_at", "at"),
)

places: Final = Table(
    "places",
    metadata,
    # Ticks of schedules and messages of webhooks: each starts one execution at most.
    Column("trigger", _Key, nullable=False),
    Column("key", _Key, nullable=False),
    Column("kind", _Key, nullable=False),
    Column("at", BigInteger, nullable=False),
    # NULL: the overlap rule of its workflow skipped it.
    Column("execution_id", _Key),
    PrimaryKeyConstraint("trigger", "key"),
    Index("ix_places_at", "at"),
)

search_values: Final = Table(
    "search_values",
    metadata,
    # Inputs and outputs that are found by their exact value: `search.value_key` of path and text.
    Column("key", LargeBinary, nullable=False),
    # As `search_texts.id`.
    Column("text_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", "text_id"),
    Index("ix_search_values_text", "text_id"),
    sqlite_with_rowid=False,
)

meta: Final = Table(
    "meta",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("value", Text, nullable=False),
)

SEARCH_INDEX_DDL: Final = (
    "CREATE VIRTUAL TABLE search_index USING fts5("
    "words, tokenize = \"ascii tokenchars '_'\", detail = 'none')"
)
"""SQLite's full-text index: row id = `search_texts.id`, text = words of `search.words_of`.

The `ascii` tokenizer splits at blanks and leaves the words as they are, so that SQLite's idea of a
letter does not matter.
"""


@event.listens_for(metadata, "after_create")
def _create_search_index(_metadata: MetaData, connection: Any, **_options: Any) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text(SEARCH_INDEX_DDL))
