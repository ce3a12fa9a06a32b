# SPDX-License-Identifier: Apache-2.0
"""A server's stream of events, without a gap over connections that break.

The stream goes on after the last event that was given (`Last-Event-ID`). Of an owner's change
(`resync`) the reader is told: what follows begins at seq 1 again, and events are absolute, so those
that were seen may be dropped by their seq. Rules: CC20.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2
import msgspec

from legato.client.calls import Call
from legato.client.problems import (
    Away,
    OtherAnswer,
    Refusal,
    TooOften,
    Unreachable,
    problem_of_code,
)
from legato.client.transport import Transport

STREAM: Final = "text/event-stream"
TRIES_MAX: Final = 30
"""Connections in a row that give nothing, before the stream is given up."""
_FIRST_S: Final = 0.2
_PAUSE_S_MAX: Final = 5.0


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream: its id, its name, and what it carries."""

    id: str
    name: str
    data: Mapping[str, Any]


async def follow(
    transport: Transport, call: Call, *, last_event_id: str | None = None
) -> AsyncIterator[StreamEvent]:
    """Yield events until the stream says that it has ended.

    Raises:
        Problem: The server refuses the stream, or ends it because who asks may not any more.
        Unreachable: The server stays away.
    """
    last, tries = last_event_id, 0
    while True:
        headers = {**call.headers, "Last-Event-ID": last}
        failure: Unreachable | Away | TooOften | None = None
        try:
            async with transport.stream(replace(call, headers=headers, accept=STREAM)) as answer:
                async for each in httpx2.EventSource(answer):
                    tries = 0
                    last = each.id or last
                    if each.event == "end":
                        return
                    found = StreamEvent(each.id, each.event, _data(each.data))
                    if each.event == "error":
                        raise problem_of_code(str(found.data.get("code")), "the stream has ended")
                    yield found
        except (Unreachable, Away, TooOften) as error:
            if isinstance(error, Away | TooOften) and error.code not in {"draining", "unavailable"}:
                raise
            failure = error
        tries += 1
        if tries > TRIES_MAX:
            raise failure or Unreachable("the stream ends again and again", is_sent=False)
        pause = min(_PAUSE_S_MAX, _FIRST_S * 2 ** (tries - 1))
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
