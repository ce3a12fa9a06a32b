# SPDX-License-Identifier: Apache-2.0
"""Starts what schedules owe, in every process that serves or runs executions.

The place of a tick (`ports.admission.Place`) is what makes it one: whoever comes second, or again
after a crash, finds it taken. A schedule moves on only when everything it owed is started; the
claim before is to spare work, not to be right.

Rules: TR13-TR17.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from legato.crashpoints import crash_point
from legato.errors import InvalidInput, LegatoError, LimitExceeded, Unavailable
from legato.model.cron import Cron, Due, due
from legato.ports.clock import Clock
from legato.ports.triggers import DUE_MAX, Missing, TriggerRow, Triggers
from legato.runtime.rounds import Rounds
from legato.telemetry import logger

POLL_S: Final = 0.5
CLEAN_S: Final = 3_600.0
_log = logger(__name__)

StartTick = Callable[[TriggerRow, int], Awaitable[object]]
"""Starts the execution of a schedule's tick (ms), unless it has been started."""


class Scheduler(Rounds):
    """One loop, from `start` to `stop`."""

    TROUBLE = "schedules cannot be kept now"

    def __init__(
        self, triggers: Triggers, clock: Clock, start_tick: StartTick, *, poll_s: float = POLL_S
    ) -> None:
        """Make it.

        Args:
            triggers: Which schedules there are.
            clock: Says what is due.
            start_tick: Starts executions.
            poll_s: Between two looks: so much later than its time a tick may be.
        """
        super().__init__(poll_s)
        self._triggers = triggers
        self._clock = clock
        self._start_tick = start_tick
        self._cleaned_at = clock.monotonic()

    async def look(self) -> int:
        """Start what is due now, and return how many schedules that were.

        Raises:
            Unavailable: Store or engine cannot be used now; nothing of it is lost.
        """
        now = self._clock.now_ms()
        rows = await self._triggers.due(now)
        for row in rows:
            if await self._triggers.claim(row):
                await self._fire(row, now)
        return len(rows)

    async def _round(self) -> bool:
        found = await self.look()
        await self._clean()
        return found >= DUE_MAX

    async def _fire(self, row: TriggerRow, now: int) -> None:
        assert row.next_at is not None, "it was due"
        try:
            owed = due(_cron_of(row), row.next_at, now, row.cron.missed)
        except InvalidInput as error:  # a zone that this machine does not know any more
            _log.error("a schedule cannot be read", schedule=row.id, error=error.message)
            await self._triggers.advance(row, None)
            return
        refused = [at for at in owed.run if not await self._started(row, at)]
        await self._triggers.advance(row, owed.next, _missing(owed, refused))

    async def _started(self, row: TriggerRow, at: int) -> bool:
        """Start one tick; False if it can never be started as things are."""
        crash_point("tick.before_admission")
        try:
            await self._start_tick(row, at)
        except (LimitExceeded, Unavailable):
            raise
        except LegatoError as error:
            _log.warning("a tick cannot be started", schedule=row.id, at=at, error=error.code)
            return False
        crash_point("tick.after_admission")
        return True

    async def _clean(self) -> None:
        if self._clock.monotonic() - self._cleaned_at >= CLEAN_S:
            self._cleaned_at = self._clock.monotonic()
            await self._triggers.clean()


def _cron_of(row: TriggerRow) -> Cron:
    return Cron(row.cron.expression, row.cron.timezone)


def _missing(owed: Due, refused: list[int]) -> Missing | None:
    """Return what was missed: too late, or refused."""
    edge = owed.missed_to
    late = 0 if edge is None else sum(1 for at in owed.run if at <= edge)
    on_time = [at for at in refused if edge is None or at > edge]
    count = owed.missed_count + len(on_time)
    if count == 0:
        return None
    first = owed.missed_from if owed.missed_from is not None else on_time[0]
    last = on_time[-1] if on_time else edge
    assert last is not None, "something was missed"
    made_good = late - (len(refused) - len(on_time))
    return Missing(count=count, first=first, last=last, made_good=made_good)
