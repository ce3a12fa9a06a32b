# SPDX-License-Identifier: Apache-2.0
"""Stands where connections would be: answers requests from recorded exchanges.

Rules: TK10.
"""

from collections.abc import AsyncIterable
from typing import Final

import httpcore2

from legato.nodes.fields import refused
from legato.ports.exchanges import Exchanges, Trouble

NOT_RECORDED: Final = "http_not_recorded"
_ERRORS: Final[dict[Trouble, type[Exception]]] = {
    "refused": httpcore2.ConnectError,
    "lost": httpcore2.ReadError,
    "timeout": httpcore2.ReadTimeout,
    "invalid": httpcore2.RemoteProtocolError,
}


class ReplayedConnections:
    """Keeps `legato.nodes.http_client.Connections`."""

    def __init__(self, exchanges: Exchanges) -> None:
        """Args: exchanges choose the answers."""
        self._exchanges = exchanges

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        """Answer one request.

        Raises:
            NodeFailure: `http_not_recorded`: nothing was sent.
        """
        method, url = request.method.decode(), _url_of(request.url)
        body = b"".join([piece async for piece in _pieces_of(request)])
        answer = self._exchanges.answer(method, url, body)
        if answer is None:
            raise refused(
                NOT_RECORDED, f"{method} {url}: no recorded exchange answers this request"
            )
        if answer.trouble is not None:
            raise _ERRORS[answer.trouble]("as recorded")
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        return httpcore2.Response(answer.status, headers=headers, content=answer.body)

    async def aclose(self) -> None:
        """There is nothing to close."""


def _url_of(url: httpcore2.URL) -> str:
    host = url.host.decode()
    name = f"[{host}]" if ":" in host else host
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme.decode()}://{name}{port}{url.target.decode('latin-1')}"


def _pieces_of(request: httpcore2.Request) -> AsyncIterable[bytes]:
    assert isinstance(request.stream, AsyncIterable), "an async client sends async streams"
    return request.stream
