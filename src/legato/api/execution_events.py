# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/executions/{id}/events`: the public events of an execution, as pages and as a stream.

Both read the log, so a stream has neither gap nor double: a hint only says when to look. What a
stream is behind stands in the log and nowhere else; a reader that is slow holds nothing but its
place. Rules: XR30-XR36.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import orjson
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.deeds import place_of
from legato.api.execution_body import execution_row
from legato.api.look_again import look_again
from legato.api.openapi import refusals
from legato.api.pages import Parameters, refuse_repeated
from legato.api.parts import Api, ApiPart
from legato.api.problems import problem_of
from legato.engine.public import PublicEvent, public_event
from legato.engine.upcast import read_event
from legato.errors import LegatoError, Refused
from legato.model.events import ExecutionEnded, Recorded
from legato.model.frames import FINAL_EXECUTION, Frame
from legato.ports.executions import ExecutionRow
from legato.ports.log import LogRow
from legato.runtime.following import hint

routes: Final = Routes("/api/v1/executions", tag="executions")
STREAM: Final = "text/event-stream"
LIMIT: Final = 100
LIMIT_MAX: Final = 1_000
PORTION: Final = 200
"""Events that a stream reads and sends at once."""
PING_S: Final = 15.0
LOOK_S: Final = 0.6
"""Between two looks whether who reads still may, and whether the server stops: what has changed
counts within a second."""
SHORTEST_S: Final = 0.02
RETRY_MS: Final = 1_000
_ID: Final = re.compile(r"(\d{1,10})-(\d{1,18})", re.ASCII)


class EventView(BaseModel):
    """A public event, version 1. `data` depends on the type; one that is `internal` has none."""

    v: int
    seq: int
    at: str
    type: str
    node: str | None
    item: int | None
    attempt: int | None
    data: dict[str, Any]


class EventsView(BaseModel):
    """Events by rising seq, one for each. `final`: nothing follows `head_seq` any more."""

    items: list[EventView]
    head_seq: int
    epoch: int
    final: bool


class EventsQuery(Parameters):
    """Which events."""

    after: int = Field(default=0, ge=0, le=2**53, description="Those that follow this seq.")
    limit: int = Field(default=LIMIT, ge=1, le=LIMIT_MAX, description="Of a page.")


@routes.get(
    "/{execution_id}/events",
    Needs("execution", "events"),
    response_model=EventsView,
    responses={
        200: {"content": {STREAM: {"schema": {"type": "string"}}}},
        **refusals(422),
    },
    takes=("Last-Event-ID",),
)
async def read_events(
    request: Request, api: ApiPart, execution_id: str, asked: Annotated[EventsQuery, Query()]
) -> Response:
    """Return events; with `Accept: text/event-stream` all of them, and those to come."""
    refuse_repeated(request)
    row = await execution_row(api, place_of(request)[0].id, execution_id)
    epoch = await api.stores.lifecycle.epoch()
    if STREAM in request.headers.get("accept", ""):
        return _stream(request, api, row, asked.after, epoch)
    rows = await api.stores.log.read(row.execution_id, after=asked.after, limit=asked.limit)
    head = max(row.head_seq, rows[-1].seq if rows else 0)
    events = [_public(each) for each in rows]
    is_final = row.status in FINAL_EXECUTION or any(_is_last(each) for each in rows)
    value = {
        "items": [msgspec.structs.asdict(event) for event in events],
        "head_seq": head,
        "epoch": epoch,
        "final": is_final,
    }
    return Response(orjson.dumps(value), media_type="application/json")


def _stream(
    request: Request, api: Api, row: ExecutionRow, after: int, epoch: int
) -> StreamingResponse:
    """Return a stream that begins after the event that its reader saw last.

    Raises:
        Refused: `draining`.
        RateLimited: Who reads has as many streams open as one may.
    """
    if api.readiness.is_draining:
        raise Refused("draining", "The server stops.", retry_after_s=1)
    seen = request.headers.get("last-event-id")
    is_lost = False
    if seen is not None:
        match = _ID.fullmatch(seen)
        place = (0, 0) if match is None else (int(match[1]), int(match[2]))
        # Of another history, or of an event that there is not: that reader begins anew.
        is_lost = place[0] != epoch or place[1] > row.head_seq
        after = 0 if is_lost else place[1]
    held = contextlib.ExitStack()
    streams_max = api.settings.server.max_streams_per_user
    held.enter_context(api.streams.one(principal_of(request).user.id, streams_max=streams_max))
    reader = _Reader(request, api, row, epoch, after, is_lost)
    return _EventStream(reader.chunks(), held)


class _EventStream(StreamingResponse):
    """A stream that gives its place back when it is over, or never began."""

    def __init__(self, chunks: AsyncIterator[bytes], held: contextlib.ExitStack) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(chunks, media_type=STREAM, headers=headers)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


@dataclass(slots=True)
class _Reader:
    """One stream, as far as it has come."""

    request: Request
    api: Api
    row: ExecutionRow
    epoch: int
    after: int
    is_lost: bool

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the text of the stream; an error ends it with its code."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        if self.is_lost:
            yield _text("resync", {"epoch": self.epoch, "head_seq": self.row.head_seq})
        try:
            async with self.api.engine().bus.subscribe(self.row.execution_id) as frames:
                async for chunk in self._events(frames):
                    yield chunk
        except LegatoError as error:
            yield _text("error", {"code": problem_of(error).code})

    async def _events(self, frames: AsyncIterator[Frame]) -> AsyncIterator[bytes]:
        clock = self.api.clock
        looked_at = sent_at = clock.monotonic()
        is_over = self.row.status in FINAL_EXECUTION and self.after >= self.row.head_seq
        while not is_over:
            rows = await self.api.stores.log.read(
                self.row.execution_id, after=self.after, limit=PORTION
            )
            now = clock.monotonic()
            if now - looked_at >= LOOK_S:
                await self._check()
                looked_at = now
            if rows:
                yield b"".join(self._event(each) for each in rows)
                self.after, is_over, sent_at = rows[-1].seq, _is_last(rows[-1]), now
            elif now - sent_at >= PING_S:
                yield b": ping\n\n"
                sent_at = now
            if not is_over and len(rows) < PORTION:
                left_s = looked_at + LOOK_S - clock.monotonic()
                await hint(self.api.stores, frames, max(left_s, SHORTEST_S))
        yield _text("end", {"head_seq": self.after})

    async def _check(self) -> None:
        if self.api.readiness.is_draining:
            raise Refused("draining", "The server stops.")
        await look_again(self.request)

    def _event(self, row: LogRow) -> bytes:
        data = orjson.dumps(msgspec.structs.asdict(_public(row)))
        return b"id: %d-%d\nevent: event\ndata: %b\n\n" % (self.epoch, row.seq, data)


def _public(row: LogRow) -> PublicEvent:
    return public_event(Recorded(row.seq, row.at, read_event(row.body)))


def _is_last(row: LogRow) -> bool:
    return b'"ExecutionEnded"' in row.body and isinstance(read_event(row.body), ExecutionEnded)


def _text(event: str, data: dict[str, Any]) -> bytes:
    return f"event: {event}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"
