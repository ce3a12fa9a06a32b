# SPDX-License-Identifier: Apache-2.0
"""A small world for attempts: the services of the test kit, any options, and isolated attempts."""

import os
import select
from pathlib import Path
from typing import Any

import msgspec

from legato.model.events import NodeError
from legato.model.ids import LOCAL_WORKSPACE, NodeId
from legato.model.policy import EffectClass, Limits
from legato.model.signals import ReportFailure, ReportSuccess
from legato.model.values import load
from legato.model.workflow import NodeSpec
from legato.ports.credentials import Vault
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.node import NodeType
from legato.runtime.attempt.isolated import Isolation, IsolationOptions
from legato.runtime.attempt.request import AttemptRequest, Report, RunnerOptions
from legato.runtime.attempt.runner import AttemptRunner
from legato.testing import MemoryLogs, NamedSecrets
from legato.testing.harness import EXECUTION, Services

__all__ = ["CANARY", "EXECUTION", "MemoryLogs", "World", "is_alive", "request", "wait_gone"]

CANARY = "k4nari-Vogel+99/§"
"""A secret that must never be seen; some of its characters change in URL and base64 form."""


class World:
    """Ports, runner and shortcuts."""

    def __init__(self, folder: Path, *types: NodeType) -> None:
        self.folder = folder
        self.types = {each.info.uses: each for each in types}
        self.services = Services(secrets=NamedSecrets({"token": CANARY}))
        self.clock = self.services.clock
        self.journal = self.services.journal
        self.logs = self.services.logs
        self.seen = self.services.seen
        self.sink = self.services.sink
        self.blobs = self.services.blobs
        self.secrets = self.services.secrets
        self.launcher = self.services.launcher
        self.grants = Grants()
        self.http: HttpAccess | None = None
        """Takes the place of the real client."""
        self.vault: Vault | None = None
        self.options = RunnerOptions(
            scratch_root=folder / "scratch", cancel_grace_s=2.0, store_retry_s=(0.0, 0.0)
        )

    def runner(self) -> AttemptRunner:
        self.services.secrets = self.secrets
        self.services.launcher = self.launcher
        self.services.grants = self.grants
        self.services.blobs = self.blobs
        self.services.http = self.http
        self.services.vault = self.vault
        services = self.services.bundle()
        apart = IsolationOptions(http="legato.nodes.http_access:GuardedHttp")
        isolation = Isolation(self.launcher, services, self.options, apart)
        return AttemptRunner(self.types, services, self.options, isolation)

    async def heard(self, text: str) -> str:
        """Wait until a log line holds the text, and return that line."""
        return await self.services.heard(text)

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
