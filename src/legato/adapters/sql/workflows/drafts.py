# SPDX-License-Identifier: Apache-2.0
"""Drafts saved and published, pins, and what users keep for themselves.

Rules: WF4-WF6, WF9.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.once import remember
from legato.adapters.sql.script import Script, Undo, step
from legato.adapters.sql.workflows.part import (
    Part,
    add_draft,
    add_publication,
    draft_now,
    draft_of,
    hash_of,
    locked,
    now,
    pin_of,
    publication_now,
)
from legato.model.ids import UserId, WorkspaceId
from legato.ports.admission import Once
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import Publication
from legato.ports.workflows import (
    PINS_MAX,
    DraftConflict,
    DraftRow,
    Pin,
    Publishing,
    Refusal,
    Saving,
    WorkflowRow,
)


class Drafts(Part):
    """Drafts, what becomes of them, and pins."""

    async def draft(
        self, workspace: WorkspaceId, workflow: str, revision: int | None = None
    ) -> DraftRow | None:
        """Keep `Workflows.draft`."""
        place = {"workspace": workspace, "workflow": workflow}
        if revision is None:
            found = await self._driver.fetch("workflows.draft", **place)
        else:
            found = await self._driver.fetch("workflows.draft_revision", **place, revision=revision)
        return draft_of(found[0]) if found else None

    async def put_draft(
        self, saving: Saving, audit: Sequence[AuditEntry]
    ) -> DraftRow | DraftConflict | None:
        """Keep `Workflows.put_draft`."""

        def script() -> Script[DraftRow | DraftConflict | None]:
            row = yield from locked(saving.workspace, saving.workflow)
            if row is None or row.archived_at is not None:
                return None
            current = yield from draft_now(row)
            if current.revision != saving.revision:
                return (yield from _conflict(row, current, saving.revision))
            base = saving.base_version or current.base_version
            if current.source == saving.source and current.base_version == base:
                return current
            made = DraftRow(
                workflow=row.id,
                revision=saving.revision + 1,
                base_version=base,
                source=saving.source,
                by=saving.by,
                at=(yield from now()),
            )
            yield from add_draft(row, made)
            if (yield from step("workflows.edit_told", workflow=row.id, by=saving.by)):
                yield from record(audit)
            return made

        return await self._driver.run(script)

    async def publish(
        self, wanted: Publishing, audit: Sequence[AuditEntry], *, once: Once | None = None
    ) -> tuple[Publication, bool] | DraftConflict | Refusal:
        """Keep `Workflows.publish`."""

        def script() -> Script[tuple[Publication, bool] | DraftConflict | Refusal]:
            yield from remember(once)
            row = yield from locked(wanted.row.workspace, wanted.workflow)
            if row is None or row.archived_at is not None:
                raise Undo("unknown")
            if row.published != wanted.number:
                raise Undo("changed")
            current = yield from draft_now(row)
            if wanted.revision is not None and current.revision != wanted.revision:
                raise Undo((yield from _conflict(row, current, wanted.revision)))
            at = yield from now()
            if current.source != wanted.row.source:
                if wanted.revision is not None:
                    raise Undo("changed")
                row = msgspec.structs.replace(row, draft=row.draft + 1)
                made_draft = msgspec.structs.replace(
                    current, revision=row.draft, source=wanted.row.source, by=wanted.by, at=at
                )
                yield from add_draft(row, made_draft)
            last = yield from publication_now(row)
            if last is not None and last.hash == hash_of(wanted.row.source):
                return last, False
            made = Publication(
                workspace=row.workspace,
                name=row.slug,
                number=(row.published or 0) + 1,
                version=wanted.row.version,
                at=at,
                by=wanted.by,
                workflow_id=row.id,
                hash=hash_of(wanted.row.source),
                message=wanted.message,
            )
            yield from add_publication(row, wanted.row, made, wanted.title)
            yield from record(audit)
            return made, True

        return await self._driver.run(script)

    async def pins(self, workspace: WorkspaceId, workflow: str) -> list[Pin]:
        """Keep `Workflows.pins`."""
        found = await self._driver.fetch("workflows.pins", workspace=workspace, workflow=workflow)
        return [pin_of(row) for row in found]

    async def pin_names(self, workspace: WorkspaceId, workflow: str) -> list[Pin]:
        """Keep `Workflows.pin_names`."""
        found = await self._driver.fetch(
            "workflows.pin_names", workspace=workspace, workflow=workflow
        )
        return [
            Pin(workflow=row["workflow"], node=row["node"], output=b"", by=row["by"], at=row["at"])
            for row in found
        ]

    async def pin(self, workspace: WorkspaceId, workflow: str, node: str) -> Pin | None:
        """Keep `Workflows.pin`."""
        found = await self._driver.fetch(
            "workflows.pin", workspace=workspace, workflow=workflow, node=node
        )
        return pin_of(found[0]) if found else None

    async def put_pin(self, workspace: WorkspaceId, pin: Pin) -> Pin | Refusal:
        """Keep `Workflows.put_pin`."""
        this = {"workspace": workspace, "workflow": pin.workflow, "node": pin.node}

        def script() -> Script[Pin | Refusal]:
            row = yield from locked(workspace, pin.workflow)
            if row is None or row.archived_at is not None:
                return "unknown"
            (others,) = yield from step("workflows.pins_other", **this)
            if others["count"] >= PINS_MAX:
                return "full"
            (made,) = yield from step("workflows.pin_put", **this, output=pin.output, by=pin.by)
            return pin_of(made)

        return await self._driver.run(script)

    async def drop_pin(self, workspace: WorkspaceId, workflow: str, node: str) -> bool:
        """Keep `Workflows.drop_pin`."""
        dropped = await self._driver.run(
            lambda: step("workflows.pin_drop", workspace=workspace, workflow=workflow, node=node)
        )
        return bool(dropped)

    async def preferences(self, user: UserId) -> bytes | None:
        """Keep `Workflows.preferences`."""
        found = await self._driver.fetch("workflows.preferences", user_id=user)
        return bytes(found[0]["value"]) if found else None

    async def put_preferences(self, user: UserId, value: bytes) -> None:
        """Keep `Workflows.put_preferences`."""
        await self._driver.run(lambda: step("workflows.preferences_put", user_id=user, value=value))


def _conflict(row: WorkflowRow, current: DraftRow, revision: int) -> Script[DraftConflict]:
    found = yield from step(
        "workflows.draft_revision", workspace=row.workspace, workflow=row.id, revision=revision
    )
    return DraftConflict(current=current, base=draft_of(found[0]) if found else None)
