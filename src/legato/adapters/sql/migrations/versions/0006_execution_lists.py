# SPDX-License-Identifier: Apache-2.0
"""What lists of executions are filtered and searched by.

Texts get new ids, which rise with the time in their execution's id, and are indexed anew.
"""

import sqlalchemy as sa
from alembic import op

from legato.adapters.search import search_id

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FILTERS = ("status", "workflow", "workflow_id", "number", "trigger")
BATCH = 1_000


def upgrade() -> None:
    op.drop_index("ix_executions_roots", "executions")
    _only("roots", ["workspace", "id"], "parent IS NULL")
    for name in FILTERS:
        _only(f"roots_{name}", ["workspace", name, "id"], "parent IS NULL")
    _only("asking", ["workspace", "id"], "waiting_for IS NOT NULL")
    op.create_table(
        "search_values",
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("text_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", "text_id", name="pk_search_values"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_values_text", "search_values", ["text_id"])
    op.drop_index("ix_search_texts_waiting", "search_texts")
    waiting = sa.text("text IS NOT NULL")
    op.create_index(
        "ix_search_texts_waiting",
        "search_texts",
        ["id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    _index_anew()


def _index_anew() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM search_texts"))
    if sa.inspect(connection).has_table("search_index"):
        connection.execute(sa.text("DELETE FROM search_index"))
    page = sa.text(
        "SELECT id, workspace, created_at FROM executions WHERE id > :after ORDER BY id LIMIT :many"
    )
    add = sa.text(
        "INSERT INTO search_texts (id, execution_id, workspace, text)"
        " VALUES (:id, :execution_id, :workspace, '') ON CONFLICT DO NOTHING"
    )
    after = ""
    while rows := connection.execute(page, {"after": after, "many": BATCH}).all():
        values = [
            {"id": search_id(row[0], row[2]), "execution_id": row[0], "workspace": row[1]}
            for row in rows
        ]
        connection.execute(add, values)
        after = rows[-1][0]


def _only(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        f"ix_executions_{name}", "executions", columns, postgresql_where=where, sqlite_where=where
    )
