# SPDX-License-Identifier: Apache-2.0
"""Operations: schedules. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class SchedulesOperations(Caller):
    """Operations: schedules."""

    async def list_schedules(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workflow: str | None = None,
        workspace: str | None = None,
    ) -> models.Schedules:
        """Return schedules of published workflows, the newest first.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/schedules",
            query={"limit": limit, "cursor": cursor, "workflow": workflow},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Schedules)

    def all_schedules(
        self, *, limit: int | None = None, workflow: str | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.ScheduleView]:
        """Return schedules of published workflows, the newest first.

        Needs the right `schedule:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Schedules:
            return await self.list_schedules(
                limit=limit, cursor=cursor, workflow=workflow, workspace=workspace
            )

        return pages(ask)

    async def read_schedule(
        self, schedule_id: str, *, workspace: str | None = None
    ) -> models.ScheduleView:
        """Return a schedule.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/schedules/{segment(schedule_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ScheduleView)

    async def list_ticks(
        self,
        schedule_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.Ticks:
        """Return what came of a schedule's ticks; they are kept for 30 days.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/schedules/{segment(schedule_id)}/ticks",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Ticks)

    def all_ticks(
        self, schedule_id: str, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.TickOutcome]:
        """Return what came of a schedule's ticks; they are kept for 30 days.

        Needs the right `schedule:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Ticks:
            return await self.list_ticks(
                schedule_id, limit=limit, cursor=cursor, workspace=workspace
            )

        return pages(ask)

    async def pause_schedule(
        self, schedule_id: str, *, workspace: str | None = None
    ) -> models.ScheduleView:
        """Pause a schedule, until somebody resumes it; a publish does not.

        Needs the right `schedule:pause`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/schedules/{segment(schedule_id)}/pause",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ScheduleView)

    async def resume_schedule(
        self, schedule_id: str, *, workspace: str | None = None
    ) -> models.ScheduleView:
        """Let a schedule go on; ticks before this are not missed.

        Needs the right `schedule:resume`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/schedules/{segment(schedule_id)}/resume",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ScheduleView)

    async def try_schedule(
        self, schedule_id: str, *, workspace: str | None = None
    ) -> models.Started:
        """Start the schedule's workflow now with the schedule's inputs; no tick is used up.

        Needs the right `schedule:test`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/schedules/{segment(schedule_id)}/test",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Started)
