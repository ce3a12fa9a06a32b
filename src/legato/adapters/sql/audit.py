# SPDX-License-Identifier: Apache-2.0
"""The audit on both databases: written with its effect, sealed by one at a time.

Rules: AD1-AD5, AD10-AD12.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from legato.adapters.sql.clean import clean
from legato.adapters.sql.script import Driver, Row, Script, step, steps
from legato.errors import Internal
from legato.model.ids import WorkspaceId
from legato.ports.audit import (
    LOOKED_AT_MAX,
    NO_HEAD,
    UNSEALED_MAX,
    AuditEntry,
    AuditPage,
    AuditQuery,
    AuditRow,
    Head,
    chained,
)

_ALWAYS: Final = 2**62
"""After every seq and time."""
_COLUMNS: Final = (
    "actor_kind", "actor", "action", "target_kind", "target", "result", "ip", "request_id",
)  # fmt: skip


class SqlAudit:
    """Keeps `ports.audit.Audit`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """Keep `Audit.write`."""
        if entries:
            await self._driver.run(lambda: record(entries))

    async def seal(self, limit: int = 1_000) -> Head:
        """Keep `Audit.seal`. Costs one read if everything is sealed."""
        if not await self._driver.fetch("audit.unsealed", limit=1):
            return _head(await self._driver.fetch("audit.head"))
        return await self._driver.run(lambda: _seal(limit))

    async def read(
        self, *, after: int = 0, limit: int = 200, workspace: WorkspaceId | None = None
    ) -> list[AuditRow]:
        """Keep `Audit.read`."""
        if workspace is None:
            rows = await self._driver.fetch("audit.read", after=after, limit=limit)
        else:
            rows = await self._driver.fetch(
                "audit.read_of", after=after, limit=limit, workspace=workspace
            )
        return [_row(row) for row in rows]

    async def newest(self, wanted: AuditQuery) -> AuditPage:
        """Keep `Audit.newest`."""
        of = "" if wanted.workspace is None else "_of"
        place: dict[str, object] = {"before": _ALWAYS if wanted.before is None else wanted.before}
        if wanted.workspace is not None:
            place["workspace"] = wanted.workspace
        chosen = (wanted.action, wanted.actor, wanted.since, wanted.until)
        has_choice = any(each is not None for each in chosen)
        found = await self._driver.fetch(
            f"audit.newest{of}",
            **place,
            **_conditions(wanted),
            looked_at=LOOKED_AT_MAX if has_choice else wanted.limit + 1,
            limit=wanted.limit + 1,
        )
        rows = [_row(row) for row in found[: wanted.limit]]
        if len(found) > wanted.limit:
            return AuditPage(rows, rows[-1].seq)
        if not has_choice:
            return AuditPage(rows, None)
        end = await self._driver.fetch(f"audit.floor{of}", **place, looked_at=LOOKED_AT_MAX - 1)
        return AuditPage(rows, end[0]["seq"] if end else None)

    async def head(self) -> Head:
        """Keep `Audit.head`."""
        return _head(await self._driver.fetch("audit.head"))

    async def unsealed(self) -> int:
        """Keep `Audit.unsealed`."""
        (row,) = await self._driver.fetch("audit.unsealed_count", limit=UNSEALED_MAX)
        return int(row["count"])


def record(entries: Sequence[AuditEntry]) -> Script[None]:
    """Write rows in the transaction of their effect.

    Raises:
        Internal: `data` holds what JSON cannot.
    """
    yield from steps("audit.add", [_values(entry) for entry in entries])


def _seal(limit: int) -> Script[Head]:
    (lock,) = yield from step("audit.lock")
    head = _head((yield from step("audit.head")))
    if not lock["is_mine"]:
        return head
    sealed: list[dict[str, Any]] = []
    for found in (yield from step("audit.unsealed", limit=limit)):
        row = msgspec.structs.replace(_row(found), seq=head.seq + 1)
        head = Head(head.seq + 1, chained(head.hash, row))
        sealed.append({"row": row.id, "seq": head.seq, "hash": head.hash})
    yield from steps("audit.seal", sealed)
    return head


def _conditions(wanted: AuditQuery) -> dict[str, object]:
    is_group = wanted.action is not None and wanted.action.endswith(".")
    return {
        "action": None if is_group else wanted.action,
        "action_group": wanted.action if is_group else None,
        "actor": wanted.actor,
        "since": 0 if wanted.since is None else wanted.since,
        "until": _ALWAYS if wanted.until is None else wanted.until,
    }


def _values(entry: AuditEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in _COLUMNS}
    return {**values, "workspace": entry.workspace, "data": _canonical(entry.data)}


def _canonical(data: Mapping[str, Any]) -> str:
    """Return what the sealer can read back and hash: another row would stop it for ever."""
    import rfc8785  # noqa: PLC0415 - most processes write no audit

    try:
        return rfc8785.dumps(_cleaned(data)).decode()
    except (ValueError, RecursionError) as error:
        raise Internal(f"the data of an audit row is no JSON: {error}") from error


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_cleaned(name): _cleaned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value


def _head(rows: Sequence[Row]) -> Head:
    return Head(rows[0]["seq"], rows[0]["hash"]) if rows else NO_HEAD


def _row(row: Row) -> AuditRow:
    return AuditRow(**{**dict(row), "data": _data(row["data"])})


def _data(text: Any) -> Any:
    """Return what is stored; what is no JSON was not written by us, and cannot be what was hashed.

    A reader of the audit must not end at the row that somebody spoilt.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        return {"damaged": str(text)[:200]}
