# SPDX-License-Identifier: Apache-2.0
"""Lists page after page, and streams over connections that break."""

import httpx2
import pytest

from legato.client import Forbidden, Missing, StreamEvent, Unreachable
from legato.client.calls import Call
from legato.client.events import TRIES_MAX, follow
from tests.unit.client.server import Cut, Told, answer, client, problem

STREAM = {"content-type": "text/event-stream"}
CALL = Call(method="GET", path="/events")


def key(name: str) -> dict[str, object]:
    """Return a key as an answer has it."""
    return {
        "id": name, "name": name, "scopes": [], "workspace_id": "w", "created_at": "t",
        "expires_at": None, "last_used": None,
    }  # fmt: skip


async def test_a_list_goes_on_with_the_next_page() -> None:
    """Until there is none; a page is asked for when it is needed [CC19]."""
    told = Told(
        answer({"items": [key("a"), key("b")], "next_cursor": "two"}),
        answer({"items": [], "next_cursor": "three"}),
        answer({"items": [key("c")], "next_cursor": None}),
    )
    legato, _ = client(told)
    keys = legato.all_keys(limit=2)
    assert [(await anext(keys)).id, (await anext(keys)).id] == ["a", "b"]
    assert len(told.asked) == 1
    assert [each.id async for each in keys] == ["c"]
    cursors = [each.url.params.get("cursor") for each in told.asked]
    assert cursors == [None, "two", "three"]


def event(seq: int) -> bytes:
    """Return an event as the server writes it."""
    return f'id: 1-{seq}\nevent: event\ndata: {{"seq":{seq}}}\n\n'.encode()


def stream(*parts: bytes, is_cut: bool = False) -> httpx2.Response:
    """Return a stream, whole or broken."""
    if is_cut:
        return httpx2.Response(200, headers=STREAM, stream=Cut(*parts))
    return httpx2.Response(200, headers=STREAM, content=b"".join(parts))


END = b"event: end\ndata: {}\n\n"


async def seqs(told: Told, last: str | None = None) -> list[StreamEvent]:
    """Return what comes over a stream."""
    legato, _ = client(told)
    return [each async for each in follow(legato.transport, CALL, last_event_id=last)]


async def test_a_stream_goes_on_after_the_last_event_that_was_given() -> None:
    """Cut, ended, refused for a moment: no event twice, none missing [CC20]."""
    told = Told(
        stream(b": ping\n\nretry: 1000\n\n", event(1), event(2)[:9], is_cut=True),
        httpx2.ConnectError("refused"),
        stream(event(2), event(3)),
        problem(503, "draining"),
        stream(event(4), END),
    )
    found = [each for each in await seqs(told) if each.name == "event"]
    assert [each.data["seq"] for each in found] == [1, 2, 3, 4]
    asked = [each.headers.get("last-event-id") for each in told.asked]
    assert asked == [None, "1-1", "1-1", "1-3", "1-3"]


async def test_a_stream_can_begin_in_the_middle() -> None:
    """A program that was started again says where it was [CC20]."""
    told = Told(stream(event(8), END))
    assert [each.id for each in await seqs(told, "1-7")] == ["1-8"]
    assert told.asked[0].headers["last-event-id"] == "1-7"


async def test_a_reader_is_told_that_events_begin_again() -> None:
    """Another owner has another history of the stream [CC20]."""
    told = Told(stream(b"event: resync\ndata: {}\n\n", event(1), END))
    assert [each.name for each in await seqs(told, "0-7")] == ["resync", "event"]


async def test_a_stream_that_may_not_be_read_any_more_is_a_refusal() -> None:
    """At the door, and in the middle [CC20]."""
    with pytest.raises(Missing):
        await seqs(Told(problem(404, "not_found")))
    with pytest.raises(Forbidden):
        await seqs(Told(stream(event(1), b'event: error\ndata: {"code":"forbidden"}\n\n')))


async def test_a_server_that_stays_away_is_given_up() -> None:
    """The pauses are bounded, and so are the tries [CC20]."""
    told = Told(httpx2.ConnectError("refused"))
    legato, waits = client(told)
    with pytest.raises(Unreachable):
        async for _ in follow(legato.transport, CALL):
            raise AssertionError
    assert max(waits.pauses) <= 6.0
    assert TRIES_MAX < len(told.asked) < 10 * TRIES_MAX
