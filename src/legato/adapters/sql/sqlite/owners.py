# SPDX-License-Identifier: Apache-2.0
"""Owners on SQLite: leases by the machine's clocks, and OS locks that tell death at once.

On one machine a lease is measured by the steady clock that all its processes share, so that
setting the clock kills nobody; for another machine by wall time. An engine is dead when its lock
is free or its lease is over, and stays alive until somebody says so in a transaction: then its row
goes, and its next `renew` tells it.

Rules: OW1-OW5, OW11, OW14, OW15.
"""

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from legato.adapters.sql.sqlite.connection import Query, as_json
from legato.adapters.sql.sqlite.engine_lock import EngineLocks, machine_id
from legato.adapters.sql.sqlite.readers import Readers
from legato.adapters.sql.sqlite.statements import SQL
from legato.adapters.sql.sqlite.writer import Function, Writer
from legato.crashpoints import crash_point
from legato.errors import NotFound, StoreUnavailable
from legato.model.events import LostCause
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.model.ids import EngineId, ExecutionId, VersionHash, WorkspaceId
from legato.ports.owners import Claim, EngineRow


class _Engine(msgspec.Struct):
    id: EngineId
    host: str
    pid: int
    machine: str
    lease_steady: int
    lease_until: int
    adopts: int


class _Row(msgspec.Struct):
    execution_id: ExecutionId
    workspace: WorkspaceId
    version: VersionHash
    workflow: str
    fence: int
    head_seq: int
    status: ExecutionStatus
    created_at: int
    owner: EngineId | None
    is_busy: int
    start: str | None


_ENGINES: Final = Query("engines", list[_Engine])
_OWNER_OF: Final = Query("owner_of", list[_Engine])
_ORPHANED: Final = Query("orphaned", list[_Row])
_WANTED: Final = Query("wanted", list[_Row])
_QUEUED: Final = Query("queued", list[_Row])
_CLAIM_ROW: Final = Query("claim_row", list[_Row])


class SqliteOwners:
    """Keeps `ports.owners.Owners`."""

    def __init__(self, writer: Writer, readers: Readers, locks: EngineLocks) -> None:
        """Make the owners.

        Args:
            writer: The process's writer.
            readers: The process's readers.
            locks: Where engines hold their OS locks.
        """
        self._writer = writer
        self._readers = readers
        self._locks = locks
        self._machine = machine_id()
        self._place = ""
        self._last_workspace = ""
        self._doubtful: dict[ExecutionId, int] = {}

    async def register(self, engine: EngineId, *, lease_ms: int, adopts: bool) -> None:
        """Keep `Owners.register`; what this id still owned is let go: it has forgotten it."""
        self._locks.take(engine)
        self._place = self._locks.place()
        now_ms, steady_ms = _now_ms(), _steady_ms()
        row = {
            "id": engine,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "machine": self._place,
            "lease_steady": steady_ms + lease_ms,
            "lease_until": now_ms + lease_ms,
            "adopts": adopts,
            "registered_at": now_ms,
        }

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["let_go"], {"engine": engine})
            connection.execute(SQL["engine_drop"], {"engine": engine})
            connection.execute(SQL["engine_add"], row)

        await self._writer.call(work)

    async def renew(self, engine: EngineId, *, lease_ms: int) -> bool:
        """Keep `Owners.renew`: false once somebody has declared the engine dead."""

        def work(connection: sqlite3.Connection) -> bool:
            values = {
                "engine": engine,
                "lease_steady": _steady_ms() + lease_ms,
                "lease_until": _now_ms() + lease_ms,
            }
            return connection.execute(SQL["engine_renew"], values).rowcount == 1

        is_alive: bool = await self._writer.call(work)
        return is_alive

    async def resign(self, engine: EngineId) -> None:
        """Keep `Owners.resign`."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["let_go"], {"engine": engine})
            connection.execute(SQL["engine_drop"], {"engine": engine})

        await self._writer.call(work)
        self._locks.give_up(engine)

    async def claim(self, engine: EngineId, *, limit: int) -> list[Claim]:
        """Keep `Owners.claim`. Costs one read if there is nothing to claim."""
        if not self._doubtful and not await self._readers.call(
            lambda connection: self._is_anything_wanted(connection, engine)
        ):
            return []

        def find(connection: sqlite3.Connection) -> tuple[list[_Row], list[_Row]]:
            mine = self._claimed_unknowing(connection, engine, list(self._doubtful))
            return mine, self._find(connection, limit - len(mine)) if len(mine) < limit else []

        return await self._claim(engine, find)

    async def claim_one(self, engine: EngineId, execution_id: ExecutionId) -> Claim | None:
        """Keep `Owners.claim_one`."""

        def find(connection: sqlite3.Connection) -> tuple[list[_Row], list[_Row]]:
            found: list[_Row] = _CLAIM_ROW.run(connection, execution_id=execution_id)
            if not found:
                raise NotFound(f"there is no execution {execution_id}")
            mine = self._claimed_unknowing(connection, engine, [execution_id])
            alive = {row.id for row in _ENGINES.run(connection)}
            if mine or found[0].status in FINAL_EXECUTION or found[0].owner in alive:
                return mine, []
            return [], found

        claims = await self._claim(engine, find)
        return claims[0] if claims else None

    async def release(
        self, engine: EngineId, executions: Sequence[tuple[ExecutionId, int]]
    ) -> None:
        """Keep `Owners.release`."""
        if not executions:
            return
        values = {"engine": engine, "pairs": as_json(executions)}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["release"], values)

        await self._writer.call(work)

    async def engines(self) -> list[EngineRow]:
        """Keep `Owners.engines`."""
        found = await self._readers.call(_ENGINES.run)
        return [self._row(each) for each in found]

    async def owner_of(self, execution_id: ExecutionId) -> EngineRow | None:
        """Keep `Owners.owner_of`."""
        found = await self._readers.call(
            lambda connection: _OWNER_OF.run(connection, execution_id=execution_id)
        )
        return self._row(found[0]) if found else None

    # --- claiming --------------------------------------------------------------------------------

    async def _claim(
        self,
        engine: EngineId,
        find: Callable[[sqlite3.Connection], tuple[list[_Row], list[_Row]]],
    ) -> list[Claim]:
        """Declare the dead dead, find, take.

        Args:
            engine: Who claims; if it was declared dead itself, nothing is claimed.
            find: Returns rows that are taken already and rows to take.
        """
        taken: list[_Row] = []
        gone: list[EngineId] = []

        def work(connection: sqlite3.Connection) -> None:
            taken.clear()
            engines: list[_Engine] = _ENGINES.run(connection)
            if engine not in {row.id for row in engines}:
                return
            gone[:] = self._dead(engines, engine)
            if gone:
                connection.execute(SQL["engines_drop"], {"ids": as_json(gone)})
            mine, fresh = find(connection)
            if fresh:
                values = {"engine": engine, "ids": as_json([row.execution_id for row in fresh])}
                connection.execute(SQL["take"], values)
            for row in fresh:
                row.fence += 1
            taken.extend((*mine, *fresh))
            if fresh:
                crash_point("claim.before_commit")

        def doubt(_future: object = None) -> None:
            self._doubtful.update((row.execution_id, row.fence) for row in taken)

        future = self._writer.submit(Function(), work)
        try:
            await asyncio.shield(future)
        except StoreUnavailable:
            doubt()
            raise
        except asyncio.CancelledError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            future.add_done_callback(doubt)
            raise
        if taken:
            crash_point("claim.after_commit")
        for row in taken:
            self._doubtful.pop(row.execution_id, None)
        for dead in gone:
            self._locks.remove(dead)
        return [_claim(row) for row in taken]

    def _claimed_unknowing(
        self, connection: sqlite3.Connection, engine: EngineId, ids: Sequence[ExecutionId]
    ) -> list[_Row]:
        """Return what this engine owns since a claim whose answer it never got.

        Nobody runs these, and our living lease keeps everybody else away from them.
        """
        found: list[_Row] = []
        for execution_id in ids:
            fence = self._doubtful.get(execution_id)
            rows = _CLAIM_ROW.run(connection, execution_id=execution_id) if fence else []
            if rows and (rows[0].owner, rows[0].fence) == (engine, fence):
                found.append(rows[0])
            elif fence:
                del self._doubtful[execution_id]
        return found

    def _find(self, connection: sqlite3.Connection, limit: int) -> list[_Row]:
        """Return rows that need an owner, in the order of the port."""
        found: list[_Row] = _ORPHANED.run(connection, limit=limit)
        if len(found) < limit:
            left = limit - len(found)
            found += _WANTED.run(connection, now=_now_ms(), limit=left)
        if len(found) < limit:
            ids = {row.execution_id for row in found}
            queued = [
                row
                for row in _QUEUED.run(connection, last_workspace=self._last_workspace, limit=limit)
                if row.execution_id not in ids
            ][: limit - len(found)]
            if queued:
                self._last_workspace = queued[-1].workspace
            found += queued
        return found

    def _is_anything_wanted(self, connection: sqlite3.Connection, engine: EngineId) -> bool:
        (is_wanted,) = connection.execute(SQL["anything"], {"now": _now_ms()}).fetchone()
        return bool(is_wanted) or bool(self._dead(_ENGINES.run(connection), engine))

    def _dead(self, engines: Sequence[_Engine], me: EngineId) -> list[EngineId]:
        return [
            row.id
            for row in engines
            if row.id != me and (self._left_ms(row) <= 0 or self._is_lock_free(row))
        ]

    def _is_lock_free(self, row: _Engine) -> bool:
        if not self._place:  # a process that only looks never registers
            with suppress(OSError):
                self._place = self._locks.place()
        return row.machine == self._place and self._locks.is_dead(row.id)

    def _left_ms(self, row: _Engine) -> int:
        if row.machine.partition("/")[0] == self._machine:
            return row.lease_steady - _steady_ms()
        return row.lease_until - _now_ms()

    def _row(self, row: _Engine) -> EngineRow:
        left_ms = self._left_ms(row)
        if left_ms > 0 and self._is_lock_free(row):
            left_ms = 0  # it is dead, whatever its lease says
        return EngineRow(row.id, row.host, row.pid, left_ms, bool(row.adopts))


def _claim(row: _Row) -> Claim:
    cause: LostCause | None = None
    if row.is_busy:
        cause = "drained" if row.owner is None else "engine_died"
    return Claim(
        execution_id=row.execution_id,
        workspace=row.workspace,
        version=row.version,
        workflow=row.workflow,
        fence=row.fence,
        head_seq=row.head_seq,
        status=row.status,
        start=row.start.encode() if row.start is not None and row.head_seq == 0 else None,
        cause=cause,
        created_at=row.created_at,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _steady_ms() -> int:
    # All processes of a machine read the same clock here: it counts from its boot.
    return time.monotonic_ns() // 1_000_000
