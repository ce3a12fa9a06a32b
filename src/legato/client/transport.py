# SPDX-License-Identifier: Apache-2.0
"""Sends calls: who asks, in which workspace, with which key, again if that is right.

Knows nothing of single operations. No proxies or netrc of the environment: a credential goes to the
server that was named, and redirects are not followed. Rules: CC11-CC18.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2

from legato import errors
from legato.client.calls import JSON, Call, Upload, encode, multipart, query_pairs
from legato.client.problems import Away, OtherAnswer, Problem, Refusal, Unreachable, problem_of
from legato.client.retries import SAFE, Budget, RetryPolicy, chance, may_repeat, pause_s

T = TypeVar("T")

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of an answer that is read whole; files and streams are read piece by piece."""
CONNECT_S: Final = 10.0
READ_S: Final = 75.0
"""`Prefer: wait=60` is the longest that a server thinks about an answer."""
USER_AGENT: Final = "legato-client"
_WORKSPACE: Final = "legato-workspace"
_KEY: Final = "idempotency-key"
_COOKIE: Final = "legato_refresh"
_OF_COOKIES: Final = ("/api/v1/auth/refresh", "/api/v1/auth/logout")
_NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Credential(Protocol):
    """Says who asks."""

    async def header(self) -> str | None:
        """Return the value of `Authorization`, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key or an access token."""

    token: str = field(repr=False)

    async def header(self) -> str | None:
        """Keep `Credential.header`."""
        return f"Bearer {self.token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client asks.

    Args:
        workspace: Id or slug; None: the default one of who asks.
        retry: How patient it is.
        on_answer: Told the status of every answer that is a success.
        timeout_s: Between two pieces of an answer.
        verify: TLS; None: as the machine trusts.
        may_be_plain: Go over plain http to another computer too, where others may read along.
        transport: Instead of the network, for tests.
        sleep: Instead of waiting, for tests.
        chance: Instead of chance, for tests.
    """

    workspace: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_answer: Callable[[int], None] | None = None
    timeout_s: float = READ_S
    verify: ssl.SSLContext | None = None
    may_be_plain: bool = False
    transport: httpx2.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = chance


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is a success, read whole."""

    status: int
    headers: httpx2.Headers
    body: bytes


class Transport:
    """One pool of connections to one server."""

    def __init__(self, url: str, credential: Credential | None, options: Options) -> None:
        """Make it; nothing is sent.

        Args:
            url: Where the server is; a path in it is kept in front of every operation.
            credential: Who asks; None: nobody.
            options: How.

        Raises:
            InvalidInput: It is no address, or would send secrets in the clear to elsewhere.
        """
        self.url = checked_url(url, may_be_plain=options.may_be_plain)
        self.options = options
        self.budget = Budget(options.retry)
        self.cookies: dict[str, str] = {}
        """The refresh token of a log-in, by the name of its cookie."""
        self._credential = credential
        verify: Any = True if options.verify is None else options.verify
        if self.url.startswith("http:"):
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading trust takes 40 ms
        self._http = httpx2.AsyncClient(
            transport=options.transport,
            verify=verify,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(options.timeout_s, connect=CONNECT_S),
            headers={"user-agent": USER_AGENT},
        )

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def send(self, call: Call) -> Answer:
        """Make a call, again if it may be, and return its answer.

        Raises:
            Problem: The server has refused it.
            Unreachable: It does not answer.
        """

        async def whole(response: httpx2.Response) -> Answer:
            try:
                return Answer(response.status_code, response.headers, await _read(response))
            finally:
                await response.aclose()

        return await self._persist(call, whole)

    @contextlib.asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[httpx2.Response]:
        """Make a call and give its answer piece by piece; what is cut off later is not repeated.

        Raises:
            Problem: The server has refused it.
            Unreachable: It does not answer, or not to the end.
        """

        async def begun(response: httpx2.Response) -> httpx2.Response:
            return response

        response = await self._persist(call, begun)
        try:
            yield response
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from None
        finally:
            await response.aclose()

    async def _persist(self, call: Call, use: Callable[[httpx2.Response], Awaitable[T]]) -> T:
        """Make a call until it is through, or may not be made again."""
        headers = await self._headers(call)
        is_safe = call.method in SAFE or _KEY in headers
        policy, waited, number = self.options.retry, 0.0, 0
        while True:
            number += 1
            try:
                found = await use(await self._open(call, headers))
                self.budget.answered()
                return found
            except Problem as problem:
                error: Problem | Unreachable = problem
                if not isinstance(problem, Away):
                    self.budget.answered()
            except httpx2.HTTPError as failure:
                error = self._unreachable(failure)
            if number >= policy.attempts_max or _is_spent(call):
                raise error
            pause = pause_s(policy, number, error, self.options.chance())
            is_patient = waited + pause <= policy.patience_s
            if not (is_patient and may_repeat(error, is_safe=is_safe) and self.budget.take()):
                raise error
            waited += pause
            await self.options.sleep(pause)

    async def _open(self, call: Call, headers: dict[str, str]) -> httpx2.Response:
        """Send a request and return the head of an answer that is a success.

        Raises:
            Problem: It is none.
            httpx2.HTTPError: There is none.
        """
        response = await self._http.send(self._request(call, headers), stream=True)
        self._keep_cookies(response)
        if response.status_code < 300:
            if self.options.on_answer is not None:
                self.options.on_answer(response.status_code)
            return response
        try:
            body = await _read(response)
        finally:
            await response.aclose()
        raise problem_of(response.status_code, response.headers, body)

    def _keep_cookies(self, response: httpx2.Response) -> None:
        """Keep the refresh token of a log-in; the library's own jar would send it everywhere."""
        self._http.cookies.clear()
        for text in response.headers.get_list("set-cookie"):
            name, _, value = text.partition(";")[0].partition("=")
            if _COOKIE in name:
                self.cookies[name.strip()] = value.strip()

    def _unreachable(self, error: httpx2.HTTPError) -> Unreachable:
        is_sent = not isinstance(error, _NOT_SENT)
        what = "did not answer to the end" if is_sent else "does not answer"
        text = str(error) or type(error).__name__
        hint = None if is_sent else "Is it running, and is the address right?"
        return Unreachable(f"{self.url} {what}: {text}", is_sent=is_sent, hint=hint)

    async def _headers(self, call: Call) -> dict[str, str]:
        found = {name.lower(): each for name, each in call.headers.items() if each is not None}
        found["accept"] = f"{call.accept}, application/problem+json"
        if call.content_type and not isinstance(call.body, Upload):
            found["content-type"] = call.content_type
        if call.takes_key:
            found.setdefault(_KEY, str(uuid.uuid4()))
        if _WORKSPACE in {name.lower() for name in call.headers} and self.options.workspace:
            found.setdefault(_WORKSPACE, self.options.workspace)
        if self.cookies and call.path.startswith(_OF_COOKIES):
            found["cookie"] = "; ".join(f"{name}={each}" for name, each in self.cookies.items())
        if self._credential is not None:
            value = await self._credential.header()
            if value is not None:
                found["authorization"] = value
        return found

    def _request(self, call: Call, headers: dict[str, str]) -> httpx2.Request:
        content: dict[str, Any] = {}
        if isinstance(call.body, Upload):
            content = {"content": multipart(call.body, headers)}
        elif isinstance(call.body, str | bytes):
            content = {"content": call.body}
        elif call.content_type == JSON:
            content = {"content": encode(call.body)}
        pairs = urlencode(query_pairs(call.query))
        url = self.url + call.path + (f"?{pairs}" if pairs else "")
        return self._http.build_request(call.method, url, headers=headers, **content)


def checked_url(url: str, *, may_be_plain: bool = False) -> str:
    """Return the address of a server without a slash at its end.

    Args:
        url: The address.
        may_be_plain: It need not be https, though others could read along.

    Raises:
        InvalidInput: It is none, has a password in it, or is plain http over a network.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise errors.InvalidInput(
            f"{url[:200]!r} is no address of a server", hint="Like http://127.0.0.1:8420"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise errors.InvalidInput("the address of a server has neither password, ? nor #")
    if parts.scheme == "http" and not may_be_plain and not _is_loopback(parts.hostname):
        raise errors.InvalidInput(
            f"{url} is not https: a password or key would be readable on its way",
            hint="Use https, or the server's loopback address.",
        )
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _read(response: httpx2.Response) -> bytes:
    """Return a body, up to a bound."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            text = f"the answer is longer than {ANSWER_BYTES_MAX} bytes"
            raise OtherAnswer(Refusal(response.status_code, OtherAnswer.code, text))
        parts.append(part)
    return b"".join(parts)


def _is_spent(call: Call) -> bool:
    """Tell whether the body was given piece by piece and cannot be given again."""
    return isinstance(call.body, Upload) and not isinstance(call.body.content, bytes)
