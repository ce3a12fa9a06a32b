# SPDX-License-Identifier: Apache-2.0
"""The HTTP client that nodes get: loads the HTTP library when the first request is made.

Rules: ND50.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from legato.ports.grants import Grants
from legato.ports.http import (
    DEFAULT_BOUNDS,
    NO_HEADERS,
    HttpBody,
    HttpBounds,
    HttpResponse,
    HttpStream,
)


class GuardedHttp:
    """Keeps `legato.ports.http.HttpAccess`."""

    def __init__(self, grants: Grants) -> None:
        """Args: grants say what may be reached beside public servers."""
        self._granted = frozenset(grants.hosts)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> HttpResponse:
        """Keep `HttpAccess.request`."""
        async with self.stream(method, url, headers=headers, body=body, bounds=bounds) as answer:
            pieces = [piece async for piece in answer.pieces]
        return HttpResponse(
            url=answer.url,
            status=answer.status,
            headers=answer.headers,
            body=pieces[0] if len(pieces) == 1 else b"".join(pieces),
        )

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
        """Keep `HttpAccess.stream`."""
        from legato.nodes import http_client  # noqa: PLC0415 - 150 ms, only when a request is made

        outgoing = http_client.make_outgoing(method, url, headers, body)
        async with http_client.exchange(outgoing, bounds, self._granted) as answer:
            yield answer
