# SPDX-License-Identifier: Apache-2.0
"""The queue: a doorbell for workers. It carries ids only; truth is in the store.

At least once, in any order, and it may lose rings: unclaimed attempts are rung again.

Rules: EN.
"""

from typing import Protocol

import msgspec

from legato.model.ids import ExecutionId, NodeId


class Ring(msgspec.Struct, frozen=True):
    """An attempt of this pool can be claimed."""

    pool: str
    execution_id: ExecutionId
    node: NodeId
    attempt: int
    item: int | None = None


class Queue(Protocol):
    """Ring and listen."""

    async def ring(self, ring: Ring) -> None:
        """Announce an attempt.

        Raises:
            Unavailable: The broker does not answer; the caller rings again later.
        """
        ...

    async def next(self, pools: tuple[str, ...]) -> Ring:
        """Return the next ring for one of these pools; waits."""
        ...

    async def acknowledge(self, ring: Ring) -> None:
        """Say that the ring has been dealt with; without it the ring may come again."""
        ...
