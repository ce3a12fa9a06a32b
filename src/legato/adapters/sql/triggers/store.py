# SPDX-License-Identifier: Apache-2.0
"""Triggers on both databases.

Rules: TR10-TR19.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Driver, Row, Script, step
from legato.crashpoints import crash_point
from legato.model.ids import WorkspaceId
from legato.model.triggers import Kind
from legato.ports.audit import AuditEntry
from legato.ports.triggers import CLAIM_MS, DUE_MAX, Firing, Missing, SealedHook, TriggerRow

_ALWAYS: Final = 2**62
_FIELDS: Final = tuple(each.name for each in msgspec.structs.fields(TriggerRow))
_BYTES: Final = ("token", "secret", "old_secret")
_SEALED: Final = ("id", "workspace", *_BYTES)


class SqlTriggers:
    """Keeps `ports.triggers.Triggers`."""

    def __init__(self, driver: Driver) -> None:
        """Args: driver runs its statements."""
        self._driver = driver

    async def page(
        self,
        workspace: WorkspaceId,
        kind: Kind,
        *,
        workflow: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[TriggerRow]:
        """Keep `Triggers.page`."""
        rows = await self._driver.fetch(
            "triggers.page",
            workspace=workspace, kind=kind, workflow=workflow, after=after, limit=limit,
        )  # fmt: skip
        return [row_of(row) for row in rows]

    async def get(self, workspace: WorkspaceId, kind: Kind, trigger: str) -> TriggerRow | None:
        """Keep `Triggers.get`."""
        rows = await self._driver.fetch("triggers.get", workspace=workspace, kind=kind, id=trigger)
        return row_of(rows[0]) if rows else None

    async def pause(
        self, workspace: WorkspaceId, trigger: str, by: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Triggers.pause`."""

        def script() -> Script[bool]:
            place = {"workspace_is": workspace, "id_is": trigger}
            if (yield from step("triggers.pause", **place, by=by)):
                yield from record(audit)
                return True
            return (yield from _is_known(workspace, trigger))

        return await self._driver.run(script)

    async def resume(
        self,
        workspace: WorkspaceId,
        trigger: str,
        next_at: int | None,
        audit: Sequence[AuditEntry],
    ) -> bool:
        """Keep `Triggers.resume`."""

        def script() -> Script[bool]:
            place = {"workspace_is": workspace, "id_is": trigger}
            if (yield from step("triggers.resume", **place, next_at=next_at)):
                yield from record(audit)
                return True
            return (yield from _is_known(workspace, trigger))

        return await self._driver.run(script)

    async def next_ticks(self, workspace: WorkspaceId, workflows: Sequence[str]) -> dict[str, int]:
        """Keep `Triggers.next_ticks`. One query; ids of a page stand together."""
        if not workflows:
            return {}
        rows = await self._driver.fetch(
            "triggers.next_ticks",
            workspace=workspace, low=min(workflows), high=max(workflows),
        )  # fmt: skip
        found = {row["workflow"]: row["next_at"] for row in rows}
        return {each: found[each] for each in workflows if each in found}

    async def due(self, now: int, limit: int = DUE_MAX) -> list[TriggerRow]:
        """Keep `Triggers.due`."""
        rows = await self._driver.fetch("triggers.due", now=now, limit=limit)
        return [row_of(row) for row in rows]

    async def claim(self, row: TriggerRow, claim_ms: int = CLAIM_MS) -> bool:
        """Keep `Triggers.claim`."""
        values = {"id_is": row.id, "next_is": row.next_at, "claim_ms": claim_ms}
        return bool(await self._driver.run(lambda: step("triggers.claim", **values)))

    async def advance(
        self, row: TriggerRow, next_at: int | None, missing: Missing | None = None
    ) -> bool:
        """Keep `Triggers.advance`."""

        def script() -> Script[bool]:
            place = {"id_is": row.id, "next_is": row.next_at}
            if not (yield from step("triggers.advance", **place, next_at=next_at)):
                return False
            if missing is not None:
                yield from _note(row, missing)
            return True

        is_done = await self._driver.run(script)
        crash_point("tick.after_advance")
        return is_done

    async def by_token(self, token_hash: bytes) -> TriggerRow | None:
        """Keep `Triggers.by_token`."""
        rows = await self._driver.look_up("triggers.by_token", token_hash=token_hash)
        return row_of(rows[0]) if rows else None

    async def set_token(self, trigger: str, token_hash: bytes, token: bytes) -> bool:
        """Keep `Triggers.set_token`."""
        values = {"id_is": trigger, "token_hash": token_hash, "token": token}
        return bool(await self._driver.run(lambda: step("triggers.set_token", **values)))

    async def rotate(
        self,
        workspace: WorkspaceId,
        trigger: str,
        secret: bytes,
        audit: Sequence[AuditEntry],
        *,
        overlap_ms: int = 0,
    ) -> bool:
        """Keep `Triggers.rotate`."""

        def script() -> Script[bool]:
            place = {"workspace_is": workspace, "id_is": trigger}
            found = yield from step(
                "triggers.rotate", **place, secret=secret, overlap_ms=overlap_ms
            )
            if found:
                yield from record(audit)
            return bool(found)

        return await self._driver.run(script)

    async def firings(
        self, trigger: str, *, before: str | None = None, limit: int = 50
    ) -> list[Firing]:
        """Keep `Triggers.firings`."""
        end, _, key = (before or f"{_ALWAYS}:").partition(":")
        rows = await self._driver.fetch(
            "triggers.firings", trigger=trigger, before=int(end), key=key, limit=limit
        )
        return [msgspec.convert(dict(row), Firing) for row in rows]

    async def missing(self, trigger: str, limit: int = 20) -> list[tuple[int, Missing]]:
        """Keep `Triggers.missing`."""
        rows = await self._driver.fetch("triggers.missed", trigger=trigger, limit=limit)
        return [(row["at"], msgspec.convert(dict(row), Missing)) for row in rows]

    async def pause_all(self, by: str) -> int:
        """Keep `Triggers.pause_all`."""
        return await self._driver.run(lambda: pause_everything(by))

    async def sealed(self, *, after: str | None = None, limit: int = 200) -> list[SealedHook]:
        """Keep `Triggers.sealed`."""
        rows = await self._driver.fetch("triggers.sealed", after=after, limit=limit)
        return [SealedHook(**_plain({name: row[name] for name in _SEALED})) for row in rows]

    async def reseal(self, before: SealedHook, after: SealedHook) -> bool:
        """Keep `Triggers.reseal`."""
        values = {
            "id_is": before.id,
            "token_was": before.token,
            "secret_was": before.secret,
            **{name: getattr(after, name) for name in _BYTES},
        }
        return bool(await self._driver.run(lambda: step("triggers.reseal", **values)))

    async def clean(self) -> None:
        """Keep `Triggers.clean`."""

        def script() -> Script[None]:
            yield from step("triggers.places_clean")
            yield from step("triggers.missed_clean")

        await self._driver.run(script)


def pause_everything(by: str) -> Script[int]:
    """Pause every trigger and forget notices that were not sent: what a restore does.

    Returns:
        How many triggers there are.
    """
    rows = yield from step("triggers.pause_all", by=by)
    yield from step("triggers.notices_drop")
    return len(rows)


def row_of(row: Row) -> TriggerRow:
    """Return a row as the port has it."""
    values = {name: row[name] for name in _FIELDS}
    _plain(values)
    values["is_live"] = bool(values["is_live"])
    return TriggerRow(**values)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Have what a driver gives as a view of bytes be bytes."""
    for name in _BYTES:
        values[name] = None if values[name] is None else bytes(values[name])
    return values


def _is_known(workspace: WorkspaceId, trigger: str) -> Script[bool]:
    return bool((yield from step("triggers.known", workspace=workspace, id=trigger)))


def _note(row: TriggerRow, missing: Missing) -> Script[None]:
    values = msgspec.structs.asdict(missing)
    yield from step("triggers.missed_add", trigger_id=row.id, **values)
    data = {"trigger": row.name, "schedule": row.id, **values}
    yield from step(
        "triggers.notice_add",
        kind="missed", workspace=row.workspace, workflow=row.workflow,
        data=msgspec.json.encode(data).decode(),
    )  # fmt: skip
