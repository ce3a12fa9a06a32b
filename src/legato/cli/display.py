# SPDX-License-Identifier: Apache-2.0
"""Three ways to show a run while it goes: a live tree, plain lines, JSON lines.

A display draws what a feed tells it and decides nothing. The live tree is drawn a few times per
second whatever the number of frames, so a thousand nodes cost what ten cost. Rules: CL2, CL3, CL9.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

from legato.cli.board import Board, Boards, Change
from legato.cli.terminal import Terminal
from legato.cli.text import duration, escape, pad, word
from legato.cli.tree import Room, Tree, counters, reason
from legato.model.frames import Frame
from legato.ports.attempt_logs import LogLine
from legato.ports.clock import Clock
from legato.runtime.wire import frame_json, line_json

if TYPE_CHECKING:
    from rich.live import Live

DRAWS_PER_S: Final = 8.0
_PLAIN_NODES_MAX: Final = 200
"""In plain lines a larger workflow is counted, not told node by node; failures always are."""
_COUNTED_EVERY_MS: Final = 1_000


class Display(Protocol):
    """Shows a run."""

    def changed(self, frame: Frame, changes: Sequence[Change]) -> None:
        """A frame was applied to the boards."""
        ...

    def line(self, line: LogLine) -> None:
        """An attempt said something."""
        ...

    def tick(self) -> None:
        """Some time has passed; called several times per second."""
        ...

    def say(self, text: str) -> None:
        """Tell the person something that stays on the screen."""
        ...

    def ask(self, text: str | None) -> None:
        """Show a question under the picture until it is None."""
        ...

    def close(self) -> None:
        """Leave the last picture where it is."""
        ...


def choose_display(terminal: Terminal, boards: Boards, clock: Clock) -> Display:
    """Return the display that fits what stdout is."""
    if terminal.as_json:
        return JsonLines(terminal)
    if terminal.is_live:
        return LiveTree(terminal, boards, clock)
    return PlainLines(terminal, boards, clock)


class JsonLines:
    """One JSON object per frame and log line."""

    def __init__(self, terminal: Terminal) -> None:
        """Args: terminal is in JSON mode."""
        self._terminal = terminal

    def changed(self, frame: Frame, changes: Sequence[Change]) -> None:
        """Keep `Display.changed`."""
        self._terminal.json(frame_json(frame))

    def line(self, line: LogLine) -> None:
        """Keep `Display.line`."""
        self._terminal.json(line_json(line))

    def tick(self) -> None:
        """Keep `Display.tick`."""

    def say(self, text: str) -> None:
        """Keep `Display.say`; results alone are on stdout."""
        self._terminal.note(text)

    def ask(self, text: str | None) -> None:
        """Keep `Display.ask`; nobody is asked."""

    def close(self) -> None:
        """Keep `Display.close`."""


class PlainLines:
    """One line per step, for logs and pipes."""

    def __init__(self, terminal: Terminal, boards: Boards, clock: Clock) -> None:
        """Args: clock times the lines from the moment the display was made."""
        self._terminal = terminal
        self._boards = boards
        self._clock = clock
        self._begin_ms = clock.now_ms()
        self._counted_ms = self._begin_ms
        self._counted = ""

    def changed(self, frame: Frame, changes: Sequence[Change]) -> None:
        """Keep `Display.changed`."""
        # A child that has just ended is no board any more.
        board = self._boards.by_id.get(frame.execution_id)
        is_child = frame.execution_id != self._boards.root.execution_id
        is_large = board is not None and len(board.nodes) > _PLAIN_NODES_MAX
        for change in changes:
            if is_large and change.node.status not in {"failed", "needs_attention"}:
                continue
            if change.node.status != "pending" and _is_step(change):
                self._write(_step_text(change, is_child=is_child))
        if board is not None:
            self._count(board)

    def line(self, line: LogLine) -> None:
        """Keep `Display.line`; lines of items are told only if something is wrong."""
        is_quiet = line.item >= 0 and line.level in {"info", "debug"}
        if line.text and line.level != "delta" and not is_quiet:
            place = line.node if line.item < 0 else f"{line.node}[{line.item}]"
            self._write(f"{place} | {line.text}")

    def tick(self) -> None:
        """Keep `Display.tick`."""

    def say(self, text: str) -> None:
        """Keep `Display.say`."""
        self._terminal.line(text)

    def ask(self, text: str | None) -> None:
        """Keep `Display.ask`; nobody is asked."""

    def close(self) -> None:
        """Keep `Display.close`."""

    def _count(self, board: Board) -> None:
        """Say now and then how far a large workflow or a list is."""
        now = self._clock.now_ms()
        if now - self._counted_ms < _COUNTED_EVERY_MS:
            return
        self._counted_ms = now
        parts = [counters(board)] if len(board.nodes) > _PLAIN_NODES_MAX else []
        for name in board.active:
            items = board.nodes[name].items
            if items is not None:
                parts.append(f"{name} {items.completed}/{items.total} items")
        text = "; ".join(parts)
        if text and text != self._counted:
            self._counted = text
            self._write(text)

    def _write(self, text: str) -> None:
        elapsed = f"{(self._clock.now_ms() - self._begin_ms) / 1000:8.2f} s"
        self._terminal.line(f"{elapsed}  {text}")


class LiveTree:
    """A tree that is drawn again in place."""

    def __init__(self, terminal: Terminal, boards: Boards, clock: Clock) -> None:
        """Draw nothing before the first tick."""
        from rich.console import Console
        from rich.live import Live

        self._terminal = terminal
        self._clock = clock
        self._tree = Tree(boards, terminal.style)
        self._question: str | None = None
        self._drawn = ""
        self._console = Console(file=terminal.out, highlight=False, markup=False, emoji=False)
        self._live: Live = Live(
            console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._state: Literal["new", "on", "off"] = "new"

    def changed(self, frame: Frame, changes: Sequence[Change]) -> None:
        """Keep `Display.changed`; drawn at the next tick."""

    def line(self, line: LogLine) -> None:
        """Keep `Display.line`; drawn at the next tick."""

    def tick(self) -> None:
        """Keep `Display.tick`: draw if anything looks different."""
        from rich.text import Text

        if self._state == "off":
            return
        size = self._console.size
        reserved = 3 if self._question is None else 5
        room = Room(size.width, size.height - reserved, self._clock.now_ms())
        lines = self._tree.lines(room)
        if self._question is not None:
            lines += ["", self._terminal.style.paint(self._question, "1")]
        text = "\n".join(lines)
        if text == self._drawn:
            return
        self._drawn = text
        try:
            if self._state == "new":
                self._state = "on"
                self._live.start()
            self._live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
        except OSError:  # the terminal was closed; the run goes on
            self._state = "off"

    def say(self, text: str) -> None:
        """Keep `Display.say`: above the tree."""
        from rich.text import Text

        with contextlib.suppress(OSError):
            self._console.print(Text(escape(text)))

    def ask(self, text: str | None) -> None:
        """Keep `Display.ask`."""
        self._question = text
        if self._state == "on":
            self.tick()

    def close(self) -> None:
        """Keep `Display.close`."""
        self._question = None
        if self._state == "on":
            self.tick()
            with contextlib.suppress(OSError):
                self._live.stop()
        self._state = "off"


def _is_step(change: Change) -> bool:
    """Tell whether a person would call it news: not that one more item is done."""
    before, node = change.before, change.node
    return before is None or before.status != node.status or before.attempt != node.attempt


def _step_text(change: Change, *, is_child: bool) -> str:
    node = change.node
    parts = [pad(node.node_id, 16), word(node.status)]
    if node.attempt > 1:
        parts.append(f"attempt {node.attempt}")
    if node.items is not None:
        parts.append(f"{node.items.completed}/{node.items.total} items")
    if node.completed_at is not None and node.started_at is not None:
        parts.append(f"({duration(node.completed_at - node.started_at)})")
    why = reason(node, node.retry_at or 0)
    if why and node.status != "retrying":
        parts.append(why)
    elif node.status == "retrying":
        parts.append(node.error or "")
    if is_child:
        parts.append(f"[in {change.execution_id}]")
    return "  ".join(part for part in parts if part)
