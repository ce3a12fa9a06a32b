# SPDX-License-Identifier: Apache-2.0
"""The bus of one process: frames from the engine to watchers in the same event loop.

Rules: EN10, EN19.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from legato.errors import LimitExceeded
from legato.model.frames import Frame
from legato.model.ids import ExecutionId

FRAMES_PENDING_MAX: Final = 256
"""Frames that wait for one subscriber. Beyond it is slow: it loses them and reads the log again."""


class _Subscription:
    """Frames on their way to one subscriber. Ends with `LimitExceeded` once it was too slow."""

    def __init__(self, pending_max: int) -> None:
        self._frames: deque[Frame] = deque()
        self._pending_max = pending_max
        self._waiter: asyncio.Future[None] | None = None
        self._is_lagging = False

    def offer(self, frame: Frame) -> None:
        if self._is_lagging:
            return
        if len(self._frames) >= self._pending_max:
            # What is pending is of no use any more: the subscriber reads the log from its seq on.
            self._is_lagging = True
            self._frames.clear()
        else:
            self._frames.append(frame)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        while not self._frames:
            if self._is_lagging:
                raise LimitExceeded(
                    f"this subscriber fell more than {self._pending_max} frames behind",
                    hint="Subscribe again and read the log from the last seq.",
                )
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._frames.popleft()


class LocalBus:
    """Keeps `ports.bus.Bus`. For one event loop; publishing costs O(subscribers of the execution).

    A slow subscriber gets `LimitExceeded` from its iterator instead of a gap in silence.
    """

    def __init__(self, *, pending_max: int = FRAMES_PENDING_MAX) -> None:
        """Make a bus.

        Args:
            pending_max: Frames that may wait for one subscriber.
        """
        self._pending_max = pending_max
        self._by_execution: dict[ExecutionId | None, set[_Subscription]] = {}

    def publish_frame(self, frame: Frame) -> None:
        """Keep `Bus.publish_frame`."""
        if not self._by_execution:
            return
        for key in (frame.execution_id, None):
            for subscription in self._by_execution.get(key, ()):
                subscription.offer(frame)

    def has_subscribers(self, execution_id: ExecutionId) -> bool:
        """Keep `Bus.has_subscribers`."""
        return execution_id in self._by_execution or None in self._by_execution

    @asynccontextmanager
    async def subscribe(
        self, execution_id: ExecutionId | None
    ) -> AsyncIterator[AsyncIterator[Frame]]:
        """Keep `Bus.subscribe`."""
        subscription = _Subscription(self._pending_max)
        self._by_execution.setdefault(execution_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            left = self._by_execution[execution_id]
            left.discard(subscription)
            if not left:
                del self._by_execution[execution_id]
