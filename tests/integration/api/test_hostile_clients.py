# SPDX-License-Identifier: Apache-2.0
"""Clients that lie, drip, flood and never read, against a real server process."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.cli.site import Result

JSON_TYPE = b"Content-Type: application/json\r\n"
TOP = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
FIFTY_MB = 50 * 1024 * 1024
GROWTH_MAX_KIB = 10 * 1024


def _post(*headers: bytes) -> bytes:
    return (
        b"POST /test/body HTTP/1.1\r\nHost: localhost\r\n" + JSON_TYPE + b"".join(headers) + b"\r\n"
    )


def _chunks(total: int) -> Iterator[bytes]:
    part = b"x" * 65_536
    for _ in range(total // len(part)):
        yield part


def test_a_body_of_50_mb_is_refused_and_not_kept(hostile: Serving) -> None:
    """413 to a client with and without a length, and memory stays [HT16]."""
    url, kind = f"{hostile.url}/test/body", {"Content-Type": "application/json"}
    assert httpx2.post(url, json={"value": "x"}, timeout=PATIENCE_S).json() == {"size": 3}
    before = hostile.memory_kib()
    for content in (b"x" * FIFTY_MB, _chunks(FIFTY_MB)):
        answer = httpx2.post(url, content=content, headers=kind, timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert hostile.memory_kib() - before < GROWTH_MAX_KIB
    assert httpx2.post(url, json={"value": "x"}, timeout=PATIENCE_S).status_code == 200


def test_a_length_beyond_the_limit_is_answered_at_once(hostile: Serving) -> None:
    """Nobody waits for what will not be read [HT16]."""
    status, body = hostile.raw().send(_post(b"Content-Length: 5000000000\r\n")).answer()
    assert (status, body["code"]) == (413, "too_large")


def test_a_client_that_asks_first_is_refused_before_it_sends(hostile: Serving) -> None:
    """`Expect: 100-continue` gets the final answer [HT16]."""
    raw = hostile.raw().send(_post(b"Content-Length: 50000000\r\nExpect: 100-continue\r\n"))
    assert raw.answer()[0] == 413


def test_a_length_that_is_too_short_leaves_the_rest_to_no_route(hostile: Serving) -> None:
    """What follows is no part of the body, and no request [HT16, HT23]."""
    data = b'{"value": 1}'
    found = hostile.raw().send(_post(b"Content-Length: 12\r\n") + data + b"xxxx\r\n\r\n").rest()
    assert found.startswith(b"HTTP/1.1 200 ")
    assert found.count(b"HTTP/1.1 ") <= 2
    assert b"HTTP/1.1 2" not in found[12:]


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__BODY_S": "0.3"}], indirect=True)
def test_a_body_that_drips_is_given_up(hostile: Serving) -> None:
    """408, and the connection is closed [HT17]."""
    raw = hostile.raw().send(_post(b"Content-Length: 1000\r\n") + b"{")
    status, body = raw.answer()
    assert (status, body["code"]) == (408, "request_timeout")
    assert raw.rest() == b""


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__HEADER_S": "0.3"}], indirect=True)
def test_headers_that_drip_are_given_up(hostile: Serving) -> None:
    """Also after an earlier request on the same connection [HT23]."""
    first = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for before in (b"", first):
        raw = hostile.raw()
        if before:
            assert raw.send(before).answer()[0] == 200
        status, body = raw.send(b"GET / HTTP/1.1\r\nHost: loc").answer()
        assert (status, body["code"]) == (408, "request_timeout")
        assert raw.rest() == b""


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__KEEP_ALIVE_S": "1"}], indirect=True)
def test_a_client_that_says_nothing_is_hung_up_on(hostile: Serving) -> None:
    """From the first moment, not only between requests [HT23]."""
    assert hostile.raw().rest() == b""


def test_endless_headers_are_refused(hostile: Serving) -> None:
    """In one header or in many, complete or not, and they are not kept [HT8, HT23]."""
    start = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
    many = b"".join(b"x-%d: 1\r\n" % n for n in range(200))
    for flood in (b"x: " + b"y" * 200_000, b"x: " + b"y" * 200_000 + b"\r\n\r\n", many + b"\r\n"):
        status, body = hostile.raw().send(start + flood).answer()
        assert (status, body["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("line", [b"x: %b\r\n", b"1;%b\r\n \r\n", b"x: y%b"])
def test_what_stands_around_chunks_is_not_kept(hostile: Serving, line: bytes) -> None:
    """Trailers and extensions without end are cut off [HT23]."""
    before = hostile.memory_kib()
    start = b"1\r\n{\r\n" + (b"" if line.startswith(b"1") else b"0\r\n")
    raw = hostile.raw().send(_post(b"Transfer-Encoding: chunked\r\n") + start)
    with pytest.raises(OSError, match=r"reset|pipe"):
        for _ in _chunks(FIFTY_MB):
            raw.send(line.replace(b"%b", b"y" * 60_000))
            assert hostile.memory_kib() - before < GROWTH_MAX_KIB


def test_small_chunks_are_no_attack(hostile: Serving) -> None:
    """A body of many small ones, in one packet or each in its own [HT16, HT23]."""
    text = json.dumps({"value": "x" * 20_000}).encode()
    parts = [b"1\r\n%c\r\n" % each for each in text]
    end = b"0\r\nx: y\r\n\r\n"
    for packets in ([b"".join(parts) + end], [*parts[:3000], b"".join(parts[3000:]), end]):
        raw = hostile.raw().send(_post(b"Transfer-Encoding: chunked\r\n"))
        for packet in packets:
            raw.send(packet)
        assert raw.answer() == (200, {"size": 20_002})


@pytest.mark.parametrize(
    "hostile", [{"LEGATO_SERVER__TRUSTED_PROXIES": "127.0.0.1"}], indirect=True
)
def test_what_follows_a_body_is_no_header(hostile: Serving) -> None:
    """No address and no origin can be smuggled past a proxy there [HT23, HT30]."""
    head = _post(b"Transfer-Encoding: chunked\r\n", b"X-Forwarded-For: 203.0.113.9\r\n")
    late = b"X-Forwarded-For: 6.6.6.6\r\nOrigin: https://evil.example\r\nHost: evil.example\r\n"
    raw = hostile.raw().send(head + b'b\r\n{"value":1}\r\n0\r\n' + late + b"\r\n")
    assert raw.answer() == (200, {"size": 1})
    lines = [json.loads(line) for line in hostile.stop().err.splitlines()]
    assert [line["client"] for line in lines if "path" in line] == ["203.0.113.9"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELO\r\n\r\n",
        TOP + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        TOP + b"Content-Length: -5\r\n\r\n",
        TOP + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)  # fmt: skip
def test_bytes_that_are_no_request_are_refused_in_the_form_of_every_error(
    hostile: Serving, data: bytes
) -> None:
    """The parser's own words do not reach the client [HT1, HT23]."""
    status, body = hostile.raw().send(data).answer()
    assert (status, body["code"]) == (400, "malformed_request")
    assert body["request_id"]


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__MAX_CONNECTIONS": "3"}], indirect=True)
def test_too_many_connections_are_refused(hostile: Serving) -> None:
    """With 503 and Retry-After; when one goes there is room again [HT6, HT23]."""
    held = [
        hostile.raw().send(b"GET /test/never HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(3)
    ]
    found = hostile.raw().rest()
    assert found.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in found
    for each in held:
        each.close()
    ask = b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n"
    _until(lambda: hostile.raw().send(ask).rest().startswith(b"HTTP/1.1 200 "))


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__WRITE_S": "0.3"}], indirect=True)
def test_a_client_that_never_reads_is_cut_off(hostile: Serving) -> None:
    """It holds neither memory nor a connection for ever [HT23]."""
    before = hostile.memory_kib()
    raw = hostile.raw(receive_bytes=4_096)
    raw.send(b"GET /test/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    _until(lambda: _streams(hostile) == 1)
    _until(lambda: _streams(hostile) == 0)
    assert hostile.memory_kib() - before < GROWTH_MAX_KIB


def test_a_stream_whose_client_is_gone_ends(hostile: Serving) -> None:
    """It does not go on for nobody, and it never holds the loop [HT23]."""
    raw = hostile.raw().send(b"GET /test/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert raw.socket.recv(1_000)
    raw.close()
    _until(lambda: _streams(hostile) == 0)


def _streams(server: Serving) -> int:
    return int(server.get("/test/streams").json()["count"])


def _until(is_so: Callable[[], bool]) -> None:
    """Ask again until it is so."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE_S


def test_a_defect_says_nothing_and_the_server_goes_on(hostile: Serving) -> None:
    """500 with the request id that the log has [HT4]."""
    answer = hostile.get("/test/broken", **{"X-Request-ID": "broken-1"})
    assert (answer.status_code, answer.json()["request_id"]) == (500, "broken-1")
    assert hostile.get("/health/live").status_code == 200
    result = hostile.stop()
    assert result.code == 0
    assert "canary" not in answer.text + result.err
    assert '"error":"RuntimeError"' in result.err
    assert "broken-1" in result.err


@pytest.mark.parametrize("hostile", [{"LEGATO_SERVER__DRAIN_S": "0.5"}], indirect=True)
def test_it_drains_with_hostile_clients_attached(hostile: Serving) -> None:
    """Neither a client that never reads nor one that drips holds the end up [HT25]."""
    unread = hostile.raw(receive_bytes=4_096)
    unread.send(b"GET /test/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    stuck = hostile.raw().send(b"GET /test/never HTTP/1.1\r\nHost: localhost\r\n\r\n")
    headers = hostile.raw().send(b"GET /test/never HTTP/1.1\r\nHost: loc")
    dripping = hostile.raw().send(_post(b"Content-Length: 1000\r\n"))
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.05):
            try:
                dripping.send(b" ")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert hostile.get("/health/live").status_code == 200
        began = time.monotonic()
        result = hostile.stop()
        took = time.monotonic() - began
    finally:
        stop.set()
        thread.join()
    assert result.code == 0, result
    assert took < 10
    status, body = stuck.answer()
    assert (status, body["code"]) == (503, "draining")
    assert b"Traceback" not in result.err.encode()
    for each in (unread, headers, stuck, dripping):
        each.close()


def test_an_open_request_may_end_while_it_drains(hostile: Serving) -> None:
    """What was accepted is answered; nothing new is [HT25, HT29]."""
    raw = hostile.raw().send(_post(b"Content-Length: 12\r\n") + b'{"value"')
    assert hostile.get("/health/live").status_code == 200  # it has the other one by now
    ended: list[Result] = []
    thread = threading.Thread(target=lambda: ended.append(hostile.stop()))
    thread.start()
    _until(lambda: not _accepts(hostile.port))
    assert raw.send(b": 1}").answer() == (200, {"size": 1})
    thread.join()
    assert [result.code for result in ended] == [0]


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


@pytest.mark.parametrize(
    ("hostile", "client"),
    [
        ({"LEGATO_SERVER__TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}, "203.0.113.9"),
        ({"LEGATO_SERVER__TRUSTED_PROXIES": "10.0.0.0/8"}, "127.0.0.1"),
        ({}, "127.0.0.1"),
    ],
    indirect=["hostile"],
)
def test_only_trusted_proxies_say_who_the_client_is(hostile: Serving, client: str) -> None:
    """What the client claims itself stands before what they add [HT30]."""
    claimed = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.1.1"}
    assert hostile.get("/nothing", **claimed).status_code == 404
    lines = [json.loads(line) for line in hostile.stop().err.splitlines()]
    (seen,) = [line["client"] for line in lines if line.get("path") == "/nothing"]
    assert seen == client
