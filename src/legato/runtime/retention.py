# SPDX-License-Identifier: Apache-2.0
"""Lets go of executions that ended long ago, a few at a time, between what others write.

An execution is out of sight in one small transaction, with what it called; its events, lines and
steps follow piece by piece. Open executions never go, nor does the audit. Payloads that are then
referred to by nobody are the matter of `sweep`: a fork keeps its own.

Rules: BK40-BK45.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from legato.errors import LegatoError
from legato.model.events import FinalStatus
from legato.ports.audit import AuditEntry
from legato.ports.clock import Clock
from legato.ports.stores import Stores
from legato.runtime.rounds import Rounds
from legato.telemetry import logger

ROOTS_AT_ONCE: Final = 50
ROUND_MAX: Final = 10_000
"""Executions that one round takes out of sight of each status."""
PAUSE_S: Final = 0.01
"""Between two transactions: whoever writes comes in between."""

_log = logger(__name__)


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """After how many ms executions go, by how they ended, and lines of logs; 0: never."""

    executions: Mapping[FinalStatus, int]
    logs: int = 0


class LetGo(msgspec.Struct, kw_only=True):
    """What one round has done."""

    executions: int = 0
    rows: int = 0


class Retention(Rounds):
    """Goes round again and again, from `start` to `stop`; several servers may do it at once."""

    def __init__(
        self, stores: Stores, clock: Clock, ages: Ages, *, every_s: float, pause_s: float = PAUSE_S
    ) -> None:
        """Args: every_s is the time between two rounds, and before the first."""
        super().__init__(every_s, waits_first=True)
        self._stores = stores
        self._clock = clock
        self._ages = ages
        self._pause_s = pause_s

    async def once(self) -> LetGo:
        """Go round once.

        Raises:
            Unavailable: The store does not answer; the rest is left for the next round.
        """
        done = LetGo()
        now = self._clock.now_ms()
        for status, age_ms in self._ages.executions.items():
            if age_ms:
                await self._expire(status, now - age_ms, done)
        if self._ages.logs:
            await self._forget_logs(now - self._ages.logs)
        while rows := await self._stores.keeping.sweep():
            done.rows += rows
            await asyncio.sleep(self._pause_s)
        return done

    async def _expire(self, status: FinalStatus, before: int, done: LetGo) -> None:
        keeping = self._stores.keeping
        count, is_stuck = 0, False
        while count < ROUND_MAX and not is_stuck:
            found = await keeping.expired(status, before=before, limit=ROOTS_AT_ONCE)
            is_stuck = True  # unless something of this page goes: what it called may be open
            for workspace, execution_id in found:
                audit = AuditEntry(
                    action="execution.purge", actor="retention", target_kind="execution",
                    target=execution_id, workspace=workspace,
                )  # fmt: skip
                outcome = "partly"
                while outcome == "partly":
                    outcome = await keeping.purge(workspace, execution_id, [audit])
                    await asyncio.sleep(self._pause_s)
                if outcome == "purged":
                    count, is_stuck = count + 1, False
        done.executions += count

    async def _forget_logs(self, before: int) -> None:
        after: int | None = 0
        while after is not None:
            after = await self._stores.keeping.forget_logs(before=before, after=after)
            await asyncio.sleep(self._pause_s)

    async def _round(self) -> bool:
        try:
            done = await self.once()
        except LegatoError as error:
            _log.warning("executions that are too old cannot be deleted now", error=error.code)
        else:
            _log.debug("deleted executions that are too old", **msgspec.structs.asdict(done))
        return False
