# SPDX-License-Identifier: Apache-2.0
"""http.request before anything is sent, and what an answer means."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from legato.nodes import http
from legato.nodes.http_answer import pause_ms
from legato.nodes.http_client import Outgoing, _redirected, make_outgoing, parse_url
from legato.ports.http import (
    DEFAULT_BOUNDS,
    NO_HEADERS,
    HttpBody,
    HttpBounds,
    HttpResponse,
    HttpStream,
)
from legato.ports.node import NodeFailure
from tests.unit.nodes.world import CANARY, EXECUTION, World

URL = "https://example.org/a"


@dataclass
class Asked:
    """A request that the network would have got."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    body: bytes | HttpBody
    bounds: HttpBounds


class Sent:
    """Stands for the network: checks like the real client and notes what would be sent."""

    def __init__(self) -> None:
        self.outgoing: list[Asked] = []
        self.answer = answered(200, b"ok", {"content-type": "text/plain"})

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> HttpResponse:
        checked = make_outgoing(method, url, headers, body)
        self.outgoing.append(Asked(method, checked.url, checked.headers, body, bounds))
        return self.answer

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> AsyncIterator[HttpStream]:
        answer = await self.request(method, url, headers=headers, body=body, bounds=bounds)

        async def pieces() -> AsyncIterator[bytes]:
            yield answer.body

        yield HttpStream(
            url=answer.url, status=answer.status, headers=answer.headers, pieces=pieces()
        )


def answered(
    status: int, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
) -> HttpResponse:
    return HttpResponse(url=URL, status=status, headers=headers, body=body)


@pytest.fixture
def sent(world: World) -> Sent:
    """No network at all."""
    made = Sent()
    world.http = made
    return made


@pytest.mark.parametrize(
    ("config", "effect"),
    [({}, "pure"), ({"method": "GET"}, "pure"), ({"method": "HEAD"}, "pure"),
     ({"method": "OPTIONS"}, "pure"), ({"method": "PUT"}, "idempotent"),
     ({"method": "DELETE"}, "idempotent"), ({"method": "POST"}, "non_idempotent"),
     ({"method": "PATCH"}, "non_idempotent"), ({"method": "${{ inputs.m }}"}, "non_idempotent"),
     ({"method": None}, "non_idempotent")],
)  # fmt: skip
def test_the_method_tells_the_effect_class(config: dict[str, Any], effect: str) -> None:
    """A POST is non_idempotent unless the workflow says otherwise [ND19]."""
    assert http.request.info.effect_of(config) == effect


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_methods_that_change_something_carry_the_key(
    world: World, sent: Sent, method: str
) -> None:
    """Every attempt sends the same Idempotency-Key; one of the author's own wins [ND19, AT7]."""
    for attempt in (1, 2):
        await world.output(http.request, {"method": method, "url": URL}, attempt=attempt)
    own = {"Idempotency-Key": "mine"}
    await world.output(http.request, {"method": method, "url": URL, "headers": own})
    keys = [each.headers["idempotency-key"] for each in sent.outgoing]
    assert keys == [f"{EXECUTION}:step_one"] * 2 + ["mine"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reading_carries_no_key(world: World, sent: Sent, method: str) -> None:
    """A key on a read would only defeat caches [ND19]."""
    await world.output(http.request, {"method": method, "url": URL})
    assert "idempotency-key" not in sent.outgoing[0].headers


@pytest.mark.parametrize(
    ("config", "body", "kind"),
    [
        ({"json": {"a": "ü"}}, b'{"a": "\xc3\xbc"}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"body": "as is"}, b"as is", None),
        ({"form": {"a": "1 2", "b": "&"}}, b"a=1+2&b=%26", "application/x-www-form-urlencoded"),
        ({"json": 1, "headers": {"Content-Type": "text/x"}}, b"1", "text/x"),
        ({}, b"", None),
    ],
)
async def test_bodies_are_sent_in_three_ways(
    world: World, sent: Sent, config: dict[str, Any], body: bytes, kind: str | None
) -> None:
    """JSON, form and plain bodies, each with its content type [ND19]."""
    await world.output(http.request, {"method": "POST", "url": URL, **config})
    assert sent.outgoing[0].body == body
    assert sent.outgoing[0].headers.get("content-type") == kind


async def test_the_query_is_added_to_the_url(world: World, sent: Sent) -> None:
    """Lists repeat, null is left out, what the URL has stays [ND19]."""
    query = {"b": 2, "c": [1, "x y"], "d": None, "e": True, "s": {"secret": "token"}}
    await world.output(http.request, {"url": URL + "?a=1", "query": query})
    params = sent.outgoing[0].url.params
    assert params.multi_items() == [
        ("a", "1"), ("b", "2"), ("c", "1"), ("c", "x y"), ("e", "true"), ("s", CANARY),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {"json": 1, "body": "x", "method": "POST"},
        {"json": 1, "form": {}, "method": "POST"},
        {"json": 1},
        {"body": "x", "method": "HEAD"},
        {"method": "TRACE"},
        {"method": "post"},
        {"max_response_bytes": 10**9},
        {"expect_status": [99]},
        {"expect_status": ["2XX"]},
        {"expect_status": ["ok"]},
        {"headers": {"a": 5}},
        {"auth": {}},
        {"auth": {"bearer": "x", "basic": {"username": "u", "password": "p"}}},
        {"auth": {"api_key": {"in": "cookie", "name": "n", "value": "v"}}},
        {"auth": {"bearer": "x"}, "headers": {"Authorization": "y"}},
        {
            "auth": {"api_key": {"in": "header", "name": "X-K", "value": "v"}},
            "headers": {"x-k": "y"},
        },
        {"multipart": {"fields": {"a": "b"}}},
        {"multipart": {}, "json": 1, "method": "POST"},
        {"multipart": {"files": [{"name": "f"}]}, "method": "POST"},
        {"multipart": {"files": [{"name": "f", "text": "t", "base64": "YQ=="}]}, "method": "POST"},
        {
            "multipart": {"files": [{"name": "f", "text": "t", "type": "a/b\r\nX: y"}]},
            "method": "POST",
        },
        {
            "multipart": {"files": [{"name": "f", "blob": {"hash": "../x", "size": 1}}]},
            "method": "POST",
        },
        {"pages": {"next": "somewhere"}},
        {"pages": {"next": {}}},
        {"pages": {"next": {"json": "a..b"}}},
        {"pages": {"next": {"json": "a[0]"}, "items": "x y"}},
        {"pages": {"next": {"json": "a", "page": {"query": "p"}}}},
        {"pages": {"next": "link_header", "max_pages": 0}},
        {"pages": {"next": "link_header"}, "method": "POST"},
        {"pages": {"next": "link_header"}, "save": "blob"},
        {"save": "file"},
        {"save": "blob", "method": "HEAD"},
        {"save": "blob", "max_response_bytes": 3 * 1024**3},
        {"timeout": 5},
    ],
)
async def test_configs_that_mean_nothing_are_refused(
    world: World, sent: Sent, config: dict[str, Any]
) -> None:
    """A mistake is named before anything is sent [DO17]."""
    assert (await world.error(http.request, {"url": URL, **config})).kind == "invalid_config"
    assert sent.outgoing == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("a", "x\r\nHost: evil"), ("a", "x\ny"), ("a", "x\0y"), ("a b", "x"), ("a:", "x"), ("", "x"),
     ("ä", "x"), ("Host", "evil"), ("Content-Length", "5"), ("transfer-encoding", "chunked"),
     ("Connection", "x"), ("Proxy-Authorization", "x")],
)  # fmt: skip
async def test_headers_that_break_messages_are_refused(
    world: World, sent: Sent, name: str, value: str
) -> None:
    """No header begins another one or says where the message ends [ND16]."""
    error = await world.error(http.request, {"url": URL, "headers": {name: value}})
    assert error.kind in {"invalid_request", "invalid_output"}
    assert error.may_have_happened is False
    assert sent.outgoing == []


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org", "file:///etc/passwd", "gopher://x", "//example.org", "/path", "",
     "example.org", "http://", "https:///x", "http://user:pw@example.org", "http://good@evil.org",
     "http://exa mple.org", "http://[::1", "http://a:99999/", "javascript:alert(1)", "http://\n",
     "unix:///run/x.sock"],
)  # fmt: skip
async def test_urls_of_other_kinds_are_refused(world: World, sent: Sent, url: str) -> None:
    """Only http and https, with a host and without credentials [ND16]."""
    error = await world.error(http.request, {"url": url})
    assert (error.kind, error.may_have_happened, error.retryable) == ("invalid_url", False, False)
    assert sent.outgoing == []


@pytest.mark.parametrize(
    ("status", "expected", "is_good"),
    [(200, None, True), (204, None, True), (304, None, True), (399, None, True),
     (400, None, False), (500, None, False), (404, [404], True), (404, ["4xx"], True),
     (200, ["4xx"], False), (201, [200, "20x"], True), (302, [200], False)],
)  # fmt: skip
async def test_the_status_decides_unless_others_are_expected(
    world: World, sent: Sent, status: int, expected: list[Any] | None, is_good: bool
) -> None:
    """From 400 on a status is a failure, or what the config expects [ND20]."""
    sent.answer = answered(status, b"why not", {})
    config = {"url": URL, **({} if expected is None else {"expect_status": expected})}
    if is_good:
        assert (await world.output(http.request, config))["status"] == status
        return
    error = await world.error(http.request, config)
    assert error.kind == f"http.{status}"
    assert error.message.endswith(": why not")
    assert error.may_have_happened is True


@pytest.mark.parametrize(
    ("headers", "expected_ms"),
    [({"retry-after": "7"}, 7_000), ({"retry-after": "9" * 30}, 86_400_000),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
      30_000),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0), ({"retry-after": "soon"}, 0),
     ({"retry-after": "\u00b2"}, 0), ({"retry-after": "-5"}, 0), ({"retry-after": "1e9"}, 0),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:30 +99999999999",
       "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
     ({"retry-after": "Wed, 21 Oct 2020 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
     ({}, 0)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], expected_ms: int) -> None:
    """Seconds, or a date compared with the server's own clock [ND20]."""
    assert pause_ms(headers) == expected_ms


async def test_429_did_not_happen_and_is_tried_again_when_the_server_says(
    world: World, sent: Sent
) -> None:
    """The server says that it did not take the request [AT10, ND20]."""
    sent.answer = answered(429, b"", {"retry-after": "3"})
    error = await world.error(http.request, {"method": "POST", "url": URL})
    assert (error.kind, error.may_have_happened, error.at_least_ms) == ("http.429", False, 3_000)


@pytest.mark.parametrize(
    ("content_type", "body", "text", "parsed"),
    [
        ("application/json", b'{"a": [1]}', '{"a": [1]}', {"a": [1]}),
        ("application/problem+json; charset=utf-8", b"[]", "[]", []),
        ("text/plain", b'{"a": 1}', '{"a": 1}', None),
        ("application/json", b"not json", "not json", None),
        ("application/json", b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}', None),
        ("application/json", b'{"a": 123456789012345678901234}', None, None),
        ("application/json", b"NaN", "NaN", None),
        ("application/json", b"", "", None),
        ("text/plain; charset=latin-1", b"\xe4", "ä", None),
        ('text/plain; charset="utf-16-le"', "hä".encode("utf-16-le"), "hä", None),
        ("text/plain; charset=no-such", b"\xc3\xa4", "ä", None),
        ("text/plain; charset=base64", b"YQ==", "YQ==", None),
        ("text/plain; charset=punycode", b"bcher-kva", "bcher-kva", None),
        ("text/plain; charset=unicode_escape", b"\\ud800", "\\ud800", None),
        ("text/plain; charset=windows-1252", b"\x80", "\u20ac", None),
        ("text/plain; charset=ascii", b"\xe4", "\ufffd", None),
        ("image/png", b"\x89PNG\0", "\ufffdPNG\ufffd", None),
    ],
)
async def test_a_body_is_text_and_json_if_it_says_so(
    world: World, sent: Sent, content_type: str, body: bytes, text: str | None, parsed: Any
) -> None:
    """Wrong charsets are replaced; what is no strict JSON gives null [ND20]."""
    sent.answer = answered(200, body, {"content-type": content_type})
    output = await world.output(http.request, {"url": URL})
    assert output["json"] == parsed
    assert text is None or output["body"] == text


async def test_a_large_json_body_is_parsed_beside_the_loop(world: World, sent: Sent) -> None:
    """Parsing megabytes does not hold the loop [ND5, ND20]."""
    sent.answer = answered(200, b"[" + b"1," * 100_000 + b"1]", {"content-type": "text/json"})
    assert len((await world.output(http.request, {"url": URL}))["json"]) == 100_001


def out(method: str = "POST", url: str = "http://a.example/x") -> Outgoing:
    headers = {"authorization": "s", "x-key": "s", "accept": "*/*", "content-type": "text/plain"}
    return Outgoing(
        method=method,
        url=httpx2.URL(url),
        headers=headers,
        body=b"body" if method == "POST" else b"",
    )


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"),
     (308, "POST", "POST"), (301, "GET", "GET"), (303, "HEAD", "HEAD"), (302, "PUT", "PUT")],
)  # fmt: skip
def test_a_redirect_changes_the_method_as_browsers_do(
    status: int, method: str, becomes: str
) -> None:
    """What turns into a GET loses its body [ND17]."""
    after = _redirected(out(method), answer_status=status, location="/y#part")
    assert (after.method, str(after.url)) == (becomes, "http://a.example/y")
    assert after.body == (b"body" if becomes == "POST" else b"")
    assert ("content-type" in after.headers) is (becomes == method)


@pytest.mark.parametrize(
    ("location", "keeps"),
    [("/y", True), ("http://a.example:80/y", True), ("https://a.example/y", True),
     ("//a.example/y", True), ("http://b.example/", False), ("http://a.example:81/", False),
     ("https://a.example:444/", False), ("http://a.example.evil.org/", False),
     ("//b.example/", False)],
)  # fmt: skip
def test_secrets_do_not_cross_to_another_origin(location: str, keeps: bool) -> None:
    """Authorization and the author's own headers stay at home [ND17]."""
    after = _redirected(out("GET"), answer_status=302, location=location)
    assert ("authorization" in after.headers) is keeps
    assert ("x-key" in after.headers) is keeps
    assert "accept" in after.headers


def test_a_body_does_not_cross_to_another_origin() -> None:
    """A redirect that asks for the body again elsewhere is refused [ND17]."""
    with pytest.raises(NodeFailure) as caught:
        _redirected(out(), answer_status=307, location="http://b.example/")
    assert (caught.value.error.kind, caught.value.error.may_have_happened) == (
        "redirect_refused",
        True,
    )


@pytest.mark.parametrize(
    "location", ["ftp://a.example/", "file:///etc/passwd", "http://u:p@b.example/", "http://[", ""]
)
def test_a_redirect_to_something_else_is_refused(location: str) -> None:
    """A redirect leads to http or https only [ND17]."""
    if not location:
        assert str(_redirected(out("GET"), answer_status=302, location="").url).startswith("http:")
        return
    with pytest.raises(NodeFailure, match="URL"):
        _redirected(out("GET"), answer_status=302, location=location)


def test_hosts_are_written_in_ascii() -> None:
    """An international name is sent in its ASCII form [ND16]."""
    assert parse_url("http://bücher.example/").raw_host == b"xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": {"secret": "token"}}, "authorization", f"Bearer {CANARY}"),
        (
            {"basic": {"username": "ann", "password": {"secret": "token"}}},
            "authorization",
            "Basic " + base64.b64encode(f"ann:{CANARY}".encode()).decode(),
        ),
        (
            {"api_key": {"in": "header", "name": "X-Key", "value": {"secret": "token"}}},
            "x-key",
            CANARY,
        ),
    ],
)
async def test_auth_becomes_a_header_and_is_never_said(
    world: World, sent: Sent, auth: Any, header: str, value: str
) -> None:
    """Basic, bearer and key come from secrets, which no output, log or error holds [ND51, ND10]."""
    sent.answer = answered(200, f"you sent {value}".encode())
    report = await world.run(http.request, {"url": URL, "auth": auth})
    assert sent.outgoing[0].headers[header] == value
    assert CANARY not in await world.everything_said(report)
    sent.answer = answered(401, f"you sent {value}".encode())
    report = await world.run(http.request, {"url": URL, "auth": auth})
    assert CANARY not in await world.everything_said(report)


async def test_a_key_in_the_query_takes_the_place_of_one_that_is_there(
    world: World, sent: Sent
) -> None:
    """Nobody else's key is sent beside it [ND51]."""
    auth = {"api_key": {"in": "query", "name": "key", "value": {"secret": "token"}}}
    config = {"url": URL + "?key=other&a=1", "query": {"b": 2}, "auth": auth}
    await world.output(http.request, config)
    pairs = sent.outgoing[0].url.params.multi_items()
    assert sorted(pairs) == [("a", "1"), ("b", "2"), ("key", CANARY)]


@pytest.mark.parametrize(
    "auth",
    [
        {"basic": {"username": "a:b", "password": "c"}},
        {"bearer": "x\r\nHost: evil"},
        {"api_key": {"in": "header", "name": "Host", "value": "evil"}},
        {"api_key": {"in": "header", "name": "a b", "value": "x"}},
        {"api_key": {"in": "header", "name": "Content-Length", "value": "0"}},
    ],
)
async def test_auth_that_breaks_the_message_is_refused(world: World, sent: Sent, auth: Any) -> None:
    """Auth makes no other header and changes no message's end [ND51]."""
    error = await world.error(http.request, {"url": URL, "auth": auth})
    assert (error.kind, error.may_have_happened) == ("invalid_request", False)
    assert sent.outgoing == []


async def test_data_is_never_taken_for_a_secret_in_auth(world: World, sent: Sent) -> None:
    """Only the document names a secret; what an expression brings in is refused [EX14, ND51]."""
    config = {"url": URL, "auth": {"bearer": {"secret": "token"}}}
    written = {"url": URL, "auth": {"bearer": "${{ inputs.token }}"}}
    error = await world.error(http.request, config, written=written)
    assert error.kind == "invalid_config"
    assert world.secrets.asked == []
