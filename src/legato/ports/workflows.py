# SPDX-License-Identifier: Apache-2.0
"""Workflows: an id for ever, a slug that may change, a draft, versions, pins.

Times are ms since the Unix epoch, by the database's clock where the store decides them. Whatever
is asked for by id is asked for within a workspace: what is in another one is not there.

Rules: WF1-WF9.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.model.ids import UserId, VersionHash, WorkspaceId
from legato.ports.admission import Once
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import Publication, VersionRow

REVISIONS_KEPT: Final = 50
"""Of a draft, the newest among them, so that two who edited the same one see what it was."""
REVISIONS_BYTES_MAX: Final = 8 * 1024 * 1024
"""Of all texts that are kept of one draft; the newest is kept whatever it has."""
PIN_BYTES_MAX: Final = 1024 * 1024
"""Of one pinned output, as JSON text."""
PINS_MAX: Final = 100
"""Of one workflow."""
ALIAS_LENGTH_MAX: Final = 200
RUNS_SHOWN: Final = 10
EDIT_TOLD_MS: Final = 3_600_000
"""The audit hears of one who edits a draft this often."""
PREFERENCES_BYTES_MAX: Final = 64 * 1024
"""Of one user, as JSON text."""


class WorkflowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow. `published` is the number of the version that it stands for now.

    `draft` is the revision of its draft. `stamp` counts changes of the row itself; a draft that is
    saved is none.
    """

    id: str
    workspace: WorkspaceId
    slug: str
    title: str = ""
    created_at: int = 0
    updated_at: int = 0
    archived_at: int | None = None
    created_by: str = ""
    published: int | None = None
    draft: int = 1
    stamp: int = 1


class DraftRow(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a draft. `base_version` is the version that it grew out of."""

    workflow: str
    revision: int
    base_version: int | None
    source: bytes
    by: str
    at: int


class PublishedText(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow with its text and compiled form."""

    publication: Publication
    source: bytes
    compiled: bytes


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list, with when its draft was saved and by whom.

    `is_ahead`: the draft's text is not that of the published version.
    """

    row: WorkflowRow
    draft_at: int
    draft_by: str
    is_ahead: bool


class RunMark(msgspec.Struct, frozen=True):
    """One execution in the strip of the last ones."""

    id: str
    status: str
    created_at: int


class WorkflowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which workflows, the newest first. `after` is an id; `text` stands in slug or title."""

    is_archived: bool = False
    is_published: bool | None = None
    text: str | None = None
    after: str | None = None
    limit: int = 50


class DraftConflict(msgspec.Struct, frozen=True, kw_only=True):
    """The draft is not of the revision that somebody thought: what it is, and what it was.

    `base` is None if that revision is not kept any more, or never was.
    """

    current: DraftRow
    base: DraftRow | None


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A node's output that test runs take instead of running it; `output` is JSON text."""

    workflow: str
    node: str
    output: bytes
    by: str = ""
    at: int = 0


class NewWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow to make, with the text of its first draft."""

    id: str
    workspace: WorkspaceId
    slug: str
    title: str = ""
    source: bytes
    by: str
    alias: str | None = None


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """A text to save as a draft, over the revision that its writer saw.

    `base_version` is the version that the text grew out of; None leaves what it was.
    """

    workspace: WorkspaceId
    workflow: str
    revision: int
    source: bytes
    by: str
    base_version: int | None = None


class Publishing(msgspec.Struct, frozen=True, kw_only=True):
    """A draft to publish.

    Args:
        workflow: Its id.
        revision: Of the draft; None writes `row.source` as the draft first.
        number: The version that is published now, as the caller saw it.
        row: What is published; its text is the draft's.
        title: Of the document.
        by: Who.
        message: What they say about it.
    """

    workflow: str
    revision: int | None
    number: int | None
    row: VersionRow
    title: str = ""
    by: str = ""
    message: str = ""


Refusal = Literal["unknown", "changed", "slug_taken", "in_use", "not_archived", "full"]
"""Why nothing was changed. `changed`: the row is not what the caller saw."""


class Workflows(Protocol):
    """Make, change and find workflows."""

    async def find(
        self, workspace: WorkspaceId, named: str, *, with_archived: bool = False
    ) -> WorkflowRow | None:
        """Return a workflow by id, slug or alias, in this order.

        Args:
            workspace: Where.
            named: What it is called.
            with_archived: Also one that is archived, by its id.
        """
        ...

    async def current(
        self, workspace: WorkspaceId, named: str
    ) -> tuple[WorkflowRow, VersionHash | None] | None:
        """Return an unarchived workflow, found as `find` does, and what it stands for now.

        Costs one query by keys.
        """
        ...

    async def page(self, workspace: WorkspaceId, wanted: WorkflowQuery) -> list[Listed]:
        """Return a part of the list."""
        ...

    async def last_runs(
        self, workspace: WorkspaceId, workflows: Sequence[str]
    ) -> dict[str, list[RunMark]]:
        """Return the last `RUNS_SHOWN` root executions of each workflow, the newest first.

        Tests are not among them. Costs one query by keys per workflow.
        """
        ...

    async def create(
        self, new: NewWorkflow, audit: Sequence[AuditEntry], *, once: Once | None = None
    ) -> WorkflowRow | None:
        """Make a workflow with draft revision 1; None if slug or alias are taken.

        Raises:
            AlreadyDone: As `Admissions.admit`.
        """
        ...

    async def change(
        self,
        row: WorkflowRow,
        audit: Sequence[AuditEntry],
        *,
        source: bytes | None = None,
        by: str = "",
    ) -> WorkflowRow | Refusal:
        """Give an unarchived workflow the slug and title of the row.

        Args:
            row: With the stamp that the caller saw.
            audit: Written with it.
            source: Also its new draft, by `by`.
            by: Who.
        """
        ...

    async def archive(self, row: WorkflowRow, audit: Sequence[AuditEntry]) -> WorkflowRow | Refusal:
        """Archive a workflow: its slug is free, what runs goes on."""
        ...

    async def purge(self, row: WorkflowRow, audit: Sequence[AuditEntry]) -> Refusal | None:
        """Delete an archived workflow with its drafts, versions' texts and pins.

        Compiled versions stay as long as executions of them may be looked at.
        """
        ...

    async def draft(
        self, workspace: WorkspaceId, workflow: str, revision: int | None = None
    ) -> DraftRow | None:
        """Return the draft, or one of its revisions while it is kept."""
        ...

    async def put_draft(
        self, saving: Saving, audit: Sequence[AuditEntry]
    ) -> DraftRow | DraftConflict | None:
        """Save a draft; the same text makes no new revision. None: there is no such workflow.

        Args:
            saving: Of an unarchived workflow.
            audit: Written if nothing was told of this editor in `EDIT_TOLD_MS`.
        """
        ...

    async def publish(
        self,
        wanted: Publishing,
        audit: Sequence[AuditEntry],
        *,
        once: Once | None = None,
    ) -> tuple[Publication, bool] | DraftConflict | Refusal:
        """Have a workflow stand for its draft from now on.

        Returns:
            The newest version and whether it is new: the same text again changes nothing. Or why
            not; `changed`: the published version is not the one that the caller saw.

        Raises:
            AlreadyDone: As `Admissions.admit`.
        """
        ...

    async def versions(
        self,
        workspace: WorkspaceId,
        workflow: str,
        *,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Publication]:
        """Return versions, the newest first, from the one before a number."""
        ...

    async def version(
        self, workspace: WorkspaceId, workflow: str, number: int
    ) -> PublishedText | None:
        """Return one version with its texts."""
        ...

    async def pins(self, workspace: WorkspaceId, workflow: str) -> list[Pin]:
        """Return all pins of a workflow, sorted by node; their outputs may be 100 MiB together."""
        ...

    async def pin_names(self, workspace: WorkspaceId, workflow: str) -> list[Pin]:
        """Return the same without outputs."""
        ...

    async def pin(self, workspace: WorkspaceId, workflow: str, node: str) -> Pin | None:
        """Return one pin."""
        ...

    async def put_pin(self, workspace: WorkspaceId, pin: Pin) -> Pin | Refusal:
        """Pin an output; `full` if the workflow has `PINS_MAX` others."""
        ...

    async def drop_pin(self, workspace: WorkspaceId, workflow: str, node: str) -> bool:
        """Take a pin away; False if there is none."""
        ...

    async def preferences(self, user: UserId) -> bytes | None:
        """Return what a user keeps here, as JSON text."""
        ...

    async def put_preferences(self, user: UserId, value: bytes) -> None:
        """Keep it in place of what was."""
        ...
