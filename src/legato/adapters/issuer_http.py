# SPDX-License-Identifier: Apache-2.0
"""The HTTP client for issuers of identities.

Below the library's own client, which would keep cookies: those of one person's question would go
along with the next person's. Imported only where issuers are configured: the library takes 150 ms
to load. Rules: AU108.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlencode

import httpx2

from legato.errors import Unavailable
from legato.ports.issuers import ANSWER_BYTES_MAX, ANSWER_S, Answer, Question

CONNECTIONS_MAX: Final = 50
KEPT_MAX: Final = 10
KEPT_S: Final = 30.0
_CUT: Final = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "legato",
}


class IssuerClient:
    """Keeps `ports.issuers.IssuerHttp`."""

    def __init__(self, *, tls: ssl.SSLContext, answer_s: float = ANSWER_S) -> None:
        """Make it; nothing is connected yet.

        Args:
            tls: Whom to trust.
            answer_s: For a whole exchange, with the wait for a free connection.
        """
        self._answer_s = answer_s
        self._transport = httpx2.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx2.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=KEPT_MAX,
                keepalive_expiry=KEPT_S,
            ),
        )

    async def ask(self, question: Question) -> Answer:
        """Keep `IssuerHttp.ask`."""
        try:
            async with asyncio.timeout(self._answer_s):
                try:
                    return await self._exchange(_request(question))
                except _CUT:  # the other side closed a kept connection just now; a question is safe
                    return await self._exchange(_request(question))
        except (TimeoutError, OSError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise Unavailable(f"an issuer does not answer: {type(error).__name__}") from None

    async def close(self) -> None:
        """Keep `IssuerHttp.close`."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx2.Request) -> Answer:
        response = await self._transport.handle_async_request(request)
        try:
            # Unpacked, few bytes could become too many at once.
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise Unavailable("an issuer packs its answer")
            body = b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > ANSWER_BYTES_MAX:
                    raise Unavailable("an issuer answers too much")
            return Answer(response.status_code, body)
        finally:
            await response.aclose()


def trusted() -> ssl.SSLContext:
    """Return whom to trust: the system's certificates, or those of `SSL_CERT_FILE`."""
    return httpx2.create_ssl_context()


def _request(question: Question) -> httpx2.Request:
    headers = {**question.headers, **_HEADERS}
    if question.form is None:
        return httpx2.Request("GET", question.url, headers=headers)
    headers["content-type"] = "application/x-www-form-urlencoded"
    body = urlencode(question.form).encode()
    return httpx2.Request("POST", question.url, headers=headers, content=body)
