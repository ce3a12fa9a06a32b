# SPDX-License-Identifier: Apache-2.0
"""Streams of events from a real server: followed, cut, killed under, refused, limited."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import services
from tests.integration.api.reading import TALKS, WAITS, EventSource, seqs
from tests.integration.api.stage import ASK, SAY, Stage, stage_in
from tests.integration.api.visitor import Visitor

PROMPT_S = 1.5
"""A second, and what a machine that does much else adds."""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One server for all tests here; each has workflows of its own."""
    folder = tmp_path_factory.mktemp("stage")
    if request.param == "sqlite":
        with stage_in(folder) as made:
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    with (
        services.database(server) as url,
        stage_in(folder, LEGATO_DATABASE_URL=url) as made,
    ):
        yield made


def waiting(stage: Stage, text: str = ASK, **words: str) -> str:
    """Return a run that waits."""
    run = stage.run(stage.workflow(text, **words))
    stage.until(run, "waiting")
    return run


def test_a_stream_tells_all_and_ends(stage: Stage) -> None:
    """From the first event on, as they come, with ids; then `end` [XR32]."""
    run = waiting(stage)
    source = EventSource(stage.owner, run)
    assert source.response.headers["content-type"].startswith("text/event-stream")
    seen = source.until("NodeWaiting")
    with ThreadPoolExecutor(1) as beside:
        told = beside.submit(stage.act, run, "approvals/ask", {"decision": "approve"})
        seen += list(source.messages())
    assert told.result().status_code == 200
    events, end = seen[:-1], seen[-1]
    assert seqs(events) == list(range(1, len(events) + 1))
    assert [each["id"] for each in events] == [f"1-{seq}" for seq in seqs(events)]
    assert (end["event"], end["data"]) == ("end", {"head_seq": len(events)})
    page = stage.owner.call("GET", f"/executions/{run}/events").json()
    assert [each["data"] for each in events] == page["items"]
    source.close()
    again = EventSource(stage.owner, run, Last_Event_ID=events[-1]["id"])
    assert [each["event"] for each in again.messages()] == ["end"]
    again.close()


def test_a_stream_goes_on_after_its_server_was_killed(stage: Stage) -> None:
    """Neither gap nor double after kill -9, by the Last-Event-ID [XR32]."""
    run = waiting(stage, WAITS, nap="0.1")
    source = EventSource(stage.owner, run)
    seen = seqs(source.until("NodeWaiting"))
    stage.serving.stop(signal.SIGKILL)
    source.close()
    stage.again()
    # The server may have another port; the log-in is the same.
    assert stage.act(run, "signals/go", {"data": 1}).status_code in {200, 202}
    again = EventSource(stage.owner, run, Last_Event_ID=source.last_id)
    seen += seqs(again.until("ExecutionEnded"))
    again.close()
    assert seen == list(range(1, len(seen) + 1))


def test_what_is_no_event_of_this_history_begins_anew(stage: Stage) -> None:
    """Another epoch, a seq that there is not, and nonsense: `resync`, then all [XR33]."""
    run = stage.run(stage.workflow(SAY))
    stage.until(run, "completed")
    for last in ("0-2", "2-1", "1-99", "x", "1-", "-1"):
        source = EventSource(stage.owner, run, Last_Event_ID=last)
        first, *rest = source.messages()
        assert (first["event"], first["data"]) == ("resync", {"epoch": 1, "head_seq": 4}), last
        assert seqs(rest) == [1, 2, 3, 4]
        source.close()


def ended(source: EventSource) -> tuple[str, float]:
    """Return the code with which a stream ends, and when it did."""
    *_, last = source.messages()
    assert last["event"] == "error"
    return str(last["data"]["code"]), time.monotonic()


def test_who_may_not_any_more_is_cut_off(stage: Stage) -> None:
    """A log-out, a lost membership: within a second, with the code [XR34]."""
    run = waiting(stage)
    for what, code in (("log out", "session_ended"), ("remove", "not_found")):
        reader = stage.member("viewer")
        source = EventSource(reader, run)
        source.until("NodeWaiting")
        with ThreadPoolExecutor(1) as beside:
            cut = beside.submit(ended, source)
            began = time.monotonic()
            lose(stage, reader, what)
            found, at = cut.result()
        assert found == code
        assert at - began < PROMPT_S
        source.close()


def lose(stage: Stage, reader: Visitor, what: str) -> None:
    """Have somebody lose what they read by."""
    if what == "log out":
        assert reader.call("POST", "/auth/logout-all").status_code == 204
        return
    user = reader.call("GET", "/auth/me").json()["id"]
    assert stage.owner.call("DELETE", f"/members/{user}").status_code == 204


def test_a_key_loses_what_its_role_loses(stage: Stage) -> None:
    """A key without the right does not even begin [XR34]."""
    run = waiting(stage)
    value = {"name": "reads", "scopes": ["workflow:read"]}
    key = stage.owner.call("POST", "/auth/api-keys", value).json()["key"]
    program = Visitor(stage.serving)
    program.access = key
    source = EventSource(program, run)
    assert source.response.status_code == 403
    source.close()


def test_a_user_has_so_many_streams(stage: Stage) -> None:
    """One more is 429; a place is free when a reader hangs up [XR35]."""
    run = waiting(stage)
    reader = stage.member("viewer")
    sources = [EventSource(reader, run) for _ in range(5)]
    for each in sources:
        each.until("NodeWaiting")
    more = EventSource(reader, run)
    assert more.response.status_code == 429
    assert int(more.response.headers["retry-after"]) >= 1
    more.close()
    other = EventSource(stage.owner, run)
    other.until("NodeWaiting")
    other.close()
    sources.pop().close()
    pause = threading.Event()
    for _ in range(100):
        more = EventSource(reader, run)
        if more.response.status_code == 200:
            break
        more.close()
        pause.wait(0.05)
    assert more.response.status_code == 200
    for each in (*sources, more):
        each.close()
    page = reader.call("GET", f"/executions/{run}/events")
    assert page.status_code == 200


def test_a_server_that_stops_ends_its_streams(stage: Stage) -> None:
    """With the code `draining`, long before it would cut them off [XR36]."""
    run = waiting(stage, TALKS)
    source = EventSource(stage.owner, run)
    source.until("NodeWaiting")
    began = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        cut = beside.submit(ended, source)
        stage.serving.stop()
        code, _ = cut.result()
    assert code == "draining"
    assert time.monotonic() - began < 8
    source.close()
    stage.again()
