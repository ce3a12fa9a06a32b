# SPDX-License-Identifier: Apache-2.0
"""A small world for attempts: ports in memory, a clock in the hand, and a runner over them."""

import asyncio
import hashlib
import os
import select
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from legato.errors import LimitExceeded, NotFound, Unavailable
from legato.model.events import NodeError
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, WorkspaceId
from legato.model.policy import EffectClass, Limits
from legato.model.signals import ReportFailure, ReportSuccess
from legato.model.values import BlobRef, load
from legato.model.workflow import NodeSpec
from legato.nodes.http_access import GuardedHttp
from legato.ports.attempt_logs import LogLine
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.journal import StepKey, StepRow
from legato.ports.node import NodeType
from legato.runtime.attempt.isolated import Isolation, IsolationOptions
from legato.runtime.attempt.log_sink import LogSink
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.request import AttemptRequest, AttemptServices, Report, RunnerOptions
from legato.runtime.attempt.runner import AttemptRunner

EXECUTION = ExecutionId("01990000-0000-7000-8000-000000000001")
CANARY = "k4nari-Vogel+99/§"
"""A secret that must never be seen; some of its characters change in URL and base64 form."""


class FixedClock:
    """Keeps `Clock`; time stands still."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def chance(self) -> float:
        return 0.5

    def new_id(self) -> str:
        return "id"


class MemoryJournal:
    """Keeps `Journal`, with its fence by attempt."""

    def __init__(self) -> None:
        self.rows: dict[StepKey, StepRow] = {}
        self.away: dict[str, int] = {}
        """How often an operation by this name fails before it works."""

    def _reach(self, operation: str) -> None:
        left = self.away.get(operation, 0)
        if left > 0:
            self.away[operation] = left - 1
            raise Unavailable("the store is away")

    async def get(self, key: StepKey) -> StepRow | None:
        self._reach("get")
        return self.rows.get(key)

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        self._reach("begin")
        row = self.rows.get(key)
        if row is not None and (row.attempt > attempt or row.output is not None):
            return False
        self.rows[key] = StepRow(key=key, attempt=attempt, input_hash=input_hash)
        return True

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        self._reach("finish")
        row = self.rows.get(key)
        if row is not None and row.attempt > attempt:
            return False
        self.rows[key] = StepRow(key=key, attempt=attempt, input_hash=input_hash, output=output)
        return True


class MemoryLogs:
    """Keeps `AttemptLogs`."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.batches: list[int] = []
        self.stored = asyncio.Event()
        self.away = 0

    async def append(self, lines: Sequence[LogLine]) -> None:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("the store is away")
        self.stored.set()
        self.batches.append(len(lines))
        known = {(line.node, line.item, line.attempt, line.offset) for line in self.lines}
        self.lines += [
            line for line in lines if (line.node, line.item, line.attempt, line.offset) not in known
        ]

    async def read(
        self,
        execution_id: ExecutionId,
        *,
        node: NodeId | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[tuple[int, LogLine]]:
        return list(enumerate(self.lines, 1))[after : after + limit]

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]


class MemoryBlobs:
    """Keeps `Blobs`."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self.away = 0

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("the disk is full")
        name = hashlib.sha256(payload).hexdigest()
        self.payloads[name] = payload
        return BlobRef(name, len(payload))

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        if ref.hash not in self.payloads:
            raise NotFound("it is gone")
        return self.payloads[ref.hash]

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        payload = b"".join([piece async for piece in pieces])
        if len(payload) > size_max:
            raise LimitExceeded("it is too long")
        return await self.put(workspace, payload)

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        yield await self.get(workspace, ref)


class NamedSecrets:
    """Keeps `Secrets`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.asked: list[str] = []

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        self.asked.append(name)
        if name not in self.values:
            raise NotFound(f"there is no secret {name!r}", hint="Put it into secrets.toml.")
        return self.values[name]


class World:
    """Ports, runner and shortcuts."""

    def __init__(self, folder: Path, *types: NodeType) -> None:
        self.folder = folder
        self.types = {each.info.uses: each for each in types}
        self.clock = FixedClock()
        self.journal = MemoryJournal()
        self.logs = MemoryLogs()
        self.seen: list[LogLine] = []
        self._hoped: list[tuple[str, asyncio.Future[str]]] = []
        self.sink = LogSink(self.logs, listener=self._hear, flush_s=0.01)
        self.blobs = MemoryBlobs()
        self.secrets = NamedSecrets({"token": CANARY})
        self.launcher = Launcher()
        self.grants = Grants()
        self.http: HttpAccess | None = None
        """Takes the place of the real client."""
        self.options = RunnerOptions(
            scratch_root=folder / "scratch", cancel_grace_s=2.0, store_retry_s=(0.0, 0.0)
        )

    def runner(self) -> AttemptRunner:
        services = AttemptServices(
            journal=self.journal,
            logs=self.sink,
            blobs=self.blobs,
            secrets=self.secrets,
            clock=self.clock,
            programs=self.launcher,
            http=self.http or GuardedHttp(self.grants),
            grants=self.grants,
        )
        apart = IsolationOptions(http="legato.nodes.http_access:GuardedHttp")
        isolation = Isolation(self.launcher, services, self.options, apart)
        return AttemptRunner(self.types, services, self.options, isolation)

    def _hear(self, line: LogLine) -> None:
        self.seen.append(line)
        for text, future in self._hoped:
            if text in line.text and not future.done():
                future.set_result(line.text)

    async def heard(self, text: str) -> str:
        """Wait until a log line holds the text, and return that line."""
        for line in self.seen:
            if text in line.text:
                return line.text
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._hoped.append((text, future))
        return await asyncio.wait_for(future, 20)

    def limit(self, **limits: int) -> None:
        """Change limits of the runners made from now on."""
        self.options = RunnerOptions(
            limits=Limits(**limits),
            scratch_root=self.options.scratch_root,
            store_retry_s=self.options.store_retry_s,
        )

    async def run(self, node_type: NodeType, config: Any = None, **changes: Any) -> Report:
        """Run one attempt of a node type and write its log."""
        self.types[node_type.info.uses] = node_type
        report = await self.runner().run(request(node_type, config, **changes))
        await self.sink.flush()
        return report

    async def output(self, node_type: NodeType, config: Any = None, **changes: Any) -> Any:
        """Run one attempt that succeeds; return its output."""
        report = await self.run(node_type, config, **changes)
        assert isinstance(report, ReportSuccess), report
        if report.output.ref is not None:
            return load(self.blobs.payloads[report.output.ref.hash])
        return load(report.output.json)

    async def error(self, node_type: NodeType, config: Any = None, **changes: Any) -> NodeError:
        """Run one attempt that fails; return its error."""
        report = await self.run(node_type, config, **changes)
        assert isinstance(report, ReportFailure), report
        return report.error

    async def everything_said(self, report: Report | None = None) -> str:
        """Return all that has left the attempt: report, log, journal, blobs."""
        await self.sink.flush()
        parts = [repr(line) for line in self.logs.lines]
        parts += [repr(row) for row in self.journal.rows.values()]
        parts += [payload.decode("utf-8", "replace") for payload in self.blobs.payloads.values()]
        if report is not None:
            parts.append(msgspec.json.encode(report).decode())
        return "\n".join(parts)


def request(node_type: NodeType, config: Any = None, **changes: Any) -> AttemptRequest:
    """Make a request; `written` is the `with` block of the document if it differs."""
    data = msgspec.json.encode({} if config is None else config)
    written = changes.pop("written", None)
    node = NodeSpec(
        id=NodeId(changes.pop("node", "step_one")),
        uses=node_type.info.uses,
        config=msgspec.Raw(data if written is None else msgspec.json.encode(written)),
    )
    effect: EffectClass = changes.pop("effect", "idempotent")
    return AttemptRequest(
        execution_id=EXECUTION,
        workspace=LOCAL_WORKSPACE,
        node=node,
        attempt=changes.pop("attempt", 1),
        effect=effect,
        config=data,
        **changes,
    )


def wait_gone(pid: int, wait_s: float = 5.0) -> bool:
    """Wait for a process to end; tell whether it has."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], wait_s)[0])
    finally:
        os.close(pidfd)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return False
