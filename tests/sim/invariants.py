# SPDX-License-Identifier: Apache-2.0
"""The promises, checked right after every committed transaction and once more at the end.

Rules: SM3.
"""

import contextvars
from collections.abc import Sequence
from typing import Final

from legato.adapters.memory.database import MemoryDatabase, Record
from legato.engine.evolve import evolve
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.engine.view import snapshot
from legato.model.frames import FINAL_EXECUTION, AnySet, ExecutionFrame, Frame
from legato.model.graph import Graph
from legato.model.ids import ExecutionId, VersionHash
from legato.model.workflow import Workflow, decode_workflow
from legato.ports.log import Turn
from tests.sim.history import History
from tests.sim.loop import VirtualLoop
from tests.sim.trace import Trace, Violation

appending: contextvars.ContextVar[Sequence[Turn]] = contextvars.ContextVar("turns being appended")
"""The turns of the append under way in this task: what may change the database now."""

_CHANGES: Final = frozenset(
    {"append", "create", "register", "resign", "claim", "claim_one", "release"}
)
"""Operations that change rows of executions."""


class _Copy:
    """What the checker knows of one execution: the fold of its committed log, and its rules."""

    __slots__ = ("fence", "history", "owner", "row", "state")

    def __init__(self, execution_id: ExecutionId, workflow: Workflow, history: History) -> None:
        self.state = ExecutionState(execution_id, Graph(workflow))
        self.history = history
        self.fence = 0
        self.owner: str | None = None
        self.row: tuple[object, ...] = ()


class _Watcher:
    """One watcher's view: what it was shown, and up to where."""

    __slots__ = ("seq", "sets")

    def __init__(self) -> None:
        self.seq = 0
        self.sets: dict[str, AnySet] = {}

    def apply(self, sets: Sequence[AnySet]) -> None:
        for each in sets:
            key = "" if isinstance(each, ExecutionFrame) else each.node_id
            self.sets[key] = each


class Invariants:
    """Looks at the database from outside, with its own copy of every log."""

    def __init__(self, database: MemoryDatabase, loop: VirtualLoop, trace: Trace) -> None:
        """Args: loop is failed, and so the run ended, by the first complaint."""
        self._database = database
        self._loop = loop
        self._trace = trace
        self._copies: dict[ExecutionId, _Copy] = {}
        self._workflows: dict[VersionHash, Workflow] = {}
        self._watchers: dict[tuple[str, ExecutionId], _Watcher] = {}
        self.accepted: set[ExecutionId] = set()
        self.commits = 0

    def complain(self, rule: str, text: str) -> None:
        """End the run: a promise is broken."""
        self._trace.note("checker", "BROKEN", rule, text)
        self._loop.fail(Violation(rule, text))

    def history(self, execution_id: ExecutionId) -> History | None:
        """Return what is committed of an execution, or None."""
        copy = self._copies.get(execution_id)
        return None if copy is None else copy.history

    def state(self, execution_id: ExecutionId) -> ExecutionState:
        """Return the fold of what is committed; to be read only."""
        return self._copies[execution_id].state

    def accept(self, execution_id: ExecutionId) -> None:
        """Note that a client was told that its execution is accepted."""
        self.accepted.add(execution_id)
        if execution_id not in self._database.records:
            self.complain("P1", f"{execution_id} was accepted and is not there")

    # --- after every transaction ---------------------------------------------------------------

    def after(self, process: str, operation: str) -> None:
        """Check everything that this transaction may have changed."""
        if operation not in _CHANGES:
            return
        self.commits += 1
        appended = appending.get(()) if operation == "append" else ()
        turns = {turn.execution_id: turn for turn in appended}
        records = self._database.records
        for execution_id, record in records.items():
            copy = self._copies.get(execution_id)
            if copy is None:
                copy = self._meet(execution_id, record, turns.get(execution_id))
            self._check(process, record, copy, turns.get(execution_id))
        if len(records) < len(self._copies):
            gone = sorted(set(self._copies) - set(records))
            self.complain("P1", f"{gone} vanished")

    def _meet(self, execution_id: ExecutionId, record: Record, turn: Turn | None) -> _Copy:
        workflow = self._workflows.get(record.version)
        if workflow is None:
            workflow = decode_workflow(self._database.versions[record.version].compiled)
            self._workflows[record.version] = workflow
        history = History(execution_id, workflow, self.complain)
        copy = self._copies[execution_id] = _Copy(execution_id, workflow, history)
        # Whoever creates it with a turn of its own owns it from the first moment.
        copy.fence = 1 if record.owner is not None or turn is not None else 0
        return copy

    def _check(self, process: str, record: Record, copy: _Copy, turn: Turn | None) -> None:
        seq = copy.state.seq
        row = (record.head_seq, record.status, record.wake_at, record.is_busy)
        if turn is not None and turn.new is None and turn.fence != copy.fence and row != copy.row:
            self.complain("P5", f"{process} changed {record.execution_id} under {turn.fence}")
        if record.head_seq < seq or len(record.events) != record.head_seq:
            self.complain("P7", f"{record.execution_id} went from seq {seq} to {record.head_seq}")
        elif record.head_seq > seq:
            self._read_on(process, record, copy, turn)
        is_same_term = record.fence == copy.fence and copy.owner is not None
        if record.fence < copy.fence or (is_same_term and record.owner not in {None, copy.owner}):
            self.complain("P5", f"{record.execution_id} has another owner under fence {copy.fence}")
        copy.fence, copy.owner, copy.row = record.fence, record.owner, row
        self._check_row(record, copy.state)

    def _read_on(self, process: str, record: Record, copy: _Copy, turn: Turn | None) -> None:
        """Take in what was appended."""
        state = copy.state
        if turn is None or turn.fence != copy.fence:
            fence = None if turn is None else turn.fence
            self.complain(
                "P5",
                f"{process} appended to {record.execution_id} with fence {fence}, not {copy.fence}",
            )
        for row in record.events[state.seq :]:
            if row.seq != state.seq + 1:
                self.complain("P6", f"{record.execution_id}: seq {row.seq} after {state.seq}")
                return
            event = read_event(row.body)
            self._trace.commit(process, "commit", record.execution_id, row.seq, row.body)
            evolve(state, event, row.at)
            copy.history.add(event)

    def _check_row(self, record: Record, state: ExecutionState) -> None:
        """Compare the row that lists read with the log that it stands for."""
        if record.head_seq == 0:
            return
        error = None if state.error is None else state.error.message[:500]
        expected = (state.status, state.final_count, state.ended_at, error)
        actual = (record.status, record.nodes_done, record.ended_at, record.error)
        if actual != expected:
            rule = "P2" if state.ended else "LG8"
            self.complain(rule, f"{record.execution_id} shows {actual}, its log says {expected}")

    # --- frames --------------------------------------------------------------------------------

    def on_frame(self, process: str, frame: Frame) -> None:
        """Check a frame as a watcher at this process gets it."""
        name = f"{frame.execution_id} ({frame.from_seq}, {frame.to_seq}] at {process}"
        copy = self._copies.get(frame.execution_id)
        if copy is None or frame.to_seq > copy.state.seq:
            self.complain("P6", f"the frame of {name} shows what is not committed")
            return
        key = (process, frame.execution_id)
        watcher = self._watchers.setdefault(key, _Watcher())
        if frame.to_seq <= watcher.seq or frame.from_seq < watcher.seq:
            self.complain("P6", f"the frame of {name} comes after {watcher.seq}")
        if frame.from_seq > watcher.seq:
            # The client's rule: it missed something, so it subscribes again and gets a snapshot.
            watcher.apply(snapshot(self._fold(frame.execution_id, frame.from_seq), epoch=1).sets)
        watcher.apply(frame.sets)
        watcher.seq = frame.to_seq
        if frame.to_seq == copy.state.seq:
            self._compare(name, watcher, copy.state)

    def _compare(self, name: str, watcher: _Watcher, state: ExecutionState) -> None:
        seen = _Watcher()
        seen.apply(snapshot(state, epoch=1).sets)
        for key, expected in seen.sets.items():
            shown = watcher.sets.get(key)
            # A node that nothing has touched yet is not shown by frames from the beginning on.
            if shown != expected and (shown is not None or _is_touched(expected)):
                self.complain("VW3", f"after the frame of {name}: {shown} instead of {expected}")

    def _fold(self, execution_id: ExecutionId, seq: int) -> ExecutionState:
        state = ExecutionState(execution_id, self._copies[execution_id].state.graph)
        for row in self._database.records[execution_id].events[:seq]:
            evolve(state, read_event(row.body), row.at)
        return state

    # --- at the end ----------------------------------------------------------------------------

    def finish(self) -> None:
        """Check what must hold once nothing goes on any more."""
        for execution_id in sorted(self.accepted):
            if execution_id not in self._database.records:
                self.complain("P1", f"{execution_id} was accepted and is gone")
        for execution_id, record in self._database.records.items():
            if record.status not in FINAL_EXECUTION:
                self.complain("EN13", f"{execution_id} is {record.status} at the end")
                continue
            state = self._fold(execution_id, record.head_seq)
            self._check_row(record, state)
            rest = (record.owner, record.wake_at, record.is_busy, dict(record.inbox))
            if rest != (None, None, False, {}):
                self.complain("LG8", f"{execution_id} has ended, but its row keeps {rest}")


def _is_touched(shown: AnySet) -> bool:
    return isinstance(shown, ExecutionFrame) or shown.status != "pending"
