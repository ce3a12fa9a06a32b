# SPDX-License-Identifier: Apache-2.0
"""The tree of a run as lines of text: what is active, what ended last, and counters.

Small workflows are shown whole; large ones never: a thousand nodes stay as calm as ten. Pure: the
same boards, instant and room give the same lines. Rules: CL2, CL9.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from legato.cli.board import Board, Boards
from legato.cli.text import COLOURS, Style, cells, duration, escape, fit, local_time, plural, word
from legato.model.frames import FINAL_EXECUTION, FINAL_NODE, NodeFrame

Part = tuple[str, str]
"""Text without control characters, and its colour (SGR code or nothing)."""

WHOLE_MAX: Final = 40
"""A larger workflow is shown by what moves, whatever the height of the terminal."""
FINISHED_SHOWN: Final = 4
DEPTH_SHOWN: Final = 3
_BAR_CELLS: Final = 16
_NAME_CELLS_MAX: Final = 32
_COUNTED: Final = (
    "running", "retrying", "waiting", "needs_attention", "completed", "failed", "skipped",
    "cancelled",
)  # fmt: skip
_WAITS: Final = {
    "approval": "for an answer",
    "form": "for an answer",
    "signal": "for a signal",
    "child": "for the workflow it called",
}
_SKIP_CAUSES: Final = {
    "": "",
    "when": "its `when` is false",
    "needs": "what it needs did not complete",
    "operator": "left out by hand",
}
_URGENCY: Final = {"needs_attention": 0, "retrying": 1, "running": 2, "waiting": 3}


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits: columns, lines, and the present instant (ms since the Unix epoch)."""

    width: int
    height: int
    now_ms: int


class Tree:
    """Draws boards."""

    def __init__(self, boards: Boards, style: Style) -> None:
        """Args: boards are drawn as they are when `lines` is called."""
        self._boards = boards
        self._style = style
        vertical, tee, corner = ("│  ", "├─ ", "└─ ") if style.is_unicode else ("|  ", "|- ", "`- ")
        self._guides = (vertical, tee, corner, "   ")

    def lines(self, room: Room) -> list[str]:
        """Return the picture, coloured, each line at most `room.width` columns wide."""
        board = self._boards.root
        budget = max(room.height - 2, 4)
        rows: list[list[Part]] = [self.header(board, room.now_ms)]
        rows.extend(self._board_rows(board, room, budget, 0))
        return [self._painted(row, room.width) for row in rows[: max(room.height, 4)]]

    def header(self, board: Board, now_ms: int, *, absence: str = "") -> list[Part]:
        """Return name, id, status, nodes done and time of an execution.

        Args:
            board: The execution.
            now_ms: Its time runs until then unless it has ended.
            absence: Why nobody runs it: then its status is a memory and not shown as true.
        """
        execution = board.execution
        if execution is None:
            return [(board.execution_id, "2"), ("  starting", "")]
        end = execution.completed_at if execution.completed_at is not None else now_ms
        took = "" if execution.started_at is None else duration(end - execution.started_at)
        return [
            (escape(execution.workflow), "1"),
            (f"  {board.execution_id}", "2"),
            self._status(execution.status, absence),
            (f"  {execution.completed_phases}/{execution.total_phases} nodes  {took}", ""),
        ]  # fmt: skip

    def _status(self, status: str, absence: str) -> Part:
        if absence:
            sign = self._style.icon("needs_attention")
            return (f"  {sign} {absence} (was {word(status)})", COLOURS["needs_attention"])
        return (f"  {self._style.icon(status)} {word(status)}", COLOURS[status])

    def node(self, board: Board, node: NodeFrame, now_ms: int, name_cells: int) -> list[Part]:
        """Return one node's line: sign, name, status, attempts, items, progress, time, why."""
        name = fit(escape(node.node_id), _NAME_CELLS_MAX)
        colour = COLOURS[node.status]
        parts: list[Part] = [
            (f"{self._style.icon(node.status)} ", colour),
            (name + " " * max(name_cells - cells(name), 0), ""),
            (f"  {word(node.status)}", colour),
        ]
        if node.attempt > 1:
            parts.append((f"  attempt {node.attempt}", ""))
        fraction = self._boards.progress.get((board.execution_id, node.node_id))
        if node.items is not None:
            items = node.items
            parts.append((f"  {items.completed}/{items.total} items", ""))
            if items.failed:
                parts.append((f", {items.failed} failed", COLOURS["failed"]))
            fraction = (items.completed + items.failed) / items.total if items.total else 1.0
        if fraction is not None and node.status not in FINAL_NODE:
            parts.append((f"  {self._bar(fraction)} {int(fraction * 100)}%", "36"))
        if node.started_at is not None:
            end = node.completed_at if node.completed_at is not None else now_ms
            parts.append((f"  {duration(end - node.started_at)}", "2"))
        why = reason(node, now_ms)
        if why:
            parts.append((f"  {escape(why)}", colour if node.status == "failed" else ""))
        return parts

    def _board_rows(self, board: Board, room: Room, budget: int, depth: int) -> list[list[Part]]:
        """Return the rows under an execution's header, at most about `budget`."""
        total = board.execution.total_phases if board.execution is not None else 0
        whole = depth == 0 and total <= min(WHOLE_MAX, budget) and len(board.nodes) == total
        shown = _in_order(board.nodes.values()) if whole else self._moving(board, budget, depth)
        name_cells = max((min(cells(each.node_id), _NAME_CELLS_MAX) for each in shown), default=0)
        left = budget - len(shown)
        blocks: list[list[list[Part]]] = []
        for node in shown:
            block = [self.node(board, node, room.now_ms, name_cells)]
            below = self._below(board, node, room, min(left, budget // 2), depth)
            left -= len(below)
            blocks.append([*block, *below])
        if not whole and depth == 0:
            blocks.append([_counters(board)])
        return self._joined(blocks)

    def _moving(self, board: Board, budget: int, depth: int) -> list[NodeFrame]:
        """Return what a person looks for first: what is stuck, what moves, what ended last."""
        finished = [] if depth else list(board.finished)[-min(FINISHED_SHOWN, budget // 4) :]
        active = sorted(
            (board.nodes[name] for name in board.active), key=lambda each: _URGENCY[each.status]
        )
        room = max(budget - len(finished) - 1, 1)
        if depth == 0 and len(active) * 2 > room:
            room = max(room // 2, 1)  # the other half for the last log lines
        return [*active[:room], *(board.nodes[name] for name in finished)]

    def _below(
        self, board: Board, node: NodeFrame, room: Room, budget: int, depth: int
    ) -> list[list[Part]]:
        """Return the rows under a node: the execution it called, or its last log line."""
        if budget <= 0 or node.status in FINAL_NODE:
            return []
        child = self._boards.by_id.get(node.child) if node.child is not None else None
        if child is not None and depth + 1 < DEPTH_SHOWN and not child.is_final:
            rows = [self.header(child, room.now_ms)]
            rows.extend(self._board_rows(child, room, budget - 1, depth + 1))
            return rows[:budget]
        lines = self._boards.last_lines.get((board.execution_id, node.node_id))
        return [[(escape(lines[-1].text), "2")]] if lines else []

    def _joined(self, blocks: list[list[list[Part]]]) -> list[list[Part]]:
        """Put the guides of a tree before blocks of rows."""
        vertical, tee, corner, space = self._guides
        rows: list[list[Part]] = []
        for position, block in enumerate(blocks):
            is_last = position == len(blocks) - 1
            rows.append([(corner if is_last else tee, "2"), *block[0]])
            rows.extend(
                [(space if is_last else vertical, "2"), ("  ", ""), *each] for each in block[1:]
            )
        return rows

    def _bar(self, fraction: float) -> str:
        full = int(min(max(fraction, 0.0), 1.0) * _BAR_CELLS)
        done, rest = ("━", "┄") if self._style.is_unicode else ("=", "-")
        return done * full + rest * (_BAR_CELLS - full)

    def _painted(self, row: Sequence[Part], width: int) -> str:
        left = width
        painted: list[str] = []
        for text, colour in row:
            if left <= 0:
                break
            shown = fit(text, left)
            left -= cells(shown)
            painted.append(self._style.paint(shown, colour))
        return "".join(painted)


def reason(node: NodeFrame, now_ms: int) -> str:
    """Say in a few words why a node is as it is; empty if its status says it all."""
    if node.status == "waiting":
        if node.wait == "delay" and node.wait_until is not None:
            return f"until {local_time(node.wait_until)}"
        return _WAITS.get(node.wait or "", "")
    if node.status == "retrying":
        wait = "" if node.retry_at is None else f"again in {duration(node.retry_at - now_ms)}"
        return f"{wait}  {node.error or ''}".strip()
    if node.status == "needs_attention":
        return PARK_REASONS.get(node.message or "", node.error or "")
    if node.status == "failed":
        return f"{node.error_kind or 'error'}: {node.error or ''}"
    if node.status == "skipped":
        return _SKIP_CAUSES.get(node.cause or "", f"because of {node.cause}")
    if node.status == "cancelled" and node.outcome_unknown:
        return "its outcome is unknown"
    return "kept from an earlier execution" if node.reused else ""


PARK_REASONS: Final = {
    "outcome_unknown": "nobody knows whether its effect happened",
    "poison": "it killed its process again and again",
    "attempts_lost": "its attempts were lost again and again",
    "restored": "the store was restored from a backup",
}


def counters(board: Board) -> str:
    """Return how many nodes are in each status: `3 running, 40 completed, 7 pending`."""
    total = board.execution.total_phases if board.execution is not None else 0
    shown = [f"{board.counts[each]} {word(each)}" for each in _COUNTED if board.counts[each] > 0]
    pending = total - sum(board.counts[each] for each in _COUNTED)
    if pending > 0 and board.status not in FINAL_EXECUTION:
        shown.append(f"{pending} pending")
    return ", ".join(shown) or plural(total, "node")


def _counters(board: Board) -> list[Part]:
    return [(counters(board), "2")]


def _in_order(nodes: Iterable[NodeFrame]) -> list[NodeFrame]:
    return sorted(nodes, key=lambda each: each.phase_number)
