# SPDX-License-Identifier: Apache-2.0
"""Reading executions on PostgreSQL: by id, by filter, by text.

Rules: LG7, LG25, LG26.
"""

from typing import Any, Final

from legato.adapters.search import holds, search_words
from legato.adapters.sql.postgres.database import Database
from legato.model.frames import ExecutionStatus
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.values import BlobRef
from legato.ports.executions import ExecutionFilter, ExecutionRow

FRESH_TEXTS_MAX: Final = 500
"""Newest texts that a search looks through although the index does not have them yet. The indexer
is at most about a second behind."""
_END_OF_TIME: Final = 2**63 - 1
_HEX_DASH: Final = frozenset("0123456789abcdef-")


class PostgresExecutions:
    """Keeps `ports.executions.Executions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, execution_id: ExecutionId) -> ExecutionRow | None:
        """Keep `Executions.get`."""
        found = await self._database.fetch("execution", execution_id=execution_id)
        return _row(found[0]) if found else None

    async def find(self, wanted: ExecutionFilter) -> list[ExecutionRow]:
        """Keep `Executions.find`."""
        values: dict[str, Any] = {
            "workspace": wanted.workspace,
            "limit": wanted.limit,
            "before_at": _END_OF_TIME,
            "before": "g",
            "statuses": list(dict.fromkeys(wanted.statuses)),
            "workflow": wanted.workflow,
            "children": wanted.with_children,
        }
        if wanted.before is not None:
            at = await self._database.fetch_value("created_at", execution_id=wanted.before)
            if at is None:
                return []
            values |= {"before_at": at, "before": wanted.before}
        letters = "s" if wanted.statuses else ""
        if wanted.search is not None:
            words = search_words(wanted.search)
            if not words:
                return []
            letters += "t"
            values |= await self._text(wanted.workspace, words)
        if wanted.workflow is not None:
            letters += "w"
        if wanted.with_children and not {"s", "w"} & set(letters):
            letters = "c" + letters
        return [_row(row) for row in await self._database.fetch(f"find_{letters}", **values)]

    async def find_by_prefix(self, workspace: WorkspaceId, prefix: str) -> list[ExecutionId]:
        """Keep `Executions.find_by_prefix`."""
        if not _HEX_DASH.issuperset(prefix):
            return []  # no id begins like this
        # `g` comes after every character of an id.
        rows = await self._database.fetch(
            "by_prefix", workspace=workspace, first=prefix, beyond=prefix + "g"
        )
        return [ExecutionId(row[0]) for row in rows]

    async def descendants(self, execution_id: ExecutionId, *, limit: int) -> list[ExecutionRow]:
        """Keep `Executions.descendants`."""
        found = await self._database.fetch("descendants", execution_id=execution_id, limit=limit)
        return [_row(row) for row in found]

    async def blobs(self, execution_id: ExecutionId) -> list[BlobRef]:
        """Keep `Executions.blobs`."""
        found = await self._database.fetch("blobs_of", execution_id=execution_id)
        return [BlobRef(row[0], row[1]) for row in found]

    async def counts(self, workspace: WorkspaceId) -> dict[ExecutionStatus, int]:
        """Keep `Executions.counts`."""
        rows = await self._database.fetch("counts", workspace=workspace)
        return {row[0]: row[1] for row in rows}

    async def open_counts(self) -> dict[ExecutionStatus, int]:
        """Keep `Executions.open_counts`."""
        rows = await self._database.fetch("open_counts")
        return {row[0]: row[1] for row in rows}

    async def _text(self, workspace: WorkspaceId, words: list[str]) -> dict[str, Any]:
        fresh = await self._database.fetch(
            "fresh_texts", workspace=workspace, limit=FRESH_TEXTS_MAX
        )
        return {
            # Words hold letters, digits and underscores only: nothing in them can be an operator.
            "words": " & ".join(f"'{word}':*" for word in words),
            "fresh": [row["execution_id"] for row in fresh if holds(row["text"], words)],
        }


def _row(row: Any) -> ExecutionRow:
    return ExecutionRow(**dict(row))
