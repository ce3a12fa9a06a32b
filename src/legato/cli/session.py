# SPDX-License-Identifier: Apache-2.0
"""One execution in the foreground: this process runs it, shows it, and asks the person.

Ctrl-C asks (or cancels where nobody can be asked), SIGTERM stops and leaves it resumable, an
approval is answered by one key. Every wish becomes a signal to the engine; nothing here changes an
execution by itself. Rules: CL1, CL2, CL4, EN14.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from legato.cli.board import Boards
from legato.cli.display import DRAWS_PER_S, choose_display
from legato.cli.ending import report_ending, report_parked
from legato.cli.feed import Feed, StoredFeed, follow_own
from legato.cli.history import fetch, ownership_text
from legato.cli.invocation import CANCELLED, NEEDS_ATTENTION, OK, Invocation
from legato.cli.keys import Keys
from legato.cli.person import person
from legato.cli.questions import Question, how_to_answer
from legato.engine.view import snapshot
from legato.errors import LegatoError, OwnershipLost
from legato.model.ids import ExecutionId, NodeId
from legato.model.signals import AnswerApproval, CancelExecution
from legato.runtime.history import load_history

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.terminal import Terminal
    from legato.engine.state import ExecutionState

Happened = Literal["final", "lost", "interrupt", "terminate", "stuck", "key", "failed"]
Topic = Literal["stop", "answer"]

_STOP_QUESTION: Final = (
    "Stop this run?  c cancel it   d detach, it goes on in the background   g go on"
)
_QUIET_TICKS: Final = 3
"""Looks in a row at which nothing could move, before a run is called stuck."""


@dataclass(slots=True)
class Session:
    """Runs until the execution ends, needs a person, is detached or has to stop."""

    app: App
    invocation: Invocation
    execution_id: ExecutionId
    can_detach: bool = True
    boards: Boards = field(init=False)
    feed: Feed = field(init=False)
    _happenings: asyncio.Queue[tuple[Happened, Any]] = field(default_factory=asyncio.Queue)
    _question: Topic | None = None
    _asked_about: tuple[ExecutionId, NodeId] | None = None
    _skipped: set[tuple[ExecutionId, NodeId]] = field(default_factory=set)
    _told: set[tuple[ExecutionId, NodeId]] = field(default_factory=set)
    _is_cancelling: bool = False
    _is_shown: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    _keys: Keys | None = None

    def __post_init__(self) -> None:
        """Make an empty picture of the execution."""
        self.boards = Boards(self.execution_id)
        self.feed = Feed(self.boards, choose_display(self.terminal, self.boards, self.app.clock))
        self.app.on_line = self.feed.line

    @property
    def terminal(self) -> Terminal:
        """Where things are said."""
        return self.invocation.terminal

    # --- life ----------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Listen; after this no frame of the execution is missed. `show` begins to show them."""
        is_listening = asyncio.Event()
        self._spawn(follow_own(self.app, self.feed, is_listening, self._is_shown))
        await is_listening.wait()
        loop = asyncio.get_running_loop()
        signals: tuple[tuple[int, Happened], ...] = (
            (signal.SIGINT, "interrupt"),
            (signal.SIGTERM, "terminate"),
            (signal.SIGHUP, "terminate"),
        )
        for number, name in signals:
            loop.add_signal_handler(number, self._note, name)
        if self.terminal.can_ask:
            self._keys = Keys(lambda key: self._note("key", key))

    async def is_accepted(self, submitting: Coroutine[Any, Any, Any]) -> bool:
        """Wait for a submission; False if somebody had no patience with a store that hangs.

        Whether the run was accepted is not known then: it is in the list of executions, or not.
        """
        task = asyncio.ensure_future(submitting)
        asked = asyncio.ensure_future(self._happenings.get())
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            if asked.done():
                self._happenings.put_nowait(asked.result())
            asked.cancel()
            task.result()
            return True
        kind, value = asked.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if kind == "failed":
            raise value
        self.terminal.note("stopped before the store answered; look whether it was accepted:")
        self.terminal.note(f"  legato executions show {self.execution_id}")
        return False

    def show(self, blank: ExecutionState | None = None) -> None:
        """Begin to show, once the execution is durable: what is shown was accepted.

        Args:
            blank: The execution's state before its first event, to show its nodes from the start.
        """
        if blank is not None:
            self.feed.frame(snapshot(blank, epoch=self.app.epoch))
        self._is_shown.set()
        self._spawn(self._tick())

    async def run(self) -> int:
        """Watch to the end and return the exit code."""
        self._spawn(self._wait_final())
        try:
            while True:
                kind, value = await self._happenings.get()
                code = await self._on(kind, value)
                if code is not None:
                    return code
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop following and put the terminal back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._keys is not None:
            self._keys.stop()
        self.feed.display.close()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _note(self, what: Happened, value: Any = None) -> None:
        self._happenings.put_nowait((what, value))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._note("failed", task.exception())

    async def _wait_final(self) -> None:
        try:
            status = await self.app.engine.wait_final(self.execution_id)
        except OwnershipLost:
            self._note("lost")
        else:
            self._note("final", status)

    async def _tick(self) -> None:
        """Draw, and look whether a person is needed."""
        quiet = 0
        while True:
            self.feed.display.tick()
            self._offer_answers()
            quiet = quiet + 1 if self._is_stuck() else 0
            if quiet == _QUIET_TICKS:
                self._note("stuck")
            await asyncio.sleep(1 / DRAWS_PER_S)

    def _is_stuck(self) -> bool:
        """Frames may be behind: the engine's own states have the last word."""
        if not self.boards.is_stuck:
            return False
        states = [self.app.engine.state(each) for each in self.boards.by_id]
        return all(state is not None and not state.is_busy for state in states)

    # --- what happens --------------------------------------------------------------------------

    async def _on(self, kind: str, value: Any) -> int | None:
        """Act on one happening; a number ends the session with that exit code."""
        if kind == "failed":
            raise value
        if kind == "final":
            return await self._end()
        if kind == "stuck":
            await self.close()
            report_parked(self.terminal, self.boards)
            return NEEDS_ATTENTION
        if kind == "terminate":
            return await self._terminate()
        if kind == "lost":
            return await self._lost()
        if kind == "interrupt":
            return await self._interrupt()
        return await self._key(value)

    async def _end(self) -> int:
        await asyncio.sleep(0)  # the last frames are on their way
        await self.app.flush_logs()
        history = await load_history(self.app.stores, self.execution_id)
        self.feed.frame(snapshot(history.state, epoch=self.app.epoch))
        await self.close()
        return await report_ending(
            self.terminal,
            self.app.stores,
            history,
            self.boards,
            self.invocation.settings_file(self.app.settings),
        )

    async def _terminate(self) -> int:
        """Let running attempts finish, and leave the rest to whoever resumes."""
        self._ask(None)
        self.feed.display.say("stopping: running attempts may finish, nothing new starts")
        await self.app.engine.stop(drain=True)
        history = await load_history(self.app.stores, self.execution_id)
        if history.state.ended is not None:
            return await self._end()
        await self.close()
        self.terminal.line(f"stopped; go on with: legato executions resume {self.execution_id}")
        self.terminal.json(
            {"type": "stopped", "execution_id": self.execution_id, "exit_code": NEEDS_ATTENTION}
        )
        return NEEDS_ATTENTION

    async def _lost(self) -> int | None:
        """It was lost (this machine slept, say): take it back, or watch its new owner."""
        if await self.app.engine.resume(self.execution_id):
            self.feed.display.say("it was without an owner for a moment; going on")
            self._spawn(self._wait_final())
            return None
        self.feed.display.say("another engine has taken this execution over; watching it there")
        stored = StoredFeed(self.app.stores, self.feed)
        await stored.follow(lambda found: self.feed.display.say(ownership_text(found)))
        return await self._end()

    async def _interrupt(self) -> int | None:
        if self._is_cancelling:
            self.feed.display.say("leaving at once")
            await self.app.engine.stop(drain=False)
            await self.close()
            return CANCELLED
        if self._keys is None or self._question == "stop":
            await self._cancel()
        else:
            self._question = "stop"
            self._ask(_STOP_QUESTION if self.can_detach else _STOP_QUESTION.replace("d detach", ""))
        return None

    async def _cancel(self) -> None:
        self._is_cancelling = True
        self._ask(None)
        self.feed.display.say("cancelling")
        key = f"cancel:{self.app.clock.new_id()}"
        await self.app.engine.send(
            self.execution_id, CancelExecution(by=person(), reason="Ctrl-C"), key
        )

    async def _key(self, key: str) -> int | None:
        if self._question == "stop":
            if key == "c":
                await self._cancel()
            elif key == "d" and self.can_detach:
                return await self._detach()
            elif key in {"g", "\x1b", "\n", "\r"}:
                self._ask(None)
                self.feed.display.say("going on")
        elif self._question == "answer" and self._asked_about is not None:
            await self._answer(key, self._asked_about)
        return None

    async def _detach(self) -> int:
        """Give the execution to an engine in the background.

        What runs in this process cannot be handed over: it may finish first, however long it takes.
        """
        from legato.cli.background import ensure_engine
        from legato.cli.text import plural

        self._ask(None)
        running = self.app.engine.running_attempts
        if running:
            steps = plural(running, "running step")
            self.feed.display.say(f"detaching when {steps} here have ended; Ctrl-C leaves at once")
        stopping = asyncio.ensure_future(self.app.engine.stop(is_patient=True))
        while not stopping.done():
            asked = asyncio.ensure_future(self._happenings.get())
            await asyncio.wait({stopping, asked}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done() and asked.result()[0] in {"interrupt", "terminate"}:
                stopping.cancel()
                await asyncio.gather(stopping, return_exceptions=True)
                await self.app.engine.stop(drain=False)
                self.feed.display.say("left; a step that must not run twice will need you")
            asked.cancel()
        await self.close()
        await ensure_engine(self.app, self.invocation)
        self.terminal.line(
            f"it goes on; watch it with: legato executions watch {self.execution_id}"
        )
        return OK

    # --- questions -----------------------------------------------------------------------------

    def _ask(self, text: str | None) -> None:
        if text is None:
            self._question = None
            self._asked_about = None
        if self._keys is not None:
            # Before the question is seen: whoever answers at once is heard.
            if text is None:
                self._keys.stop()
            else:
                self._keys.start()
        self.feed.display.ask(text)

    def _offer_answers(self) -> None:
        """Ask about an approval that waits, or say which command answers it."""
        waiting = [
            (execution_id, node)
            for execution_id, node in self.boards.waiting_for_answers()
            if not self._is_cancelling
        ]
        places = {(execution_id, node.node_id) for execution_id, node in waiting}
        if self._question == "answer" and self._asked_about not in places:
            self._ask(None)  # somebody else answered
        for execution_id, node in waiting:
            place = (execution_id, node.node_id)
            if self._keys is not None and node.wait == "approval":
                if self._question is None and place not in self._skipped:
                    self._question, self._asked_about = "answer", place
                    self._spawn(self._ask_about(place))
            elif place not in self._told:
                self._told.add(place)
                self._spawn(self._tell_about(place, is_form=node.wait == "form"))

    async def _ask_about(self, place: tuple[ExecutionId, NodeId]) -> None:
        question = await self._question_at(place, is_form=False)
        if place not in self._told:
            self._told.add(place)
            self._say(question.detail_lines())
        if self._asked_about == place:
            asked = question.message or "approve?"
            self._ask(f"{place[1]}: {asked}   a approve   r reject   s skip for now")

    async def _tell_about(self, place: tuple[ExecutionId, NodeId], *, is_form: bool) -> None:
        question = await self._question_at(place, is_form=is_form)
        message = question.message
        commands = [f"  {line}" for line in how_to_answer(*place, is_form=is_form)]
        self._say(
            [f"{place[1]} waits for an answer{': ' if message else ''}{message}",
             *question.detail_lines(), *commands]
        )  # fmt: skip

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.feed.display.say(line)

    async def _question_at(self, place: tuple[ExecutionId, NodeId], *, is_form: bool) -> Question:
        """Return the question; without its words if they cannot be read now."""
        config: object = None
        state = self.app.engine.state(place[0])
        if state is not None:
            value = state.nodes[state.graph.index_of[place[1]]].wait_config
            with contextlib.suppress(LegatoError):
                config = await fetch(self.app.stores, value)
        shown = config if isinstance(config, dict) else {}
        return Question(*place, is_form, shown)

    async def _answer(self, key: str, place: tuple[ExecutionId, NodeId]) -> None:
        if key == "s":
            self._skipped.add(place)
            self._ask(None)
            self.feed.display.say(f"skipped; answer later: legato executions approve {place[0]}")
        elif key in {"a", "r"}:
            self._skipped.add(place)
            self._ask(None)
            answer = AnswerApproval(node=place[1], approved=key == "a", by=person())
            await self.app.engine.send(place[0], answer, f"answer:{self.app.clock.new_id()}")
