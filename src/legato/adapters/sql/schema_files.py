# SPDX-License-Identifier: Apache-2.0
"""The tables of uploaded files, for both databases. See `schema`.

Rules: FI20, FI22, FI36, LG23.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from legato.adapters.sql.schema_base import KEY, metadata

files: Final = Table(
    "files",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("workspace", KEY, nullable=False),
    Column("name", KEY, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hash", KEY, nullable=False),
    # Of a user: one who is gone keeps what was uploaded.
    Column("by", KEY, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_files_workspace", "workspace", "id"),
    Index("ix_files_hash", "workspace", "hash", "id"),
    Index("ix_files_name", "workspace", "name", "id"),
    Index("ix_files_age", "created_at", "id"),
)

file_spaces: Final = Table(
    "file_spaces",
    metadata,
    # Locked by whatever changes how much room the files of a workspace take.
    Column("workspace", KEY, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("own", BigInteger),
)

blob_holds: Final = Table(
    "blob_holds",
    metadata,
    Column("holder", KEY, primary_key=True),
    Column("until", BigInteger, nullable=False),
)
