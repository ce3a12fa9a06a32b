# SPDX-License-Identifier: Apache-2.0
"""`NodeHarness`: attempts of one node type, run by the real runner over services in memory.

Rules: TK1-TK6.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import msgspec

from legato.app import guarded_http
from legato.model.events import NodeError
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, idempotency_key
from legato.model.policy import Limits
from legato.model.signals import ReportCancelled, ReportFailure, ReportSuccess
from legato.model.values import encode, load
from legato.model.workflow import NodeSpec
from legato.ports.attempt_logs import LogLine
from legato.ports.credentials import Vault
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.node import NodeType
from legato.runtime.attempt.log_sink import LogSink
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.request import (
    AttemptKey,
    AttemptRequest,
    AttemptServices,
    Report,
    RunnerOptions,
)
from legato.runtime.attempt.runner import AttemptRunner
from legato.testing.clock import FakeClock
from legato.testing.memory import MemoryBlobs, MemoryJournal, MemoryLogs, NamedSecrets

EXECUTION: Final = ExecutionId("01990000-0000-7000-8000-000000000001")
PATIENCE_S: Final = 20.0
"""How long `until_said` waits, in real seconds, before the test fails."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """A sub-step in the journal; `is_finished` False: it was begun and never said how it ended."""

    name: str
    ordinal: int
    attempt: int
    output: Any
    is_finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How an attempt ended, and what it left.

    `output` is plain JSON data, None unless it completed. `failure` is set if it failed, with
    `kind`, `message`, `may_have_happened`, `retryable` and `at_least_ms`. `outcome_unknown`: it was
    cancelled, and nobody can say what it did. `lines` are (level, text), `progress` the last
    (fraction, message) of every 100 ms, `deltas` the whole stream. `steps` are those of this node
    and item, of earlier attempts too; `blobs` are the payloads that it stored beside its output.
    """

    outcome: Literal["completed", "failed", "cancelled"]
    output: Any = None
    failure: NodeError | None = None
    outcome_unknown: bool = False
    lines: tuple[tuple[str, str], ...] = ()
    progress: tuple[tuple[float, str], ...] = ()
    deltas: str = ""
    steps: tuple[StepResult, ...] = ()
    blobs: tuple[bytes, ...] = ()
    idempotency_key: str = ""

    @property
    def kind(self) -> str | None:
        """The kind of failure, if it failed."""
        return None if self.failure is None else self.failure.kind

    @property
    def message(self) -> str | None:
        """What the failure says, if it failed."""
        return None if self.failure is None else self.failure.message


@dataclass(slots=True, kw_only=True)
class Services:
    """What an attempt reaches, in memory but for programs and HTTP, which are real.

    Change what you like before a runner is made; `http` takes the place of the guarded client.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    logs: MemoryLogs = field(default_factory=MemoryLogs)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    secrets: NamedSecrets = field(default_factory=lambda: NamedSecrets({}))
    launcher: Launcher = field(default_factory=Launcher)
    grants: Grants = field(default_factory=Grants)
    http: HttpAccess | None = None
    vault: Vault | None = None
    seen: list[LogLine] = field(default_factory=list)
    sink: LogSink = field(init=False)
    _hoped: list[tuple[str, asyncio.Future[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Have lines written soon, and heard at once."""
        self.sink = LogSink(self.logs, listener=self._hear, flush_s=0.01)

    def bundle(self) -> AttemptServices:
        """Return them as a runner takes them."""
        return AttemptServices(
            journal=self.journal,
            logs=self.sink,
            blobs=self.blobs,
            secrets=self.secrets,
            clock=self.clock,
            programs=self.launcher,
            http=self.http or guarded_http(self.grants),
            grants=self.grants,
            vault=self.vault,
        )

    async def heard(self, text: str) -> str:
        """Wait until a log line holds the text, and return that line.

        Raises:
            TimeoutError: None did for 20 real seconds.
        """
        for line in self.seen:
            if text in line.text:
                return line.text
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._hoped.append((text, future))
        return await asyncio.wait_for(future, PATIENCE_S)

    async def close(self) -> None:
        """End programs that still run, and write what is left of the log."""
        await self.launcher.close()
        await self.sink.close()

    def _hear(self, line: LogLine) -> None:
        self.seen.append(line)
        for text, future in self._hoped:
            if text in line.text and not future.done():
                future.set_result(line.text)


class NodeHarness:
    """Runs attempts of one node type as production does, where a test can see everything.

    Secrets, grants, time and chance are those that the test gives; nothing else is granted. What a
    program or a connection does is real. One harness is one node of one execution: a second attempt
    finds the journal of the first, and the idempotency key stays.

        harness = NodeHarness(charge, secrets={"stripe": "sk_test"})
        first = await harness.run({"amount": 5, "key": {"secret": "stripe"}})
        assert (first.kind, first.failure.may_have_happened) == ("timeout", True)
        second = await harness.run({"amount": 5, "key": {"secret": "stripe"}}, attempt=2)
        assert second.idempotency_key == first.idempotency_key

    To stop one, or to let its time run out, while it runs:

        running = asyncio.create_task(harness.run({"city": "Berlin"}))
        await harness.until_said("asking")     # a log line of the node
        harness.clock.advance(30)              # or: harness.cancel()
        assert (await running).kind == "timeout"
    """

    def __init__(
        self,
        node_type: NodeType,
        *,
        grants: Grants | None = None,
        secrets: Mapping[str, str] | None = None,
        clock: FakeClock | None = None,
        seed: int = 0,
        timeout_s: float | None = None,
    ) -> None:
        """Make a harness.

        Args:
            node_type: What the `node` decorator made.
            grants: What the operator would allow; nothing by default.
            secrets: Values by name.
            clock: The time of the attempt; one that stands still by default.
            seed: Of the clock's chance and ids, unless a clock is given.
            timeout_s: Of one attempt, by that clock; by default the node type's own.
        """
        self.node_type = node_type
        self.clock = clock or FakeClock(seed=seed)
        self.services = Services(
            clock=self.clock,
            secrets=NamedSecrets(secrets or {}),
            grants=grants or Grants(),
        )
        default_ms = node_type.info.timeout_ms
        self._timeout_ms = default_ms if timeout_s is None else round(timeout_s * 1000)
        self._options = RunnerOptions(
            limits=Limits(), store_retry_s=(), call_later=self.clock.call_later
        )
        self._runner = AttemptRunner(
            {node_type.info.uses: node_type}, self.services.bundle(), self._options
        )
        self._running: set[AttemptKey] = set()

    async def run(
        self, config: Mapping[str, Any] | None = None, item: int | None = None, attempt: int = 1
    ) -> AttemptResult:
        """Run one attempt to its end.

        Args:
            config: The `with` block, evaluated; `{"secret": name}` where the type takes secrets.
            item: The index of a foreach item.
            attempt: Its number, from 1.

        Raises:
            InvalidInput: The config is no JSON.
        """
        request = self._request(config or {}, item, attempt)
        self._running.add(request.key)
        try:
            report = await self._runner.run(request)
        finally:
            self._running.discard(request.key)
        await self.services.sink.flush()
        return self._result(request, report)

    def cancel(self) -> None:
        """Ask what runs to stop, as cancelling the execution would."""
        for key in self._running:
            self._runner.stop(key)

    async def until_said(self, text: str) -> str:
        """Wait until a log line holds the text, and return that line."""
        return await self.services.heard(text)

    async def close(self) -> None:
        """End programs that still run."""
        await self.services.close()

    def _request(self, config: Mapping[str, Any], item: int | None, attempt: int) -> AttemptRequest:
        data = encode(dict(config), what="config")
        info = self.node_type.info
        node = NodeSpec(id=NodeId("node"), uses=info.uses, config=msgspec.Raw(data))
        return AttemptRequest(
            execution_id=EXECUTION,
            workspace=LOCAL_WORKSPACE,
            node=node,
            item=item,
            attempt=attempt,
            effect=info.effect_of(config),
            timeout_ms=self._timeout_ms,
            config=data,
        )

    def _result(self, request: AttemptRequest, report: Report) -> AttemptResult:
        lines = [line for line in self.services.logs.lines if _is_of(line, request)]
        said = AttemptResult(
            outcome="cancelled",
            lines=tuple(
                (line.level, line.text)
                for line in lines
                if line.progress is None and line.level != "delta"
            ),
            progress=tuple(
                (line.progress, line.text) for line in lines if line.progress is not None
            ),
            deltas="".join(line.text for line in lines if line.level == "delta"),
            steps=self._steps(request),
            idempotency_key=idempotency_key(EXECUTION, request.node.id, request.item),
        )
        if isinstance(report, ReportFailure):
            return replace(said, outcome="failed", failure=report.error)
        if isinstance(report, ReportCancelled):
            return replace(said, outcome_unknown=report.outcome_unknown)
        assert isinstance(report, ReportSuccess), "only an isolated attempt can be lost"
        ref = report.output.ref
        data = self.services.blobs.payloads[ref.hash] if ref else bytes(report.output.json)
        blobs = tuple(self.services.blobs.payloads[each.hash] for each in report.blobs)
        return replace(said, outcome="completed", output=load(data), blobs=blobs)

    def _steps(self, request: AttemptRequest) -> tuple[StepResult, ...]:
        item = -1 if request.item is None else request.item
        return tuple(
            StepResult(
                name=key.name,
                ordinal=key.ordinal,
                attempt=row.attempt,
                output=None if row.output is None else load(row.output),
                is_finished=row.output is not None,
            )
            for key, row in self.services.journal.rows.items()
            if key.item == item
        )


def _is_of(line: LogLine, request: AttemptRequest) -> bool:
    item = -1 if request.item is None else request.item
    return (line.item, line.attempt) == (item, request.attempt)
