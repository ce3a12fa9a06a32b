# SPDX-License-Identifier: Apache-2.0
"""Workflow versions, and what their names stand for, on SQLite.

Rules: LG20, LG26, CL30, CL33.
"""

import sqlite3
from typing import Final

from legato.adapters.sql.sqlite.connection import Query
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Writer
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import Publication, VersionRow

_PUBLICATIONS: Final = Query("publications", list[Publication])
_NEWEST: Final = Query("newest", list[Publication])


class SqliteVersions:
    """Keeps `ports.catalogue.Versions`."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, row: VersionRow) -> None:
        """Keep `Versions.put`. Costs one read if nothing is new."""
        if await self._readers.call(lambda connection: _is_known(connection, row)):
            return

        def work(connection: sqlite3.Connection) -> None:
            _put(connection, row)

        await self._writer.call(work)

    async def publish(
        self, row: VersionRow, *, by: str = "", restores: int | None = None
    ) -> tuple[Publication, bool]:
        """Keep `Versions.publish`."""

        def work(connection: sqlite3.Connection) -> tuple[Publication, bool]:
            values = {"workspace": row.workspace, "name": row.name}
            last = connection.execute(SQL["published"], values).fetchone()
            if last is not None and last[1:] == (row.version, row.source):
                (newest,) = _PUBLICATIONS.run(connection, limit=1, **values)
                return newest, False
            made = Publication(
                workspace=row.workspace,
                name=row.name,
                number=1 if last is None else last[0] + 1,
                version=row.version,
                at=row.created_at,
                by=by,
                restores=restores,
            )
            _put(connection, row)
            fields = {name: getattr(made, name) for name in made.__struct_fields__}
            connection.execute(SQL["publication_add"], {**fields, "source": row.source})
            return made, True

        made: tuple[Publication, bool] = await self._writer.call(work)
        return made

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

        def read(connection: sqlite3.Connection) -> VersionHash | None:
            values = {"workspace": workspace, "name": name}
            row = connection.execute(SQL["published"], values).fetchone()
            return None if row is None else VersionHash(row[1])

        return await self._readers.call(read)

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Keep `Versions.names`."""
        return [each.name for each in await self.newest(workspace)]

    async def newest(self, workspace: WorkspaceId) -> list[Publication]:
        """Keep `Versions.newest`."""

        def read(connection: sqlite3.Connection) -> list[Publication]:
            found: list[Publication] = _NEWEST.run(connection, workspace=workspace)
            return found

        return await self._readers.call(read)

    async def publications(
        self, workspace: WorkspaceId, name: str, *, limit: int = 1_000
    ) -> list[Publication]:
        """Keep `Versions.publications`."""

        def read(connection: sqlite3.Connection) -> list[Publication]:
            found: list[Publication] = _PUBLICATIONS.run(
                connection, workspace=workspace, name=name, limit=limit
            )
            return found

        return await self._readers.call(read)

    async def source(self, workspace: WorkspaceId, name: str, number: int) -> bytes | None:
        """Keep `Versions.source`."""

        def read(connection: sqlite3.Connection) -> bytes | None:
            values = {"workspace": workspace, "name": name, "number": number}
            row = connection.execute(SQL["source"], values).fetchone()
            return None if row is None else bytes(row[0])

        return await self._readers.call(read)


def _put(connection: sqlite3.Connection, row: VersionRow) -> None:
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    connection.execute(SQL["version_put"], fields)


def _is_known(connection: sqlite3.Connection, row: VersionRow) -> bool:
    values = {"version": row.version, "workspace": row.workspace}
    return connection.execute(SQL["version_known"], values).fetchone() is not None
