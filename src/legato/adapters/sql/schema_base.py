# SPDX-License-Identifier: Apache-2.0
"""What the tables share: one `metadata`, kinds of columns, partial indexes.

Rules: LG23.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, MetaData, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# A number SQLite may use as its row id, and PostgreSQL counts itself.
_ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")
# Names and ids are compared byte by byte: faster than in a language's order, and equal everywhere.
KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")


def row_id() -> "Column[int]":
    """Return a primary key that the database counts."""
    return Column("id", _ROW_ID, Identity(always=False), primary_key=True)


def only(table: str, name: str, columns: tuple[str, ...], condition: str) -> Index:
    """Make a partial index with the same condition on both databases."""
    where = text(condition)
    return Index(f"ix_{table}_{name}", *columns, postgresql_where=where, sqlite_where=where)
