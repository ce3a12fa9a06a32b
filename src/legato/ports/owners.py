# SPDX-License-Identifier: Apache-2.0
"""Owners: which engine may append to which execution, by lease and fence.

One lease row per engine process, timed by the database's clock. A claim raises the execution's
fence by one, so the old owner's next append is refused. On SQLite an engine also holds an OS lock:
a free lock means dead at once.

Rules: OW.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from legato.model.events import LostCause
from legato.model.frames import ExecutionStatus
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that is this engine's from now on.

    `start` is set (an encoded StartExecution) when its log is still empty. `cause` tells how the
    last owner went: None if it let go by itself with nothing in flight.
    """

    execution_id: ExecutionId
    workspace: WorkspaceId
    version: VersionHash
    workflow: str
    fence: int
    head_seq: int
    status: ExecutionStatus
    start: bytes | None = None
    cause: LostCause | None = None
    created_at: int = 0


class EngineRow(msgspec.Struct, frozen=True):
    """A registered engine and how long its lease still runs (ms, negative if over)."""

    engine: EngineId
    host: str
    pid: int
    lease_left_ms: int
    adopts: bool


class Owners(Protocol):
    """Register, claim and let go."""

    async def register(self, engine: EngineId, *, lease_ms: int, adopts: bool) -> None:
        """Announce an engine process and take its lease. `adopts`: it claims any execution."""
        ...

    async def renew(self, engine: EngineId, *, lease_ms: int) -> bool:
        """Prolong the lease. False: it was over and others may have claimed; drop everything."""
        ...

    async def resign(self, engine: EngineId) -> None:
        """Give up the lease and every execution still owned; they may be claimed at once."""
        ...

    async def claim(self, engine: EngineId, *, limit: int) -> list[Claim]:
        """Claim executions that need an owner.

        In this order: those of dead engines, those with unconsumed signals or a due `wake_at`,
        queued ones (round-robin over workspaces, first come first served inside).
        """
        ...

    async def claim_one(self, engine: EngineId, execution_id: ExecutionId) -> Claim | None:
        """Claim one execution if nobody alive owns it; None otherwise.

        Raises:
            NotFound: There is no such execution.
        """
        ...

    async def release(
        self, engine: EngineId, executions: Sequence[tuple[ExecutionId, int]]
    ) -> None:
        """Let go of (execution, fence) pairs; nothing happens where the fence has moved on.

        The fence of what is let go moves on: a commit that is still under way comes too late.
        """
        ...

    async def engines(self) -> list[EngineRow]:
        """Return all registered engines."""
        ...

    async def owner_of(self, execution_id: ExecutionId) -> EngineRow | None:
        """Return the engine that owns an execution, or None."""
        ...
