# SPDX-License-Identifier: Apache-2.0
"""The inbox: signals from other processes, durable before the sender is answered.

Consumed signals are marked, not deleted: the dedupe key stays unique until the execution ends.

Rules: LG, OW.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from legato.errors import Conflict, LegatoError, LimitExceeded, NotFound
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.model.ids import EngineId, ExecutionId


class InboxRow(msgspec.Struct, frozen=True):
    """One unconsumed signal. `id` grows with arrival and is never reused."""

    id: int
    execution_id: ExecutionId
    body: bytes


def refusal(
    execution_id: ExecutionId, status: ExecutionStatus | None, *, waiting: int, waiting_max: int
) -> LegatoError | None:
    """Return why a new signal is refused, or None.

    Args:
        execution_id: Whose inbox.
        status: Of the execution; None if there is none.
        waiting: Unconsumed signals there; of one that is stored already 0.
        waiting_max: As many as there may be.
    """
    if status is None:
        return NotFound(f"there is no execution {execution_id}")
    if status in FINAL_EXECUTION:
        return Conflict(f"execution {execution_id} has ended: it is {status}")
    if waiting >= waiting_max:
        return LimitExceeded(
            f"execution {execution_id} has {waiting} unconsumed signals; the limit is {waiting_max}"
        )
    return None


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
