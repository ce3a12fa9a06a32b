# SPDX-License-Identifier: Apache-2.0
"""Workflow versions by content hash, and which one a name stands for now.

Rules: LG, DO.
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


class Versions(Protocol):
    """Store and find versions."""

    async def put(self, row: VersionRow, *, publish: bool) -> None:
        """Store a version if it is new; with `publish` the name stands for it from now on."""
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
