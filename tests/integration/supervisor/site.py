# SPDX-License-Identifier: Apache-2.0
"""A supervisor of small programs, and what it said. Nothing here waits by the clock."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from legato.supervisor.output import Output
from legato.supervisor.spec import PIPE, Bounds, Change, ChildSpec
from legato.supervisor.supervisor import Supervisor

PATIENCE_S: Final = 60.0
QUICK: Final = Bounds(delay_first_s=0.01, delay_max_s=0.02, crashes_max=3)


class Stream(io.StringIO):
    """Lines, and somebody who hears of each."""

    def __init__(self, on_line: Callable[[], object]) -> None:
        super().__init__()
        self._on_line = on_line

    def write(self, text: str) -> int:
        """Take a line; called in the thread of the output."""
        count = super().write(text)
        self._on_line()
        return count


class Site:
    """A supervisor with its changes and lines."""

    def __init__(self, bounds: Bounds) -> None:
        self._all: list[Change] = []
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.stream = Stream(lambda: loop.call_soon_threadsafe(self._changed.set))
        self.output = Output(self.stream)
        self.supervisor = Supervisor(self.output, bounds=bounds, on_change=self._hear)

    def _hear(self, change: Change) -> None:
        self._all.append(change)
        self._changed.set()

    @property
    def states(self) -> list[tuple[str, str]]:
        """The changes as (name, state)."""
        return [(each.name, each.state) for each in self._all]

    def changes(self, state: str) -> list[Change]:
        return [each for each in self._all if each.state == state]

    async def until_state(self, state: str, times: int = 1) -> None:
        """Wait until as many changes to a state were made."""
        await self.until(lambda: len(self.changes(state)) >= times)

    async def until(self, is_it: Callable[[], bool]) -> None:
        """Wait for changes and lines until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_it():
                self._changed.clear()
                await self._changed.wait()

    async def said(self, name: str) -> dict[str, Any]:
        """Wait for the announcement of a child."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.supervisor.announcement(name)

    def lines(self) -> list[str]:
        """Return the lines of all; the output ends with this."""
        self.output.close()
        return self.stream.getvalue().splitlines()


@asynccontextmanager
async def supervised(bounds: Bounds = QUICK) -> AsyncIterator[Site]:
    """Run a supervisor; its children end with the block."""
    site = Site(bounds)
    try:
        async with site.supervisor:
            yield site
    finally:
        site.output.close()


def child(what: str, name: str = "", **more: Any) -> ChildSpec:
    """Return one of the small programs."""
    argv = (sys.executable, "-m", "tests.integration.supervisor.child", PIPE, what)
    return ChildSpec(name or what, argv, dict(os.environ), announces=True, **more)


async def wait_gone(pid: int) -> None:
    """Wait until a process is gone that is no child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
