# SPDX-License-Identifier: Apache-2.0
"""Retention, purges and restores on both databases.

Rules: BK22, BK23, BK40-BK43.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Driver, Script, step, steps
from legato.model.events import FinalStatus
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.signals import ResumeExecution, decode_signal
from legato.ports.audit import AuditEntry
from legato.ports.keeping import RESTORING, ROWS_MAX, LastBackup, Purged, Restored

TREE_MAX: Final = 200
"""Executions that one transaction takes out of sight."""
PIECES: Final = ("events", "inbox", "steps", "logs", "blobs")
_LAST_BACKUP: Final = "last_backup"


class SqlKeeping:
    """Keeps `ports.keeping.Keeping`."""

    def __init__(self, driver: Driver, *, is_sqlite: bool) -> None:
        self._driver = driver
        self._is_sqlite = is_sqlite

    # --- retention -----------------------------------------------------------------------------

    async def expired(
        self, status: FinalStatus, *, before: int, limit: int
    ) -> list[tuple[WorkspaceId, ExecutionId]]:
        """Keep `Keeping.expired`."""
        rows = await self._driver.fetch(
            "keeping.expired", status=status, before=before, limit=limit
        )
        return [(WorkspaceId(row["workspace"]), ExecutionId(row["id"])) for row in rows]

    async def purge(
        self, workspace: WorkspaceId, execution_id: ExecutionId, audit: Sequence[AuditEntry] = ()
    ) -> Purged:
        """Keep `Keeping.purge`."""
        return await self._driver.run(
            lambda: _purge(workspace, execution_id, audit, is_sqlite=self._is_sqlite)
        )

    async def sweep(self, limit: int = ROWS_MAX) -> int:
        """Keep `Keeping.sweep`."""
        found = await self._driver.fetch("keeping.purges")
        if not found:
            return 0
        return await self._driver.run(lambda: _sweep(found[0]["execution_id"], limit))

    async def forget_logs(
        self, *, before: int, after: int = 0, limit: int = ROWS_MAX
    ) -> int | None:
        """Keep `Keeping.forget_logs`."""
        page = await self._driver.fetch("keeping.logs_page", after=after, limit=limit)
        old = [row["id"] for row in page if row["at"] < before and row["ended_at"] is not None]
        if old:
            rows = [{"row": each} for each in old]
            await self._driver.run(lambda: steps("keeping.log_drop", rows))
        is_over = not page or page[-1]["at"] >= before
        return None if is_over else int(page[-1]["id"])

    # --- backup and restore --------------------------------------------------------------------

    async def note_backup(self, backup: LastBackup, audit: Sequence[AuditEntry]) -> None:
        """Keep `Keeping.note_backup`."""

        def script() -> Script[None]:
            (now,) = yield from step("keeping.now")
            noted = msgspec.structs.replace(backup, at=now["now"])
            text = msgspec.json.encode(noted).decode()
            yield from step("keeping.note_set", key=_LAST_BACKUP, value=text)
            yield from record(audit)

        await self._driver.run(script)

    async def last_backup(self) -> LastBackup | None:
        """Keep `Keeping.last_backup`."""
        found = await self._driver.fetch("keeping.note", key=_LAST_BACKUP)
        return msgspec.json.decode(found[0]["value"], type=LastBackup) if found else None

    async def open_executions(
        self, *, after: ExecutionId | None = None, limit: int = 100
    ) -> list[ExecutionId]:
        """Keep `Keeping.open_executions`."""
        if after is None:
            rows = await self._driver.fetch("keeping.open", limit=limit)
        else:
            rows = await self._driver.fetch("keeping.open_after", after=after, limit=limit)
        return [ExecutionId(row["id"]) for row in rows]

    async def end_old_life(self) -> Restored:
        """Keep `Keeping.end_old_life`."""
        return await self._driver.run(_end_old_life)

    async def is_restoring(self) -> bool:
        """Keep `Keeping.is_restoring`."""
        return bool(await self._driver.fetch("keeping.note", key=RESTORING))

    async def finish_restore(self, audit: Sequence[AuditEntry]) -> None:
        """Keep `Keeping.finish_restore`."""

        def script() -> Script[None]:
            yield from step("keeping.note_drop", key=_LAST_BACKUP)
            yield from step("keeping.note_drop", key=RESTORING)
            yield from record(audit)

        await self._driver.run(script)


def _purge(
    workspace: WorkspaceId,
    execution_id: ExecutionId,
    audit: Sequence[AuditEntry],
    *,
    is_sqlite: bool,
) -> Script[Purged]:
    found = yield from step("keeping.purge_look", id=execution_id, workspace=workspace)
    if not found:
        return "unknown"
    if found[0]["parent"] is not None:
        return "child"
    is_open = found[0]["status"] not in FINAL_EXECUTION
    if is_open or (yield from step("keeping.purge_open", id=execution_id)):
        return "open"
    tree = yield from step("keeping.purge_tree", id=execution_id, limit=TREE_MAX + 1)
    for row in tree[:TREE_MAX]:  # the deepest first: what is left still hangs together
        yield from step("keeping.purge_note", id=row["id"])
        for text in (yield from step("keeping.purge_texts", id=row["id"])):
            yield from step("keeping.purge_values", row_id=text["id"])
            if is_sqlite:  # where the words stand in a table of their own
                yield from step("index.drop", row_id=text["id"])
        yield from step("keeping.purge_text", id=row["id"])
        yield from step("keeping.purge_row", id=row["id"])
    if len(tree) > TREE_MAX:
        return "partly"
    yield from record(audit)
    return "purged"


def _sweep(execution_id: str, limit: int) -> Script[int]:
    count = 0
    for name in PIECES:
        gone = yield from step(f"keeping.piece_{name}", id=execution_id, limit=limit)
        count += len(gone)
    if not count:
        yield from step("keeping.purge_done", id=execution_id)
    return max(count, 1)


def _end_old_life() -> Script[Restored]:
    (epoch,) = yield from step("keeping.epoch_up")
    ended = yield from step("keeping.sessions_end")
    void = yield from step("keeping.tokens_void")
    disabled = yield from step("keeping.keys_disable")
    yield from step("keeping.engines_drop")
    yield from step("keeping.owners_drop")
    yield from _drop_consents()
    return Restored(
        epoch=int(epoch["value"]),
        sessions=len(ended),
        tokens=len(void),
        api_keys=len(disabled),
        triggers=0,
    )


def _drop_consents() -> Script[None]:
    """Take back what somebody said before the restore about going on."""
    after = 0
    while rows := (yield from step("keeping.signals_waiting", after=after, limit=ROWS_MAX)):
        yield from steps("keeping.signal_drop", list(_consents(rows)))
        after = rows[-1]["id"]


def _consents(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for row in rows:
        try:
            signal = decode_signal(bytes(row["body"]))
        except msgspec.MsgspecError:
            continue  # whoever takes it says so
        if isinstance(signal, ResumeExecution):
            yield {"row": row["id"]}
