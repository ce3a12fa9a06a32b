# SPDX-License-Identifier: Apache-2.0
"""Executions that are queued: creations of one pass of the event loop share a transaction.

Rules: EN, OW.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from legato.errors import LegatoError, StoreUnavailable
from legato.ports.log import Log, NewExecution

_BATCH_MAX: Final = 1_000


class Creations:
    """Collects rows and creates them together."""

    def __init__(self, log: Log, spawn: Callable[[Coroutine[Any, Any, Any]], object]) -> None:
        """Args: spawn runs something in the background."""
        self._log = log
        self._spawn = spawn
        self._waiting: list[tuple[NewExecution, asyncio.Future[bool]]] = []

    async def add(self, new: NewExecution) -> bool:
        """Create a queued execution; False if its id exists already.

        Raises:
            LimitExceeded: Too many are queued.
            StoreUnavailable: The outcome is unknown.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        if not self._waiting:
            loop.call_soon(lambda: self._spawn(self._flush()))
        self._waiting.append((new, future))
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH_MAX], self._waiting[_BATCH_MAX:]
            try:
                accepted = await self._log.create([new for new, _ in batch])
            except LegatoError as error:
                _refuse(batch, type(error)(error.message))
                continue
            except asyncio.CancelledError:
                _refuse([*batch, *self._waiting], StoreUnavailable("the engine has stopped"))
                raise
            for (_, future), ok in zip(batch, accepted, strict=True):
                if not future.done():
                    future.set_result(ok)


def _refuse(batch: list[tuple[NewExecution, asyncio.Future[bool]]], error: LegatoError) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
