# SPDX-License-Identifier: Apache-2.0
"""The frame around every request, called as a server would."""

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from legato.api.frame import CORS_ALLOW, CORS_EXPOSE, exchange_of
from legato.errors import Conflict, Refused
from legato.telemetry import configure_logging, logger
from tests.unit.api.calls import HOST, Answer, call, drink, framed, hello, scope_of, sender

LISTED = "https://app.example.org"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as JSON lines."""
    stream = io.StringIO()
    configure_logging("debug", as_json=True, stream=stream)
    yield stream
    configure_logging("warning", as_json=False)


def _lines(log: io.StringIO) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["logger"] != "asyncio"]


async def _get(*headers: tuple[bytes, bytes], **options: Any) -> Answer:
    return await call(framed(hello, **options), scope_of(headers=headers))


@pytest.mark.parametrize("given", [b"abcd.EF-12_34", b"x" * 64, b"12345678"])
async def test_a_harmless_request_id_is_kept(given: bytes) -> None:
    """It comes back as it was sent [HT7]."""
    assert (await _get((b"x-request-id", given))).headers["x-request-id"] == given.decode()


@pytest.mark.parametrize(
    "given",
    [b"", b"short", b"x" * 65, b"x" * 10_240, b"abcdefgh\r\nx: y", b"abc defgh", b"\xc3\xa9" * 8],
)
async def test_any_other_request_id_is_replaced(given: bytes) -> None:
    """What could forge a line of a log does not get there [HT7]."""
    answer = await _get((b"x-request-id", given))
    assert answer.headers["x-request-id"] == "made-id-0001"


async def test_two_request_ids_are_none() -> None:
    """Who sent which is not known [HT7]."""
    name = b"x-request-id"
    answer = await _get((name, b"abcdefgh"), (name, b"ijklmnop"))
    assert answer.headers["x-request-id"] == "made-id-0001"


async def test_the_request_id_is_on_every_log_line(log: io.StringIO) -> None:
    """Also on what a route logs [HT7]."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        logger("route").warning("in the route")
        await hello(scope, receive, send)

    await call(framed(route), scope_of(headers=[(b"x-request-id", b"abcdefgh")]))
    logger("outside").warning("outside")
    inside, access, outside = _lines(log)
    assert inside["request_id"] == access["request_id"] == "abcdefgh"
    assert "request_id" not in outside


@pytest.mark.parametrize(
    "headers",
    [[(b"x-%d" % n, b"1") for n in range(100)], [(b"cookie", b"x" * 33_000)]],
    ids=["many", "large"],
)
async def test_too_many_or_too_large_headers_are_refused(
    headers: list[tuple[bytes, bytes]],
) -> None:
    """The route does not see them [HT8]."""
    answer = await call(framed(hello), scope_of(headers=headers))
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert (await call(framed(hello), scope_of(headers=headers[1:]))).status == 200


async def test_a_long_query_counts_as_header() -> None:
    """The line of the request is bounded too [HT8]."""
    assert (await call(framed(hello), scope_of(query=b"q" * 33_000))).status == 431


@pytest.mark.parametrize("path", ["/health/live", "/unknown", "/api/v1/auth/login"])
async def test_a_foreign_host_is_refused_whatever_the_path(path: str) -> None:
    """DNS rebinding ends here, on loopback too [HT9]."""
    for host in ((b"host", b"evil.example"), None):
        answer = await call(framed(hello), scope_of(path=path, host=host))
        assert (answer.status, answer.code) == (421, "host_refused")


async def test_the_order_is_headers_host_draining() -> None:
    """A request with several faults hears of the first [HT8, HT9, HT29]."""
    evil, large = (b"host", b"evil.example"), [(b"cookie", b"x" * 33_000)]
    frame = framed(hello, is_draining=True)
    assert (await call(frame, scope_of(host=evil, headers=large))).code == "headers_too_large"
    assert (await call(frame, scope_of(host=evil))).code == "host_refused"
    answer = await call(frame, scope_of())
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "draining", "1")
    assert (await call(frame, scope_of(path="/health/live"))).status == 200


async def test_every_answer_has_the_security_headers() -> None:
    """Also a refusal and a defect; HSTS only where TLS is [HT11]."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("canary")

    secure: dict[str, Any] = {"public_url": "https://legato.example.org"}
    for app, host in ((hello, HOST), (hello, (b"host", b"evil.example")), (broken, HOST)):
        for options in ({}, secure):
            headers = (await call(framed(app, **options), scope_of(host=host))).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "no-referrer"
            assert "camera=()" in headers["permissions-policy"]
            assert headers["cache-control"] == "no-store"
            assert ("strict-transport-security" in headers) is bool(options)


async def test_a_page_has_a_nonce_of_its_own() -> None:
    """The route puts it on its scripts; no two answers share one [HT11]."""
    seen = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(exchange_of(scope).nonce)
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<p>"})

    policies = [
        (await call(framed(page), scope_of())).headers["content-security-policy"] for _ in range(2)
    ]
    assert len(set(seen)) == 2
    for nonce, policy in zip(seen, policies, strict=True):
        assert f"script-src 'self' 'nonce-{nonce}'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


async def test_a_route_may_be_stricter_itself() -> None:
    """A file's own policy, and a cache time, stay as they are [HT11]."""

    async def file(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-security-policy", b"sandbox"), (b"cache-control", b"max-age=1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    answer = await call(framed(file), scope_of())
    names = [name for name, _ in answer.messages[0]["headers"]]
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["cache-control"] == "max-age=1"
    assert len(names) == len(set(names))


def _preflight(origin: bytes) -> list[tuple[bytes, bytes]]:
    wish = (b"access-control-request-method", b"PUT")
    return [(b"origin", origin), wish, (b"access-control-request-headers", b"if-match")]


async def test_a_preflight_of_a_listed_origin_is_answered() -> None:
    """With exactly the methods of the path and the headers of the contract [HT10]."""
    frame = framed(hello, methods={"PUT", "GET"}, allowed_origins={LISTED})
    answer = await call(frame, scope_of("OPTIONS", headers=_preflight(LISTED.encode())))
    assert (answer.status, answer.body) == (204, b"")
    headers = answer.headers
    assert headers["access-control-allow-origin"] == LISTED
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-methods"] == "GET, PUT"
    assert headers["access-control-allow-headers"] == CORS_ALLOW
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{LISTED}.evil.example", "*"])
async def test_any_other_origin_gets_nothing(origin: str) -> None:
    """No header lets its page read a preflight, an answer or an error [HT10]."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise Conflict("busy")

    own = [(b"origin", origin.encode()), (b"cookie", b"legato_refresh_8420=x")]
    preflight = await call(
        framed(hello, allowed_origins={LISTED}),
        scope_of("OPTIONS", headers=_preflight(origin.encode())),
    )
    assert (preflight.status, preflight.code) == (403, "origin_refused")
    found = [preflight]
    found += [await call(framed(each, allowed_origins={LISTED}), scope_of(headers=own))
              for each in (hello, broken)]  # fmt: skip
    found.append(await call(framed(hello), scope_of(headers=own)))
    for answer in found:
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_listed_page_may_read_answers_and_errors() -> None:
    """With the headers that the contract exposes [HT10]."""

    async def missing(scope: Scope, receive: Receive, send: Send) -> None:
        raise Refused("not_found", "There is none.")

    for app in (hello, missing):
        frame = framed(app, allowed_origins={LISTED})
        headers = (await call(frame, scope_of(headers=[(b"origin", LISTED.encode())]))).headers
        assert headers["access-control-allow-origin"] == LISTED
        assert headers["access-control-expose-headers"] == CORS_EXPOSE


async def test_a_preflight_of_no_route_is_the_routers() -> None:
    """404 comes before the origin [HT10, HT12]."""
    frame = framed(hello, methods=(), allowed_origins={LISTED})
    answer = await call(frame, scope_of("OPTIONS", headers=_preflight(b"https://evil.example")))
    assert answer.body == b"hello"


async def test_a_defect_is_answered_and_logged_without_its_text(log: io.StringIO) -> None:
    """Its text may quote a password; its kind, places and request id are enough [HT4]."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raise KeyError("hunter2-canary")
        except KeyError as error:
            raise ValueError("hunter2-canary") from error

    answer = await call(framed(broken), scope_of())
    assert (answer.status, answer.code) == (500, "internal")
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert b"canary" not in answer.body
    assert "canary" not in log.getvalue()
    defect, access = _lines(log)
    assert (defect["error"], defect["level"]) == ("ValueError", "error")
    assert "test_frame.py" in str(defect["at"])
    assert defect["request_id"] == access["request_id"] == answer.json["request_id"]


async def test_a_defect_in_the_middle_of_an_answer_cuts_it_off() -> None:
    """A client must not take half an answer for a whole one [HT4]."""

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError

    cut: list[bool] = []
    scope = scope_of()
    scope["state"]["abort"] = lambda: cut.append(True)
    answer = await call(framed(breaks), scope)
    assert (answer.body, cut) == (b"half", [True])
    assert answer.messages[-1]["more_body"] is True


async def test_a_defect_after_the_whole_answer_changes_nothing(log: io.StringIO) -> None:
    """It is logged; the answer stands [HT4]."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        raise ValueError

    scope = scope_of()
    scope["state"]["abort"] = lambda: pytest.fail("cut off")
    assert (await call(framed(late), scope)).body == b"hello"
    assert _lines(log)[0]["error"] == "ValueError"


async def test_a_request_that_the_end_of_the_server_finds_is_told() -> None:
    """A cancelled request answers 503 instead of nothing [HT25, HT29]."""
    started = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call(framed(waits), scope_of()))
    await started.wait()
    task.cancel()
    assert (await task).code == "draining"


async def test_each_request_is_one_line_without_query_or_token(log: io.StringIO) -> None:
    """The query may hold a log-in; so may a part of the path [HT18]."""
    await call(framed(hello), scope_of("POST", "/a/b", query=b"token=hunter2-canary"))
    await call(framed(hello), scope_of(path=f"/hooks/{'canary' * 8}/x"))

    class HookRoute:
        path = "/hooks/{token}"

    async def hook(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"], scope["path_params"] = HookRoute, {"token": "canary"}
        await hello(scope, receive, send)

    async def thing(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"], scope["path_params"] = HookRoute, {"name": "x"}
        await hello(scope, receive, send)

    await call(framed(hook), scope_of(path="/hooks/canary"))
    await call(framed(thing), scope_of(path=f"/things/{'a-slug-' * 6}x/{'Canary7' * 6}"))
    await call(framed(hello), scope_of(path="/x\r\nforged"))
    first, *_ = lines = _lines(log)
    assert [each["path"] for each in lines] == [
        "/a/b",
        "/hooks/…/x",
        "/hooks/{token}",
        f"/things/{'a-slug-' * 6}x/…",
        "/x\\r\\nforged",
    ]
    assert "canary" not in log.getvalue()
    assert (first["method"], first["status"], first["sent_bytes"]) == ("POST", 200, 5)
    assert (first["client"], first["took_ms"]) == ("10.1.2.3", 1000.0)


async def test_a_secret_in_the_place_of_an_id_is_not_logged(log: io.StringIO) -> None:
    """Ids, and slugs of any length, are shown [HT58]."""

    class ThingRoute:
        path = "/things/{thing}"

    async def thing(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"], scope["path_params"] = ThingRoute, {"thing": "x"}
        await hello(scope, receive, send)

    shown = ["018f0000-0000-7000-8000-000000000001", "a-slug-" * 8]
    for each in (*shown, "Canary" * 8, "canary_" * 7):
        await call(framed(thing), scope_of(path=f"/things/{each}"))
    paths = [line["path"] for line in _lines(log)]
    assert paths == [*(f"/things/{each}" for each in shown), "/things/…", "/things/…"]


async def test_probes_that_succeed_are_not_in_the_way(log: io.StringIO) -> None:
    """They are told at debug level only [HT18]."""
    await call(framed(hello), scope_of(path="/health/live"))
    assert [line["level"] for line in _lines(log)] == ["debug"]


@pytest.mark.parametrize(
    ("headers", "parts"),
    [
        ([(b"content-length", b"50000000")], []),
        ([(b"transfer-encoding", b"chunked")], [b"x" * 600] * 2),
        ([(b"content-length", b"10")], [b"x" * 600] * 2),
    ],
    ids=["declared", "chunked", "lying"],
)
async def test_a_body_beyond_the_limit_is_refused(
    headers: list[tuple[bytes, bytes]], parts: list[bytes]
) -> None:
    """Whatever the client says of its length [HT16]."""
    frame = framed(drink, max_body_bytes=1_000)
    answer = await call(frame, scope_of("POST", headers=headers), sender(parts))
    assert (answer.status, answer.code) == (413, "too_large")


async def test_a_body_up_to_the_limit_is_let_through() -> None:
    """The limit itself is no more than the limit [HT16]."""
    headers = [(b"transfer-encoding", b"chunked")]
    frame = framed(drink, max_body_bytes=1_200)
    answer = await call(frame, scope_of("POST", headers=headers), sender([b"x" * 600] * 2))
    assert (answer.status, answer.body) == (200, b"hello")
    assert "connection" not in answer.headers


async def test_an_answer_before_the_body_lets_the_client_finish() -> None:
    """What came is read away and the connection stays; what never comes closes it [HT16, HT17]."""
    headers = [(b"content-length", b"3000")]
    answer = await call(
        framed(hello), scope_of("POST", headers=headers), sender([b"x" * 1_000] * 3)
    )
    assert (answer.status, answer.headers.get("connection")) == (200, None)
    hanging = sender([b"x"], then="hang")
    answer = await call(framed(hello), scope_of("POST", headers=headers), hanging)
    assert (answer.status, answer.headers["connection"], answer.body) == (200, "close", b"hello")


async def test_a_client_that_asked_first_is_not_told_to_send() -> None:
    """After `Expect: 100-continue` a refused body is never read [HT16]."""

    async def untouched() -> dict[str, object]:
        raise AssertionError("the body was asked for")

    headers = [(b"content-length", b"3000"), (b"expect", b"100-continue")]
    answer = await call(framed(hello), scope_of("POST", headers=headers), untouched)
    assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_a_body_that_does_not_come_is_given_up() -> None:
    """408, and its connection is closed [HT17]."""
    headers = [(b"content-length", b"3000")]
    frame = framed(drink, body_s=0.01)
    hanging = sender([b"x"], then="hang")
    answer = await call(frame, scope_of("POST", headers=headers), hanging)
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


async def test_a_client_that_goes_away_is_no_defect(log: io.StringIO) -> None:
    """Nothing is answered and nothing is logged as an error [HT4]."""
    headers = [(b"content-length", b"3000")]

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request

        await Request(scope, receive).body()

    answer = await call(
        framed(reads), scope_of("POST", headers=headers), sender([b"x"], then="gone")
    )
    assert answer.messages == []
    assert [line["level"] for line in _lines(log)] == ["info"]
