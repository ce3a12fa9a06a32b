# SPDX-License-Identifier: Apache-2.0
"""Who waits in this process for an execution to be accepted, or to end.

Everybody gets an answer: also if the execution goes to another engine, or this one stops.

Rules: EN.
"""

import asyncio
from typing import Any, Final

from legato.errors import LegatoError, OwnershipLost, Unavailable
from legato.model.events import FinalStatus
from legato.model.ids import ExecutionId

_STOPPED: Final = "the engine has stopped"


class Callers:
    """Futures by execution."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._starts: dict[ExecutionId, asyncio.Future[None]] = {}
        self._ends: dict[ExecutionId, list[asyncio.Future[FinalStatus]]] = {}
        self._is_closed = False

    # --- being accepted ------------------------------------------------------------------------

    def is_starting(self, execution_id: ExecutionId) -> bool:
        """Tell whether its first turn is not known to be committed yet."""
        return execution_id in self._starts

    async def wait_started(self, execution_id: ExecutionId) -> None:
        """Wait until it is accepted.

        Raises:
            LegatoError: It is not, or nobody knows.
        """
        self._check_open()
        future = self._starts.get(execution_id)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._starts[execution_id] = future
        await asyncio.shield(future)

    def started(self, execution_id: ExecutionId) -> None:
        """It is durable."""
        future = self._starts.pop(execution_id, None)
        if future is not None and not future.done():
            future.set_result(None)

    def not_started(self, execution_id: ExecutionId, error: LegatoError) -> None:
        """It is not accepted here; whoever waits gets the error."""
        future = self._starts.pop(execution_id, None)
        if future is not None:
            _refuse(future, error)

    # --- ending --------------------------------------------------------------------------------

    @property
    def awaited(self) -> list[ExecutionId]:
        """Executions whose end somebody waits for."""
        return list(self._ends)

    async def wait_ended(self, execution_id: ExecutionId) -> FinalStatus:
        """Wait for the end.

        Raises:
            OwnershipLost: It goes on in another engine.
            Unavailable: This engine has stopped.
        """
        self._check_open()
        future: asyncio.Future[FinalStatus] = asyncio.get_running_loop().create_future()
        waiting = self._ends.setdefault(execution_id, [])
        waiting.append(future)
        try:
            return await future
        finally:
            if future.cancelled():  # nobody waits any more: it must not be looked for, for ever
                waiting.remove(future)
                if not waiting and self._ends.get(execution_id) is waiting:
                    del self._ends[execution_id]

    def ended(self, execution_id: ExecutionId, status: FinalStatus) -> None:
        """It has ended."""
        for future in self._ends.pop(execution_id, ()):
            if not future.done():
                future.set_result(status)

    def lost(self, execution_id: ExecutionId) -> None:
        """It goes on in another engine."""
        error = OwnershipLost(f"another engine owns {execution_id} now")
        for future in self._ends.pop(execution_id, ()):
            _refuse(future, error)

    def close(self) -> None:
        """The engine stops: nobody may wait for ever."""
        self._is_closed = True
        error = Unavailable(_STOPPED)
        futures: list[asyncio.Future[Any]] = [*self._starts.values()]
        for waiting in self._ends.values():
            futures.extend(waiting)
        self._starts.clear()
        self._ends.clear()
        for future in futures:
            _refuse(future, error)

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable(_STOPPED)


def _refuse(future: asyncio.Future[Any], error: LegatoError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever asked may have gone: then nobody has to hear of it
