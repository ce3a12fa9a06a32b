# SPDX-License-Identifier: Apache-2.0
"""The supervisor: children are started, restarted when they crash, and drained at the end.

    async with Supervisor(output) as supervisor:
        supervisor.start(practice)
        supervisor.start(server)
        return await supervisor.wait()

Must not know what the children do. Rules: SU1-SU6, SU9.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from legato.errors import Conflict, NotFound, Unavailable
from legato.supervisor.output import Output
from legato.supervisor.process import Listener, Process
from legato.supervisor.restarts import Restarts
from legato.supervisor.spec import Bounds, Change, ChildSpec, State

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GIVEN_UP: Final = 1
"""What `wait` returns when an essential child crashed in a loop."""


@dataclass
class _Kept:
    """A child over all of its processes."""

    spec: ChildSpec
    restarts: Restarts
    process: Process | None = None
    is_crash_asked: bool = False
    announcement: dict[str, Any] | None = None
    announced: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def forget_announcement(self) -> None:
        """Have who asks wait for the next process."""
        self.announcement = None
        self.announced.clear()


class Supervisor:
    """Keeps children running from `start` to the end of the `async with` block."""

    def __init__(
        self,
        output: Output,
        *,
        name: str = "legato",
        bounds: Bounds | None = None,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        """Make it; children are started by `start`.

        Args:
            output: Takes the lines of the children and one for every change; stays the caller's.
            name: Stands before the lines of the supervisor itself.
            bounds: Times and tolerance.
            on_change: Hears of every change too.
        """
        self._output = output
        self._name = name
        self._bounds = bounds or Bounds()
        self._on_change = on_change
        self._children: dict[str, _Kept] = {}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._code = 0

    async def __aenter__(self) -> Self:
        """Take SIGTERM, SIGINT and SIGHUP for `stop`; the second one kills."""
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drain the children, the last that was started first, and kill what is left then."""
        self._stopping.set()
        deadline_s = asyncio.get_running_loop().time() + self._bounds.drain_s
        try:
            for kept in reversed(list(self._children.values())):
                await self._end(kept, deadline_s)
        finally:
            for kept in self._children.values():
                if kept.process is not None:
                    kept.process.kill()
            for number in SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)

    def start(self, spec: ChildSpec) -> None:
        """Start a child and keep it running.

        Raises:
            Conflict: There is one of that name, or everything is about to end.
        """
        if spec.name in self._children or self._stopping.is_set():
            raise Conflict(f"{spec.name} cannot be started: it is there, or all is ending")
        kept = _Kept(spec, Restarts(self._bounds))
        self._children[spec.name] = kept
        kept.task = asyncio.create_task(self._keep(kept))

    def stop(self) -> None:
        """Have `wait` return; called again, have children killed that are being drained."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def wait(self) -> int:
        """Wait until told to stop or until an essential child is given up.

        Returns:
            0, or what the child that was given up makes of it: its exit code if that is final,
            else 1.
        """
        await self._stopping.wait()
        return self._code

    def pid(self, name: str) -> int | None:
        """Return the process id of a child, None while it does not run."""
        process = self._find(name).process
        return None if process is None else process.pid

    def crash(self, name: str) -> int:
        """Kill a child's process without a word; it starts again at once.

        Returns:
            The process id that was killed.

        Raises:
            Conflict: It does not run now.
        """
        kept = self._find(name)
        if kept.process is None or kept.process.ended.done():
            raise Conflict(f"{name} does not run now")
        kept.is_crash_asked = True
        kept.forget_announcement()
        kept.process.kill()
        return kept.process.pid

    async def announcement(self, name: str) -> dict[str, Any]:
        """Wait for the first line of the process that runs now, or of the next one.

        Raises:
            Unavailable: The child has ended for good.
        """
        kept = self._find(name)
        assert kept.spec.announces, name
        await kept.announced.wait()
        if kept.announcement is None:
            raise Unavailable(f"{name} has ended")
        return kept.announcement

    def _find(self, name: str) -> _Kept:
        try:
            return self._children[name]
        except KeyError:
            raise NotFound(f"there is no child {name}") from None

    async def _keep(self, kept: _Kept) -> None:
        """Start a child again and again."""
        try:
            while not self._stopping.is_set():
                code, why = await self._live(kept)
                if self._stopping.is_set():
                    return
                if kept.is_crash_asked:
                    self._say(kept, "restarting", why=f"killed as asked for ({why})")
                elif not await self._pause(kept, code, why):
                    return
        finally:
            kept.announced.set()

    async def _live(self, kept: _Kept) -> tuple[int | None, str]:
        """Run one process to its end; return its exit code, if it started, and why it ended."""
        kept.is_crash_asked = False
        kept.forget_announcement()
        try:
            process = Process(kept.spec, self._listener(kept))
        except OSError as error:
            return None, f"cannot be started: {error.strerror}"
        kept.process = process
        self._say(kept, "running")
        try:
            code = await asyncio.shield(process.ended)
        finally:
            if process.ended.done():
                kept.process = None
                kept.forget_announcement()
        return code, _why(code)

    def _listener(self, kept: _Kept) -> Listener:
        def announced(said: dict[str, Any]) -> None:
            kept.announcement = said
            kept.announced.set()

        def asked_for_crash() -> None:
            if not kept.spec.may_ask_for_crash:
                self._output.line(self._name, f"{kept.spec.name} asked to be killed, and may not")
                return
            with contextlib.suppress(Conflict):
                self.crash(kept.spec.name)

        return Listener(
            on_line=lambda line: self._output.line(kept.spec.name, line),
            on_announcement=announced,
            on_crash_request=asked_for_crash,
        )

    async def _pause(self, kept: _Kept, code: int | None, why: str) -> bool:
        """Wait before the next start; False if there is none."""
        if code in kept.spec.final_codes:
            self._give_up(kept, why, code or 0)
            return False
        delay_s = kept.restarts.crashed(asyncio.get_running_loop().time())
        if delay_s is None:
            many = f"{self._bounds.crashes_max} times within {self._bounds.window_s:g} s"
            self._give_up(kept, f"it ended {many}, last with {why}", GIVEN_UP)
            return False
        self._say(kept, "crashed", why=why, delay_s=delay_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        return True

    def _give_up(self, kept: _Kept, why: str, code: int) -> None:
        self._say(kept, "given_up", why=why)
        if kept.spec.is_essential:
            self._code = code
            self._stopping.set()

    async def _end(self, kept: _Kept, deadline_s: float) -> None:
        """Ask a child to end, and kill it at the deadline."""
        assert kept.task is not None, "every child has its task from the start"
        process = kept.process
        if process is None:
            await asyncio.wait({kept.task})
            return
        self._say(kept, "stopping")
        process.terminate()
        hurried = asyncio.create_task(self._hurry.wait())
        rest_s = max(0.0, deadline_s - asyncio.get_running_loop().time())
        await asyncio.wait({kept.task, hurried}, timeout=rest_s, return_when="FIRST_COMPLETED")
        hurried.cancel()
        is_killed = not kept.task.done()
        if is_killed:
            process.kill()
            await asyncio.wait({kept.task})
        self._say(kept, "killed" if is_killed else "stopped", why=_why(process.ended.result()))

    def _say(
        self, kept: _Kept, state: State, *, why: str = "", delay_s: float | None = None
    ) -> None:
        pid = None if kept.process is None else kept.process.pid
        change = Change(kept.spec.name, state, pid, why, delay_s)
        self._output.line(self._name, str(change))
        if self._on_change is not None:
            self._on_change(change)


def _why(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
