# SPDX-License-Identifier: Apache-2.0
"""A server's stream of events, without a gap over connections that break.

The stream goes on after the last event that was given (`Last-Event-ID`). Of an owner's change
(`resync`) the reader is told: what follows begins at seq 1 again, and events are absolute, so those
that were seen may be dropped by their seq. Rules: CC20.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2
import msgspec

from legato.client.calls import Call
from legato.client.problems import (
    Away,
    OtherAnswer,
    Refusal,
    Unreachable,
    problem_of_code,
)
from legato.client.transport import Transport

STREAM: Final = "text/event-stream"
TRIES_MAX: Final = 20
"""Connections in a row that give nothing, before the stream is given up."""
_FIRST_S: Final = 0.2
_PAUSE_S_MAX: Final = 5.0
_SOON_BACK: Final = frozenset({"draining", "unavailable", "http_502", "http_503", "http_504"})
_NAMED: Final = frozenset({"event", "resync"})
"""Events that mean something without data; a `retry:` alone is none."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream: its id, its name, and what it carries."""

    id: str
    name: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class _Reading:
    """How far a stream is read."""

    last: str | None
    tries: int = 0
    is_over: bool = False


async def follow(
    transport: Transport, call: Call, *, last_event_id: str | None = None
) -> AsyncGenerator[StreamEvent]:
    """Yield events until the stream says that it has ended.

    Raises:
        Problem: The server refuses the stream, or ends it because who asks may not any more.
        Unreachable: The server stays away.
    """
    reading = _Reading(last_event_id)
    while not reading.is_over:
        failure: Unreachable | Away = Unreachable("the stream ends too often", is_sent=False)
        try:
            async with contextlib.aclosing(_connection(transport, call, reading)) as events:
                async for each in events:
                    yield each
        except Unreachable as error:
            failure = error
        except Away as error:
            if error.code not in _SOON_BACK:
                raise
            failure = error
        if not reading.is_over:
            await _pause(transport, reading, failure)


async def _connection(
    transport: Transport, call: Call, reading: _Reading
) -> AsyncGenerator[StreamEvent]:
    """Yield the events of one connection."""
    headers = {**call.headers, "Last-Event-ID": reading.last}
    asked = replace(call, headers=headers, accept=STREAM)
    async with transport.stream(asked) as answer:
        async for each in httpx2.EventSource(answer):
            reading.tries = 0
            reading.last = each.id or reading.last
            found = StreamEvent(each.id, each.event, _data(each.data))
            if each.event == "error":
                raise problem_of_code(str(found.data.get("code")), "the stream has ended")
            if each.event == "end":
                reading.is_over = True
                return
            if each.event in _NAMED or each.data:
                yield found


async def _pause(transport: Transport, reading: _Reading, failure: Unreachable | Away) -> None:
    """Wait before the next connection.

    Raises:
        Problem: There were too many that gave nothing; it is what came of the last one.
        Unreachable: The same.
    """
    reading.tries += 1
    if reading.tries > TRIES_MAX:
        raise failure
    pause = min(_PAUSE_S_MAX, _FIRST_S * 2 ** (reading.tries - 1))
    await transport.options.sleep(pause * (0.5 + transport.options.chance() / 2))


def _data(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        text = "the stream carries something that is no event"
        raise OtherAnswer(Refusal(200, OtherAnswer.code, text))
    return found
