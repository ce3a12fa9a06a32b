# SPDX-License-Identifier: Apache-2.0

import asyncio
import errno
import json
import os
import select
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from legato.errors import Unavailable
from legato.practice import exchange
from legato.practice import ledger as ledgers
from legato.practice.exchange import Answer, Exchange
from legato.practice.ledger import FILE
from legato.practice.service import Bounds
from tests.integration.practice.desk import LETTER, SORTED, Desk, opened

TAKEN = {"requests_received": 1, "work_done": 1, "answers_handed_over": 1}


async def test_work_takes_its_time_and_is_answered(tmp_path: Path) -> None:
    """Sorting 2.5 s, a draft 4 s; both are counted [PR1, PR2, PR4]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        found = await desk.call("/sort", LETTER, key="a")
        assert (found.status, found.value) == (200, SORTED)
        assert found.headers["connection"] == "close"
        asked = {"topic": "other", "name": "Ada", "subject": "Tea"}
        draft = await desk.call("/draft", asked, key="b")
        assert draft.value["reply"].startswith("Dear Ada,")
        assert [desk.begun.get_nowait() for _ in range(2)] == [2.5, 4.0]
        await desk.until(requests_received=2, work_done=2, answers_handed_over=2)


async def test_a_pending_key_joins_the_work_in_progress(tmp_path: Path) -> None:
    """Two callers, one piece of work, the same answer [PR3]."""
    async with opened(tmp_path) as desk:
        both = [asyncio.create_task(desk.call("/sort", LETTER, key="a")) for _ in range(2)]
        await desk.until(requests_received=2)
        desk.gate.set()
        assert [(await each).value for each in both] == [SORTED, SORTED]
        found = await desk.until(answers_handed_over=2)
        assert (found["work_done"], found["requests_sent_again"]) == (1, 1)
        assert "finished_work_asked_again" not in found
        assert desk.begun.qsize() == 1


async def test_a_finished_key_gets_the_stored_answer(tmp_path: Path) -> None:
    """It is not done again; that it was asked for again is counted [PR3, PR4]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        await desk.call("/sort", LETTER, key="a")
        await desk.until(**TAKEN)
        again = await desk.call("/sort", dict(reversed(LETTER.items())), key="a")
        assert again.value == SORTED
        found = await desk.until(answers_handed_over=2)
        assert found["finished_work_asked_again"] == 1
        assert (found["work_done"], desk.begun.qsize()) == (1, 1)


async def test_a_key_belongs_to_one_request(tmp_path: Path) -> None:
    """With another body or path it is refused and not counted [PR3, PR7]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        await desk.call("/sort", LETTER, key="a")
        other = await desk.call("/sort", {**LETTER, "text": "else"}, key="a")
        draft = {"topic": "other", "name": "", "subject": ""}
        assert [other.status, (await desk.call("/draft", draft, key="a")).status] == [422, 422]
        await desk.until(**TAKEN)


async def test_work_goes_on_when_its_caller_dies(tmp_path: Path) -> None:
    """The one who comes again with the key gets it; nothing finished was asked again [PR3, PR4]."""
    async with opened(tmp_path) as desk:
        desk.caller(desk.request("/sort", LETTER, key="a")).close()
        await desk.until(requests_received=1, requests_cut_off=1)
        desk.gate.set()
        await desk.until(work_done=1)
        assert (await desk.call("/sort", LETTER, key="a")).value == SORTED
        assert await desk.until(answers_handed_over=1) == {
            "requests_received": 2,
            "work_done": 1,
            "requests_cut_off": 1,
            "requests_sent_again": 1,
            "answers_handed_over": 1,
        }
        assert desk.begun.qsize() == 1


async def test_an_answer_left_unread_was_not_taken(tmp_path: Path) -> None:
    """Who dies with the answer in its hands was cut off, who read it was not [PR4]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        with desk.caller(desk.request("/sort", LETTER, key="a")) as dying:
            assert await asyncio.to_thread(dying.recv, 1, socket.MSG_PEEK)
        await desk.until(requests_cut_off=1, work_done=1)
        with desk.caller(desk.request("/sort", LETTER, key="a")) as reader:
            while await asyncio.to_thread(reader.recv, 4096):
                pass
        found = await desk.until(answers_handed_over=1)
        assert (found["requests_sent_again"], found["requests_cut_off"]) == (1, 1)


@pytest.mark.parametrize("is_seen", [True, False])
async def test_an_answer_is_not_taken_by_who_has_just_gone(
    monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    """Seen before it is sent, or by the reset that comes back for it [PR4]."""

    async def sent(*_: Any) -> None:
        raise AssertionError("somebody who has gone was answered")

    if is_seen:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_sendall", sent)
    else:
        monkeypatch.setattr(Exchange, "_is_closed", lambda _: False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = socket.create_connection(listening.getsockname())
        connection, _ = listening.accept()
    with connection:
        connection.settimeout(0)
        caller.close()
        assert await asyncio.to_thread(select.select, [connection], [], [], 60)
        answer = Answer(HTTPStatus.OK, SORTED, {})
        assert await Exchange(connection).hand_over(answer) is False


async def test_a_caller_that_keeps_its_answer_open_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time the connection is closed and counts as handed over [PR4, PR7]."""
    monkeypatch.setattr(exchange, "LINGER_TIME_S", 0.01)
    async with opened(tmp_path) as desk:
        desk.gate.set()
        with desk.caller(desk.request("/sort", LETTER, key="a")):
            await desk.until(answers_handed_over=1)


async def test_answers_and_counts_outlive_the_service(tmp_path: Path) -> None:
    """What was open when it ended was cut off; a done key is not done again [PR6]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        await desk.call("/sort", LETTER, key="x:a")
        await desk.until(**TAKEN)
        desk.gate.clear()
        with desk.caller(desk.request("/sort", LETTER, key="x:b")):
            await desk.until(requests_received=2)
            await desk.begun.get()
            await desk.begun.get()
            before = await desk.get("/ledger")
    async with opened(tmp_path) as desk:
        assert await desk.counts("x") == {**TAKEN, "requests_received": 2, "requests_cut_off": 1}
        after = await desk.get("/ledger")
        assert after["rows"][:-1] == before["rows"]
        desk.gate.set()
        assert (await desk.call("/sort", LETTER, key="x:a")).value == SORTED
        assert desk.begun.empty()
        assert (await desk.call("/sort", LETTER, key="x:b")).value == SORTED
        assert desk.begun.qsize() == 1
        found = await desk.until(answers_handed_over=3)
        assert (found["finished_work_asked_again"], found["requests_sent_again"]) == (1, 1)


async def test_a_ledger_of_something_else_is_refused(tmp_path: Path) -> None:
    """Rows that no practice service writes [PR6]."""
    (tmp_path / FILE).write_text('{"row":1,"event":"done","key":"a"}\n', encoding="utf-8")
    with pytest.raises(Unavailable, match="none of a practice service"):
        async with opened(tmp_path):
            pass


async def test_counts_and_rows_are_told_by_group(tmp_path: Path) -> None:
    """What stands before a key's first colon: for Legato, the execution [PR10]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        for key in ("run1:sort:0", "run2:sort:0", "alone"):
            await desk.call("/sort", LETTER, key=key)
        await desk.until(answers_handed_over=3)
        assert [await desk.counts(each) for each in ("run1", "run2")] == [TAKEN, TAKEN]
        assert await desk.counts("run3") == {}
        page = await desk.get("/ledger?group=run2")
        assert [each["event"] for each in page["rows"]] == ["received", "done", "handed_over"]
        assert {each["key"] for each in page["rows"]} == {"run2:sort:0"}
        received, done, handed = page["rows"]
        assert (received["asked"], handed["request"]) == ("first", received["row"])
        assert done["answer"] == SORTED
        assert page["has_more"] is False
        rest = await desk.get(f"/ledger?group=run2&after={received['row']}")
        assert rest["rows"] == [done, handed]


async def test_rows_are_told_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them once, in order; a page is bounded in rows and bytes [PR10, PR7]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        for number in range(3):
            await desk.call("/sort", LETTER, key=str(number))
        await desk.until(answers_handed_over=3)
        whole = (await desk.get("/ledger"))["rows"]
        assert [each["row"] for each in whole] == list(range(1, 10))
        found: list[Any] = []
        has_more = True
        while has_more:
            page = await desk.get(f"/ledger?after={len(found)}&limit=4")
            assert len(page["rows"]) <= 4
            found += page["rows"]
            has_more = page["has_more"]
        assert found == whole
        monkeypatch.setattr("legato.practice.service.PAGE_BYTES_MAX", 10)
        assert await desk.get("/ledger?after=3") == {"rows": whole[3:4], "has_more": True}
        assert await desk.get("/ledger?after=9") == {"rows": [], "has_more": False}


def _raw(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body


POST = "POST /sort HTTP/1.1\nHost: 127.0.0.1:PORT\nContent-Type: application/json\n"
KEYED = f"{POST}Idempotency-Key: k\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (_raw("GET / HTTP/2\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET  /counts HTTP/1.1\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET /counts HTTP/1.1\nHost: 127.0.0.1:PORT\n folded: x"), 400),
        (_raw("GET /counts HTTP/1.1\nHost: 127.0.0.1:PORT\nX : y"), 400),
        (_raw("GET /counts HTTP/1.1\nHost: 127.0.0.1:PORT\nHost: 127.0.0.1:PORT"), 400),
        (b"GET /counts HTTP/1.1\r\nHost: 127.0.0.1:PORT\nX: y\r\n\r\n", 400),
        (_raw("GET /counts?group HTTP/1.1\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET /counts?group=a&group=b HTTP/1.1\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET /counts?delay=0 HTTP/1.1\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET /ledger?after=-1 HTTP/1.1\nHost: 127.0.0.1:PORT"), 400),
        (_raw("GET /none HTTP/1.1\nHost: 127.0.0.1:PORT"), 404),
        (_raw("GET /sort HTTP/1.1\nHost: 127.0.0.1:PORT"), 405),
        (_raw("POST /counts HTTP/1.1\nHost: 127.0.0.1:PORT\nContent-Length: 0"), 405),
        (_raw(KEYED[:-1]), 411),
        (_raw(f"{KEYED}Transfer-Encoding: chunked"), 411),
        (_raw(f"{KEYED}Content-Length: +2", b"{}"), 400),
        (_raw(f"{KEYED}Content-Length: 2\nContent-Length: 2", b"{}"), 400),
        (_raw(f"{KEYED}Content-Length: 1", b"{}"), 400),
        (_raw(f"{KEYED}Content-Length: 65537", b"x" * 65537), 413),
        (_raw(f"{KEYED}Content-Length: 1", b"{"), 400),
        (_raw(f"{KEYED}Content-Length: 2", b"[]"), 400),
        (_raw(f"{KEYED}Content-Length: 2", b"\xff\xff"), 400),
        (_raw(f"{KEYED}Content-Length: 3", b"NaN"), 400),
        (_raw(f"{KEYED}Content-Length: 60000", b"[" * 60000), 400),
        (_raw(f"{KEYED}Content-Length: 35", b'{"subject": "\\ud800", "text": "zzz"}'), 400),
        (_raw(f"{KEYED}Content-Length: 2", b"{}"), 400),
        (_raw(f"{POST}Content-Length: 2", b"{}"), 400),
        (_raw(f"{POST}Idempotency-Key: a b\nContent-Length: 2", b"{}"), 400),
        (_raw(f"{POST}Idempotency-Key: {'k' * 201}\nContent-Length: 2", b"{}"), 400),
        (_raw(f"{KEYED.replace('application/json', 'text/plain')}Content-Length: 2", b"{}"), 415),
        (_raw(f"GET /counts HTTP/1.1\nHost: 127.0.0.1:PORT\nX: {'x' * 9000}"), 431),
        (b"GET /" + b"x" * 20_000, 431),
        (_raw("GET /counts HTTP/1.1\nHost: 127.0.0.1:PORT" + "\nX: y" * 51), 431),
    ],
)
async def test_what_is_malformed_is_refused_and_not_counted(
    tmp_path: Path, data: bytes, status: int
) -> None:
    """With an error status and JSON that says why [PR7]."""
    async with opened(tmp_path) as desk:
        found = await desk.said(data.replace(b"PORT", str(desk.port).encode()))
        assert found.status == status, found
        assert found.value["error"]["status"] == status
        assert found.value["error"]["message"]
        assert await desk.counts() == {}
        assert (tmp_path / FILE).read_bytes() == b""


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1:8420"},
        {"Origin": "null"},
    ],
)
async def test_web_pages_may_not_ask(tmp_path: Path, headers: dict[str, str]) -> None:
    """Whatever name a page gives this computer, and from wherever it came [PR8]."""
    async with opened(tmp_path) as desk:
        found = await desk.call("/counts", method="GET", **headers)
        assert found.status == 403
        assert (await desk.call("/sort", LETTER, key="a", **headers)).status == 403
        assert await desk.counts() == {}


async def test_a_slow_request_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no connection for ever [PR7]."""
    monkeypatch.setattr(exchange, "READ_TIME_S", 0.01)
    async with opened(tmp_path) as desk:
        assert (await desk.said(b"GET /counts HTTP/1.1\r\n")).status == 408


async def test_connections_are_bounded(tmp_path: Path) -> None:
    """One too many waits until another ends, and is answered then [PR7]."""
    async with opened(tmp_path, bounds=Bounds(connections=2)) as desk:
        first, second = (desk.caller(b"GET") for _ in range(2))
        third = asyncio.create_task(desk.counts())
        assert not (await asyncio.wait({third}, timeout=0.2))[0]
        first.close()
        assert await third == {}
        second.close()


async def test_work_in_progress_is_bounded(tmp_path: Path) -> None:
    """Also that of callers who have gone; joining what is in progress stays possible [PR7]."""
    async with opened(tmp_path, bounds=Bounds(works=1)) as desk:
        desk.caller(desk.request("/sort", LETTER, key="a")).close()
        await desk.begun.get()
        refused = await desk.call("/sort", LETTER, key="b")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        joined = asyncio.create_task(desk.call("/sort", LETTER, key="a"))
        await desk.until(requests_received=2)
        desk.gate.set()
        assert (await joined).value == SORTED
        assert (await desk.call("/sort", LETTER, key="b")).value == SORTED


async def test_keys_are_bounded(tmp_path: Path) -> None:
    """A new one is refused; the known ones keep their answers [PR7]."""
    async with opened(tmp_path, bounds=Bounds(keys=1)) as desk:
        desk.gate.set()
        await desk.call("/sort", LETTER, key="a")
        refused = await desk.call("/sort", LETTER, key="b")
        assert refused.status == 503
        assert "move the practice folder away" in refused.value["error"]["message"]
        assert (await desk.call("/sort", LETTER, key="a")).value == SORTED


async def test_a_full_ledger_takes_no_more_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is finished and written down [PR7]."""
    monkeypatch.setattr(ledgers, "LEDGER_BYTES_MAX", 100)
    async with opened(tmp_path) as desk:
        desk.gate.set()
        assert (await desk.call("/sort", LETTER, key="a")).value == SORTED
        await desk.until(**TAKEN)
        assert (await desk.call("/sort", LETTER, key="a")).status == 503
        assert await desk.counts() == TAKEN


async def test_work_that_cannot_be_written_down_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told to come again, and then it is done [PR5]."""
    async with opened(tmp_path) as desk:
        waiting = asyncio.create_task(desk.call("/sort", LETTER, key="a"))
        await desk.begun.get()
        await desk.until(requests_received=1)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            desk.gate.set()
            assert (await waiting).status == 503
        assert await desk.counts() == {"requests_received": 1}
        assert (await desk.call("/sort", LETTER, key="a")).value == SORTED
        lines = (tmp_path / FILE).read_bytes().splitlines()
        assert [json.loads(each)["row"] for each in lines] == list(range(1, len(lines) + 1))


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_no_answer_is_sent_before_its_row_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first byte comes, the ledger holds what it says [PR5]."""
    order: list[str] = []
    real_fsync, real_hand_over = os.fsync, exchange.Exchange.hand_over

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        order.extend(json.loads(each)["event"] for each in _lines(tmp_path)[len(order) :])

    async def hand_over(self: Any, answer: Any) -> bool:
        if answer.body == SORTED:
            order.append("sent")
        return await real_hand_over(self, answer)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(exchange.Exchange, "hand_over", hand_over)
    async with opened(tmp_path) as desk:
        desk.gate.set()
        await desk.call("/sort", LETTER, key="a")
        assert order[:3] == ["received", "done", "sent"]


def _lines(folder: Path) -> list[bytes]:
    return (folder / FILE).read_bytes().splitlines()


async def test_many_callers_of_many_keys_lose_nothing(tmp_path: Path) -> None:
    """Rows, counts and answers agree whatever order they come in [PR3, PR4]."""
    async with opened(tmp_path) as desk:
        desk.gate.set()
        keys = [str(number % 10) for number in range(60)]
        found = await asyncio.gather(*(_asked(desk, key) for key in keys))
        assert found == [SORTED] * 60
        counts = await desk.until(answers_handed_over=60)
        again = counts.get("requests_sent_again", 0) + counts.get("finished_work_asked_again", 0)
        assert (counts["requests_received"], counts["work_done"], again) == (60, 10, 50)
        assert desk.begun.qsize() == 10


async def _asked(desk: Desk, key: str) -> Any:
    return (await desk.call("/sort", LETTER, key=key)).value
