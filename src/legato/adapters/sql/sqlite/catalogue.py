# SPDX-License-Identifier: Apache-2.0
"""Workflow versions and their names on SQLite.

Rules: LG20, LG26.
"""

import sqlite3
from typing import Final

from legato.adapters.sql.sqlite.connection import Query
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Writer
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import VersionRow

_NAMES: Final = Query("names", list[str])


class SqliteVersions:
    """Keeps `ports.catalogue.Versions`."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, row: VersionRow, *, publish: bool) -> None:
        """Keep `Versions.put`. Costs one read if nothing is new."""
        if not await self._readers.call(lambda connection: _is_new(connection, row, publish)):
            return
        values = {
            "workspace": row.workspace,
            "version": row.version,
            "name": row.name,
            "compiled": row.compiled,
            "source": row.source,
            "created_at": row.created_at,
        }

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["version_put"], values)
            if publish:
                connection.execute(SQL["publish"], values)

        await self._writer.call(work)

    async def get(self, version: VersionHash) -> VersionRow | None:
        """Keep `Versions.get`."""

        def read(connection: sqlite3.Connection) -> VersionRow | None:
            row = connection.execute(SQL["version"], {"version": version}).fetchone()
            if row is None:
                return None
            workspace, name, compiled, source, created_at = row
            return VersionRow(
                version=version,
                workspace=workspace,
                name=name,
                compiled=compiled,
                source=source,
                created_at=created_at,
            )

        return await self._readers.call(read)

    async def published(self, workspace: WorkspaceId, name: str) -> VersionHash | None:
        """Keep `Versions.published`."""
        return await self._readers.call(lambda connection: _published(connection, workspace, name))

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Keep `Versions.names`."""

        def read(connection: sqlite3.Connection) -> list[str]:
            found: list[str] = _NAMES.run(connection, workspace=workspace)
            return found

        return await self._readers.call(read)


def _published(
    connection: sqlite3.Connection, workspace: WorkspaceId, name: str
) -> VersionHash | None:
    values = {"workspace": workspace, "name": name}
    row = connection.execute(SQL["published"], values).fetchone()
    return None if row is None else VersionHash(row[0])


def _is_new(connection: sqlite3.Connection, row: VersionRow, publish: bool) -> bool:  # noqa: FBT001
    values = {"version": row.version, "workspace": row.workspace}
    if connection.execute(SQL["version_known"], values).fetchone() is None:
        return True
    return publish and _published(connection, row.workspace, row.name) != row.version
