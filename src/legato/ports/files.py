# SPDX-License-Identifier: Apache-2.0
"""Uploaded files: whose they are, their names, how much room they take, who refers to them.

The bytes are payloads of the blob store, one for all files of a workspace with the same content. A
payload is kept as long as a file or an execution refers to it; `referred` says which those are.

Rules: FI9-FI11, FI14, FI20-FI22, FI32-FI36.
"""

from collections.abc import Sequence
from typing import NewType, Protocol

import msgspec

from legato.errors import LimitExceeded
from legato.model.ids import UserId, WorkspaceId
from legato.model.values import BlobRef
from legato.ports.admission import Once
from legato.ports.audit import AuditEntry

FileId = NewType("FileId", str)
"""UUIDv7 of an uploaded file."""


class QuotaExceeded(LimitExceeded):
    """The files of this workspace would take more room than they may."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file. `hash` is the hex SHA-256 of its `size` bytes; `by` is who uploaded it.

    `created_at` is in ms.
    """

    id: FileId
    workspace: WorkspaceId
    name: str
    content_type: str
    size: int
    hash: str
    by: UserId
    created_at: int

    @property
    def ref(self) -> BlobRef:
        """Its payload."""
        return BlobRef(self.hash, self.size)


class FileQuery(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions must hold. `name` is exact, times are ms; `before` ended the page before."""

    workspace: WorkspaceId
    name: str | None = None
    hash: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    before: str | None = None
    limit: int = 50


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the files of a workspace take, equal ones once; `own` is its own bound, if any."""

    used: int
    own: int | None = None


class Files(Protocol):
    """Files of workspaces. What is asked for in another workspace than its own is not there."""

    async def add(
        self,
        file: StoredFile,
        audit: Sequence[AuditEntry],
        *,
        quota_bytes: int,
        once: Once | None = None,
    ) -> None:
        """Add a file whose payload is durable, if there is room for it.

        Args:
            file: What to add.
            audit: Entries that become true with it.
            quota_bytes: Bound on the files of a workspace that has none of its own.
            once: The answer to keep.

        Raises:
            AlreadyDone: A request with the same key has taken effect.
            QuotaExceeded: There is no room; a content that is there already takes none.
            StoreUnavailable: The outcome may be unknown.
        """
        ...

    async def get(self, workspace: WorkspaceId, file_id: str) -> StoredFile | None:
        """Return a file or None."""
        ...

    async def find(self, wanted: FileQuery) -> list[StoredFile]:
        """Return a page, newest first. Ids order by time (UUIDv7)."""
        ...

    async def named(self, workspace: WorkspaceId, ids: Sequence[str]) -> dict[str, StoredFile]:
        """Return those of these files that are there, by id."""
        ...

    async def remove(
        self, workspace: WorkspaceId, file_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Delete a file; False if it is not there. Executions that refer to its payload keep it."""
        ...

    async def expire(self, age_ms: int, limit: int = 1_000) -> int:
        """Delete the oldest files that were added longer ago than that; return how many."""
        ...

    async def quota(self, workspace: WorkspaceId) -> Quota:
        """Return how much room the files take, and may take."""
        ...

    async def set_quota(
        self, workspace: WorkspaceId, own: int | None, audit: Sequence[AuditEntry]
    ) -> Quota:
        """Give a workspace a bound of its own, or none; nothing is deleted for it."""
        ...

    async def referred(self, workspace: WorkspaceId, hashes: Sequence[str]) -> set[str]:
        """Return those payloads that a file or an execution refers to."""
        ...

    async def oldest_work(self, workspace: WorkspaceId) -> int | None:
        """Return when the oldest execution was made that may hold a payload nobody refers to yet.

        That is one of which something runs, or that has not begun: a node stores a payload first
        and the log refers to it later. None: there is no such execution. In ms.
        """
        ...

    async def hold(self, holder: str, ttl_ms: int) -> None:
        """Keep every payload from being deleted for that long from now, for a backup.

        Call it again to hold on: a holder that dies holds up nothing for ever.
        """
        ...

    async def let_go(self, holder: str) -> None:
        """End a hold; one that is not there is no error."""
        ...

    async def is_held(self) -> bool:
        """Tell whether somebody keeps payloads from being deleted."""
        ...
