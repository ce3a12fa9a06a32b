# SPDX-License-Identifier: Apache-2.0
"""Brings frames and log lines of one execution and its children to boards and a display.

Two sources, one picture: the bus of the engine in this process, or the log as any process commits
it. A gap is closed by a snapshot, never guessed over. Rules: CL2, CL6, VW1, VW4, VW10.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from legato.cli.board import Boards
from legato.cli.display import Display
from legato.engine.view import snapshot
from legato.errors import LimitExceeded, NotFound, Unavailable
from legato.model.frames import Frame
from legato.model.ids import ExecutionId
from legato.ports.attempt_logs import LogLine
from legato.runtime.history import LogReader, Ownership, ownership

if TYPE_CHECKING:
    from legato.app import App
    from legato.ports.stores import Stores

OWNER_LOOK_S: Final = 1.0
_AFTER_LAG_S: Final = 0.2
_LINES_PER_READ: Final = 1_000


class Feed:
    """Applies what comes to the boards and tells the display."""

    def __init__(self, boards: Boards, display: Display) -> None:
        """Args: display may draw `boards`."""
        self.boards = boards
        self.display = display
        self.gaps: set[ExecutionId] = set()

    def frame(self, frame: Frame) -> None:
        """Take a frame; of another execution it is passed over, after a gap it is noted."""
        if not self.boards.belongs(frame):
            return
        try:
            changes = self.boards.apply(frame)
        except ValueError:
            self.gaps.add(frame.execution_id)
            return
        self.gaps.discard(frame.execution_id)
        if changes is not None:
            self.display.changed(frame, changes)

    def line(self, line: LogLine) -> None:
        """Take a log line of this tree."""
        if line.execution_id in self.boards.by_id:
            self.boards.add_line(line)
            self.display.line(line)


async def follow_own(
    app: App, feed: Feed, is_listening: asyncio.Event, may_show: asyncio.Event
) -> None:
    """Feed frames of executions that this process's engine runs, until cancelled.

    Args:
        app: Whose bus and log are read.
        feed: Gets the frames.
        is_listening: Set once no frame can be missed any more.
        may_show: Nothing is fed before it is set; the bus keeps a bounded number of frames.
    """
    is_behind = False  # whoever listens from before the first event on needs no snapshot
    while True:
        # Neither a picture that fell behind nor a store that is away may end the run it shows.
        with contextlib.suppress(LimitExceeded, Unavailable):
            async with app.bus.subscribe(None) as frames:
                is_listening.set()
                await may_show.wait()
                if is_behind or feed.boards.root.execution is None:
                    await _show_stored(app, feed, list(feed.boards.by_id))
                is_behind = True
                async for frame in frames:
                    feed.frame(frame)
                    if feed.gaps:
                        await _show_stored(app, feed, list(feed.gaps))
        await asyncio.sleep(_AFTER_LAG_S)


async def _show_stored(app: App, feed: Feed, execution_ids: list[ExecutionId]) -> None:
    """Feed snapshots from the log; the engine's own state may be ahead of its commit."""
    for execution_id in execution_ids:
        with contextlib.suppress(NotFound):
            reader = await LogReader.open(app.stores, execution_id)
            board = feed.boards.by_id.get(execution_id)
            if await reader.read() is not None and board and reader.state.seq > board.seq:
                feed.frame(snapshot(reader.state, epoch=app.epoch))


class StoredFeed:
    """Reads what any process commits."""

    def __init__(self, stores: Stores, feed: Feed) -> None:
        """Args: feed gets every frame of the tree, from seq 0 on."""
        self._stores = stores
        self._feed = feed
        self._readers: dict[ExecutionId, LogReader] = {}
        self._lines_after: dict[ExecutionId, int] = {}
        self.ownership = Ownership(None, None, is_lost=False, is_open=False)

    async def follow(self, tell: Callable[[Ownership], None]) -> None:
        """Feed until the root has ended.

        Args:
            tell: Called when the execution loses its owner, and when it has one again.
        """
        is_away = False
        while True:
            try:
                await self.read()
                if self._feed.boards.root.is_final:
                    return
                await self._look_at_owner(tell)
                await self._stores.changes.wait(OWNER_LOOK_S)
                is_away = False
            except Unavailable as error:
                if not is_away:
                    self._feed.display.say(f"waiting for the store: {error}")
                is_away = True
                await asyncio.sleep(OWNER_LOOK_S)

    async def read(self) -> None:
        """Bring everything that is committed now."""
        for execution_id in list(self._feed.boards.by_id):
            await self._read_one(execution_id)
        for board in list(self._feed.boards.by_id.values()):
            for name in list(board.active):
                child = board.nodes[name].child
                if child is not None and child not in self._feed.boards.by_id:
                    await self._read_one(child)

    async def _read_one(self, execution_id: ExecutionId) -> None:
        reader = self._readers.get(execution_id)
        if reader is None:
            try:
                reader = await LogReader.open(self._stores, execution_id)
            except NotFound:
                if execution_id == self._feed.boards.root.execution_id:
                    raise
                return  # a child whose row is not there yet
            self._readers[execution_id] = reader
        await self._read_lines(execution_id)
        frame = await reader.read()
        if frame is not None:
            self._feed.frame(frame)
        if reader.state.ended is not None:
            await self._read_lines(execution_id)
            del self._readers[execution_id]

    async def _read_lines(self, execution_id: ExecutionId) -> None:
        after = self._lines_after.get(execution_id, 0)
        while True:
            found = await self._stores.attempt_logs.read(
                execution_id, after=after, limit=_LINES_PER_READ
            )
            for after, line in found:  # noqa: B007 - the last one is where to go on
                self._feed.line(line)
            if len(found) < _LINES_PER_READ:
                break
        self._lines_after[execution_id] = after

    async def _look_at_owner(self, tell: Callable[[Ownership], None]) -> None:
        root = self._feed.boards.root.execution_id
        row = await self._stores.executions.get(root)
        if row is None:
            return
        found = await ownership(self._stores, row)
        if found.is_unattended != self.ownership.is_unattended:
            tell(found)
        self.ownership = found
