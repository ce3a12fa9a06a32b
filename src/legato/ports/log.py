# SPDX-License-Identifier: Apache-2.0
"""The log: one gapless list of events per execution, appended by its owner only.

`append` is the only way in. It is atomic per turn and fenced: a turn whose (fence, previous seq)
no longer match the execution's row is refused and everything else of the batch stands.

Rules: LG.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from legato.errors import LimitExceeded
from legato.model.frames import ExecutionStatus
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId
from legato.model.values import BlobRef


class LogRow(msgspec.Struct, frozen=True, array_like=True):
    """One stored event: its place, its time in ms, its JSON body."""

    seq: int
    at: int
    body: bytes


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """What lists and doors read of an execution: absolute values, written with every turn.

    `wake_at` is the next instant (ms) at which the execution has to be looked at without any
    signal, or None. `is_busy` is false when nothing runs, so that it may be let go. `search` is
    set by the turn whose inputs or outputs changed: text for the full-text index.
    """

    status: ExecutionStatus
    wake_at: int | None = None
    is_busy: bool = False
    nodes_done: int = 0
    nodes_total: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    error: str | None = None
    waiting_for: str | None = None
    search: str | None = None


class NewExecution(msgspec.Struct, frozen=True, kw_only=True):
    """A row to create. `start` (an encoded StartExecution) is set if no turn has begun it yet.

    With `owner` the creating engine owns it from the first moment, with fence 1; without, it is
    queued and any engine may claim it. Creating an id that exists changes nothing. `blobs_of`: a
    fork keeps the payloads of these executions too, from the moment on at which it exists.
    Of uploaded `files` it keeps the payloads, if it is admitted (`ports.admission`).
    `number` is that of the publication it runs; None for what was never published. A test may use
    pinned outputs and is no run of the published workflow. `scheduled_at` is the tick's, in ms.
    """

    execution_id: ExecutionId
    workspace: WorkspaceId
    workflow: str
    version: VersionHash
    created_at: int
    owner: EngineId | None = None
    start: bytes | None = None
    parent: ExecutionId | None = None
    root: ExecutionId | None = None
    forked_from: ExecutionId | None = None
    trigger: str = "manual"
    workflow_id: str | None = None
    number: int | None = None
    is_test: bool = False
    trigger_id: str | None = None
    scheduled_at: int | None = None
    nodes_total: int = 0
    blobs_of: tuple[ExecutionId, ...] = ()
    files: tuple[str, ...] = ()


def queue_full(queued: int, queued_max: int) -> LimitExceeded:
    """Return the refusal of an execution that would be one too many in the queue."""
    return LimitExceeded(
        f"{queued} executions are queued; the limit is {queued_max}.",
        hint="Wait until some of them have run.",
    )


class OutSignal(msgspec.Struct, frozen=True):
    """A signal for another execution's inbox, made durable with the turn that sends it."""

    execution_id: ExecutionId
    dedupe_key: str
    body: bytes
    at: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one turn makes durable, or nothing of it.

    Attributes:
        execution_id: Whose log.
        fence: The owner number under which the turn was taken.
        prev_seq: Head seq before it; its events get prev_seq + 1, + 2, …
        at: Time of all its events, ms.
        events: Encoded events, possibly none (then only projection and `consumed` change).
        projection: The row's new values.
        consumed: Inbox row ids that this turn considered (marked, not deleted).
        new: Set by the turn that creates its own execution (then prev_seq is 0, fence is 1).
        children: Rows to create for children.
        outbox: Signals to other executions.
        blobs: Payloads that its events refer to; they are kept as long as the execution.
    """

    execution_id: ExecutionId
    fence: int
    prev_seq: int
    at: int
    events: tuple[bytes, ...]
    projection: Projection
    consumed: tuple[int, ...] = ()
    new: NewExecution | None = None
    children: tuple[NewExecution, ...] = ()
    outbox: tuple[OutSignal, ...] = ()
    blobs: tuple[BlobRef, ...] = ()


class Log(Protocol):
    """Append and read."""

    async def append(self, turns: Sequence[Turn]) -> Sequence[bool]:
        """Make turns durable in one transaction, or with others in a shared one.

        Args:
            turns: At most one per execution.

        Returns:
            For each turn whether it was accepted. False: somebody else owns the execution now.

        Raises:
            StoreUnavailable: Nothing is known about the outcome; state must be loaded again.
        """
        ...

    async def create(self, executions: Sequence[NewExecution]) -> Sequence[bool]:
        """Create queued executions; False for an id that exists already.

        Raises:
            LimitExceeded: More than the admitted number are queued.
            StoreUnavailable: The outcome is unknown.
        """
        ...

    async def read(
        self, execution_id: ExecutionId, *, after: int = 0, limit: int = 10_000
    ) -> list[LogRow]:
        """Return committed events with seq > `after`, in order, at most `limit`."""
        ...

    async def read_many(
        self, execution_ids: Sequence[ExecutionId]
    ) -> dict[ExecutionId, list[LogRow]]:
        """Return the whole committed logs of several executions in few round trips."""
        ...

    async def heads(self, execution_ids: Sequence[ExecutionId]) -> dict[ExecutionId, int]:
        """Return the committed head seq of each known execution."""
        ...
