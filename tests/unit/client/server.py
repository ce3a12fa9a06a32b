# SPDX-License-Identifier: Apache-2.0
"""A server that answers as it is told, without a network."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from legato.client import Client, Options, RetryPolicy

Reply = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class Told(httpx2.AsyncBaseTransport):
    """Gives one reply after the other, and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx2.Request] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Reply."""
        self.asked.append(request)
        self.bodies.append(await request.aread())
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply


class Waits:
    """Takes note of pauses instead of waiting."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


def client(told: Told, **more: Any) -> tuple[Client, Waits]:
    """Return a client of a server that is told what to say."""
    waits = Waits()
    policy = more.pop("retry", RetryPolicy())
    options = Options(
        transport=told, sleep=waits, chance=lambda: 1.0, retry=policy, workspace="team"
    )
    return Client(more.pop("url", "https://legato.example.org"), "lgt_key", options), waits


def answer(value: Any = None, status: int = 200, **headers: str) -> httpx2.Response:
    """Return an answer in JSON."""
    content = b"" if value is None else json.dumps(value).encode()
    kind = {"content-type": "application/json"} if value is not None else {}
    names = {name.replace("_", "-"): each for name, each in headers.items()}
    return httpx2.Response(status, content=content, headers={**kind, **names})


def problem(status: int, code: str, **headers: str) -> httpx2.Response:
    """Return a refusal."""
    value = {
        "type": f"urn:legato:{code}", "title": code, "status": status, "detail": f"It is {code}.",
        "code": code, "request_id": "req-12345678", "errors": [],
    }  # fmt: skip
    names = {name.replace("_", "-"): each for name, each in headers.items()}
    return httpx2.Response(
        status,
        content=json.dumps(value).encode(),
        headers={"content-type": "application/problem+json", **names},
    )


class Cut(httpx2.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, *parts: bytes, error: Exception | None = None) -> None:
        self._parts = parts
        self._error = error or httpx2.RemoteProtocolError("peer closed connection")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        raise self._error
