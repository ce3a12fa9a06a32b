# SPDX-License-Identifier: Apache-2.0
"""What the in-memory ports share: the rows, the commit counter, the injected faults.

One `MemoryDatabase` may serve several "processes" (sets of ports made with different names), so
that two engines can run on one store. Every change is applied without an await in between: it is
atomic for all tasks of the loop. It must contain no rules of the ports.

Rules: LG, OW.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId
from legato.model.policy import Limits
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.catalogue import Publication, VersionRow
from legato.ports.clock import Clock
from legato.ports.journal import StepKey, StepRow
from legato.ports.log import LogRow

T = TypeVar("T")

WRITES: Final = frozenset(
    {
        "append", "create", "send", "register", "renew", "resign", "claim", "claim_one", "release",
        "put_version", "publish", "begin", "finish", "append_logs", "put_blob",
    }
)  # fmt: skip
"""Operations after whose commit other processes are told of a change."""
_CLAIMS: Final = frozenset({"claim", "claim_one"})
"""Operations that change nothing if they find nothing: idle engines must not wake each other."""


class Faults(Protocol):
    """Where a simulation breaks the store. Raise `StoreUnavailable` to fail an operation.

    `operation` is the port method's name (`append`, `claim`, `read` …; see `WRITES`).
    """

    async def before(self, process: str, operation: str) -> None:
        """Wait or raise before anything is applied: the operation then did not happen."""
        ...

    async def after(self, process: str, operation: str) -> None:
        """Wait or raise after it was applied: the caller does not learn that it happened."""
        ...


class Record(msgspec.Struct, kw_only=True):
    """One execution: its row and what hangs on it. Times are ms since the Unix epoch."""

    execution_id: ExecutionId
    workspace: WorkspaceId
    workflow: str
    version: VersionHash
    created_at: int
    order: int
    status: ExecutionStatus = "queued"
    owner: EngineId | None = None
    fence: int = 0
    head_seq: int = 0
    wake_at: int | None = None
    is_busy: bool = False
    nodes_done: int = 0
    nodes_total: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    error: str | None = None
    waiting_for: str | None = None
    parent: ExecutionId | None = None
    root: ExecutionId | None = None
    forked_from: ExecutionId | None = None
    trigger: str = "manual"
    workflow_id: str | None = None
    number: int | None = None
    is_test: bool = False
    trigger_id: str | None = None
    scheduled_at: int | None = None
    start: bytes | None = None
    search: str = ""
    events: list[LogRow] = []
    keys: set[str] = set()
    inbox: dict[int, bytes] = {}

    @property
    def is_final(self) -> bool:
        """Tell whether the execution has ended."""
        return self.status in FINAL_EXECUTION


class EngineRecord(msgspec.Struct):
    """A registered engine; `lease_until` is ms of the database's steady clock."""

    engine: EngineId
    process: str
    lease_until: int
    adopts: bool


class MemoryDatabase:
    """The rows of one store in memory."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        faults: Faults | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Make an empty store.

        Args:
            clock: The database's own clock, which times leases; None takes the clock of the
                ports that ask.
            faults: Consulted around every operation.
            limits: Bounds on queued executions, inboxes and log lines.
        """
        self.clock = clock
        self.faults = faults
        self.limits = limits or Limits()
        self.epoch = 1
        self.records: dict[ExecutionId, Record] = {}
        self.live: dict[ExecutionId, Record] = {}
        self.engines: dict[EngineId, EngineRecord] = {}
        self.versions: dict[VersionHash, VersionRow] = {}
        self.publications: dict[tuple[WorkspaceId, str], list[tuple[Publication, bytes]]] = {}
        self.steps: dict[StepKey, StepRow] = {}
        self.lines: dict[ExecutionId, list[tuple[int, LogLine]]] = {}
        self.line_keys: set[tuple[object, ...]] = set()
        self.blobs: dict[tuple[WorkspaceId, str], bytes] = {}
        self.references: dict[ExecutionId, dict[str, BlobRef]] = {}
        self.commits: dict[str, int] = {}
        self._waiters: dict[asyncio.Future[None], str] = {}
        self._last_id = 0

    def next_id(self) -> int:
        """Return a number that grows and is never given twice."""
        self._last_id += 1
        return self._last_id

    def foreign_commits(self, process: str) -> int:
        """Return how many commits other processes have made."""
        return sum(count for name, count in self.commits.items() if name != process)

    async def run(self, process: str, operation: str, work: Callable[[], T]) -> T:
        """Carry out one operation: fault, change at once, tell the others, fault.

        Args:
            process: Who asks.
            operation: The port method's name.
            work: Changes and reads rows; must not leave a change behind if it raises.
        """
        await self._fault(self.faults.before if self.faults else None, process, operation)
        result = work()
        if operation in WRITES and (result or operation not in _CLAIMS):
            self.commits[process] = self.commits.get(process, 0) + 1
            self._tell(process)
        if self.faults:
            await self._fault(self.faults.after, process, operation)
        return result

    async def wait_for_others(self, process: str) -> None:
        """Return after the next commit of another process."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = process
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    def _tell(self, process: str) -> None:
        for waiter, name in list(self._waiters.items()):
            if name != process and not waiter.done():
                waiter.set_result(None)

    @staticmethod
    async def _fault(
        hook: Callable[[str, str], Awaitable[None]] | None, process: str, operation: str
    ) -> None:
        if hook is None:
            # A real store always suspends its caller; code must not come to rely on less.
            await asyncio.sleep(0)
        else:
            await hook(process, operation)
