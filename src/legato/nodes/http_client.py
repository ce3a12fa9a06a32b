# SPDX-License-Identifier: Apache-2.0
"""One guarded connection pool per process, and one exchange over it: redirects, limits, errors.

Imported when the first request is made: the HTTP library takes 150 ms to load. No cookies, no
proxies, no netrc: nothing that one workflow leaves behind reaches another.

Rules: ND16-ND20, ND50, ND55.
"""

import asyncio
import re
import weakref
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import httpcore2
import httpx2

from legato.model.hosts import is_within
from legato.nodes.fields import refused
from legato.nodes.http_guard import CONNECT_S, GuardedBackend
from legato.ports.http import HttpBody, HttpBounds, HttpStream
from legato.ports.node import NodeFailure

CONNECTIONS_MAX: Final = 200
KEPT_MAX: Final = 50
KEPT_S: Final = 30.0
POOL_S: Final = 60.0
HEADERS_MAX: Final = 500
HEADERS_BYTES_MAX: Final = 64 * 1024
"""Of a response; real ones have dozens, and all of them land in an output."""
USER_AGENT: Final = "legato"
_OWN_HEADERS: Final = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": USER_AGENT}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAY_CROSS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-type", "idempotency-key",
     "user-agent"}
)  # fmt: skip
_OF_BODY: Final = frozenset({"content-type", "content-length", "content-encoding"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_HEADERS_REFUSED: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
     "proxy-authorization", "proxy-connection", "keep-alive", "expect"}
)  # fmt: skip
"""They say where one message ends and the next begins, or to whom it goes."""
_PIECE_BYTES: Final = 256 * 1024
_HOST: Final = re.compile(rb"[0-9A-Za-z._:-]{1,255}")
"""After IDNA; brackets of IPv6 are gone."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request. Of its headers only those in `_MAY_CROSS` reach another origin."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    body: bytes | HttpBody = b""


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


def make_outgoing(
    method: str, url: str, headers: Mapping[str, str], body: bytes | HttpBody
) -> Outgoing:
    """Check a request before anything is connected.

    Raises:
        NodeFailure: `invalid_url` or `invalid_request`.
    """
    own = {name.lower(): value for name, value in headers.items()}
    for name, value in own.items():
        if _HEADER_NAME.fullmatch(name) is None or name in _HEADERS_REFUSED:
            raise invalid_request(f"the header {name!r:.100} cannot be set")
        if any(character in value for character in "\r\n\0"):
            raise invalid_request(f"the value of header {name!r:.100} holds a line end or NUL")
    return Outgoing(method=method, url=parse_url(url), headers={**_OWN_HEADERS, **own}, body=body)


@asynccontextmanager
async def exchange(
    outgoing: Outgoing, bounds: HttpBounds, granted: frozenset[str]
) -> AsyncIterator[HttpStream]:
    """Send a request, follow redirects, and give the answer to be read within its bounds.

    Raises:
        NodeFailure: As `legato.ports.http.HttpAccess`.
    """
    hop = 0
    while True:
        _keep_to_hosts(outgoing.url, bounds, hop)
        response = await _sent(outgoing, granted, hop)
        try:
            headers = _headers_of(response)
            if _is_followed(response.status, headers, bounds):
                hop = _next_hop(hop, bounds)
                outgoing = _after(hop, outgoing, response.status, headers["location"])
                continue
            pieces = _pieces(response, headers, bounds.response_bytes_max, outgoing)
            async with aclosing(pieces):
                yield HttpStream(
                    url=str(outgoing.url), status=response.status, headers=headers, pieces=pieces
                )
            return
        finally:
            await _release(response)


def _keep_to_hosts(url: httpx2.URL, bounds: HttpBounds, hop: int) -> None:
    """Let a request go only where the credentials that its attempt holds may go.

    Raises:
        NodeFailure: `credential_host`.
    """
    if not bounds.bound:
        return
    host, port = url.raw_host.decode("ascii"), _port(url)
    if all(is_within(rules, url.scheme, host, port) for rules in bounds.bound):
        return
    failure = refused(
        "credential_host",
        f"{url.scheme}://{host!r:.100}:{port} is no host of the credential; if that is right, "
        "add it to the hosts of the credential",
    )
    raise _after_redirect(failure) if hop else failure


async def _sent(outgoing: Outgoing, granted: frozenset[str], hop: int) -> httpcore2.Response:
    """Send one request; the answer has its head."""
    body = outgoing.body
    request = httpcore2.Request(
        method=outgoing.method,
        url=httpcore2.URL(
            scheme=outgoing.url.raw_scheme,
            host=outgoing.url.raw_host,
            port=outgoing.url.port,
            target=outgoing.url.raw_path,
        ),
        headers=_raw_headers(outgoing),
        content=_exactly(body) if isinstance(body, HttpBody) else body or None,
        extensions={"timeout": {"connect": CONNECT_S, "pool": POOL_S}},
    )
    try:
        return await _pool(granted).handle_async_request(request)
    except tuple(_ERRORS) as error:
        failure = _failure_of(error, outgoing)
    except NodeFailure as refused:
        failure = refused
    raise _after_redirect(failure) if hop and not failure.error.may_have_happened else failure


async def _release(response: httpcore2.Response) -> None:
    """Give the connection back, or close it if more came than the answer.

    What came too much would be taken for the answer to the next request, perhaps of another
    workflow; the library keeps it without a word, and has no public way to ask.
    """
    connection: Any = getattr(getattr(response.stream, "_stream", None), "_connection", None)
    if connection is None or connection._h11_state.trailing_data[0]:
        stream = response.extensions.get("network_stream")  # a recorded answer has none
        if stream is not None:
            await stream.aclose()
    await response.aclose()


def _is_followed(status: int, headers: Mapping[str, str], bounds: HttpBounds) -> bool:
    return bounds.redirects_max > 0 and status in _REDIRECTS and "location" in headers


def _next_hop(hop: int, bounds: HttpBounds) -> int:
    if hop == bounds.redirects_max:
        raise NodeFailure(
            "too_many_redirects", f"more than {bounds.redirects_max} redirects", retryable=False
        )
    return hop + 1


def _after(hop: int, outgoing: Outgoing, status: int, location: str) -> Outgoing:
    try:
        return _redirected(outgoing, answer_status=status, location=location)
    except NodeFailure as failure:
        if failure.error.may_have_happened:
            raise
        raise _after_redirect(failure) from None


async def _exactly(body: HttpBody) -> AsyncIterator[bytes]:
    """Yield a body of the length that was announced, or break off the request."""
    left = body.size
    async with aclosing(body.pieces()) as pieces:
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left != 0:
        raise NodeFailure(
            "invalid_request", f"the body does not have the {body.size} bytes it should have",
            retryable=False,
        )  # fmt: skip


def _redirected(outgoing: Outgoing, *, answer_status: int, location: str) -> Outgoing:
    """Return the request that follows a redirect.

    Source: RFC 9110 section 15.4; methods change as browsers change them (fetch standard).
    """
    url = joined_url(outgoing.url, location)
    headers, method, body = dict(outgoing.headers), outgoing.method, outgoing.body
    turns_to_get = (answer_status == 303 and method != "HEAD") or (
        answer_status in {301, 302} and method == "POST"
    )
    if turns_to_get:
        method, body = "GET", b""
        headers = {name: value for name, value in headers.items() if name not in _OF_BODY}
    if not is_same_origin(outgoing.url, url):
        if body:
            raise NodeFailure(
                "redirect_refused",
                f"the server wants the body to be sent again, to {url.host!r:.100}; "
                "if that is right, write that address into the workflow",
                retryable=False,
            )
        # Which others hold secrets is not known here, so none crosses over.
        headers = {name: value for name, value in headers.items() if name in _MAY_CROSS}
    return replace(outgoing, method=method, url=url, headers=headers, body=body)


def joined_url(base: httpx2.URL, location: str) -> httpx2.URL:
    """Return where a server points to, seen from the address that it was asked at.

    Raises:
        NodeFailure: `invalid_url`.
    """
    try:
        url = base.join(httpx2.URL(location)).copy_with(fragment=None)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise _invalid_url(location, str(error)) from None
    return parse_url(str(url))


def is_same_origin(one: httpx2.URL, other: httpx2.URL) -> bool:
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
    size = outgoing.body.size if isinstance(outgoing.body, HttpBody) else len(outgoing.body)
    if size or outgoing.method not in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        raw.append((b"Content-Length", b"%d" % size))
    return raw


def _headers_of(response: httpcore2.Response) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined with a comma."""
    size = sum(len(name) + len(value) for name, value in response.headers)
    if len(response.headers) > HEADERS_MAX or size > HEADERS_BYTES_MAX:
        raise NodeFailure(
            "response_too_large",
            f"the response has more than {HEADERS_MAX} headers, or {HEADERS_BYTES_MAX} bytes of "
            "them",
            retryable=False,
        )
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("utf-8", "replace")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _pieces(
    response: httpcore2.Response, headers: Mapping[str, str], bytes_max: int, outgoing: Outgoing
) -> AsyncGenerator[bytes, None]:
    """Yield the unpacked body; stops at the limit, before unpacking more than it allows."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    announced = headers.get("content-length", "")
    has_body = outgoing.method != "HEAD" and response.status not in {204, 304}
    if has_body and announced.isdigit() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    left = bytes_max
    try:
        async with aclosing(_unpacked(_stream_of(response), encoding)) as pieces:
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise _too_large(bytes_max)
                yield piece
                if len(piece) == _PIECE_BYTES:
                    await asyncio.sleep(0)  # a tightly packed body must not hold the loop
    except tuple(_ERRORS) as error:
        raise _failure_of(error, outgoing) from None


async def _stream_of(response: httpcore2.Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(response.stream, AsyncIterable), "an async pool gives async streams"
    stream = aiter(response.stream)
    assert isinstance(stream, AsyncGenerator)
    async with aclosing(stream):
        async for raw in stream:
            yield raw


async def _unpacked(
    stream: AsyncGenerator[bytes, None], encoding: str
) -> AsyncGenerator[bytes, None]:
    """Yield pieces of bounded size, however tightly they were packed."""
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise _invalid_response(f"the content encoding {encoding!r:.40} was not asked for")
    is_packed = encoding not in {"", "identity"}
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its first bytes
    is_empty = True
    try:
        async with aclosing(stream):
            async for raw in stream:
                is_empty = False
                for piece in _inflated(unpacker, raw) if is_packed else (raw,):
                    yield piece
    except zlib.error as error:
        raise _invalid_response(f"its body cannot be unpacked: {error}") from None
    if is_packed and not unpacker.eof and not is_empty:
        raise _invalid_response("its packed body ends too early")


def _inflated(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
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


def invalid_request(message: str) -> NodeFailure:
    """Make the failure for a request that cannot be sent."""
    return refused("invalid_request", message)


def _invalid_url(text: str, why: str) -> NodeFailure:
    return refused("invalid_url", f"{text!r:.200} is no URL for this node: {why}")


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
        return invalid_request(f"{what}: {error}")
    detail = f" ({error})" if str(error) else ""
    message = f"{outgoing.method} {outgoing.url.host}: {what}{detail}"
    return NodeFailure("network", message, may_have_happened=may_have_happened)


def _after_redirect(failure: NodeFailure) -> NodeFailure:
    """The first request was answered before this one failed: it may have had its effect."""
    error = failure.error
    return NodeFailure(error.kind, f"after a redirect: {error.message}", retryable=error.retryable)
