# SPDX-License-Identifier: Apache-2.0
"""The writer: one connection, one thread, one transaction for everything that waits.

Jobs of one kind run together (`Kind.run` sees all of them), so that two hundred callers cost a few
statements, not hundreds. Inside a transaction turns come first, then other jobs, then log lines
and the index. There is no timer before a commit: while one transaction is on its way to the disk,
the next one gathers.

The thread never dies of a job: an error belongs to the jobs it hit, a failed commit to all jobs of
its transaction, and the connection is opened anew when the database says that it is broken.

Rules: LG4, LG10, LG11, LG12, LG27, EN19.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Protocol

from legato.adapters.sql.crash import FUNCTION
from legato.adapters.sql.sqlite.connection import connect_writer, unavailable
from legato.adapters.sql.sqlite.rows import crash_triggers, setup
from legato.adapters.sql.sqlite.side_file import SideFile
from legato.crashpoints import crash_point, is_armed
from legato.errors import Internal, LegatoError, StoreUnavailable, Unavailable

WAITING_MAX: Final = 50_000
"""Weight of the jobs that may wait; a turn batch weighs its turns. Only a stuck disk gets there."""
TRANSACTION_MAX: Final = 4_000
"""Weight that one transaction takes on before the rest has to wait for the next."""

_FATAL: Final = (
    "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CORRUPT",
    "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL", "SQLITE_INTERRUPT",
    "SQLITE_PERM", "SQLITE_AUTH",
)  # fmt: skip
"""Errors of the database, not of a statement: the transaction is lost with all of its jobs."""
_BROKEN: Final = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN")
"""Errors after which the connection is not trusted any more."""


class Priority(IntEnum):
    """The order inside a transaction."""

    TURNS = 0
    JOBS = 1
    LOGS = 2


class Job:
    """Something to write, and who waits for it. `Kind.run` sets `result` or `error`."""

    __slots__ = ("error", "future", "kind", "result", "weight", "what")

    def __init__(self, kind: "Kind", what: Any, weight: int, future: "asyncio.Future[Any]") -> None:
        self.kind = kind
        self.what = what
        self.weight = weight
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Kind(Protocol):
    """Jobs that are carried out together, on the writer's thread, without I/O of their own."""

    priority: Priority

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Carry out all jobs inside a transaction; set `result` or `error` of each.

        Raises:
            Exception: Nothing of it may stand; several jobs are then run one by one.
        """
        ...

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Do it in one statement that is its own transaction, if that is possible.

        Returns:
            False if nothing was done: `run` is called then.
        """
        ...


class Function:
    """A kind for one job: a function of the connection, which returns the job's result."""

    priority = Priority.JOBS

    def run(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
        """Keep `Kind.run`; the writer never groups jobs of different `Function`s."""
        for job in jobs:
            job.result = job.what(connection)

    def run_alone(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
        """Keep `Kind.run_alone`."""
        return False


class Writer:
    """Owns the write connection of the process. Everything but its thread is for the event loop."""

    def __init__(self, path: Path) -> None:
        """Make a writer that is not open yet.

        Args:
            path: The database file.
        """
        self._path = path
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._side_file = SideFile(path)

    def start(self, connection: sqlite3.Connection) -> None:
        """Take over a connection and begin.

        Args:
            connection: Made by `connect_writer`, current schema, outside a transaction.
        """
        prepare(connection)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="legato-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Finish what waits, close the connection, end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    def submit(self, kind: Kind, what: Any, *, weight: int = 1) -> "asyncio.Future[Any]":
        """Queue a job.

        Args:
            kind: How it is carried out.
            what: What `kind` understands.
            weight: How much of the queue it takes; about its rows.

        Raises:
            Unavailable: Too much waits already, or the store is closed.
        """
        if self._thread is None or self._loop is None:
            raise Unavailable("the store is closed")
        if self._waiting + weight > WAITING_MAX and self._waiting:
            raise Unavailable(
                f"{self._waiting} writes wait for the database {self._path} already.",
                hint="The disk may be stuck; try again later.",
            )
        self._waiting += weight
        future = self._loop.create_future()
        self._queue.put(Job(kind, what, weight, future))
        return future

    async def call(self, function: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run a function of the connection inside a transaction and return its result."""
        return await self.submit(Function(), function)

    def _resolve(self, jobs: Sequence[Job]) -> None:
        """Hand out results; runs in the event loop, once per transaction."""
        for job in jobs:
            self._waiting -= job.weight
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)

    # --- on the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        left: list[Job] = []
        is_open = True
        while is_open or left:
            jobs, is_open = self._gather(left, is_open=is_open)
            jobs, left = _split(jobs)
            if not jobs:
                continue
            self._carry_out(jobs)
            assert self._loop is not None
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._resolve, jobs)
            if self._connection is not None:
                self._side_file.grow(self._connection, is_idle=self._queue.empty())
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()

    def _gather(self, left: list[Job], *, is_open: bool) -> tuple[list[Job], bool]:
        """Take everything that waits; wait for something if nothing is left over."""
        jobs = left
        while is_open and (not jobs or not self._queue.empty()):
            job = self._queue.get()
            if job is None:
                return jobs, False
            jobs.append(job)
        return jobs, is_open

    def _carry_out(self, jobs: Sequence[Job]) -> None:
        """Run jobs in one transaction; afterwards each has a result or an error."""
        try:
            if self._connection is None:
                self._connection = connect_writer(self._path)
                prepare(self._connection)
            _run_all(self._connection, _groups(jobs))
        except Exception as error:  # noqa: BLE001 - the thread has to go on, whatever it was
            self._recover(error)
            for job in jobs:
                job.error = _translated(error, self._path)

    def _recover(self, error: Exception) -> None:
        connection = self._connection
        if connection is None:
            return
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if _name(error).startswith(_BROKEN) or connection.in_transaction:
            self._connection = None
            with suppress(sqlite3.Error):
                connection.close()


def prepare(connection: sqlite3.Connection) -> None:
    """Give a write connection what the append path needs."""
    for statement in setup():
        connection.execute(statement)
    if is_armed():
        connection.create_function(FUNCTION, 1, crash_point)
        for statement in crash_triggers():
            connection.execute(statement)


def _split(jobs: list[Job]) -> tuple[list[Job], list[Job]]:
    """Return what the next transaction takes, by priority, and what is left for later."""
    if len(jobs) == 1:
        return jobs, []
    jobs.sort(key=lambda job: job.kind.priority)
    weight = 0
    for index, job in enumerate(jobs):
        weight += job.weight
        if weight > TRANSACTION_MAX and index:
            return jobs[:index], jobs[index:]
    return jobs, []


def _groups(jobs: Sequence[Job]) -> list[tuple[Kind, list[Job]]]:
    """Return jobs by kind, in the order of their priority."""
    groups: dict[Kind, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.kind, []).append(job)
    return list(groups.items())


def _run_all(connection: sqlite3.Connection, groups: list[tuple[Kind, list[Job]]]) -> None:
    if len(groups) == 1:
        kind, jobs = groups[0]
        if kind.run_alone(connection, jobs):
            return
    connection.execute("BEGIN IMMEDIATE")
    for kind, jobs in groups:
        _run_group(connection, kind, jobs)
    connection.execute("COMMIT")


def _run_group(connection: sqlite3.Connection, kind: Kind, jobs: Sequence[Job]) -> None:
    """Run jobs in a savepoint; if that fails, each in one of its own.

    Raises:
        Exception: The database itself failed: the whole transaction is lost.
    """
    connection.execute("SAVEPOINT job")
    try:
        kind.run(connection, jobs)
    except Exception as error:
        if _name(error).startswith(_FATAL) or not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        if len(jobs) == 1:
            jobs[0].error = _translated(error, None)
            return
        for job in jobs:
            _run_group(connection, kind, [job])
    else:
        connection.execute("RELEASE job")


def _name(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", None) or ""


def _translated(error: Exception, path: Path | None) -> BaseException:
    """Return what the caller gets: one exception object per caller, since each is raised."""
    if isinstance(error, StoreUnavailable):
        return StoreUnavailable(error.message, hint=error.hint)
    if isinstance(error, LegatoError):
        return error
    if isinstance(error, sqlite3.Error) and path is not None:
        return unavailable(error, path)
    internal = Internal(f"a write failed: {type(error).__name__}: {error}")
    internal.__cause__ = error
    return internal
