# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/schedules`: schedules of published workflows, when they fall due, what came of it.

The document says what a schedule is; here it is looked at, paused, and tried.
Rules: TR4, TR18, TR30-TR32.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.deeds import deed
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages
from legato.api.parts import Api, ApiPart
from legato.api.times import time_or_none, time_text
from legato.api.trigger_rows import TriggerFilters, found_trigger, pause_trigger, trigger_page
from legato.api.trigger_starts import Start
from legato.api.trigger_tests import Started, try_trigger
from legato.errors import InvalidInput, NotFound
from legato.model.cron import Cron, Missed
from legato.ports.triggers import TriggerRow

routes: Final = Routes("/api/v1/schedules", tag="schedules")
KIND: Final = "schedule.cron"
TICKS_SHOWN: Final = 5


class TickView(BaseModel):
    """A tick to come: the instant, and what the clocks of the zone show then."""

    at: str
    local: str
    words: str


class ScheduleView(BaseModel):
    """A schedule. `trigger_id` is its name in the document; `next` are five ticks to come."""

    id: str
    workflow_id: str
    workflow_slug: str
    trigger_id: str
    expression: str
    timezone: str
    words: str
    missed: Missed
    paused: bool
    paused_at: str | None
    next_at: str | None
    next: list[TickView]


class Schedules(BaseModel):
    """A page of schedules."""

    items: list[ScheduleView]
    next_cursor: str | None


class TickOutcome(BaseModel):
    """A tick that came: it started an execution, or was skipped because others ran."""

    scheduled_at: str
    at: str
    outcome: Literal["started", "skipped"]
    execution_id: str | None


class MissedTicks(BaseModel):
    """Ticks that were too late or refused, and how many of them were made good."""

    at: str
    count: int = Field(description="Up to 1000 are counted.")
    first: str
    last: str
    made_good: int


class Ticks(BaseModel):
    """What came of a schedule's ticks, the newest first."""

    items: list[TickOutcome]
    missed: list[MissedTicks]
    next_cursor: str | None


@routes.get("", Needs("schedule", "read"), response_model=Schedules)
async def list_schedules(
    request: Request, api: ApiPart, asked: Annotated[TriggerFilters, Query()]
) -> Schedules:
    """Return schedules of published workflows, the newest first."""
    items, next_cursor = await trigger_page(request, api, KIND, "schedules", asked)
    now = api.clock.now_ms()
    return Schedules(items=[_view(each, now) for each in items], next_cursor=next_cursor)


@routes.get("/{schedule_id}", Needs("schedule", "read"), response_model=ScheduleView)
async def read_schedule(request: Request, api: ApiPart, schedule_id: str) -> ScheduleView:
    """Return a schedule."""
    return _view(await found_trigger(request, api, KIND, schedule_id), api.clock.now_ms())


@routes.get("/{schedule_id}/ticks", Needs("schedule", "read"), response_model=Ticks)
async def list_ticks(
    request: Request, api: ApiPart, schedule_id: str, asked: Annotated[PageQuery, Query()]
) -> Ticks:
    """Return what came of a schedule's ticks; they are kept for 30 days."""
    row = await found_trigger(request, api, KIND, schedule_id)
    pages = Pages(request, f"ticks:{row.id}")
    after = pages.after(asked)
    found = await api.stores.triggers.firings(row.id, before=after, limit=asked.limit + 1)
    items, next_cursor = pages.cut(found, asked, lambda each: each.place)
    missing = await api.stores.triggers.missing(row.id)
    return Ticks(
        items=[
            TickOutcome(
                scheduled_at=time_text(int(each.key)),
                at=time_text(each.at),
                outcome="skipped" if each.execution_id is None else "started",
                execution_id=each.execution_id,
            )
            for each in items
        ],
        missed=[
            MissedTicks(
                at=time_text(at),
                count=each.count,
                first=time_text(each.first),
                last=time_text(each.last),
                made_good=each.made_good,
            )
            for at, each in missing
        ],
        next_cursor=next_cursor,
    )


@routes.post(
    "/{schedule_id}/pause", Needs("schedule", "pause"), accepts=(), response_model=ScheduleView
)
async def pause_schedule(request: Request, api: ApiPart, schedule_id: str) -> ScheduleView:
    """Pause a schedule, until somebody resumes it; a publish does not."""
    row = await found_trigger(request, api, KIND, schedule_id)
    audit = deed(request, "schedule.pause", ("schedule", row.id))
    await pause_trigger(request, api, row, audit)
    return await _again(request, api, schedule_id)


@routes.post(
    "/{schedule_id}/resume", Needs("schedule", "resume"), accepts=(), response_model=ScheduleView
)
async def resume_schedule(request: Request, api: ApiPart, schedule_id: str) -> ScheduleView:
    """Let a schedule go on; ticks before this are not missed."""
    row = await found_trigger(request, api, KIND, schedule_id)
    audit = deed(request, "schedule.resume", ("schedule", row.id))
    following = _next_after(row, api.clock.now_ms())
    if not await api.stores.triggers.resume(row.workspace, row.id, following, audit):
        raise NotFound
    return await _again(request, api, schedule_id)


@routes.post(
    "/{schedule_id}/test",
    Needs("schedule", "test"),
    accepts=(),
    status_code=202,
    response_model=Started,
    responses=refusals(409, 422),
)
async def try_schedule(request: Request, api: ApiPart, schedule_id: str) -> Response:
    """Start the schedule's workflow now with the schedule's inputs; no tick is used up."""
    row = await found_trigger(request, api, KIND, schedule_id)
    how = Start(inputs=row.cron.inputs, data={"is_test": True})
    return await try_trigger(request, api, row, how)


async def _again(request: Request, api: Api, schedule_id: str) -> ScheduleView:
    return _view(await found_trigger(request, api, KIND, schedule_id), api.clock.now_ms())


def _next_after(row: TriggerRow, now: int) -> int | None:
    try:
        return Cron(row.cron.expression, row.cron.timezone).next_after(now)
    except InvalidInput:
        return None


def _view(row: TriggerRow, now: int) -> ScheduleView:
    config = row.cron
    words, ticks = f"{config.expression} ({config.timezone})", []
    try:
        cron = Cron(config.expression, config.timezone)
    except InvalidInput:  # a zone that this machine does not know
        pass
    else:
        words = cron.words
        ticks = [_tick(cron, at) for at in islice(cron.ticks(now), TICKS_SHOWN)]
    return ScheduleView(
        id=row.id,
        workflow_id=row.workflow,
        workflow_slug=row.slug,
        trigger_id=row.name,
        expression=config.expression,
        timezone=config.timezone,
        words=words,
        missed=config.missed,
        paused=row.paused_at is not None,
        paused_at=time_or_none(row.paused_at),
        next_at=time_or_none(row.next_at),
        next=ticks,
    )


def _tick(cron: Cron, at: int) -> TickView:
    local = cron.local(at)
    words = f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"
    return TickView(at=time_text(at), local=local.isoformat(), words=words)
