# SPDX-License-Identifier: Apache-2.0
"""Executions, versions, journal, attempt logs and blobs in memory.

Rules: LG15, LG17, LG25, LG26, JN1-JN3.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Sequence

from legato.adapters.memory.database import MemoryDatabase, Record
from legato.adapters.search import holds, search_words
from legato.errors import LimitExceeded, NotFound
from legato.model.frames import OPEN_EXECUTION, ExecutionStatus
from legato.model.ids import ExecutionId, NodeId, VersionHash, WorkspaceId
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.catalogue import Publication, VersionRow
from legato.ports.executions import ExecutionFilter, ExecutionRow
from legato.ports.journal import StepKey, StepRow


class MemoryExecutions:
    """Keeps `ports.executions.Executions`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def get(self, execution_id: ExecutionId) -> ExecutionRow | None:
        """Keep `Executions.get`."""

        def work() -> ExecutionRow | None:
            record = self._database.records.get(execution_id)
            return _row(record) if record else None

        return await self._database.run(self._process, "get", work)

    async def find(self, wanted: ExecutionFilter) -> list[ExecutionRow]:
        """Keep `Executions.find`."""

        def work() -> list[ExecutionRow]:
            found = [each for each in self._database.records.values() if _matches(each, wanted)]
            found.sort(key=_place, reverse=True)
            if wanted.before is not None:
                before = self._database.records.get(wanted.before)
                found = [each for each in found if before and _place(each) < _place(before)]
            return [_row(each) for each in found[: wanted.limit]]

        return await self._database.run(self._process, "find", work)

    async def find_by_prefix(self, workspace: WorkspaceId, prefix: str) -> list[ExecutionId]:
        """Keep `Executions.find_by_prefix`."""

        def work() -> list[ExecutionId]:
            return sorted(
                each.execution_id
                for each in self._database.records.values()
                if each.workspace == workspace and each.execution_id.startswith(prefix)
            )[:10]

        return await self._database.run(self._process, "find_by_prefix", work)

    async def descendants(self, execution_id: ExecutionId, *, limit: int) -> list[ExecutionRow]:
        """Keep `Executions.descendants`."""

        def work() -> list[ExecutionRow]:
            family = {execution_id}
            found: list[Record] = []
            # A child is made after its parent, so one look in the order of making is enough.
            for each in self._database.records.values():
                if each.parent in family:
                    family.add(each.execution_id)
                    found.append(each)
            found.sort(key=_place)
            return [_row(each) for each in found[:limit]]

        return await self._database.run(self._process, "descendants", work)

    async def blobs(self, execution_id: ExecutionId) -> list[BlobRef]:
        """Keep `Executions.blobs`."""

        def work() -> list[BlobRef]:
            kept = self._database.references.get(execution_id, {})
            return [kept[name] for name in sorted(kept)]

        return await self._database.run(self._process, "blobs", work)

    async def counts(self, workspace: WorkspaceId) -> dict[ExecutionStatus, int]:
        """Keep `Executions.counts`."""

        def work() -> dict[ExecutionStatus, int]:
            records = self._database.records.values()
            return dict(Counter(each.status for each in records if each.workspace == workspace))

        return await self._database.run(self._process, "counts", work)

    async def open_counts(self) -> dict[ExecutionStatus, int]:
        """Keep `Executions.open_counts`."""

        def work() -> dict[ExecutionStatus, int]:
            statuses = (each.status for each in self._database.records.values())
            return dict(Counter(each for each in statuses if each in OPEN_EXECUTION))

        return await self._database.run(self._process, "open_counts", work)


class MemoryVersions:
    """Keeps `ports.catalogue.Versions`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def put(self, row: VersionRow) -> None:
        """Keep `Versions.put`."""

        def work() -> None:
            self._database.versions.setdefault(row.version, row)

        await self._database.run(self._process, "put_version", work)

    async def publish(
        self, row: VersionRow, *, by: str = "", restores: int | None = None
    ) -> tuple[Publication, bool]:
        """Keep `Versions.publish`."""

        def work() -> tuple[Publication, bool]:
            past = self._database.publications.setdefault((row.workspace, row.name), [])
            if past and (past[-1][0].version, past[-1][1]) == (row.version, row.source):
                return past[-1][0], False
            made = Publication(
                workspace=row.workspace,
                name=row.name,
                number=len(past) + 1,
                version=row.version,
                at=row.created_at,
                by=by,
                restores=restores,
                hash=hashlib.sha256(row.source).hexdigest(),
            )
            self._database.versions.setdefault(row.version, row)
            past.append((made, row.source))
            return made, True

        return await self._database.run(self._process, "publish", work)

    async def get(self, version: VersionHash) -> VersionRow | None:
        """Keep `Versions.get`."""
        return await self._database.run(
            self._process, "get_version", lambda: self._database.versions.get(version)
        )

    async def published(self, workspace: WorkspaceId, name: str) -> VersionHash | None:
        """Keep `Versions.published`."""
        found = await self.publications(workspace, name, limit=1)
        return found[0].version if found else None

    async def names(self, workspace: WorkspaceId) -> list[str]:
        """Keep `Versions.names`."""
        return [each.name for each in await self.newest(workspace)]

    async def newest(self, workspace: WorkspaceId) -> list[Publication]:
        """Keep `Versions.newest`."""

        def work() -> list[Publication]:
            places = sorted(self._database.publications.items())
            return [past[-1][0] for (space, _), past in places if space == workspace]

        return await self._database.run(self._process, "newest", work)

    async def publications(
        self, workspace: WorkspaceId, name: str, *, limit: int = 1_000
    ) -> list[Publication]:
        """Keep `Versions.publications`."""

        def work() -> list[Publication]:
            past = self._database.publications.get((workspace, name), [])
            return [each for each, _ in reversed(past)][:limit]

        return await self._database.run(self._process, "publications", work)

    async def source(self, workspace: WorkspaceId, name: str, number: int) -> bytes | None:
        """Keep `Versions.source`."""

        def work() -> bytes | None:
            past = self._database.publications.get((workspace, name), [])
            return next((source for each, source in past if each.number == number), None)

        return await self._database.run(self._process, "source", work)


class MemoryJournal:
    """Keeps `ports.journal.Journal`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def get(self, key: StepKey) -> StepRow | None:
        """Keep `Journal.get`."""
        return await self._database.run(
            self._process, "get_step", lambda: self._database.steps.get(key)
        )

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Keep `Journal.begin`."""

        def work() -> bool:
            row = self._database.steps.get(key)
            if row is not None and (row.attempt > attempt or row.output is not None):
                return False
            self._database.steps[key] = StepRow(key=key, attempt=attempt, input_hash=input_hash)
            return True

        return await self._database.run(self._process, "begin", work)

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Keep `Journal.finish`."""

        def work() -> bool:
            row = self._database.steps.get(key)
            if row is not None and row.attempt > attempt:
                return False
            self._database.steps[key] = StepRow(
                key=key, attempt=attempt, input_hash=input_hash, output=output
            )
            return True

        return await self._database.run(self._process, "finish", work)


class MemoryAttemptLogs:
    """Keeps `ports.attempt_logs.AttemptLogs`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Keep `AttemptLogs.append`."""

        def work() -> None:
            database = self._database
            for line in lines:
                key = (line.execution_id, line.node, line.item, line.attempt, line.offset)
                if key in database.line_keys or (
                    line.offset >= database.limits.max_log_lines_per_attempt
                ):
                    continue
                database.line_keys.add(key)
                database.lines.setdefault(line.execution_id, []).append((database.next_id(), line))

        await self._database.run(self._process, "append_logs", work)

    async def read(
        self,
        execution_id: ExecutionId,
        *,
        node: NodeId | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[tuple[int, LogLine]]:
        """Keep `AttemptLogs.read`."""

        def work() -> list[tuple[int, LogLine]]:
            return [
                (row_id, line)
                for row_id, line in self._database.lines.get(execution_id, [])
                if row_id > after and node in (None, line.node)
            ][:limit]

        return await self._database.run(self._process, "read_logs", work)


class MemoryBlobs:
    """Keeps `ports.blobs.Blobs`."""

    def __init__(self, database: MemoryDatabase, process: str) -> None:
        self._database = database
        self._process = process

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        """Keep `Blobs.put`."""
        ref = BlobRef(hashlib.sha256(payload).hexdigest(), len(payload))

        def work() -> BlobRef:
            self._database.blobs[workspace, ref.hash] = payload
            return ref

        return await self._database.run(self._process, "put_blob", work)

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        """Keep `Blobs.get`."""

        def work() -> bytes:
            payload = self._database.blobs.get((workspace, ref.hash))
            if payload is None:
                raise NotFound(f"blob {ref.hash} is gone from workspace {workspace}")
            return payload

        return await self._database.run(self._process, "get_blob", work)

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        """Keep `Blobs.put_stream`; here the whole payload is in memory all the same."""
        payload = bytearray()
        async for piece in pieces:
            payload += piece
            if len(payload) > size_max:
                raise LimitExceeded(f"the payload is longer than {size_max} bytes")
        return await self.put(workspace, bytes(payload))

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `Blobs.stream`."""
        yield await self.get(workspace, ref)


def _place(record: Record) -> tuple[int, ExecutionId]:
    return record.created_at, record.execution_id


def _matches(record: Record, wanted: ExecutionFilter) -> bool:
    return (
        record.workspace == wanted.workspace
        and (wanted.workflow is None or record.workflow == wanted.workflow)
        and (not wanted.statuses or record.status in wanted.statuses)
        and (wanted.with_children or record.parent is None)
        and (wanted.search is None or holds(record.search, search_words(wanted.search)))
    )


def _row(record: Record) -> ExecutionRow:
    return ExecutionRow(
        execution_id=record.execution_id,
        workspace=record.workspace,
        workflow=record.workflow,
        version=record.version,
        status=record.status,
        head_seq=record.head_seq,
        nodes_done=record.nodes_done,
        nodes_total=record.nodes_total,
        created_at=record.created_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        error=record.error,
        waiting_for=record.waiting_for,
        parent=record.parent,
        forked_from=record.forked_from,
        owner=record.owner,
        trigger=record.trigger,
        workflow_id=record.workflow_id,
        number=record.number,
        is_test=record.is_test,
        trigger_id=record.trigger_id,
        scheduled_at=record.scheduled_at,
    )
