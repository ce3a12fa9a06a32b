# SPDX-License-Identifier: Apache-2.0
"""Reading executions: the projection, by id, by filter, by text. Committed state only.

Rules: LG, CL.
"""

from typing import Final, Protocol

import msgspec

from legato.model.frames import ExecutionStatus
from legato.model.ids import ExecutionId, VersionHash, WorkspaceId
from legato.model.values import BlobRef

OPEN_COUNTED_MAX: Final = 100_000
RESTORED: Final = "Restored: consent"
"""First in `waiting_for` of an execution that came with a backup; no node has such a name."""


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution as lists show it. Times are ms since the Unix epoch.

    With `held_below` it waits until fewer than so many others of its workflow are open. The fields
    from `workflow_id` on are as in `ports.log.NewExecution`.
    """

    execution_id: ExecutionId
    workspace: WorkspaceId
    workflow: str
    version: VersionHash
    status: ExecutionStatus
    head_seq: int
    nodes_done: int
    nodes_total: int
    created_at: int
    started_at: int | None = None
    ended_at: int | None = None
    error: str | None = None
    waiting_for: str | None = None
    parent: ExecutionId | None = None
    forked_from: ExecutionId | None = None
    owner: str | None = None
    trigger: str = "manual"
    workflow_id: str | None = None
    number: int | None = None
    is_test: bool = False
    trigger_id: str | None = None
    scheduled_at: int | None = None
    held_below: int | None = None


class ExecutionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions must hold. `before` is the id of the last row of the previous page."""

    workspace: WorkspaceId
    workflow: str | None = None
    statuses: tuple[ExecutionStatus, ...] = ()
    search: str | None = None
    with_children: bool = False
    before: ExecutionId | None = None
    limit: int = 50


class Executions(Protocol):
    """Queries."""

    async def get(self, execution_id: ExecutionId) -> ExecutionRow | None:
        """Return one execution or None."""
        ...

    async def find(self, wanted: ExecutionFilter) -> list[ExecutionRow]:
        """Return a page, newest first. Ids order by time (UUIDv7)."""
        ...

    async def find_by_prefix(self, workspace: WorkspaceId, prefix: str) -> list[ExecutionId]:
        """Return at most 10 ids that begin with this text (a person types few characters)."""
        ...

    async def descendants(self, execution_id: ExecutionId, *, limit: int) -> list[ExecutionRow]:
        """Return the executions that this one called, at any depth, the oldest first."""
        ...

    async def blobs(self, execution_id: ExecutionId) -> list[BlobRef]:
        """Return the payloads that are kept as long as this execution is, sorted by hash."""
        ...

    async def counts(self, workspace: WorkspaceId) -> dict[ExecutionStatus, int]:
        """Return how many executions are in each status."""
        ...

    async def open_counts(self) -> dict[ExecutionStatus, int]:
        """Return how many executions that have not ended are in each status, of all workspaces.

        At most `OPEN_COUNTED_MAX` are looked at.
        """
        ...
