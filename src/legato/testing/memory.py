# SPDX-License-Identifier: Apache-2.0
"""The ports of an attempt in memory: what was journalled, said and stored is there to be looked at.

Each keeps its port's contract, no more. `away` makes that many operations fail as a store that does
not answer would.

Rules: TK1.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence

from legato.errors import LimitExceeded, NotFound, Unavailable
from legato.model.ids import ExecutionId, NodeId, WorkspaceId
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.credentials import OpenCredential
from legato.ports.journal import StepKey, StepRow


class MemoryJournal:
    """Keeps `legato.ports.journal.Journal`, with its fence by attempt."""

    def __init__(self) -> None:
        """Begin empty."""
        self.rows: dict[StepKey, StepRow] = {}
        self.away: dict[str, int] = {}
        """How often an operation by this name fails before it works."""

    async def get(self, key: StepKey) -> StepRow | None:
        """Keep `Journal.get`."""
        self._reach("get")
        return self.rows.get(key)

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Keep `Journal.begin`."""
        self._reach("begin")
        row = self.rows.get(key)
        if row is not None and (row.attempt > attempt or row.output is not None):
            return False
        self.rows[key] = StepRow(key=key, attempt=attempt, input_hash=input_hash)
        return True

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Keep `Journal.finish`."""
        self._reach("finish")
        row = self.rows.get(key)
        if row is not None and row.attempt > attempt:
            return False
        self.rows[key] = StepRow(key=key, attempt=attempt, input_hash=input_hash, output=output)
        return True

    def _reach(self, operation: str) -> None:
        left = self.away.get(operation, 0)
        if left > 0:
            self.away[operation] = left - 1
            raise Unavailable("the store is away")


class MemoryLogs:
    """Keeps `legato.ports.attempt_logs.AttemptLogs`."""

    def __init__(self) -> None:
        """Begin empty."""
        self.lines: list[LogLine] = []
        self.batches: list[int] = []
        self.stored = asyncio.Event()
        self.away = 0

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Keep `AttemptLogs.append`."""
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
        """Keep `AttemptLogs.read`."""
        return list(enumerate(self.lines, 1))[after : after + limit]

    @property
    def texts(self) -> list[str]:
        """The text of every line."""
        return [line.text for line in self.lines]


class MemoryBlobs:
    """Keeps `legato.ports.blobs.Blobs`, of one workspace; payloads are in `payloads` by hash."""

    def __init__(self) -> None:
        """Begin empty."""
        self.payloads: dict[str, bytes] = {}
        self.away = 0

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        """Keep `Blobs.put`."""
        if self.away > 0:
            self.away -= 1
            raise Unavailable("the disk is full")
        name = hashlib.sha256(payload).hexdigest()
        self.payloads[name] = payload
        return BlobRef(name, len(payload))

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        """Keep `Blobs.get`."""
        if ref.hash not in self.payloads:
            raise NotFound("it is gone")
        return self.payloads[ref.hash]

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        """Keep `Blobs.put_stream`."""
        payload = b"".join([piece async for piece in pieces])
        if len(payload) > size_max:
            raise LimitExceeded("it is too long")
        return await self.put(workspace, payload)

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `Blobs.stream`."""
        yield await self.get(workspace, ref)


class NamedCredentials:
    """Keeps `legato.ports.credentials.Vault`; `used` lists the names that were asked for."""

    def __init__(self, *credentials: OpenCredential) -> None:
        """Args: credentials of the one workspace."""
        self.values = {each.name: each for each in credentials}
        self.used: list[str] = []

    async def use(
        self, workspace: WorkspaceId, name: str, execution_id: ExecutionId
    ) -> OpenCredential | None:
        """Keep `Vault.use`."""
        self.used.append(name)
        return self.values.get(name)


class NamedSecrets:
    """Keeps `legato.ports.secrets.Secrets`; `asked` lists the names that were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Args: values by name."""
        self.values = dict(values)
        self.asked: list[str] = []

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        """Keep `Secrets.get`."""
        self.asked.append(name)
        if name not in self.values:
            raise NotFound(f"there is no secret {name!r}", hint="Put it into secrets.toml.")
        return self.values[name]
