# SPDX-License-Identifier: Apache-2.0
"""Reading executions on SQLite: by id, by filter, by text.

Rules: LG7, LG25, LG26.
"""

import sqlite3
from typing import Final

import msgspec

from legato.adapters.search import holds, search_words
from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.model.frames import ExecutionStatus
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.values import BlobRef
from legato.ports.executions import ExecutionFilter, ExecutionRow

FRESH_TEXTS_MAX: Final = 500
"""Newest texts that a search looks through although the index does not have them yet. The indexer
is at most about a second behind."""
_END_OF_TIME: Final = 2**63 - 1
_HEX_DASH: Final = frozenset("0123456789abcdef-")


class Text(msgspec.Struct):
    """A text that waits for the index."""

    id: int
    execution_id: ExecutionId
    text: str


_EXECUTION: Final = Query("execution", list[ExecutionRow])
_BY_PREFIX: Final = Query("by_prefix", list[ExecutionId])
_DESCENDANTS: Final = Query("descendants", list[ExecutionRow])
_BLOBS: Final = Query("blobs_of", list[BlobRef])
_COUNTS: Final = Query("counts", dict[ExecutionStatus, int])
_OPEN_COUNTS: Final = Query("open_counts", dict[ExecutionStatus, int])
_FRESH: Final = Query("fresh_texts", list[Text])
_FIND: Final = {
    letters: Query(f"find_{letters}", list[ExecutionRow])
    for letters in ("", "c", "s", "t", "w", "ct", "st", "sw", "tw", "stw")
}


class SqliteExecutions:
    """Keeps `ports.executions.Executions`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def get(self, execution_id: ExecutionId) -> ExecutionRow | None:
        """Keep `Executions.get`."""

        def read(connection: sqlite3.Connection) -> ExecutionRow | None:
            found: list[ExecutionRow] = _EXECUTION.run(connection, execution_id=execution_id)
            return found[0] if found else None

        return await self._readers.call(read)

    async def find(self, wanted: ExecutionFilter) -> list[ExecutionRow]:
        """Keep `Executions.find`."""
        return await self._readers.call(lambda connection: _find(connection, wanted))

    async def find_by_prefix(self, workspace: WorkspaceId, prefix: str) -> list[ExecutionId]:
        """Keep `Executions.find_by_prefix`."""
        if not _HEX_DASH.issuperset(prefix):
            return []  # no id begins like this

        def read(connection: sqlite3.Connection) -> list[ExecutionId]:
            # `g` comes after every character of an id.
            found: list[ExecutionId] = _BY_PREFIX.run(
                connection, workspace=workspace, first=prefix, beyond=prefix + "g"
            )
            return found

        return await self._readers.call(read)

    async def descendants(self, execution_id: ExecutionId, *, limit: int) -> list[ExecutionRow]:
        """Keep `Executions.descendants`."""

        def read(connection: sqlite3.Connection) -> list[ExecutionRow]:
            found: list[ExecutionRow] = _DESCENDANTS.run(
                connection, execution_id=execution_id, limit=limit
            )
            return found

        return await self._readers.call(read)

    async def blobs(self, execution_id: ExecutionId) -> list[BlobRef]:
        """Keep `Executions.blobs`."""

        def read(connection: sqlite3.Connection) -> list[BlobRef]:
            found: list[BlobRef] = _BLOBS.run(connection, execution_id=execution_id)
            return found

        return await self._readers.call(read)

    async def counts(self, workspace: WorkspaceId) -> dict[ExecutionStatus, int]:
        """Keep `Executions.counts`."""

        def read(connection: sqlite3.Connection) -> dict[ExecutionStatus, int]:
            found: dict[ExecutionStatus, int] = _COUNTS.run(connection, workspace=workspace)
            return found

        return await self._readers.call(read)

    async def open_counts(self) -> dict[ExecutionStatus, int]:
        """Keep `Executions.open_counts`."""
        return await self._readers.call(_OPEN_COUNTS.run)


def _find(connection: sqlite3.Connection, wanted: ExecutionFilter) -> list[ExecutionRow]:
    parameters: dict[str, object] = {
        "workspace": wanted.workspace,
        "limit": wanted.limit,
        "before_at": _END_OF_TIME,
        "before": "g",
    }
    if wanted.before is not None:
        row = connection.execute(SQL["created_at"], {"execution_id": wanted.before}).fetchone()
        if row is None:
            return []
        parameters |= {"before_at": row[0], "before": wanted.before}
    letters = ""
    if wanted.statuses:
        letters += "s"
        parameters["statuses"] = as_json(tuple(dict.fromkeys(wanted.statuses)))
    if wanted.search is not None:
        words = search_words(wanted.search)
        if not words:
            return []
        letters += "t"
        # Words hold letters, digits and underscores only: nothing in them can be an operator.
        parameters["words"] = " ".join(f'"{word}"*' for word in words)
        fresh: list[Text] = _FRESH.run(
            connection, workspace=wanted.workspace, limit=FRESH_TEXTS_MAX
        )
        parameters["fresh"] = as_json(
            [text.execution_id for text in fresh if holds(text.text, words)]
        )
    if wanted.workflow is not None:
        letters += "w"
        parameters["workflow"] = wanted.workflow
    if "s" in letters or "w" in letters:
        parameters["children"] = wanted.with_children
    elif wanted.with_children:
        letters = "c" + letters
    found: list[ExecutionRow] = _FIND[letters].run(connection, **parameters)
    return found
