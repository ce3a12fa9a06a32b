# SPDX-License-Identifier: Apache-2.0
"""Workflow versions and their names on PostgreSQL.

Rules: LG20, LG26.
"""

from legato.adapters.sql.postgres.database import Database, do
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import VersionRow


class PostgresVersions:
    """Keeps `ports.catalogue.Versions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, row: VersionRow, *, publish: bool) -> None:
        """Keep `Versions.put`. Costs one or two queries if nothing is new."""
        if not await self._is_new(row, publish=publish):
            return
        async with self._database.transaction() as connection:
            await do(
                connection,
                "version_put",
                workspace=row.workspace,
                version=row.version,
                name=row.name,
                compiled=row.compiled,
                source=row.source,
                created_at=row.created_at,
            )
            if publish:
                await do(
                    connection,
                    "publish",
                    workspace=row.workspace,
                    name=row.name,
                    version=row.version,
                )

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
        return [row[0] for row in await self._database.fetch("names", workspace=workspace)]

    async def _is_new(self, row: VersionRow, *, publish: bool) -> bool:
        known = await self._database.fetch_value(
            "version_known", version=row.version, workspace=row.workspace
        )
        if known is None:
            return True
        return publish and await self.published(row.workspace, row.name) != row.version
