# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: a request that is sent again takes effect once and gets the first answer.

    async def effect(claim: Claim | None) -> Response:
        answer = JSONResponse(...)                       # known before the store is asked
        await store.make(thing, once=claim and claim.of(answer))
        return answer

    @routes.post("", access=..., response_model=Thing)
    async def make(request: Request, api: ApiPart) -> Response:
        return await once(request, api, effect)

The store keeps the answer in the transaction of the effect (`ports.admission.Once`). Two requests
at once: the second waits for the first, `IN_PROGRESS_S` at most. Only what succeeded is kept.
Rules: AM1-AM3.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from legato.api.authenticator import principal_of
from legato.api.parts import Api
from legato.api.problems import Fault, InvalidBody
from legato.errors import Refused
from legato.ports.admission import AlreadyDone, Answer, Once

HEADER: Final = "idempotency-key"
REPLAYED: Final = ("idempotency-replayed", "true")
KEY_MAX: Final = 255
IN_PROGRESS_S: Final = 5.0
KEPT_HEADERS: Final = ("content-type", "etag", "location")


class Claim:
    """A request with a key that has not taken effect so far."""

    def __init__(self, scope: str, request: str) -> None:
        """Args: scope and request are as in `Once`."""
        self.scope = scope
        self.request = request

    def passed(self, passing: PassingBody) -> Claim:
        """Return the claim of a request whose body has come to its end."""
        return Claim(self.scope, passing.digest())

    def of(self, answer: Response) -> Once:
        """Return what is kept when the effect is made."""
        headers = answer.headers
        kept = tuple((name, headers[name]) for name in KEPT_HEADERS if name in headers)
        body = bytes(answer.body)
        made = Answer(status=answer.status_code, body=body, headers=kept)
        return Once(scope=self.scope, request=self.request, answer=made)


class PassingBody:
    """A body that is too large to be kept: hashed while it is read."""

    def __init__(self, request: Request) -> None:
        """Args: request is whose body it is."""
        kind = request.headers.get("content-type", "").encode("latin-1")
        self._made = hashlib.sha256(len(kind).to_bytes(8, "big") + kind)
        self._stream = request.stream()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield it, or what is left of it.

        Raises:
            Refused: `too_large` or `request_timeout`.
        """
        async for piece in self._stream:
            self._made.update(piece)
            yield piece

    def digest(self) -> str:
        """Return the hash of Content-Type and body, when all of it has been read."""
        return self._made.hexdigest()


Effect = Callable[[Claim | None], Awaitable[Response]]
_open: dict[str, asyncio.Future[None]] = {}
"""Scopes of requests that this process is about to give an effect; one per open request."""


async def once(
    request: Request,
    api: Api,
    effect: Effect,
    *,
    body: bytes | None = None,
    passing: PassingBody | None = None,
) -> Response:
    """Have a request take effect, or answer as its first try was answered.

    Args:
        request: Its body may have been read by `body()` before.
        api: Where answers are kept.
        effect: Makes it, and hands `Claim.of(answer)` to the transaction.
        body: The raw body, if it cannot be read from the request any more.
        passing: The body, if the effect reads it piece by piece, and calls `Claim.passed` then.

    Raises:
        InvalidBody: The key is none.
        Refused: `idempotency_mismatch`: the key was used for another request;
            `idempotency_in_progress`: the first one is still under way.
    """
    key = _key_of(request)
    if key is None:
        return await effect(None)
    claim = Claim(_scope(request, key), "")
    if passing is None:
        raw = await request.body() if body is None else body
        kind = request.headers.get("content-type", "")
        claim.request = _hash(kind.encode("latin-1"), raw)
    await _until_free(claim.scope)
    mark = _open[claim.scope] = asyncio.get_running_loop().create_future()
    try:
        known = await api.stores.admissions.answered(claim.scope)
        if known is not None:
            await _read_on(claim, passing)
            return _again(claim, known.request, known.answer)
        return await effect(claim)
    except AlreadyDone as done:
        await _read_on(claim, passing)
        return _again(claim, done.request, done.answer)
    finally:
        del _open[claim.scope]
        mark.set_result(None)


async def _read_on(claim: Claim, passing: PassingBody | None) -> None:
    """Learn what a request asks for whose body has not been read to its end."""
    if passing is not None:
        async for _ in passing.pieces():
            pass
        claim.request = passing.digest()


async def _until_free(scope: str) -> None:
    """Wait for requests with the same key that came before."""
    try:
        async with asyncio.timeout(IN_PROGRESS_S):
            while scope in _open:
                await asyncio.shield(_open[scope])
    except TimeoutError:
        raise Refused(
            "idempotency_in_progress",
            "A request with this Idempotency-Key is under way.",
            retry_after_s=1,
        ) from None


def _again(claim: Claim, request: str, answer: Answer) -> Response:
    if request != claim.request:
        raise Refused(
            "idempotency_mismatch", "This Idempotency-Key was used for a request with another body."
        )
    again = Response(answer.body, answer.status)
    for name, value in (*answer.headers, REPLAYED):
        again.headers[name] = value
    return again


def _key_of(request: Request) -> str | None:
    found = request.headers.getlist(HEADER)
    if not found:
        return None
    key = found[0]
    is_visible = key.isascii() and all("!" <= each <= "~" for each in key)
    if len(found) > 1 or not 0 < len(key) <= KEY_MAX or not is_visible:
        expected = f"one value of 1 to {KEY_MAX} visible ASCII characters"
        fault = Fault(path="", message="The header Idempotency-Key is no key.", expected=expected)
        raise InvalidBody([fault])
    return key


def _scope(request: Request, key: str) -> str:
    principal = principal_of(request)
    workspace = "" if principal.workspace is None else principal.workspace.id
    who = f"key:{principal.key}" if principal.key is not None else f"user:{principal.user.id}"
    return _hash(
        *(each.encode() for each in (workspace, who, request.method, request.url.path, key))
    )


def _hash(*parts: bytes) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
