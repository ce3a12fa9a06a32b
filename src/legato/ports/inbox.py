# SPDX-License-Identifier: Apache-2.0
"""The inbox: signals from other processes, durable before the sender is answered.

Consumed signals are marked, not deleted: the dedupe key stays unique until the execution ends.

Rules: LG, OW.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from legato.model.ids import EngineId, ExecutionId


class InboxRow(msgspec.Struct, frozen=True):
    """One unconsumed signal. `id` grows with arrival and is never reused."""

    id: int
    execution_id: ExecutionId
    body: bytes


class Inbox(Protocol):
    """Send and collect."""

    async def send(self, execution_id: ExecutionId, dedupe_key: str, body: bytes) -> bool:
        """Store a signal.

        Returns:
            False if a signal with this key was stored before.

        Raises:
            NotFound: There is no such execution.
            Conflict: The execution has ended.
            LimitExceeded: Too many unconsumed signals.
        """
        ...

    async def pending(self, engine: EngineId, *, limit: int = 1_000) -> list[InboxRow]:
        """Return unconsumed signals of executions that this engine owns, oldest first."""
        ...

    async def pending_for(self, execution_ids: Sequence[ExecutionId]) -> list[InboxRow]:
        """Return unconsumed signals of these executions, oldest first."""
        ...
