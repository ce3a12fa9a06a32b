# SPDX-License-Identifier: Apache-2.0
"""What a watcher knows of one execution and its children: the fold of frames and log lines.

Keeps the client rule of frames: one that begins at or before what is known is applied, and applying
it twice changes nothing. Cost per frame is O(its sets); what is kept of log lines is bounded.
Decides nothing about a run. Rules: CL2, VW1, VW3.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from legato.model.frames import (
    FINAL_EXECUTION,
    FINAL_NODE,
    ExecutionFrame,
    Frame,
    NodeFrame,
    NodeStatus,
)
from legato.model.ids import ExecutionId, NodeId
from legato.ports.attempt_logs import LogLine

FINISHED_KEPT: Final = 64
LINES_KEPT: Final = 20
"""Last log lines kept per node, shown when it fails."""
NODES_WITH_LINES_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class Change:
    """One visible step: what a node was before (None: unknown) and is now."""

    execution_id: ExecutionId
    before: NodeFrame | None
    node: NodeFrame


class Board:
    """One execution."""

    def __init__(self, execution_id: ExecutionId) -> None:
        """Begin knowing nothing."""
        self.execution_id = execution_id
        self.seq = 0
        self.execution: ExecutionFrame | None = None
        self.nodes: dict[NodeId, NodeFrame] = {}
        self.counts: Counter[NodeStatus] = Counter()
        self.active: dict[NodeId, None] = {}
        self.finished: deque[NodeId] = deque(maxlen=FINISHED_KEPT)

    @property
    def status(self) -> str:
        """The execution's status; queued while nothing is known."""
        return "queued" if self.execution is None else self.execution.status

    @property
    def is_final(self) -> bool:
        """Tell whether the execution has ended."""
        return self.status in FINAL_EXECUTION

    def apply(self, frame: Frame) -> list[Change] | None:
        """Apply a frame and return what changed for a watcher, in the frame's order.

        Returns:
            None if the frame holds nothing that is not known.

        Raises:
            ValueError: The frame begins after what is known; a snapshot is needed.
        """
        if frame.from_seq > self.seq:
            raise ValueError(f"a frame from {frame.from_seq} does not fit to {self.seq}")
        if frame.to_seq < self.seq or (frame.to_seq == self.seq and self.execution is not None):
            return None
        self.seq = frame.to_seq
        changes: list[Change] = []
        for each in frame.sets:
            if isinstance(each, ExecutionFrame):
                self.execution = each
                continue
            before = self.nodes.get(each.node_id)
            if before == each:
                continue
            self._set(before, each)
            changes.append(Change(self.execution_id, before, each))
        return changes

    def _set(self, before: NodeFrame | None, node: NodeFrame) -> None:
        self.nodes[node.node_id] = node
        if before is not None:
            self.counts[before.status] -= 1
        self.counts[node.status] += 1
        if node.status in FINAL_NODE:
            self.active.pop(node.node_id, None)
            if before is None or before.status not in FINAL_NODE:
                self.finished.append(node.node_id)
        elif node.status != "pending":
            self.active.setdefault(node.node_id)


class Boards:
    """An execution and everything it called, as one picture."""

    def __init__(self, root: ExecutionId) -> None:
        """Begin with the root alone."""
        self.root = Board(root)
        self.by_id: dict[ExecutionId, Board] = {root: self.root}
        self.last_lines: dict[tuple[ExecutionId, NodeId], deque[LogLine]] = {}
        self.progress: dict[tuple[ExecutionId, NodeId], float] = {}

    def belongs(self, frame: Frame) -> bool:
        """Tell whether a frame is about this tree, taking a new child in if so."""
        if frame.execution_id in self.by_id:
            return True
        for each in frame.sets:
            if isinstance(each, ExecutionFrame) and each.parent in self.by_id:
                self.by_id[frame.execution_id] = Board(frame.execution_id)
                return True
        return False

    def apply(self, frame: Frame) -> list[Change] | None:
        """Apply a frame of this tree; None if it holds nothing new.

        Raises:
            ValueError: A snapshot of that execution is needed first.
        """
        board = self.by_id[frame.execution_id]
        changes = board.apply(frame)
        for change in changes or ():
            if change.node.status == "completed":
                key = (frame.execution_id, change.node.node_id)
                self.last_lines.pop(key, None)
                self.progress.pop(key, None)
        if board.is_final and board is not self.root:
            # Its parent's node says how it ended; loops would otherwise fill the memory.
            del self.by_id[frame.execution_id]
        return changes

    def add_line(self, line: LogLine) -> None:
        """Remember a log line and how far its node says it is."""
        key = (line.execution_id, line.node)
        if line.progress is not None and line.item < 0:
            self.progress[key] = min(max(line.progress, 0.0), 1.0)
        if not line.text or line.level == "delta":
            return
        lines = self.last_lines.get(key)
        if lines is None:
            if len(self.last_lines) >= NODES_WITH_LINES_MAX:
                self.last_lines.pop(next(iter(self.last_lines)))
            lines = self.last_lines[key] = deque(maxlen=LINES_KEPT)
        lines.append(line)

    def waiting_for_answers(self) -> list[tuple[ExecutionId, NodeFrame]]:
        """Return every node of the tree that waits for a person, oldest first."""
        return [
            (board.execution_id, board.nodes[name])
            for board in self.by_id.values()
            for name in board.active
            if board.nodes[name].status == "waiting"
            and board.nodes[name].wait in {"approval", "form"}
        ]

    def parked(self) -> list[tuple[ExecutionId, NodeFrame]]:
        """Return every node of the tree that needs attention, also with other items running."""
        return [
            (board.execution_id, node)
            for board in self.by_id.values()
            for name in board.active
            if _is_parked(node := board.nodes[name])
        ]

    @property
    def is_stuck(self) -> bool:
        """Tell whether nothing of the tree can move until a person resolves a parked node."""
        if self.root.is_final or not self.parked():
            return False
        return all(
            board.active and all(self._cannot_move(board, name) for name in board.active)
            for board in self.by_id.values()
        )

    def _cannot_move(self, board: Board, name: NodeId) -> bool:
        """A node that is parked, or that waits for children of this tree, judged by themselves."""
        node = board.nodes[name]
        if node.status == "needs_attention":
            return True
        if node.status != "waiting":
            return False
        if node.child is not None:
            return node.child in self.by_id
        return node.items is not None and any(
            each.execution is not None and each.execution.parent == board.execution_id
            for each in self.by_id.values()
        )


def _is_parked(node: NodeFrame) -> bool:
    return node.status == "needs_attention" or (
        node.items is not None and node.items.needs_attention > 0
    )
