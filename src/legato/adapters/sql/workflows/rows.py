# SPDX-License-Identifier: Apache-2.0
"""Workflows found, listed, made, changed, archived and purged.

Rules: WF1, WF2, WF7, WF8.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.once import remember
from legato.adapters.sql.script import Row, Script, Undo, step
from legato.adapters.sql.workflows.part import (
    Part,
    add_draft,
    add_workflow,
    draft_now,
    first_draft,
    folded,
    locked,
    now,
    publication_of,
    workflow_of,
)
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.admission import Once
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import Publication
from legato.ports.workflows import (
    Listed,
    NewWorkflow,
    PublishedText,
    Refusal,
    RunMark,
    WorkflowQuery,
    WorkflowRow,
)

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Rows(Part):
    """The rows of workflows."""

    async def find(
        self, workspace: WorkspaceId, named: str, *, with_archived: bool = False
    ) -> WorkflowRow | None:
        """Keep `Workflows.find`."""
        row = await self._find(workspace, named)
        found = None if row is None else workflow_of(row)
        is_visible = found is not None and (with_archived or found.archived_at is None)
        return found if is_visible else None

    async def current(
        self, workspace: WorkspaceId, named: str
    ) -> tuple[WorkflowRow, VersionHash | None] | None:
        """Keep `Workflows.current`."""
        row = await self._find(workspace, named)
        if row is None or row["archived_at"] is not None:
            return None
        return workflow_of(row), row["version"]

    async def _find(self, workspace: WorkspaceId, named: str) -> Row | None:
        # A slug never has the form of an id; an alias may be anything.
        ways = ("id" if _ID.fullmatch(named) else "slug", "alias")
        for way in ways:
            found = await self._driver.look_up(
                f"workflows.by_{way}", workspace=workspace, named=named
            )
            if found:
                return found[0]
        return None

    async def page(self, workspace: WorkspaceId, wanted: WorkflowQuery) -> list[Listed]:
        """Keep `Workflows.page`."""
        found = await self._driver.fetch(
            "workflows.page_archived" if wanted.is_archived else "workflows.page",
            workspace=workspace,
            is_published=wanted.is_published,
            text=None if wanted.text is None else wanted.text.casefold(),
            after=wanted.after,
            limit=wanted.limit,
        )
        return [
            Listed(
                row=workflow_of(row),
                draft_at=row["draft_at"],
                draft_by=row["draft_by"],
                is_ahead=row["draft_hash"] != row["published_hash"],
            )
            for row in found
        ]

    async def last_runs(
        self, workspace: WorkspaceId, workflows: Sequence[str]
    ) -> dict[str, list[RunMark]]:
        """Keep `Workflows.last_runs`."""
        found: dict[str, list[RunMark]] = {}
        for each in workflows:
            rows = await self._driver.look_up(
                "workflows.last_runs", workspace=workspace, workflow=each
            )
            found[each] = [RunMark(row["id"], row["status"], row["created_at"]) for row in rows]
        return found

    async def create(
        self, new: NewWorkflow, audit: Sequence[AuditEntry], *, once: Once | None = None
    ) -> WorkflowRow | None:
        """Keep `Workflows.create`."""
        place = {"workspace": new.workspace, "workflow": new.id}

        def script() -> Script[WorkflowRow | None]:
            yield from remember(once)
            at = yield from now()
            made = yield from add_workflow(
                {
                    "id": new.id,
                    "workspace": new.workspace,
                    "slug": new.slug,
                    "title": new.title,
                    "created_by": new.by,
                    "published": None,
                    "draft": 1,
                    "at": at,
                }
            )
            if made is None:
                raise Undo(None)
            if new.alias is not None:
                is_free = yield from step("workflows.alias_add", **place, alias=new.alias)
                if not is_free:
                    raise Undo(None)
            yield from first_draft(made, new.source)
            yield from record(audit)
            return made

        return await self._driver.run(script)

    async def change(
        self,
        row: WorkflowRow,
        audit: Sequence[AuditEntry],
        *,
        source: bytes | None = None,
        by: str = "",
    ) -> WorkflowRow | Refusal:
        """Keep `Workflows.change`."""

        def script() -> Script[WorkflowRow | Refusal]:
            seen = yield from _as_seen(row)
            if isinstance(seen, str):
                return seen
            if seen.archived_at is not None:
                return "unknown"
            if source is not None:
                draft = yield from draft_now(seen)
                made = msgspec.structs.replace(
                    draft,
                    revision=draft.revision + 1,
                    source=source,
                    by=by,
                    at=(yield from now()),
                )
                yield from add_draft(seen, made)
            changed = yield from step(
                "workflows.change",
                id=row.id,
                workspace=row.workspace,
                slug=row.slug,
                title=row.title,
                folded=folded(row.slug, row.title),
            )
            if not changed:
                raise Undo("slug_taken")
            yield from record(audit)
            return workflow_of(changed[0])

        return await self._driver.run(script)

    async def archive(self, row: WorkflowRow, audit: Sequence[AuditEntry]) -> WorkflowRow | Refusal:
        """Keep `Workflows.archive`."""

        def script() -> Script[WorkflowRow | Refusal]:
            seen = yield from _as_seen(row)
            if isinstance(seen, str):
                return seen
            if seen.archived_at is not None:
                return "unknown"
            yield from step("workflows.purge_aliases", workflow=row.id)
            (archived,) = yield from step("workflows.archive", id=row.id)
            yield from record(audit)
            return workflow_of(archived)

        return await self._driver.run(script)

    async def purge(self, row: WorkflowRow, audit: Sequence[AuditEntry]) -> Refusal | None:
        """Keep `Workflows.purge`."""

        def script() -> Script[Refusal | None]:
            seen = yield from _as_seen(row)
            if isinstance(seen, str):
                return seen
            if seen.archived_at is None:
                return "not_archived"
            place = {"workspace": row.workspace, "workflow": row.id}
            if (yield from step("workflows.open_execution", **place)):
                return "in_use"
            for each in ("aliases", "publications", "drafts", "draft_editors", "pins"):
                yield from step(f"workflows.purge_{each}", workflow=row.id)
            yield from step("workflows.purge", workflow=row.id)
            yield from record(audit)
            return None

        return await self._driver.run(script)

    async def versions(
        self, workspace: WorkspaceId, workflow: str, *, before: int | None = None, limit: int = 50
    ) -> list[Publication]:
        """Keep `Workflows.versions`."""
        found = await self._driver.fetch(
            "workflows.publications",
            workspace=workspace,
            workflow=workflow,
            before=before,
            limit=limit,
        )
        return [publication_of(row) for row in found]

    async def version(
        self, workspace: WorkspaceId, workflow: str, number: int
    ) -> PublishedText | None:
        """Keep `Workflows.version`."""
        found = await self._driver.fetch(
            "workflows.publication_text", workspace=workspace, workflow=workflow, number=number
        )
        if not found:
            return None
        row = found[0]
        return PublishedText(
            publication=publication_of(row),
            source=bytes(row["source"]),
            compiled=bytes(row["compiled"]),
        )


def _as_seen(row: WorkflowRow) -> Script[WorkflowRow | Refusal]:
    """Lock a workflow and return it if it is as the caller saw it."""
    found = yield from locked(row.workspace, row.id)
    if found is None:
        return "unknown"
    return found if found.stamp == row.stamp else "changed"
