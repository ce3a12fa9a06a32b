# SPDX-License-Identifier: Apache-2.0
"""Versions, and what names stand for, on both databases.

Rules: LG20, LG26, CL30, CL33, WF3.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Driver, Script, step
from legato.adapters.sql.workflows.part import (
    add_draft,
    add_publication,
    add_workflow,
    draft_now,
    first_draft,
    hash_of,
    publication_now,
    publication_of,
    title_of,
    version_values,
    workflow_of,
)
from legato.errors import Internal
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import Publication, VersionRow
from legato.ports.workflows import WorkflowRow


class SqlVersions:
    """Keeps `ports.catalogue.Versions` on the database of its driver."""

    def __init__(self, driver: Driver, new_id: Callable[[], str]) -> None:
        """Make it.

        Args:
            driver: Runs its statements and scripts.
            new_id: Gives ids to workflows that are made by name.
        """
        self._driver = driver
        self._new_id = new_id

    async def put(self, row: VersionRow) -> None:
        """Keep `Versions.put`. Costs one read if nothing is new."""
        known = await self._driver.fetch(
            "version_known", version=row.version, workspace=row.workspace
        )
        if not known:
            await self._driver.run(lambda: step("version_put", **version_values(row)))

    async def publish(
        self, row: VersionRow, *, by: str = "", restores: int | None = None
    ) -> tuple[Publication, bool]:
        """Keep `Versions.publish`."""
        workflow_id = self._new_id()

        def script() -> Script[tuple[Publication, bool]]:
            workflow = yield from _named(row, workflow_id, by)
            last = yield from publication_now(workflow)
            text_hash = hash_of(row.source)
            if last is not None and (last.version, last.hash) == (row.version, text_hash):
                return last, False
            made = Publication(
                workspace=row.workspace,
                name=workflow.slug,
                number=(workflow.published or 0) + 1,
                version=row.version,
                at=row.created_at,
                by=by,
                restores=restores,
                workflow_id=workflow.id,
                hash=text_hash,
            )
            workflow = yield from _drafted(workflow, row, by)
            yield from add_publication(workflow, row, made, title_of(row.compiled))
            if workflow.id == workflow_id:
                yield from record([_told("workflow.create", workflow, {"person": by})])
            told = {"person": by, "number": made.number, "hash": text_hash}
            yield from record([_told("workflow.publish", workflow, told)])
            return made, True

        return await self._driver.run(script)

    async def get(self, version: VersionHash) -> VersionRow | None:
        """Keep `Versions.get`."""
        found = await self._driver.fetch("version", version=version)
        if not found:
            return None
        names = ("workspace", "name", "created_at")
        return VersionRow(
            version=version,
            compiled=bytes(found[0]["compiled"]),
            source=bytes(found[0]["source"]),
            **{name: found[0][name] for name in names},
        )

    async def published(self, workspace: WorkspaceId, name: str) -> VersionHash | None:
        """Keep `Versions.published`."""
        found = await self._driver.fetch("workflows.by_slug", workspace=workspace, named=name)
        version = found[0]["version"] if found else None
        return None if version is None else VersionHash(version)

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Keep `Versions.names`."""
        return [each.name for each in await self.newest(workspace)]

    async def newest(self, workspace: WorkspaceId) -> list[Publication]:
        """Keep `Versions.newest`."""
        found = await self._driver.fetch("workflows.newest", workspace=workspace)
        return [publication_of(row) for row in found]

    async def publications(
        self, workspace: WorkspaceId, name: str, *, limit: int = 1_000
    ) -> list[Publication]:
        """Keep `Versions.publications`."""
        found = await self._driver.fetch(
            "workflows.publications_named", workspace=workspace, name=name, limit=limit
        )
        return [publication_of(row) for row in found]

    async def source(self, workspace: WorkspaceId, name: str, number: int) -> bytes | None:
        """Keep `Versions.source`."""
        found = await self._driver.fetch(
            "workflows.source_named", workspace=workspace, name=name, number=number
        )
        return bytes(found[0]["source"]) if found else None


def _told(action: str, workflow: WorkflowRow, data: Mapping[str, Any]) -> AuditEntry:
    """Return the entry of a deed by name: only the command line does one."""
    return AuditEntry(
        action=action,
        actor_kind="system",
        actor="cli",
        target_kind="workflow",
        target=workflow.id,
        workspace=workflow.workspace,
        data=data,
    )


def _named(row: VersionRow, workflow_id: str, by: str) -> Script[WorkflowRow]:
    """Return the workflow of a version's name, locked, and make it if there is none."""
    found = yield from step("workflows.lock_slug", workspace=row.workspace, slug=row.name)
    if found:
        return workflow_of(found[0])
    made = yield from add_workflow(
        {
            "id": workflow_id,
            "workspace": row.workspace,
            "slug": row.name,
            "title": title_of(row.compiled),
            "created_by": by,
            "published": None,
            "draft": 1,
            "at": row.created_at,
        }
    )
    if made is None:  # somebody made it since; now it can be locked
        found = yield from step("workflows.lock_slug", workspace=row.workspace, slug=row.name)
        if not found:
            raise Internal("a workflow's name is taken and free at once")
        return workflow_of(found[0])
    yield from first_draft(made, row.source)
    return made


def _drafted(workflow: WorkflowRow, row: VersionRow, by: str) -> Script[WorkflowRow]:
    """Have the text of a version be the draft."""
    draft = yield from draft_now(workflow)
    if draft.source == row.source:
        return workflow
    revision = draft.revision + 1
    made = msgspec.structs.replace(
        draft, revision=revision, source=row.source, by=by, at=row.created_at
    )
    yield from add_draft(workflow, made)
    return msgspec.structs.replace(workflow, draft=revision)
