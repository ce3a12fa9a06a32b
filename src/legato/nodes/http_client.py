# SPDX-License-Identifier: Apache-2.0
"""One guarded connection pool per process, and one exchange over it: redirects, limits, errors.

Imported when the first request is made: the HTTP library takes 150 ms to load. No cookies, no
proxies, no netrc: nothing that one workflow leaves behind reaches another.

Rules: ND16-ND20.
"""

import asyncio
import re
import weakref
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import httpcore2
import httpx2

from legato.nodes.http_guard import CONNECT_S, GuardedBackend
from legato.ports.node import NodeFailure

REDIRECTS_MAX: Final = 5
CONNECTIONS_MAX: Final = 200
KEPT_MAX: Final = 50
KEPT_S: Final = 30.0
POOL_S: Final = 60.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NEVER_CROSS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_BODY: Final = frozenset({"content-type", "content-length", "content-encoding"})
_NO_EFFECT: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PIECE_BYTES: Final = 256 * 1024
_HOST: Final = re.compile(rb"[0-9A-Za-z._:-]{1,255}")
"""After IDNA; brackets of IPv6 are gone."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request. `private` are names of headers whose values must not reach another origin."""

    method: str
    url: httpx2.URL
    headers: dict[str, str]
    body: bytes = b""
    private: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A response, read whole and unpacked."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of one exchange."""

    granted: frozenset[str] = field(default_factory=frozenset)
    response_bytes_max: int
    redirects_max: int = REDIRECTS_MAX


class Connections(Protocol):
    """What requests go through: a pool of connections, or what a test puts in its place."""

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        """Send one request and return the answer, its body unread."""
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


_Pools = dict[frozenset[str], Connections]
_replaced: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Connections]" = (
    weakref.WeakKeyDictionary()
)
_pools: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools]" = weakref.WeakKeyDictionary()


def connect_through(connections: Connections) -> None:
    """Send every request of the running loop through this, and nothing to the network."""
    _replaced[asyncio.get_running_loop()] = connections


def _pool(granted: frozenset[str]) -> Connections:
    """Return the shared pool. Grants are part of its key: a kept connection is a grant used."""
    replaced = _replaced.get(asyncio.get_running_loop())
    if replaced is not None:
        return replaced
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    pool = pools.get(granted)
    if pool is None:
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=KEPT_MAX,
            keepalive_expiry=KEPT_S,
            network_backend=GuardedBackend(granted),
        )
        pools[granted] = pool
    return pool


async def close_pools() -> None:
    """Close the connections of the running loop."""
    _replaced.pop(asyncio.get_running_loop(), None)
    for pool in _pools.pop(asyncio.get_running_loop(), {}).values():
        await pool.aclose()


def parse_url(text: str) -> httpx2.URL:
    """Read a URL.

    Raises:
        NodeFailure: `invalid_url`.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid_url(text, str(error)) from None
    if url.scheme not in _DEFAULT_PORTS:
        raise _invalid_url(text, "it must begin with http:// or https://")
    if _HOST.fullmatch(url.raw_host) is None:
        raise _invalid_url(text, "it names no host")
    if url.port is not None and not 0 < url.port < 65_536:
        raise _invalid_url(text, "its port is no port")
    if url.userinfo:
        raise _invalid_url(text, "put user and password into an Authorization header")
    return url


async def exchange(outgoing: Outgoing, bounds: Bounds) -> Incoming:
    """Send a request, follow redirects, and read the answer within its bounds.

    Raises:
        NodeFailure: `network`, `address_refused`, `invalid_url`, `invalid_request`,
            `too_many_redirects`, `response_too_large`, `invalid_response`.
    """
    for hop in range(bounds.redirects_max + 1):
        try:
            answer, location = await _hop(outgoing, bounds, follow=bounds.redirects_max > 0)
            if answer is not None:
                return answer
            outgoing = _redirected(outgoing, answer_status=location[0], location=location[1])
        except NodeFailure as failure:
            if hop > 0 and not failure.error.may_have_happened:
                raise _after_redirect(failure) from None
            raise
    raise NodeFailure(
        "too_many_redirects", f"more than {bounds.redirects_max} redirects", retryable=False
    )


async def _hop(
    outgoing: Outgoing, bounds: Bounds, *, follow: bool
) -> tuple[Incoming | None, tuple[int, str]]:
    """Make one request; return the answer, or where it redirects to."""
    request = httpcore2.Request(
        method=outgoing.method,
        url=httpcore2.URL(
            scheme=outgoing.url.raw_scheme,
            host=outgoing.url.raw_host,
            port=outgoing.url.port,
            target=outgoing.url.raw_path,
        ),
        headers=_raw_headers(outgoing),
        content=outgoing.body or None,
        extensions={"timeout": {"connect": CONNECT_S, "pool": POOL_S}},
    )
    try:
        response = await _pool(bounds.granted).handle_async_request(request)
        try:
            headers = _headers_of(response)
            if follow and response.status in _REDIRECTS and "location" in headers:
                return None, (response.status, headers["location"])
            body = await _body_of(response, headers, bounds.response_bytes_max, outgoing.method)
        finally:
            await response.aclose()
    except tuple(_ERRORS) as error:
        raise _failure_of(error, outgoing) from None
    return Incoming(status=response.status, headers=headers, body=body), (0, "")


def _redirected(outgoing: Outgoing, *, answer_status: int, location: str) -> Outgoing:
    """Return the request that follows a redirect.

    Source: RFC 9110 section 15.4; methods change as browsers change them (fetch standard).
    """
    url = outgoing.url.join(_checked_location(location))
    url = parse_url(str(url.copy_with(fragment=None)))
    headers, method, body = dict(outgoing.headers), outgoing.method, outgoing.body
    turns_to_get = (answer_status == 303 and method != "HEAD") or (
        answer_status in {301, 302} and method == "POST"
    )
    if turns_to_get:
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if name not in _OF_BODY}
    if not _is_same_origin(outgoing.url, url):
        if body:
            raise NodeFailure(
                "redirect_refused",
                f"the server wants the body to be sent again, to {url.host!r:.100}; "
                "if that is right, write that address into the workflow",
                retryable=False,
            )
        dropped = _NEVER_CROSS | outgoing.private
        headers = {name: value for name, value in headers.items() if name not in dropped}
    return replace(outgoing, method=method, url=url, headers=headers, body=body)


def _checked_location(location: str) -> httpx2.URL:
    try:
        return httpx2.URL(location)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid_url(location, str(error)) from None


def _is_same_origin(one: httpx2.URL, other: httpx2.URL) -> bool:
    """Compare origins; an upgrade to HTTPS of the same host counts as the same."""
    if one.host != other.host:
        return False
    if (one.scheme, other.scheme) == ("http", "https"):
        return _port(one) == 80 and _port(other) == 443
    return (one.scheme, _port(one)) == (other.scheme, _port(other))


def _port(url: httpx2.URL) -> int:
    return url.port or _DEFAULT_PORTS[url.scheme]


def _raw_headers(outgoing: Outgoing) -> list[tuple[bytes, bytes]]:
    raw = [(b"Host", outgoing.url.netloc)]
    raw += [(name.encode(), value.encode()) for name, value in outgoing.headers.items()]
    if outgoing.body or outgoing.method not in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        raw.append((b"Content-Length", b"%d" % len(outgoing.body)))
    return raw


def _headers_of(response: httpcore2.Response) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined with a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("utf-8", "replace")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _body_of(
    response: httpcore2.Response, headers: dict[str, str], bytes_max: int, method: str
) -> bytes:
    """Read and unpack a body; stops at the limit, before unpacking more than it allows."""
    announced = headers.get("content-length", "")
    if method != "HEAD" and announced.isdigit() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    parts: list[bytes] = []
    left = bytes_max
    async for part in _unpacked(_stream_of(response), encoding):
        left -= len(part)
        if left < 0:
            raise _too_large(bytes_max)
        parts.append(part)
    return b"".join(parts)


def _stream_of(response: httpcore2.Response) -> AsyncIterable[bytes]:
    assert isinstance(response.stream, AsyncIterable), "an async pool gives async streams"
    return response.stream


async def _unpacked(stream: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield pieces of bounded size, however tightly they were packed."""
    if encoding in {"", "identity"}:
        async for raw in stream:
            yield raw
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise _invalid_response(f"the content encoding {encoding!r:.40} was not asked for")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its first bytes
    is_empty = True
    try:
        async for raw in stream:
            is_empty = False
            for piece in _pieces(unpacker, raw):
                yield piece
        if not unpacker.eof and not is_empty:
            raise _invalid_response("its packed body ends too early")
    except zlib.error as error:
        raise _invalid_response(f"its body cannot be unpacked: {error}") from None


def _pieces(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Yield what a packed piece holds, never more than `_PIECE_BYTES` at once."""
    piece = b""
    while packed or len(piece) == _PIECE_BYTES:
        piece = unpacker.decompress(packed, _PIECE_BYTES)
        packed = unpacker.unconsumed_tail
        if piece:
            yield piece


def _too_large(bytes_max: int) -> NodeFailure:
    return NodeFailure(
        "response_too_large", f"the response is larger than {bytes_max} bytes", retryable=False
    )


def _invalid_response(why: str) -> NodeFailure:
    return NodeFailure("invalid_response", f"the response cannot be read: {why}")


def _invalid_url(text: str, why: str) -> NodeFailure:
    return NodeFailure(
        "invalid_url", f"{text!r:.200} is no URL for this node: {why}",
        may_have_happened=False, retryable=False,
    )  # fmt: skip


_ERRORS: Final[dict[type[Exception], tuple[str, bool]]] = {
    httpcore2.ConnectTimeout: ("it did not answer the connection in time", False),
    httpcore2.ConnectError: ("no connection", False),
    httpcore2.PoolTimeout: ("all connections are in use", False),
    httpcore2.LocalProtocolError: ("the request is not valid HTTP", False),
    httpcore2.ReadError: ("the connection was lost", True),
    httpcore2.WriteError: ("the connection was lost", True),
    httpcore2.RemoteProtocolError: ("the answer is not valid HTTP, or ends too early", True),
    httpcore2.TimeoutException: ("it took too long", True),
    httpcore2.NetworkError: ("the connection was lost", True),
}
"""What happened, and whether the request may have arrived; the first that fits counts."""


def _failure_of(error: Exception, outgoing: Outgoing) -> NodeFailure:
    what, may_have_happened = next(
        meaning for kind, meaning in _ERRORS.items() if isinstance(error, kind)
    )
    if isinstance(error, httpcore2.LocalProtocolError):
        return NodeFailure(
            "invalid_request", f"{what}: {error}", may_have_happened=False, retryable=False
        )
    detail = f" ({error})" if str(error) else ""
    message = f"{outgoing.method} {outgoing.url.host}: {what}{detail}"
    return NodeFailure("network", message, may_have_happened=may_have_happened)


def _after_redirect(failure: NodeFailure) -> NodeFailure:
    """The first request was answered before this one failed: it may have had its effect."""
    error = failure.error
    return NodeFailure(error.kind, f"after a redirect: {error.message}", retryable=error.retryable)
