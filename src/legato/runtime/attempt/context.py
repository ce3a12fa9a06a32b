# SPDX-License-Identifier: Apache-2.0
"""One running attempt: what `run` gets as its context, and where the runner notes what happens.

On the hot path only this object is made; everything else (log, scratch folder, redactor, step
counters) comes into being when the node first uses it.

Rules: ND3, ND4, ND10.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from legato.model.ids import ExecutionId, NodeId, WorkspaceId, idempotency_key
from legato.model.policy import EffectClass
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.node import BlobAccess, ProgramCall, ProgramResult
from legato.runtime.attempt.blobs import AttemptBlobs
from legato.runtime.attempt.failures import Redact, plain, shown
from legato.runtime.attempt.live import LiveOutput
from legato.runtime.attempt.redaction import SecretRedactor
from legato.runtime.attempt.request import (
    AttemptRequest,
    AttemptServices,
    Report,
    RunnerOptions,
    Timer,
)
from legato.runtime.attempt.steps import Steps

LOG_LINE_BYTES_MAX: Final = 8 * 1024
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "stderr"})


class Attempt:
    """Keeps `legato.ports.node.NodeContext`."""

    __slots__ = (
        "_blobs", "_counter", "_live", "_options", "_redactor", "_scratch", "_services", "_steps",
        "began",
        "cancels", "driving", "given_up", "in_thread", "noticed", "request", "started_ms",
        "stopping", "task", "timed_out", "timer", "twins",
    )  # fmt: skip

    def __init__(
        self, request: AttemptRequest, services: AttemptServices, options: RunnerOptions
    ) -> None:
        """Note what is asked; nothing is started."""
        self.request = request
        self._services = services
        self._options = options
        self._blobs: AttemptBlobs | None = None
        self._counter: itertools.count[int] | None = None
        self._live: LiveOutput | None = None
        self._redactor: SecretRedactor | None = None
        self._scratch: Path | None = None
        self._steps: Steps | None = None
        self.began = False
        """The node's own code was entered."""
        self.driving = False
        """The node can be interrupted now."""
        self.stopping = False
        self.timed_out = False
        self.given_up = False
        self.noticed = False
        """The node was told, by an exception or by looking."""
        self.cancels = 0
        """Cancellations of the task that are ours."""
        self.in_thread = False
        """Its code cannot be interrupted; it notices by looking at `is_cancelled`."""
        self.task: asyncio.Task[Any] | None = None
        self.timer: Timer | None = None
        self.started_ms = 0
        self.twins: list[asyncio.Future[Report]] | None = None

    # --- who and when --------------------------------------------------------------------------

    @property
    def execution_id(self) -> ExecutionId:
        """Keep `NodeContext.execution_id`."""
        return self.request.execution_id

    @property
    def workspace(self) -> WorkspaceId:
        """Keep `NodeContext.workspace`."""
        return self.request.workspace

    @property
    def node_id(self) -> NodeId:
        """Keep `NodeContext.node_id`."""
        return self.request.node.id

    @property
    def item(self) -> int | None:
        """Keep `NodeContext.item`."""
        return self.request.item

    @property
    def attempt(self) -> int:
        """Keep `NodeContext.attempt`."""
        return self.request.attempt

    @property
    def idempotency_key(self) -> str:
        """Keep `NodeContext.idempotency_key`."""
        request = self.request
        return idempotency_key(request.execution_id, request.node.id, request.item)

    @property
    def deadline(self) -> datetime | None:
        """Keep `NodeContext.deadline`."""
        timeout_ms = self.request.timeout_ms
        return None if timeout_ms is None else _instant(self.started_ms + timeout_ms)

    @property
    def now(self) -> datetime:
        """Keep `NodeContext.now`."""
        return _instant(self._services.clock.now_ms())

    @property
    def is_cancelled(self) -> bool:
        """Keep `NodeContext.is_cancelled`."""
        if self.stopping or self.timed_out:
            self.noticed = True
            return True
        return False

    # --- what it may use -----------------------------------------------------------------------

    @property
    def grants(self) -> Grants:
        """Keep `NodeContext.grants`."""
        return self._services.grants

    @property
    def blobs(self) -> BlobAccess:
        """Keep `NodeContext.blobs`."""
        if self._blobs is None:
            self._blobs = AttemptBlobs(self._services.blobs, self.request.workspace)
        return self._blobs

    @property
    def http(self) -> HttpAccess:
        """Keep `NodeContext.http`."""
        return self._services.http

    @property
    def stored(self) -> tuple[BlobRef, ...]:
        """The payloads that the node has stored."""
        return () if self._blobs is None else tuple(self._blobs.stored)

    @property
    def scratch(self) -> Path:
        """Keep `NodeContext.scratch`."""
        if self._scratch is None:
            root = self._options.scratch_root
            if root is not None:
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = f"{self.request.node.id}-{self.request.attempt}-"
            self._scratch = Path(tempfile.mkdtemp(prefix=name, dir=root)).resolve()
        return self._scratch

    @property
    def scratch_used(self) -> Path | None:
        """The scratch folder, if it was made."""
        return self._scratch

    async def secret(self, name: str) -> str:
        """Keep `NodeContext.secret`."""
        value = await self._services.secrets.get(self.request.workspace, name)
        if self._redactor is None:
            self._redactor = SecretRedactor()
        self._redactor.add(value)
        return value

    async def run_program(self, call: ProgramCall) -> ProgramResult:
        """Keep `NodeContext.run_program`."""
        lines = Lines(
            lambda line: self.log(line, level="stderr"),
            self._options.limits.max_log_lines_per_attempt,
        )
        result = await self._services.programs.run(
            call, self.scratch, lines.add if call.log_stderr else _ignore
        )
        lines.end()
        return result

    async def step(
        self,
        name: str,
        body: Callable[[], Awaitable[Any]],
        *,
        input: object = None,
        effect: EffectClass = "idempotent",
    ) -> Any:
        """Keep `NodeContext.step`."""
        if self._steps is None:
            self._steps = Steps(self._services.journal, self.request, self._options)
        return await self._steps.run(name, body, input=input, effect=effect, attempt=self)

    # --- what it says --------------------------------------------------------------------------

    @property
    def redactor(self) -> SecretRedactor | None:
        """The secrets it has seen, if any."""
        return self._redactor

    @property
    def redact(self) -> Redact:
        """Replace the secrets it has seen."""
        return self._redactor if self._redactor is not None else plain

    def log(self, text: str, *, level: str = "info") -> None:
        """Keep `NodeContext.log`; a text of several lines becomes several lines."""
        if level not in _LEVELS:
            level = "info"
        text = str(text)
        if "\n" not in text:
            self._add(text, level)
            return
        for line in itertools.islice(
            text.splitlines(), self._options.limits.max_log_lines_per_attempt
        ):
            self._add(line, level)

    def progress(self, fraction: float, message: str = "") -> None:
        """Keep `NodeContext.progress`; of updates that come faster than 100 ms the last counts."""
        self._output().progress(fraction, message)

    def delta(self, text: str) -> None:
        """Keep `NodeContext.delta`."""
        self._output().delta(text)

    def relay(self, text: str, level: str, progress: float | None) -> None:
        """Say what the process of an isolated attempt said."""
        if progress is not None:
            self.progress(progress, text)
        elif level == "delta":
            self.delta(text)
        else:
            self.log(text, level=level)

    def finish(self) -> None:
        """Let out what is still held back."""
        if self._live is not None:
            self._live.finish()

    @property
    def has_spoken(self) -> bool:
        """Whether there may be lines of it."""
        return self._counter is not None or self._live is not None

    def next_offset(self) -> int:
        """Return the place of the next line; safe from any thread."""
        if self._counter is None:
            self._counter = itertools.count()
        return next(self._counter)

    def line(self, text: str, level: str, progress: float | None = None) -> LogLine:
        """Make a line of this attempt, redacted and bounded."""
        request = self.request
        return LogLine(
            execution_id=request.execution_id,
            node=request.node.id,
            item=-1 if request.item is None else request.item,
            attempt=request.attempt,
            offset=self.next_offset(),
            at=self._services.clock.now_ms(),
            level=level,
            text=text,
            progress=progress,
        )

    def _add(self, text: str, level: str) -> None:
        line = self.line(shown(text, self.redact, LOG_LINE_BYTES_MAX), level)
        limit = self._options.limits.max_log_lines_per_attempt
        if line.offset < limit:
            self._services.logs.add(line)
        elif line.offset == limit:
            self._services.logs.add(
                self.line(f"more than {limit} lines: the rest is not kept", "warning")
            )

    def _output(self) -> LiveOutput:
        if self._live is None:
            self._live = LiveOutput(self, self._services.logs)
        return self._live


class Lines:
    """Cuts a stream of bytes into lines of text; a line longer than the limit is cut."""

    __slots__ = ("_left", "_rest", "_take")

    def __init__(self, take: Callable[[str], None], lines_max: int) -> None:
        """Args: take is called with each line, one time more than `lines_max` at most."""
        self._take = take
        self._rest = b""
        self._left = lines_max + 1

    def add(self, data: bytes) -> None:
        """Take a piece of the stream."""
        if self._left <= 0:
            # A program can print lines faster than they can be cut, and the loop has other work.
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines[: self._left]:
            self._take(line.decode("utf-8", "replace"))
        self._left -= len(lines)
        if len(self._rest) > LOG_LINE_BYTES_MAX:
            self.end()

    def end(self) -> None:
        """Hand over what is left without a line end."""
        if self._rest and self._left > 0:
            self._take(self._rest.decode("utf-8", "replace"))
            self._left -= 1
        self._rest = b""


def _instant(ms: int) -> datetime:
    """Return milliseconds since the Unix epoch as a time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def _ignore(data: bytes) -> None:
    """Drop what nobody asked for."""
