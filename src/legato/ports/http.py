# SPDX-License-Identifier: Apache-2.0
"""The guarded HTTP client that nodes get as `ctx.http`.

Every implementation keeps to the operator's grants: it connects to public addresses and to what
`Grants.hosts` names, to the very address that was checked, and checks every redirect again. It uses
no proxy and no credentials of its environment, keeps no cookies, and bounds what it reads.

Rules: ND50.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

HTTP_RESPONSE_BYTES_MAX: Final = 10 * 1024 * 1024
"""What a response may have, unpacked, unless the node says otherwise."""
HTTP_REDIRECTS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBody:
    """A request body that is sent piece by piece.

    `size` is its length in bytes. `pieces` is called for each time it is sent: a redirect within
    the origin may ask for it again.
    """

    size: int
    pieces: Callable[[], AsyncGenerator[bytes, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """Limits of one exchange: bytes of the unpacked response, and how many redirects to follow.

    With `redirects_max` 0 a redirect is an answer like any other. Each of `bound` is the hosts of a
    credential (`legato.model.hosts`): every request, also after a redirect, keeps to all of them.
    """

    response_bytes_max: int = HTTP_RESPONSE_BYTES_MAX
    redirects_max: int = HTTP_REDIRECTS_MAX
    bound: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A response, read whole and unpacked. Header names are lower case; `url` is the last one."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStream:
    """A response whose unpacked body comes piece by piece, once."""

    url: str
    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]


NO_HEADERS: Final[Mapping[str, str]] = {}
DEFAULT_BOUNDS: Final = HttpBounds()


class HttpAccess(Protocol):
    """Sends requests where the operator lets nodes go.

    Both methods raise `NodeFailure`: `network`, `address_refused`, `invalid_url`,
    `invalid_request`, `invalid_response`, `response_too_large`, `too_many_redirects`,
    `redirect_refused` or `credential_host`. Any status is an answer, not a failure. Time is bounded
    by the attempt's time-out.
    """

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> HttpResponse:
        """Send a request and read the answer whole.

        Args:
            method: In upper case.
            url: `http://` or `https://`, without user and password.
            headers: Sent as they are, but for those that say where a message ends or whom it is
                for, which are refused. On a redirect to another origin only content negotiation,
                user-agent and idempotency-key go along.
            body: Not sent again to another origin.
            bounds: Limits.
        """
        ...

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Send a request and read the answer piece by piece inside `async with`.

        For example `ref = await ctx.blobs.put_stream(answer.pieces)`. Arguments as for `request`.
        """
        ...
