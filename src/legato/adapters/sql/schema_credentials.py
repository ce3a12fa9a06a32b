# SPDX-License-Identifier: Apache-2.0
"""The tables of credentials, for both databases. See `schema`.

No column holds a secret that is readable: `sealed` opens with a master key only, for this row only.

Rules: CR1, CR2, CR5, CR20, LG23.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from legato.adapters.sql.schema_base import KEY, metadata

credentials: Final = Table(
    "credentials",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("workspace", KEY, nullable=False),
    Column("name", KEY, nullable=False),
    Column("type", KEY, nullable=False),
    # A JSON list.
    Column("hosts", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("key_id", KEY, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
    Index("ix_credentials_name", "workspace", "name", unique=True),
    Index("ix_credentials_workspace", "workspace", "id"),
)

credential_workflows: Final = Table(
    "credential_workflows",
    metadata,
    # What published versions name, whether there is such a credential or not.
    Column("workspace", KEY, nullable=False),
    Column("name", KEY, nullable=False),
    Column("workflow_id", KEY, nullable=False),
    Column("slug", KEY, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("workspace", "name", "workflow_id"),
    Index("ix_credential_workflows_workflow", "workspace", "workflow_id"),
)

credential_uses: Final = Table(
    "credential_uses",
    metadata,
    # One row in the audit for each row here; it goes with its execution.
    Column("execution_id", KEY, nullable=False),
    Column("credential_id", KEY, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("execution_id", "credential_id"),
    sqlite_with_rowid=False,
)
