# SPDX-License-Identifier: Apache-2.0
"""What an attempt is asked with, answered with, and what it may use while it runs.

Rules: AT, ND.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import msgspec

from legato.model.events import NodeError
from legato.model.ids import ExecutionId, NodeId, WorkspaceId
from legato.model.policy import EffectClass, Limits
from legato.model.signals import ReportCancelled, ReportFailure, ReportLost, ReportSuccess
from legato.model.values import BlobRef, Value
from legato.model.workflow import NodeSpec
from legato.ports.attempt_logs import LogLine
from legato.ports.blobs import Blobs
from legato.ports.clock import Clock
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.journal import Journal
from legato.ports.node import ProgramCall, ProgramResult
from legato.ports.secrets import Secrets

AttemptKey = tuple[ExecutionId, NodeId, int | None, int]
"""(execution, node, item, attempt): what receivers drop duplicates by."""

Report = ReportSuccess | ReportFailure | ReportCancelled | ReportLost

CANCEL_GRACE_S: Final = 2.0
"""Promise P9: work has stopped within this long of the wish."""
THREADS_MAX: Final = 256
"""As many as attempts may run at once, so that no attempt waits for a thread."""


class AttemptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to run. `config` is the evaluated `with` block as JSON text.

    `timeout_ms` counts from the moment the runner starts it. `isolated`: in a process of its own.
    """

    execution_id: ExecutionId
    workspace: WorkspaceId
    node: NodeSpec
    attempt: int
    item: int | None = None
    effect: EffectClass = "non_idempotent"
    timeout_ms: int | None = None
    isolated: bool = False
    config: bytes = b"{}"

    @property
    def key(self) -> AttemptKey:
        """The attempt's identity."""
        return (self.execution_id, self.node.id, self.item, self.attempt)

    def success(self, output: Value, blobs: tuple[BlobRef, ...] = ()) -> ReportSuccess:
        """Report an output, and the payloads that the attempt stored beside it."""
        return ReportSuccess(self.node.id, self.attempt, output, self.item, blobs)

    def failure(self, error: NodeError) -> ReportFailure:
        """Report a failure."""
        return ReportFailure(self.node.id, self.attempt, error, self.item)

    def cancelled(self, *, outcome_unknown: bool) -> ReportCancelled:
        """Report that the attempt has stopped, or was given up."""
        return ReportCancelled(self.node.id, self.attempt, self.item, outcome_unknown)


class LineSource(Protocol):
    """Holds log lines that are made only when they are written (progress, deltas)."""

    def take(self) -> list[LogLine]:
        """Return what has gathered since the last call."""
        ...


class LineSink(Protocol):
    """Where an attempt's lines go; never blocks, callable from any thread."""

    def bind(self) -> None:
        """Take the running loop as the one that writes; called before the first line."""
        ...

    def add(self, line: LogLine) -> None:
        """Take one line."""
        ...

    def touch(self, source: LineSource) -> None:
        """Ask the source for its lines at the next flush."""
        ...

    async def settled(self) -> None:
        """Wait until every line added before is stored, or its store has had its time for it."""
        ...


class Programs(Protocol):
    """Runs programs for `NodeContext.run_program`."""

    async def run(
        self, call: ProgramCall, scratch: Path, on_stderr: Callable[[bytes], None]
    ) -> ProgramResult:
        """Run to the end; on cancellation end the process tree first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptServices:
    """The ports an attempt reaches through its context."""

    journal: Journal
    logs: LineSink
    blobs: Blobs
    secrets: Secrets
    clock: Clock
    programs: Programs
    http: HttpAccess
    grants: Grants = field(default_factory=Grants)


class Timer(Protocol):
    """Something that will be called, unless it is cancelled before."""

    def cancel(self) -> None:
        """Do not call it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """Bounds of a runner.

    `scratch_root` is where attempts get their folders (made on first use). `store_retry_s` are
    the pauses before a result that cannot be stored is stored again: it may have cost money.
    `call_later` (seconds, function, its arguments) sets time-outs; None: the running loop does. A
    test gives one whose time it moves.
    """

    limits: Limits = field(default_factory=Limits)
    cancel_grace_s: float = CANCEL_GRACE_S
    threads_max: int = THREADS_MAX
    scratch_root: Path | None = None
    store_retry_s: tuple[float, ...] = (0.1, 0.3, 1.0, 2.0, 4.0)
    call_later: Callable[..., Timer] | None = None
