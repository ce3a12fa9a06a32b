# SPDX-License-Identifier: Apache-2.0
"""Texts by their words on PostgreSQL, in the order of their ids and within a time.

The index of words knows no order. For words that few texts have, the planner asks that index and
sorts; for words that many have it walks by id, since it knows how frequent words are. Where it was
wrong the query is cut off, and the newest texts are looked at one by one. Rules: XR12, XR14.
"""

import json
from typing import Any, Final

import asyncpg

from legato.adapters.sql.postgres.database import Database, rows

ASK_MS: Final = 20
LOOKED_AT: Final = 2_000


class PostgresWords:
    """Keeps `sql.listing.Words`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, terms: list[str], *, below: int, first: int, limit: int
    ) -> tuple[list[int], int | None]:
        """Keep `Words.find`."""
        values: dict[str, Any] = {"words": _query(terms), "below": below, "first": first}
        async with self._database.transaction() as connection:
            # A plan made without the words would take every word for equally frequent.
            await connection.execute(
                f"SET LOCAL statement_timeout = {ASK_MS};"
                " SET LOCAL plan_cache_mode = force_custom_plan"
            )
            try:
                async with connection.transaction():
                    found = await rows(connection, "list.by_words", limit=limit, **values)
            except asyncpg.QueryCanceledError:
                found = None
            if found is not None:
                return [row["id"] for row in found], None
        near = await self._database.fetch("list.words_near", limit=LOOKED_AT, **values)
        low = near[-1]["id"] if len(near) == LOOKED_AT else None
        return [row["id"] for row in near if row["is_found"]], low

    async def among(self, terms: list[str], texts: list[int]) -> set[int]:
        """Keep `Words.among`."""
        found = await self._database.fetch(
            "list.with_words", words=_query(terms), ids=json.dumps(texts)
        )
        return {row["id"] for row in found}


def _query(terms: list[str]) -> str:
    # Terms hold letters, digits, underscores and our mark: nothing in them is an operator.
    return " & ".join(f"'{term}'" for term in terms)
