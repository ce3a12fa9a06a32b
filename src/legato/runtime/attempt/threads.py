# SPDX-License-Identifier: Apache-2.0
"""Threads for synchronous node functions: bounded, reused, and left behind when they never end.

Not `concurrent.futures`: its threads are joined when the interpreter ends, so one node that never
returns would keep the engine from exiting; and a thread that is given up must not keep its place.

Rules: ND5, EN12, EN19.
"""

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

from legato.errors import LimitExceeded
from legato.runtime.attempt import forks

IDLE_S: Final = 10.0
"""A thread without work ends after this long."""
ABANDONED_MAX: Final = 256
"""Threads left behind that still run; with more the engine's own threads would starve."""


class Job:
    """A call in a thread. `future` gives (value, error), exactly one of which counts."""

    __slots__ = ("abandoned", "arguments", "context", "function", "future", "loop", "started")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[tuple[Any, BaseException | None]] = self.loop.create_future()
        self.function = function
        self.arguments = arguments
        self.context = contextvars.copy_context()
        self.started = False
        self.abandoned = False

    def carry_out(self) -> None:
        """Call the function, in the thread, and hand the result to the loop."""
        value: Any = None
        error: BaseException | None = None
        try:
            value = self.context.run(self.function, *self.arguments)
        except BaseException as raised:  # noqa: BLE001 - contained here: SystemExit must not pass
            error = raised
        forks.end_copy()
        try:
            self.loop.call_soon_threadsafe(self._deliver, value, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _deliver(self, value: Any, error: BaseException | None) -> None:
        if not self.future.done():
            self.future.set_result((value, error))


class NodeThreads:
    """At most `limit` threads at work; a job beyond that waits its turn."""

    def __init__(self, limit: int, *, idle_s: float = IDLE_S) -> None:
        """Args: limit is the number of jobs that run at once; threads begin when needed."""
        self._limit = limit
        self._idle_s = idle_s
        self._lock = threading.Lock()
        # A SimpleQueue and not a condition: waking a thread costs a fifth (measured).
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting = 0
        self._threads = 0
        self._idle = 0
        self._abandoned = 0

    @property
    def abandoned(self) -> int:
        """Threads left behind that still run."""
        return self._abandoned

    def start(self, function: Callable[..., Any], *arguments: Any) -> Job:
        """Run a function in a thread.

        Raises:
            LimitExceeded: Too many threads were left behind.
        """
        job = Job(function, arguments)
        with self._lock:
            if self._abandoned >= ABANDONED_MAX:
                raise LimitExceeded(
                    f"{self._abandoned} synchronous nodes were given up and still run",
                    hint="Restart the engine, and run such nodes in a process of their own.",
                )
            self._jobs.put(job)
            self._waiting += 1
            self._begin_thread_if_needed()
        return job

    def abandon(self, job: Job) -> None:
        """Stop waiting for a job; its thread no longer counts and ends when the job does."""
        with self._lock:
            if job.future.done() or job.abandoned:
                return
            job.abandoned = True
            if job.started:
                self._threads -= 1
                self._abandoned += 1
                self._begin_thread_if_needed()

    def _begin_thread_if_needed(self) -> None:
        if self._waiting > self._idle and self._threads < self._limit:
            self._threads += 1
            threading.Thread(target=self._work, name="legato-node", daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not self._claim(job):
                continue
            job.carry_out()
            if self._was_abandoned(job):
                return

    def _claim(self, job: Job) -> bool:
        with self._lock:
            job.started = not job.abandoned
            return job.started

    def _was_abandoned(self, job: Job) -> bool:
        with self._lock:
            job.started = False
            if job.abandoned:
                self._abandoned -= 1
            return job.abandoned

    def _next(self) -> Job | None:
        """Return the next job; None when there was none for so long that the thread may end."""
        while True:
            with self._lock:
                self._idle += 1
            job: Job | None = None
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get(timeout=self._idle_s)
            with self._lock:
                self._idle -= 1
                if job is not None:
                    self._waiting -= 1
                    return job
                if self._waiting == 0:  # else a job came just now and counts on this thread
                    self._threads -= 1
                    return None
