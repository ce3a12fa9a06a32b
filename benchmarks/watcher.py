# SPDX-License-Identifier: Apache-2.0
"""The live subscriber that every measurement has: it takes frames of all executions as they come.

When more come at once than a subscriber may have pending it begins again with what the store lists,
as every reader of the live stream does.
"""

import asyncio
import time
from typing import Final

from legato.errors import LimitExceeded
from legato.model.frames import FINAL_EXECUTION, ExecutionFrame, Frame
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId
from legato.ports.bus import Bus
from legato.ports.executions import ExecutionFilter
from legato.ports.stores import Stores

PAGE: Final = 50


class GapError(Exception):
    """A frame did not join the one before it: a watcher would have missed something."""


class Watcher:
    """Follows all executions; `async with` it."""

    def __init__(self, bus: Bus, stores: Stores) -> None:
        self.frames = 0
        self.lags = 0
        self.first_seen: dict[ExecutionId, float] = {}
        self.ended: dict[ExecutionId, float] = {}
        self._seqs: dict[ExecutionId, int] = {}
        self._bus = bus
        self._stores = stores
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watcher":
        self._task = asyncio.create_task(self._follow())
        await self._ready.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        if task.done():
            task.result()  # a gap is an error of the measurement
            return
        task.cancel()
        await asyncio.wait([task])

    async def _follow(self) -> None:
        while True:
            try:
                async with self._bus.subscribe(None) as frames:
                    self._ready.set()
                    async for frame in frames:
                        self._take(frame)
            except LimitExceeded:
                self.lags += 1
                self._seqs.clear()
                await self._stores.executions.find(
                    ExecutionFilter(workspace=LOCAL_WORKSPACE, limit=PAGE)
                )

    def _take(self, frame: Frame) -> None:
        self.frames += 1
        execution_id = frame.execution_id
        mine = self._seqs.get(execution_id)
        if mine is None:
            self.first_seen.setdefault(execution_id, time.monotonic())
        elif frame.from_seq > mine:
            raise GapError(f"{execution_id}: a frame begins at {frame.from_seq}, seen is {mine}")
        self._seqs[execution_id] = max(mine or 0, frame.to_seq)
        for each in frame.sets:
            if isinstance(each, ExecutionFrame) and each.status in FINAL_EXECUTION:
                self.ended[execution_id] = time.monotonic()
