# SPDX-License-Identifier: Apache-2.0
"""Hints between engines, doors and watchers. Losing all of them loses nothing but time.

Rules: EN, VW.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from legato.model.frames import Frame
from legato.model.ids import ExecutionId


class Bus(Protocol):
    """Publish never waits for a subscriber; a slow subscriber loses frames, not the publisher."""

    def publish_frame(self, frame: Frame) -> None:
        """Hand a committed frame to local subscribers of its execution."""
        ...

    def has_subscribers(self, execution_id: ExecutionId) -> bool:
        """Tell whether anybody would get a frame of this execution."""
        ...

    def subscribe(
        self, execution_id: ExecutionId | None
    ) -> AbstractAsyncContextManager[AsyncIterator[Frame]]:
        """Yield frames of one execution (or all: None) from now on, through a bounded queue."""
        ...


class Changes(Protocol):
    """Tells that another process may have written to the store."""

    async def wait(self, timeout_s: float) -> bool:
        """Return True soon after somebody else committed, False after the time-out."""
        ...
