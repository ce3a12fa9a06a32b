# SPDX-License-Identifier: Apache-2.0
"""What a server does beside its requests: it seals the audit and deletes what is long over.

Rules: AM1, ID17.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from legato.errors import LegatoError
from legato.ports.audit import Head
from legato.ports.stores import Stores
from legato.telemetry import logger

SEAL_S: Final = 0.8
"""A row is sealed about a second after it was written, with the time that sealing takes."""
CLEAN_S: Final = 300.0
HEAD_EACH: Final = 1_000
"""So many sealed rows after which the head is told again: somebody else may keep it."""

_log = logger(__name__)


class Companion(Protocol):
    """Does something of its own in the event loop."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End."""
        ...


class Care:
    """Two loops, from `start` to `stop`."""

    def __init__(
        self,
        stores: Stores,
        *,
        seal_s: float = SEAL_S,
        clean_s: float = CLEAN_S,
        close: Callable[[], None] | None = None,
        beside: Sequence[Companion] = (),
        hang_up: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Make it.

        Args:
            stores: Open when it starts, and until it has stopped.
            seal_s: Between two seals.
            clean_s: Between two deletions.
            close: Called when it has stopped.
            beside: Started and stopped with it.
            hang_up: The same, for connections to others.
        """
        self._beside = tuple(beside)
        self._close = close
        self._hang_up = hang_up
        self._stores = stores
        self._seal_s = seal_s
        self._clean_s = clean_s
        self._told_seq = 0
        self._is_well = True
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        for each in self._beside:
            each.start()
        self._tasks = [asyncio.create_task(self._sealing()), asyncio.create_task(self._cleaning())]

    async def stop(self) -> None:
        """Seal what is left, tell the head, and end."""
        if not self._tasks:
            return
        for each in self._beside:
            each.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        head = await self._seal()
        if head is not None:
            _tell(head)
        if self._close is not None:
            self._close()
        if self._hang_up is not None:
            await self._hang_up()

    async def _sealing(self) -> None:
        while True:
            head = await self._seal()
            if head is not None and head.seq - self._told_seq >= HEAD_EACH:
                self._told_seq = head.seq
                _tell(head)
            await asyncio.sleep(self._seal_s)

    async def _seal(self) -> Head | None:
        try:
            head = await self._stores.audit.seal()
        except LegatoError as error:
            if self._is_well:
                _log.warning("the audit cannot be sealed now", error=error.code)
            self._is_well = False
            return None
        self._is_well = True
        return head

    async def _cleaning(self) -> None:
        while True:
            await asyncio.sleep(self._clean_s)
            try:
                count = await self._stores.accounts.clean()
                count += await self._stores.admissions.forget()
            except LegatoError as error:
                _log.warning("what is over cannot be deleted now", error=error.code)
            else:
                _log.debug("deleted what is over", rows=count)


def _tell(head: Head) -> None:
    _log.info("the audit is sealed", seq=head.seq, hash=head.hash)
