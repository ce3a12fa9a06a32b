# SPDX-License-Identifier: Apache-2.0
"""Frames, boards and terminals as the tests of the command line need them."""

import io
import json
from typing import Any

from legato.cli.board import Boards
from legato.cli.terminal import Terminal
from legato.model.frames import ExecutionFrame, ExecutionStatus, Frame, NodeFrame, NodeStatus
from legato.model.ids import ExecutionId, NodeId
from legato.ports.attempt_logs import LogLine

ROOT = ExecutionId("01a20543-86d8-72e2-981f-1af2e0095d17")
CHILD = ExecutionId("09198a29-040e-573d-83e2-29898bfa8049")


def node(name: str, status: NodeStatus = "running", **fields: Any) -> NodeFrame:
    """Return what is seen of a node."""
    phase = fields.pop("phase_number", 1)
    return NodeFrame(
        node_id=NodeId(name),
        status=status,
        phase_number=phase,
        total_phases=9,
        title=name,
        **fields,
    )


def execution(
    status: ExecutionStatus = "running", *, total: int = 3, done: int = 0, **fields: Any
) -> ExecutionFrame:
    """Return what is seen of an execution."""
    return ExecutionFrame(
        execution_id=fields.pop("execution_id", ROOT),
        workflow="demo",
        status=status,
        total_phases=total,
        completed_phases=done,
        started_at=0,
        **fields,
    )


def frame(from_seq: int, to_seq: int, *nodes: NodeFrame, of: ExecutionFrame | None = None) -> Frame:
    """Return a frame of the root, or of the execution that `of` is about."""
    about = of or execution()
    return Frame(about.execution_id, 1, from_seq, to_seq, (about, *nodes))


def boards(*frames: Frame) -> Boards:
    """Return boards that saw these frames."""
    made = Boards(ROOT)
    for each in frames:
        assert made.belongs(each)
        made.apply(each)
    return made


def line(node_id: str, text: str, **fields: Any) -> LogLine:
    """Return a log line of the root."""
    return LogLine(
        execution_id=fields.pop("execution_id", ROOT), node=NodeId(node_id), attempt=1, offset=0,
        at=0, text=text, **fields,
    )  # fmt: skip


class Screen:
    """A terminal that keeps what is written to it."""

    def __init__(self, *, as_json: bool = False) -> None:
        """Args: as_json is the command's option."""
        self._out, self._err = io.StringIO(), io.StringIO()
        self.terminal = Terminal(as_json=as_json, env={}, out=self._out, err=self._err)

    @property
    def out(self) -> str:
        """What was written to stdout."""
        return self._out.getvalue()

    @property
    def err(self) -> str:
        """What was written to stderr."""
        return self._err.getvalue()

    @property
    def values(self) -> list[Any]:
        """The JSON values on stdout."""
        return [json.loads(each) for each in self.out.splitlines()]


class StillClock:
    """A clock that stands where it is put."""

    def __init__(self, now: int = 0) -> None:
        """Args: now is in ms."""
        self.now = now

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        return self.now

    def monotonic(self) -> float:
        """Keep `Clock.monotonic`."""
        return self.now / 1000

    def chance(self) -> float:
        """Keep `Clock.chance`."""
        return 0.5

    def new_id(self) -> str:
        """Keep `Clock.new_id`."""
        return ROOT
