# SPDX-License-Identifier: Apache-2.0
"""The tables of retention, for both databases. See `schema`.

Rules: LG23, BK43.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table

from legato.adapters.sql.schema_base import KEY, metadata

purges: Final = Table(
    "purges",
    metadata,
    # Executions that are out of sight and not yet wholly deleted.
    Column("execution_id", KEY, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index("ix_purges_at", "at"),
)
