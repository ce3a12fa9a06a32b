# SPDX-License-Identifier: Apache-2.0
"""The committer: one connection on which turns, starts and signals are committed in groups.

While one statement is on its way, everything else that comes gathers for the next: no timer, and
one flush for all who wait. The same connection listens for other processes' commits.

A lost connection fails what was in flight (nobody knows its outcome) and is opened again with a
growing pause; what has not been sent waits for it a few seconds.

Rules: LG4, LG6, LG11, LG12, LG27, EN10.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import asyncpg

from legato.adapters.sql.postgres.database import BROKEN, SETTINGS, Database
from legato.errors import Internal, LegatoError, StoreUnavailable, Unavailable

WAITING_MAX: Final = 50_000
"""Weight of the jobs that may wait; a batch of turns weighs its turns."""
GROUP_MAX: Final = 2_000
"""Weight that one group takes on."""
PATIENCE_S: Final = 3.0
"""How long jobs that were not sent wait for a connection before they fail."""
PAUSE_MIN_S: Final = 0.05
PAUSE_MAX_S: Final = 1.0
RETRIES: Final = 3
CHANNEL: Final = "legato"
NOTIFY_PAUSE_S: Final = 0.05
"""Shortest time between two hints to other processes."""


class Job:
    """Something to commit, and who waits for it."""

    __slots__ = ("future", "kind", "weight", "what")

    def __init__(self, kind: "Kind", what: Any, weight: int, future: "asyncio.Future[Any]") -> None:
        self.kind = kind
        self.what = what
        self.weight = weight
        self.future = future


class Kind(Protocol):
    """Jobs that are carried out together."""

    async def run(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Commit all jobs and return for each a result, or an exception to raise.

        Raises:
            Exception: Nothing was committed, or the outcome is unknown.
        """
        ...


class Committer:
    """Owns the connection that commits and listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._opening = asyncio.Lock()
        self._jobs: list[Job] = []
        self._weight = 0
        self._task: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._notifier: asyncio.Task[None] | None = None
        self._is_noteworthy = False
        self._is_open = False
        self._token = secrets.token_hex(8)
        self.changed = asyncio.Event()

    async def open(self) -> None:
        """Connect and listen.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        self._is_open = True
        try:
            await self._connected(patience_s=0)
        except BaseException:
            self._is_open = False
            raise

    async def close(self) -> None:
        """Finish what waits and disconnect."""
        self._is_open = False
        for task in (self._task, self._notifier):
            if task is not None:
                await asyncio.wait([task])
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=PATIENCE_S)

    @property
    def is_listening(self) -> bool:
        """Tell whether hints of other processes arrive at present."""
        return self._connection is not None and not self._connection.is_closed()

    async def submit(self, kind: Kind, what: Any, *, weight: int = 1) -> Any:
        """Queue a job and return its result.

        Args:
            kind: How it is carried out.
            what: What `kind` understands.
            weight: How much of the queue it takes.

        Raises:
            Unavailable: Too much waits already, or the store is closed.
            StoreUnavailable: The outcome is unknown.
        """
        if not self._is_open:
            raise Unavailable("the store is closed")
        if self._weight + weight > WAITING_MAX and self._weight:
            raise Unavailable(f"{self._weight} writes wait for {self._database.place} already")
        job = Job(kind, what, weight, asyncio.get_running_loop().create_future())
        self._weight += weight
        self._jobs.append(job)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await job.future

    def tell_others(self) -> None:
        """Hint soon, and not too often, to other processes that something has changed."""
        self._is_noteworthy = True
        if self._notifier is None and self._is_open:
            self._notifier = asyncio.create_task(self._notify())

    # --- the group that is under way -------------------------------------------------------------

    async def _work(self) -> None:
        try:
            while self._jobs:
                jobs = self._take()
                groups: dict[Kind, list[Job]] = {}
                for job in jobs:
                    groups.setdefault(job.kind, []).append(job)
                for kind, group in groups.items():
                    await self._run(kind, group)
                self.tell_others()
        finally:
            self._task = None

    def _take(self) -> list[Job]:
        weight = 0
        for index, job in enumerate(self._jobs):
            weight += job.weight
            if weight > GROUP_MAX and index:
                jobs, self._jobs = self._jobs[:index], self._jobs[index:]
                return jobs
        jobs, self._jobs = self._jobs, []
        return jobs

    async def _run(self, kind: Kind, jobs: Sequence[Job]) -> None:
        try:
            results = await self._try(kind, jobs)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            is_shared = isinstance(self._database.translated(error), StoreUnavailable)
            if len(jobs) > 1 and not is_shared:
                # One of them cannot be written: it must not take the others along.
                for job in jobs:
                    await self._run(kind, [job])
                return
            results = [self._own(error) for _ in jobs]
        for job, result in zip(jobs, results, strict=True):
            self._weight -= job.weight
            if job.future.done():
                continue
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    async def _try(self, kind: Kind, jobs: Sequence[Job]) -> list[Any]:
        for attempt in range(1, RETRIES + 1):
            connection = await self._connected(patience_s=PATIENCE_S)
            try:
                return await kind.run(connection, jobs)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                # Rolled back for certain, by somebody who came in between.
                if attempt == RETRIES:
                    raise
            except BROKEN:
                self._drop(connection)
                raise
        raise AssertionError("unreachable")

    def _own(self, error: Exception) -> LegatoError:
        """Return an exception object of the caller's own: each of them is raised."""
        known = self._database.translated(error)
        if isinstance(known, StoreUnavailable):
            known = StoreUnavailable(known.message, hint=known.hint)
        elif isinstance(known, Internal):
            known = Internal(known.message)
        known.__cause__ = error if known is not error else None
        return known

    # --- the connection --------------------------------------------------------------------------

    async def _connected(self, *, patience_s: float) -> Any:
        """Return the connection, opened if need be.

        Raises:
            StoreUnavailable: It could not be opened in time.
        """
        async with self._opening:
            if self.is_listening:
                return self._connection
            loop = asyncio.get_running_loop()
            end, pause_s = loop.time() + patience_s, PAUSE_MIN_S
            while True:
                try:
                    return await self._open_connection()
                except Exception as error:
                    known = self._database.translated(error)
                    if loop.time() + pause_s > end or not self._is_open:
                        raise known from error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _open_connection(self) -> Any:
        options = self._database.options()
        # The planner sees arrays of unknown length; planning anew each time would cost more than
        # running the statement.
        options["server_settings"] = {**SETTINGS, "plan_cache_mode": "force_generic_plan"}
        connection = await asyncpg.connect(self._database.dsn, **options)
        try:
            await connection.add_listener(CHANNEL, self._hear)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._lost)
        self._connection = connection
        # What was said while nobody listened is not said again.
        self.changed.set()
        return connection

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        if payload != self._token:
            self.changed.set()

    def _drop(self, connection: Any) -> None:
        if self._connection is connection:
            self._connection = None
        connection.terminate()

    def _lost(self, connection: Any) -> None:
        if self._connection is connection:
            self._connection = None
        if self._is_open and self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Open the connection again, however long it takes."""
        try:
            while self._is_open and not self.is_listening:
                with suppress(LegatoError):
                    await self._connected(patience_s=PATIENCE_S)
                    return
                await asyncio.sleep(PAUSE_MAX_S)
        finally:
            self._keeper = None

    async def _notify(self) -> None:
        try:
            while self._is_noteworthy and self._is_open:
                self._is_noteworthy = False
                with suppress(LegatoError):
                    await self._database.notify(CHANNEL, self._token)
                await asyncio.sleep(NOTIFY_PAUSE_S)
        finally:
            self._notifier = None
