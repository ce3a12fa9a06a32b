# SPDX-License-Identifier: Apache-2.0
"""Notices on both databases.

Rules: TR40-TR49.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Driver, Row, Script, step
from legato.model.ids import WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.triggers import DUE_MAX, Notice, NoticeKind, NoticeTarget


class SqlNotices:
    """Keeps `ports.triggers.Notices`."""

    def __init__(self, driver: Driver) -> None:
        """Args: driver runs its statements."""
        self._driver = driver

    async def target(self, workspace: WorkspaceId) -> NoticeTarget | None:
        """Keep `Notices.target`."""
        rows = await self._driver.fetch("triggers.target", workspace=workspace)
        return target_of(rows[0]) if rows else None

    async def put_target(
        self, target: NoticeTarget, audit: Sequence[AuditEntry], *, overlap_ms: int = 0
    ) -> None:
        """Keep `Notices.put_target`."""

        def script() -> Script[None]:
            yield from step(
                "triggers.target_put",
                workspace=target.workspace, url=target.url, secret=target.secret,
                kinds=msgspec.json.encode(target.on).decode(), overlap_ms=overlap_ms,
            )  # fmt: skip
            yield from record(audit)

        await self._driver.run(script)

    async def targets(self) -> list[NoticeTarget]:
        """Keep `Notices.targets`."""
        return [target_of(row) for row in await self._driver.fetch("triggers.targets")]

    async def reseal(self, before: NoticeTarget, after: NoticeTarget) -> bool:
        """Keep `Notices.reseal`."""
        values = {"secret": after.secret, "old_secret": after.old_secret}
        place = {"workspace_is": before.workspace, "secret_was": before.secret}
        return bool(
            await self._driver.run(lambda: step("triggers.target_reseal", **place, **values))
        )

    async def take(self, limit: int = DUE_MAX, claim_ms: int = 60_000) -> list[Notice]:
        """Keep `Notices.take`."""
        rows = await self._driver.fetch("triggers.notices_due", limit=limit)
        if not rows:
            return []

        def script() -> Script[list[Notice]]:
            taken: list[Notice] = []
            for row in rows:
                place = {"id_is": row["id"], "due_is": row["due_at"]}
                if row["of"] is None or row["of_test"]:  # of nothing that somebody published
                    yield from step("triggers.notice_done", id=row["id"])
                elif (yield from step("triggers.notice_take", **place, claim_ms=claim_ms)):
                    taken.append(_notice_of(row))
            return taken

        return await self._driver.run(script)

    async def done(self, notice: Notice) -> None:
        """Keep `Notices.done`."""
        await self._driver.run(lambda: step("triggers.notice_done", id=notice.id))

    async def postpone(self, notice: Notice, delay_ms: int) -> None:
        """Keep `Notices.postpone`."""
        await self._driver.run(
            lambda: step("triggers.notice_postpone", id_is=notice.id, delay_ms=delay_ms)
        )

    async def waiting(self) -> int:
        """Keep `Notices.waiting`."""
        (row,) = await self._driver.fetch("triggers.notices_waiting")
        return int(row["count"])


def target_of(row: Row) -> NoticeTarget:
    """Return a row as the port has it."""
    old = row["old_secret"]
    return NoticeTarget(
        workspace=row["workspace"],
        url=row["url"],
        on=msgspec.json.decode(row["kinds"], type=tuple[NoticeKind, ...]),
        secret=bytes(row["secret"]),
        old_secret=None if old is None else bytes(old),
        old_until=row["old_until"],
        changed_at=row["changed_at"],
    )


def _notice_of(row: Row) -> Notice:
    return Notice(
        id=row["id"],
        kind=row["kind"],
        workspace=row["workspace"],
        workflow=row["of"],
        at=row["at"],
        execution_id=row["root"],
        seq=row["seq"],
        data=row["data"],
        tries=row["tries"],
    )
