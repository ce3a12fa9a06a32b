# SPDX-License-Identifier: Apache-2.0
"""Owners on PostgreSQL: leases by the database's clock, claims by SKIP LOCKED.

An engine stays alive until somebody who claims finds its lease over: then its row goes, its
executions have no living owner, and its next `renew` tells it.

Rules: OW1, OW2, OW4, OW5, OW11, OW14, OW15.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from legato.adapters.sql.postgres.committer import Committer
from legato.adapters.sql.postgres.database import Database, do, rows
from legato.crashpoints import crash_point
from legato.errors import NotFound, StoreUnavailable
from legato.model.events import LostCause
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import EngineId, ExecutionId
from legato.ports.owners import Claim, EngineRow

Found = tuple[list[Any], list[Any]]
"""Rows that are taken already, rows to take."""


class PostgresOwners:
    """Keeps `ports.owners.Owners`."""

    def __init__(self, database: Database, committer: Committer) -> None:
        self._database = database
        self._committer = committer
        self._last_workspace = ""
        self._doubtful: dict[ExecutionId, int] = {}

    async def register(self, engine: EngineId, *, lease_ms: int, adopts: bool) -> None:
        """Keep `Owners.register`; what this id still owned is let go: it has forgotten it."""
        async with self._database.transaction() as connection:
            await do(connection, "let_go", engine=engine)
            await do(
                connection,
                "engine_put",
                engine=engine,
                host=socket.gethostname(),
                pid=os.getpid(),
                lease_ms=lease_ms,
                adopts=adopts,
            )

    async def renew(self, engine: EngineId, *, lease_ms: int) -> bool:
        """Keep `Owners.renew`: false once somebody has declared the engine dead."""
        return await self._database.execute("engine_renew", engine=engine, lease_ms=lease_ms) == 1

    async def resign(self, engine: EngineId) -> None:
        """Keep `Owners.resign`."""
        async with self._database.transaction() as connection:
            await do(connection, "let_go", engine=engine)
            await do(connection, "engine_drop", engine=engine)
        self._committer.tell_others()

    async def claim(self, engine: EngineId, *, limit: int) -> list[Claim]:
        """Keep `Owners.claim`. Costs one query if there is nothing to claim."""
        if not self._doubtful and not await self._database.fetch_value("anything", engine=engine):
            return []

        async def find(connection: Any) -> Found:
            mine = await self._claimed_unknowing(connection, engine, list(self._doubtful))
            return mine, await self._find(connection, limit - len(mine))

        return await self._claim(engine, find)

    async def claim_one(self, engine: EngineId, execution_id: ExecutionId) -> Claim | None:
        """Keep `Owners.claim_one`."""

        async def find(connection: Any) -> Found:
            found = await rows(connection, "claim_row", execution_id=execution_id)
            if not found:
                raise NotFound(f"there is no execution {execution_id}")
            mine = await self._claimed_unknowing(connection, engine, [execution_id])
            owner = found[0]["owner"]
            is_owned = owner is not None and await rows(connection, "engine_known", engine=owner)
            if mine or found[0]["status"] in FINAL_EXECUTION or is_owned:
                return mine, []
            return [], found

        claims = await self._claim(engine, find)
        return claims[0] if claims else None

    async def release(
        self, engine: EngineId, executions: Sequence[tuple[ExecutionId, int]]
    ) -> None:
        """Keep `Owners.release`."""
        if executions:
            await self._database.execute(
                "release",
                engine=engine,
                ids=[execution_id for execution_id, _ in executions],
                fences=[fence for _, fence in executions],
            )

    async def engines(self) -> list[EngineRow]:
        """Keep `Owners.engines`."""
        return [EngineRow(*row) for row in await self._database.fetch("engines")]

    async def owner_of(self, execution_id: ExecutionId) -> EngineRow | None:
        """Keep `Owners.owner_of`."""
        found = await self._database.fetch("owner_of", execution_id=execution_id)
        return EngineRow(*found[0]) if found else None

    # --- claiming --------------------------------------------------------------------------------

    async def _claim(
        self, engine: EngineId, find: Callable[[Any], Awaitable[Found]]
    ) -> list[Claim]:
        """Declare the dead dead, find, take.

        Args:
            engine: Who claims; if it was declared dead itself, nothing is claimed.
            find: Returns rows that are taken already and rows to take.
        """
        taken: list[Claim] = []
        try:
            async with self._database.transaction() as connection:
                if not await rows(connection, "engine_known", engine=engine):
                    return []
                await do(connection, "engines_reap", engine=engine)
                mine, fresh = await find(connection)
                if fresh:
                    ids = [row["execution_id"] for row in fresh]
                    await do(connection, "take", engine=engine, ids=ids)
                taken += [_claim(row, raised=0) for row in mine]
                taken += [_claim(row, raised=1) for row in fresh]
                crash_point("claim.before_commit")
        except (StoreUnavailable, asyncio.CancelledError):
            # The commit may have happened all the same. Then these are ours although nobody runs
            # them, and our living lease would keep everybody else away: look again next time.
            self._doubtful.update((claim.execution_id, claim.fence) for claim in taken)
            raise
        if taken:
            crash_point("claim.after_commit")
        for claim in taken:
            self._doubtful.pop(claim.execution_id, None)
        return taken

    async def _claimed_unknowing(
        self, connection: Any, engine: EngineId, ids: Sequence[ExecutionId]
    ) -> list[Any]:
        """Return what this engine owns since a claim whose answer it never got."""
        found: list[Any] = []
        for execution_id in ids:
            fence = self._doubtful.get(execution_id)
            if fence is None:
                continue
            row = await rows(connection, "claim_row", execution_id=execution_id)
            if row and (row[0]["owner"], row[0]["fence"]) == (engine, fence):
                found += row
            else:
                del self._doubtful[execution_id]
        return found

    async def _find(self, connection: Any, limit: int) -> list[Any]:
        """Return rows that need an owner, locked, in the order of the port."""
        if limit <= 0:
            return []
        found = await rows(connection, "orphaned", limit=limit)
        if len(found) < limit:
            found += await rows(connection, "wanted", limit=limit - len(found))
        if len(found) < limit:
            known = {row["execution_id"] for row in found}
            queued = await rows(
                connection, "queued", limit=limit, last_workspace=self._last_workspace
            )
            fresh = [row for row in queued if row["execution_id"] not in known]
            fresh = fresh[: limit - len(found)]
            if fresh:
                self._last_workspace = fresh[-1]["workspace"]
            found += fresh
        return found


def _claim(row: Any, *, raised: int) -> Claim:
    cause: LostCause | None = None
    if row["is_busy"]:
        cause = "drained" if row["owner"] is None else "engine_died"
    return Claim(
        execution_id=row["execution_id"],
        workspace=row["workspace"],
        version=row["version"],
        workflow=row["workflow"],
        fence=row["fence"] + raised,
        head_seq=row["head_seq"],
        status=row["status"],
        start=row["start"] if row["head_seq"] == 0 else None,
        cause=cause,
        created_at=row["created_at"],
    )
