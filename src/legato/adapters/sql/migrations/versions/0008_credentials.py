# SPDX-License-Identifier: Apache-2.0
"""Credentials, the workflows that name them, and the executions that used them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, KEY, nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    op.create_table(
        "credentials",
        _key("id"),
        _key("workspace"),
        _key("name"),
        _key("type"),
        _text("hosts"),
        _big("version"),
        _key("key_id"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _big("created_at"),
        _text("created_by"),
        _big("updated_at"),
        _text("updated_by"),
        sa.PrimaryKeyConstraint("id", name="pk_credentials"),
    )
    op.create_index("ix_credentials_name", "credentials", ["workspace", "name"], unique=True)
    op.create_index("ix_credentials_workspace", "credentials", ["workspace", "id"])
    op.create_table(
        "credential_workflows",
        _key("workspace"),
        _key("name"),
        _key("workflow_id"),
        _key("slug"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", "workflow_id", name="pk_credential_workflows"),
    )
    op.create_index(
        "ix_credential_workflows_workflow", "credential_workflows", ["workspace", "workflow_id"]
    )
    op.create_table(
        "credential_uses",
        _key("execution_id"),
        _key("credential_id"),
        _big("at"),
        sa.PrimaryKeyConstraint("execution_id", "credential_id", name="pk_credential_uses"),
        sqlite_with_rowid=False,
    )
