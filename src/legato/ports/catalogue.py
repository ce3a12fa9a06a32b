# SPDX-License-Identifier: Apache-2.0
"""Workflow versions by content hash, and which one a name stands for now.

A name is the slug of a workflow that is not archived; `ports.workflows` knows the same workflows by
their ids.

Rules: LG, DO, WF3.
"""

from typing import Protocol

import msgspec

from legato.model.ids import VersionHash, WorkspaceId


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version: compiled form (canonical JSON) and the source as it was written."""

    version: VersionHash
    workspace: WorkspaceId
    name: str
    compiled: bytes
    source: bytes = b""
    created_at: int = 0


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What a workflow stood for from `at` (ms) on, until the next one. `number` counts from 1.

    `name` is the slug that the workflow has now, `hash` the SHA-256 (hex) of the text; `restores`
    is the number of the publication that was published again.
    """

    workspace: WorkspaceId
    name: str
    number: int
    version: VersionHash
    at: int
    by: str = ""
    restores: int | None = None
    workflow_id: str = ""
    hash: str = ""
    message: str = ""


class Versions(Protocol):
    """Store and find versions."""

    async def put(self, row: VersionRow) -> None:
        """Store a version if it is new; what its name stands for does not change."""
        ...

    async def publish(
        self, row: VersionRow, *, by: str = "", restores: int | None = None
    ) -> tuple[Publication, bool]:
        """Store a version, and have its name stand for it and its source from now on.

        The workflow is made if the name has none, and the text becomes its draft.

        Args:
            row: Its `created_at` is the time of the publication.
            by: Who publishes.
            restores: The publication that is published again.

        Returns:
            The newest publication of the name, and whether it is new: publishing the same version
            and source again changes nothing.
        """
        ...

    async def get(self, version: VersionHash) -> VersionRow | None:
        """Return a version or None."""
        ...

    async def published(self, workspace: WorkspaceId, name: str) -> VersionHash | None:
        """Return what a name stands for now, or None."""
        ...

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Return all published names, sorted."""
        ...

    async def newest(self, workspace: WorkspaceId) -> list[Publication]:
        """Return what every published name stands for now, sorted by name."""
        ...

    async def publications(
        self, workspace: WorkspaceId, name: str, *, limit: int = 1_000
    ) -> list[Publication]:
        """Return the publications of a name, the newest first."""
        ...

    async def source(self, workspace: WorkspaceId, name: str, number: int) -> bytes | None:
        """Return the text of a publication, byte for byte, or None."""
        ...
