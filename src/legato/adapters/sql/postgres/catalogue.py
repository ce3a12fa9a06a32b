# SPDX-License-Identifier: Apache-2.0
"""Workflow versions, and what their names stand for, on PostgreSQL.

Rules: LG20, LG26, CL30, CL33.
"""

from typing import Any

from legato.adapters.sql.postgres.database import Database, do, rows
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import Publication, VersionRow


class PostgresVersions:
    """Keeps `ports.catalogue.Versions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, row: VersionRow) -> None:
        """Keep `Versions.put`. Costs one query if nothing is new."""
        known = await self._database.fetch_value(
            "version_known", version=row.version, workspace=row.workspace
        )
        if known is None:
            async with self._database.transaction() as connection:
                await _put(connection, row)

    async def publish(
        self, row: VersionRow, *, by: str = "", restores: int | None = None
    ) -> tuple[Publication, bool]:
        """Keep `Versions.publish`. Tried again if somebody else takes the number first."""
        while True:
            async with self._database.transaction() as connection:
                last = await rows(
                    connection, "publications", workspace=row.workspace, name=row.name, limit=1
                )
                newest = Publication(**dict(last[0])) if last else None
                if newest is not None and await _is_same(connection, newest, row):
                    return newest, False
                made = Publication(
                    workspace=row.workspace,
                    name=row.name,
                    number=1 if newest is None else newest.number + 1,
                    version=row.version,
                    at=row.created_at,
                    by=by,
                    restores=restores,
                )
                await _put(connection, row)
                fields = {name: getattr(made, name) for name in made.__struct_fields__}
                if await do(connection, "publication_add", **fields, source=row.source):
                    return made, True

    async def get(self, version: VersionHash) -> VersionRow | None:
        """Keep `Versions.get`."""
        found = await self._database.fetch("version", version=version)
        return VersionRow(version=version, **dict(found[0])) if found else None

    async def published(self, workspace: WorkspaceId, name: str) -> VersionHash | None:
        """Keep `Versions.published`."""
        version = await self._database.fetch_value("published", workspace=workspace, name=name)
        return None if version is None else VersionHash(version)

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Keep `Versions.names`."""
        return [each.name for each in await self.newest(workspace)]

    async def newest(self, workspace: WorkspaceId) -> list[Publication]:
        """Keep `Versions.newest`."""
        found = await self._database.fetch("newest", workspace=workspace)
        return [Publication(**dict(each)) for each in found]

    async def publications(
        self, workspace: WorkspaceId, name: str, *, limit: int = 1_000
    ) -> list[Publication]:
        """Keep `Versions.publications`."""
        found = await self._database.fetch(
            "publications", workspace=workspace, name=name, limit=limit
        )
        return [Publication(**dict(each)) for each in found]

    async def source(self, workspace: WorkspaceId, name: str, number: int) -> bytes | None:
        """Keep `Versions.source`."""
        found: bytes | None = await self._database.fetch_value(
            "source", workspace=workspace, name=name, number=number
        )
        return found


async def _put(connection: Any, row: VersionRow) -> None:
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    await do(connection, "version_put", **fields)


async def _is_same(connection: Any, newest: Publication, row: VersionRow) -> bool:
    if newest.version != row.version:
        return False
    found = await rows(
        connection, "source", workspace=row.workspace, name=row.name, number=newest.number
    )
    return bool(found) and bytes(found[0][0]) == row.source
