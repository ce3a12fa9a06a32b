# SPDX-License-Identifier: Apache-2.0
"""An event loop whose time is a number, and processes that can die, freeze and thaw on it.

Everything runs in one thread without I/O. When nothing is ready, time jumps to the next timer. A
process is a context: every callback belongs to the process whose context it was made in. Killing
it means that its callbacks never run again (no `finally`, no `except`): what `kill -9` does.

Rules: SM1, SM2.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeVar

T = TypeVar("T")

STEP_S: Final = 2e-6
"""What one callback costs in virtual time, so that a busy loop cannot stop the clock."""

_process: contextvars.ContextVar["Process | None"] = contextvars.ContextVar(
    "simulated process", default=None
)


class Stuck(BaseException):
    """Nothing is ready, nothing is planned: the simulation would wait for ever."""


class TooLong(BaseException):
    """The run took more steps than it may: something spins or never ends."""


class Process:
    """One simulated operating system process: whatever was started in its context."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        """Begin running."""
        self.name = name
        self.state: Literal["running", "frozen", "dead"] = "running"
        self.steps = 0
        self.fuse = 0
        self.on_fuse: Callable[[], None] = lambda: None
        self.tasks: list[asyncio.Task[Any]] = []
        self._loop = loop
        self._parked: list[_Handle] = []
        self._context = contextvars.copy_context()
        self._context.run(_process.set, self)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start work that lives and dies with the process."""
        return self._loop.create_task(work, context=self._context)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function as the process would: what it plans lives and dies with the process."""
        return self._context.run(function, *args)

    def burn(self, steps: int, action: Callable[[], None]) -> None:
        """Do something to the process right after its next `steps` callbacks, wherever it is."""
        self.fuse = self.steps + max(1, steps)
        self.on_fuse = action

    def kill(self) -> None:
        """Stop for ever, without any clean-up."""
        self.state = "dead"
        self._parked.clear()

    def freeze(self) -> None:
        """Stop until thawed; timers that fall due meanwhile fire then."""
        if self.state == "running":
            self.state = "frozen"

    def thaw(self) -> None:
        """Go on where it stopped."""
        if self.state == "frozen":
            self.state = "running"
            self._loop.requeue(self._parked)
            self._parked = []

    def park(self, handle: "_Handle") -> None:
        """Keep a callback until the thaw."""
        self._parked.append(handle)


class _Handle(events.Handle):
    """A callback of one process."""

    __slots__ = ("process",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: contextvars.Context | None,
    ) -> None:
        super().__init__(callback, args, loop, context)
        self.process = self._context.get(_process)  # type: ignore[attr-defined]


class _Timer(events.TimerHandle):
    """A callback of one process, later."""

    __slots__ = ("process",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: contextvars.Context | None,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.process = self._context.get(_process)  # type: ignore[attr-defined]


class _Task(asyncio.Task[Any]):
    """A task whose place in a set depends on nothing but the order in which tasks were made."""

    def __init__(self, serial: int, work: Any, loop: "VirtualLoop", **options: Any) -> None:
        self.serial = serial
        super().__init__(work, loop=loop, **options)

    def __hash__(self) -> int:
        return self.serial


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order; time passes only by `STEP_S` per callback and by jumping."""

    def __init__(self, *, steps_max: int) -> None:
        """Args: steps_max fails a run that takes more callbacks."""
        super().__init__()
        self.steps = 0
        self.failure: BaseException | None = None
        self._steps_max = steps_max
        self._now = 0.0
        self._serial = 0
        self._queue: deque[_Handle | _Timer] = deque()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._tasks: list[_Task] = []
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.Handle:
        """Keep `AbstractEventLoop.call_soon`."""
        handle = _Handle(callback, args, self, context)
        self._queue.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> events.TimerHandle:
        """Keep `AbstractEventLoop.call_at`."""
        timer = _Timer(when, callback, args, self, context)
        self._serial += 1
        heapq.heappush(self._timers, (when, self._serial, timer))
        return timer

    def requeue(self, handles: list[_Handle]) -> None:
        """Have parked callbacks run next."""
        self._queue.extend(handles)

    def fail(self, error: BaseException) -> None:
        """End the run with this error after the current callback, whoever catches what."""
        if self.failure is None:
            self.failure = error

    def passing(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that is done after this long."""
        future: asyncio.Future[None] = self.create_future()
        self.call_later(seconds, _settle, future)
        return future

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end of `main`.

        Raises:
            Stuck: Nothing can happen any more.
            TooLong: The step budget is used up.
        """
        task = self.create_task(main)
        events._set_running_loop(self)
        try:
            while not task.done():
                self._step()
                if self.failure is not None:
                    raise self.failure
        finally:
            events._set_running_loop(None)
        return task.result()

    def bury(self) -> None:
        """Close what is left, so that nothing of it runs at some later collection."""
        for task in self._tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            try:
                if coroutine is not None:
                    coroutine.close()
            except BaseException:  # noqa: S110 - its clean-up awaits; the run is over
                pass
        self._tasks.clear()

    def _step(self) -> None:
        queue, timers = self._queue, self._timers
        self._now += STEP_S
        while timers and (timers[0][0] <= self._now or not queue):
            when, _, timer = heapq.heappop(timers)
            if not timer.cancelled():
                self._now = max(self._now, when)
                queue.append(timer)
        if not queue:
            raise Stuck
        handle = queue.popleft()
        self.steps += 1
        if self.steps > self._steps_max:
            raise TooLong
        if handle.cancelled():
            return
        process = handle.process
        if process is None:
            handle._run()
        elif process.state == "running":
            handle._run()
            process.steps += 1
            if process.steps == process.fuse:
                process.on_fuse()
        elif process.state == "frozen":
            process.park(handle)

    def _make_task(
        self, _loop: asyncio.AbstractEventLoop, work: Any, **options: Any
    ) -> asyncio.Task[Any]:
        self._serial += 1
        task = _Task(self._serial, work, self, **options)
        self._tasks.append(task)
        context = options.get("context")
        owner = _process.get() if context is None else context.get(_process)
        if owner is not None:
            owner.tasks.append(task)
        return task


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def current_process() -> Process | None:
    """Return the process in whose context the caller runs."""
    return _process.get()
