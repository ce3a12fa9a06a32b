# SPDX-License-Identifier: Apache-2.0
"""How long things are kept: retention, purges, and what becomes of a store that was restored.

What is purged is out of sight in one transaction; its events, logs and steps go piece by
piece after it. It refers to its payloads no more then; whoever deletes payloads finds them so.

Rules: BK.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from legato.model.events import FinalStatus
from legato.model.ids import ExecutionId, WorkspaceId
from legato.ports.audit import AuditEntry

RESTORING: Final = "restoring"
"""Key in the store's notes: a restore into it is not finished, so nobody may use it."""
ROWS_MAX: Final = 500
"""Rows that one transaction of a sweep deletes of a table."""
Purged = Literal["purged", "partly", "unknown", "open", "child"]


class LastBackup(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the last backup. `at` is in ms by the store's clock."""

    at: int
    size_bytes: int
    has_keys: bool
    name: str


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore has ended: so many sessions, open tokens, keys of programs, triggers."""

    epoch: int
    sessions: int
    tokens: int
    api_keys: int
    triggers: int


class Keeping(Protocol):
    """Keep and let go."""

    # --- retention -----------------------------------------------------------------------------

    async def expired(
        self, status: FinalStatus, *, before: int, limit: int
    ) -> list[tuple[WorkspaceId, ExecutionId]]:
        """Return root executions that ended so before an instant (ms), the oldest first."""
        ...

    async def purge(
        self, workspace: WorkspaceId, execution_id: ExecutionId, audit: Sequence[AuditEntry] = ()
    ) -> Purged:
        """Take an ended root execution out of sight, with all that it called.

        Returns:
            `partly`: it called so many that some are left; call it again. `open`: it, or what it
            called, has not ended. `child`: it goes with its root only.
        """
        ...

    async def sweep(self, limit: int = ROWS_MAX) -> int:
        """Delete up to `limit` rows per table of what was purged; 0 when nothing is left."""
        ...

    async def forget_logs(
        self, *, before: int, after: int = 0, limit: int = ROWS_MAX
    ) -> int | None:
        """Delete log lines older than an instant (ms) of executions that have ended.

        Args:
            before: The instant.
            after: What the call before returned.
            limit: Lines that are looked at.

        Returns:
            Where to go on; None when there are no lines that old any more.
        """
        ...

    # --- backup and restore --------------------------------------------------------------------

    async def note_backup(self, backup: LastBackup, audit: Sequence[AuditEntry]) -> None:
        """Remember a backup."""
        ...

    async def last_backup(self) -> LastBackup | None:
        """Return the last one, None if there was none since the store was made or restored."""
        ...

    async def open_executions(
        self, *, after: ExecutionId | None = None, limit: int = 100
    ) -> list[ExecutionId]:
        """Return executions that have not ended, of all workspaces, by id."""
        ...

    async def end_old_life(self) -> Restored:
        """Begin a new life of a restored store, in one transaction.

        The epoch goes up by one. Sessions, open one-time tokens and consents to resume are void,
        keys of programs are disabled, triggers are paused, nobody owns anything.
        """
        ...

    async def is_restoring(self) -> bool:
        """Tell whether a restore into this store is not finished."""
        ...

    async def finish_restore(self, audit: Sequence[AuditEntry]) -> None:
        """Open a restored store to everybody."""
        ...
