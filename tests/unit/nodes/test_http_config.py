# SPDX-License-Identifier: Apache-2.0
"""http.request before anything is sent, and what an answer means."""

from typing import Any

import httpx2
import pytest

from legato.nodes import http, http_client
from legato.nodes.http import _pause_ms
from legato.nodes.http_client import Incoming, Outgoing, _redirected, parse_url
from legato.ports.node import NodeFailure
from tests.unit.nodes.world import CANARY, EXECUTION, World


class Sent:
    """Stands for the network: notes what would be sent."""

    def __init__(self) -> None:
        self.outgoing: list[Outgoing] = []
        self.answer = Incoming(status=200, headers={"content-type": "text/plain"}, body=b"ok")

    async def exchange(self, outgoing: Outgoing, bounds: object) -> Incoming:
        self.outgoing.append(outgoing)
        return self.answer


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """No network at all."""
    made = Sent()
    monkeypatch.setattr(http_client, "exchange", made.exchange)
    return made


URL = "https://example.org/a"


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
    sent.answer = Incoming(status=status, headers={}, body=b"why not")
    config = {"url": URL, **({} if expected is None else {"expect_status": expected})}
    if is_good:
        assert (await world.output(http.request, config))["status"] == status
        return
    error = await world.error(http.request, config)
    assert error.kind == f"http.{status}"
    assert error.message.endswith(": why not")
    assert error.may_have_happened is True


@pytest.mark.parametrize(
    ("headers", "pause_ms"),
    [({"retry-after": "7"}, 7_000), ({"retry-after": "9" * 30}, 86_400_000),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
      30_000),
     ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0), ({"retry-after": "soon"}, 0),
     ({"retry-after": "Wed, 21 Oct 2020 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
     ({}, 0)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], pause_ms: int) -> None:
    """Seconds, or a date compared with the server's own clock [ND20]."""
    assert _pause_ms(Incoming(status=429, headers=headers, body=b"")) == pause_ms


async def test_429_did_not_happen_and_is_tried_again_when_the_server_says(
    world: World, sent: Sent
) -> None:
    """The server says that it did not take the request [AT10, ND20]."""
    sent.answer = Incoming(status=429, headers={"retry-after": "3"}, body=b"")
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
        ("text/plain; charset=ascii", b"\xe4", "\ufffd", None),
        ("image/png", b"\x89PNG\0", "\ufffdPNG\ufffd", None),
    ],
)
async def test_a_body_is_text_and_json_if_it_says_so(
    world: World, sent: Sent, content_type: str, body: bytes, text: str | None, parsed: Any
) -> None:
    """Wrong charsets are replaced; what is no strict JSON gives null [ND20]."""
    sent.answer = Incoming(status=200, headers={"content-type": content_type}, body=body)
    output = await world.output(http.request, {"url": URL})
    assert output["json"] == parsed
    assert text is None or output["body"] == text


async def test_a_large_json_body_is_parsed_beside_the_loop(world: World, sent: Sent) -> None:
    """Parsing megabytes does not hold the loop [ND5, ND20]."""
    sent.answer = Incoming(
        status=200, headers={"content-type": "text/json"}, body=b"[" + b"1," * 100_000 + b"1]"
    )
    assert len((await world.output(http.request, {"url": URL}))["json"]) == 100_001


def out(method: str = "POST", url: str = "http://a.example/x") -> Outgoing:
    headers = {"authorization": "s", "x-key": "s", "accept": "*/*", "content-type": "text/plain"}
    return Outgoing(
        method=method,
        url=httpx2.URL(url),
        headers=headers,
        body=b"body" if method == "POST" else b"",
        private=frozenset({"x-key"}),
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
