# SPDX-License-Identifier: Apache-2.0
"""An execution of a server, live: its stream of events says when, absolute pictures say what.

A picture is asked for once per look, however many events came; a connection that breaks is made
again where it was. Ctrl-C only stops watching. Rules: CC31.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

from legato.cli.board import Boards
from legato.cli.display import DRAWS_PER_S, choose_display
from legato.cli.feed import Feed
from legato.cli.invocation import NEEDS_ATTENTION, OK, Invocation
from legato.cli.server_ending import say_ended
from legato.cli.server_pictures import frame_of, lines_of
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId

if TYPE_CHECKING:
    from legato.cli.display import Display
    from legato.client import Client
    from legato.client.generated import models

LOOK_S: Final = 0.15
"""Between two looks, so that a storm of events costs what a breeze costs."""
_LINES: Final = 200


async def watch_there(
    invocation: Invocation, client: Client, execution_id: str, *, stops_parked: bool = False
) -> int:
    """Show an execution of a server to its end, or to Ctrl-C; return the exit code.

    Args:
        invocation: How to show it.
        client: Of the server.
        execution_id: Which one.
        stops_parked: Return when nothing goes on without a person.
    """
    from legato.app import system_clock

    boards = Boards(ExecutionId(execution_id))
    display = choose_display(invocation.terminal, boards, system_clock())
    there = ServerFeed(client, execution_id, Feed(boards, display))
    try:
        found = await _until_stopped(there, display, stops_parked=stops_parked)
    except asyncio.CancelledError:
        invocation.terminal.note("stopped watching; the execution is not touched")
        return OK
    if found.status in FINAL_EXECUTION:
        return say_ended(invocation.terminal, found)
    invocation.terminal.line(f"{execution_id} needs attention: nothing goes on without somebody")
    return NEEDS_ATTENTION


class ServerFeed:
    """Brings pictures and lines of one execution to a feed."""

    def __init__(self, client: Client, execution_id: str, feed: Feed) -> None:
        """Args: feed gets what comes."""
        self._client = client
        self._id = execution_id
        self._feed = feed
        self._cursor: str | None = None
        self._news = asyncio.Event()
        self._news.set()

    async def follow(self, *, stops_parked: bool) -> models.ExecutionDetail:
        """Feed until the execution has ended; return it."""
        listening = asyncio.ensure_future(self._listen())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                found = await self.look()
                is_parked = stops_parked and found.status == "needs_attention"
                if found.status in FINAL_EXECUTION or is_parked:
                    return found
                if listening.done():
                    listening.result()  # what ended it, if it was no end of the execution
                    self._news.set()
                await asyncio.sleep(LOOK_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def look(self) -> models.ExecutionDetail:
        """Bring what is there now."""
        found = await self._client.read_execution(self._id)
        nodes = await self._client.list_nodes(self._id)
        await self._read_lines()
        self._feed.frame(frame_of(found, nodes))
        return found

    async def _listen(self) -> None:
        async for _ in self._client.follow_events(self._id):
            self._news.set()
        self._news.set()

    async def _read_lines(self) -> None:
        while True:
            page = await self._client.list_lines(self._id, limit=_LINES, cursor=self._cursor)
            for line in lines_of(self._id, page.items):
                self._feed.line(line)
            self._cursor = page.next_cursor
            if len(page.items) < _LINES:
                return


async def _until_stopped(
    there: ServerFeed, display: Display, *, stops_parked: bool
) -> models.ExecutionDetail:
    """Follow while the display is drawn; Ctrl-C and SIGTERM cancel it."""

    async def draw() -> None:
        while True:
            display.tick()
            await asyncio.sleep(1 / DRAWS_PER_S)

    working = asyncio.ensure_future(there.follow(stops_parked=stops_parked))
    drawing = asyncio.ensure_future(draw())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        return await working
    finally:
        drawing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drawing
        display.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
