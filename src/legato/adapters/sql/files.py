# SPDX-License-Identifier: Apache-2.0
"""Files on both databases. How much room those of a workspace take is counted under one lock.

Rules: FI9-FI11, FI14, FI20-FI22, FI32-FI36, FI41.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.clean import clean
from legato.adapters.sql.once import remember
from legato.adapters.sql.script import Driver, Row, Script, step
from legato.errors import InvalidInput
from legato.model.ids import ExecutionId, WorkspaceId
from legato.ports.admission import Once
from legato.ports.audit import AuditEntry
from legato.ports.files import FileQuery, Quota, QuotaExceeded, StoredFile

_ALWAYS: Final = 2**62
_SLACK_MS: Final = 3_600_000
"""By so much the clock that made an id may differ from that of the database."""
EXPIRED_AT_ONCE: Final = 200
"""Files that are deleted in one transaction."""


class SqlFiles:
    """Keeps `ports.files.Files`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def add(
        self,
        file: StoredFile,
        audit: Sequence[AuditEntry],
        *,
        quota_bytes: int,
        once: Once | None = None,
    ) -> None:
        """Keep `Files.add`."""

        def script() -> Script[None]:
            yield from remember(once)
            (space,) = yield from step("files.space_lock", workspace=file.workspace)
            if not (yield from _has_content(file.workspace, file.hash)):
                most = quota_bytes if space["own"] is None else space["own"]
                if space["used"] + file.size > most:
                    raise QuotaExceeded(f"the files of a workspace may take {most} bytes")
                yield from _grow(file.workspace, file.size)
            yield from step("files.add", **msgspec.structs.asdict(file))
            yield from record(audit)

        await self._driver.run(script)

    async def get(self, workspace: WorkspaceId, file_id: str) -> StoredFile | None:
        """Keep `Files.get`."""
        rows = await self._driver.look_up("files.get", workspace=workspace, id=file_id)
        return _file(rows[0]) if rows else None

    async def find(self, wanted: FileQuery) -> list[StoredFile]:
        """Keep `Files.find`."""
        values: dict[str, Any] = {
            "workspace": wanted.workspace,
            "limit": wanted.limit,
            "created_after": wanted.created_after or 0,
            "created_before": _ALWAYS,
            "above": None,
            "below": wanted.before,
        }
        if wanted.created_after is not None:
            values["above"] = _first_id(wanted.created_after - _SLACK_MS)
        if wanted.created_before is not None:
            values["created_before"] = wanted.created_before
            last = _first_id(wanted.created_before + _SLACK_MS)
            values["below"] = min(last, wanted.before or last)
        name = "files.find"
        if wanted.hash is not None:
            name = "files.find_hash"
            values |= {"hash": wanted.hash, "name": wanted.name}
        elif wanted.name is not None:
            name = "files.find_name"
            values["name"] = wanted.name
        return [_file(row) for row in await self._driver.fetch(name, **values)]

    async def named(self, workspace: WorkspaceId, ids: Sequence[str]) -> dict[str, StoredFile]:
        """Keep `Files.named`."""
        if not ids:
            return {}
        rows = await self._driver.fetch("files.named", workspace=workspace, ids=_list(ids))
        return {row["id"]: _file(row) for row in rows}

    async def remove(
        self, workspace: WorkspaceId, file_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Files.remove`."""

        def script() -> Script[bool]:
            yield from step("files.space_lock", workspace=workspace)
            if not (yield from _remove(workspace, file_id)):
                return False
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def expire(self, age_ms: int, limit: int = 1_000) -> int:
        """Keep `Files.expire`."""
        count = 0
        while count < limit:
            most = min(EXPIRED_AT_ONCE, limit - count)
            old = await self._driver.fetch("files.old", age_ms=age_ms, limit=most)
            places: dict[WorkspaceId, list[str]] = {}
            for row in old:
                places.setdefault(row["workspace"], []).append(row["id"])
            for workspace, ids in places.items():
                count += await self._driver.run(lambda w=workspace, i=ids: _remove_all(w, i))  # type: ignore[misc]
            if len(old) < most:
                break
        return count

    async def quota(self, workspace: WorkspaceId) -> Quota:
        """Keep `Files.quota`."""
        rows = await self._driver.fetch("files.space", workspace=workspace)
        return _quota(rows[0]) if rows else Quota(used=0)

    async def set_quota(
        self, workspace: WorkspaceId, own: int | None, audit: Sequence[AuditEntry]
    ) -> Quota:
        """Keep `Files.set_quota`."""

        def script() -> Script[Quota]:
            (row,) = yield from step("files.space_own", workspace=workspace, own=own)
            yield from record(audit)
            return _quota(row)

        return await self._driver.run(script)

    async def referred(self, workspace: WorkspaceId, hashes: Sequence[str]) -> set[str]:
        """Keep `Files.referred`."""
        if not hashes:
            return set()
        rows = await self._driver.fetch("files.referred", workspace=workspace, hashes=_list(hashes))
        return {row["hash"] for row in rows}

    async def oldest_work(self, workspace: WorkspaceId) -> int | None:
        """Keep `Files.oldest_work`."""
        (row,) = await self._driver.fetch("files.oldest_work", workspace=workspace)
        at: int | None = row["at"]
        return at

    async def hold(self, holder: str, ttl_ms: int) -> None:
        """Keep `Files.hold`."""

        def script() -> Script[None]:
            yield from step("files.holds_drop")
            yield from step("files.hold", holder=holder, ttl_ms=ttl_ms)

        await self._driver.run(script)

    async def let_go(self, holder: str) -> None:
        """Keep `Files.let_go`."""
        await self._driver.run(lambda: step("files.let_go", holder=holder))

    async def is_held(self) -> bool:
        """Keep `Files.is_held`."""
        return bool(await self._driver.fetch("files.holds"))


def refer(workspace: WorkspaceId, execution_id: ExecutionId, ids: Sequence[str]) -> Script[None]:
    """Have an execution keep the payloads of files, in the transaction that makes it.

    Raises:
        InvalidInput: One of them has been deleted meanwhile.
    """
    for file_id in sorted(ids):
        found = yield from step("files.lock", workspace=workspace, id=file_id)
        if not found:
            raise InvalidInput("a file of the inputs was deleted meanwhile")
        (row,) = found
        yield from step(
            "files.refer", workspace=workspace, execution_id=execution_id,
            hash=row["hash"], size=row["size"],
        )  # fmt: skip


def _has_content(workspace: WorkspaceId, content: str) -> Script[bool]:
    return bool((yield from step("files.has_content", workspace=workspace, hash=content)))


def _grow(workspace: WorkspaceId, size: int) -> Script[None]:
    yield from step("files.space_change", workspace_is=workspace, bytes=size)


def _remove(workspace: WorkspaceId, file_id: str) -> Script[bool]:
    """Delete a file; its room is free when no other file has the same content."""
    found = yield from step("files.remove", workspace=workspace, id=file_id)
    if not found:
        return False
    if not (yield from _has_content(workspace, found[0]["hash"])):
        yield from _grow(workspace, -found[0]["size"])
    return True


def _remove_all(workspace: WorkspaceId, ids: Sequence[str]) -> Script[int]:
    yield from step("files.space_lock", workspace=workspace)
    count = 0
    for file_id in ids:
        count += yield from _remove(workspace, file_id)
    return count


def _file(row: Row) -> StoredFile:
    return StoredFile(**{name: row[name] for name in StoredFile.__struct_fields__})


def _quota(row: Row) -> Quota:
    return Quota(used=row["used"], own=row["own"])


def _list(texts: Sequence[str]) -> str:
    return msgspec.json.encode([clean(each) for each in texts]).decode()


def _first_id(at_ms: int) -> str:
    """Return the lowest UUIDv7 of an instant."""
    stamp = f"{min(max(at_ms, 0), 2**48 - 1):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"
