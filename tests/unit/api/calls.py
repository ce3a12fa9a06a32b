# SPDX-License-Identifier: Apache-2.0
"""Raw ASGI calls: what a server would hand over, and what came back."""

import asyncio
import itertools
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from legato.api.frame import Frame, FrameOptions

HOST = (b"host", b"127.0.0.1:8420")


@dataclass
class Answer:
    """What the application sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


def scope_of(
    method: str = "GET",
    path: str = "/thing",
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    host: tuple[bytes, bytes] | None = HOST,
    query: bytes = b"",
) -> Scope:
    """Return a request's scope as uvicorn makes it."""
    own = [host] if host is not None else []
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": method, "scheme": "http", "path": path, "raw_path": path.encode(),
        "query_string": query, "root_path": "", "headers": [*own, *headers],
        "client": ("10.1.2.3", 5555), "server": ("127.0.0.1", 8420), "state": {},
    }  # fmt: skip


def sender(parts: Sequence[bytes] = (), *, then: str = "end") -> Receive:
    """Return what gives a body in parts; `then`: it ends, or hangs, or the client goes away."""
    rest = iter(parts)
    count = itertools.count(1)

    async def receive() -> Message:
        number = next(count)
        part = next(rest, None)
        if part is not None:
            more = then != "end" or number < len(parts)
            return {"type": "http.request", "body": part, "more_body": more}
        if then == "hang":
            await asyncio.Event().wait()
        if then == "end" and not parts and number == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    return receive


async def call(app: ASGIApp, scope: Scope, receive: Receive | None = None) -> Answer:
    """Make one request."""
    answer = Answer()

    async def send(message: Message) -> None:
        answer.messages.append(message)

    await app(scope, receive or sender(), send)
    return answer


def framed(
    app: ASGIApp, *, methods: Collection[str] = ("GET",), is_draining: bool = False, **options: Any
) -> Frame:
    """Put a frame around an application; ids are counted."""
    ids, seconds = itertools.count(1), itertools.count()
    chosen = FrameOptions(**{"linger_s": 0.01, **options})
    return Frame(
        app, chosen, new_id=lambda: f"made-id-{next(ids):04}",
        monotonic=lambda: float(next(seconds)), methods_at=lambda _: methods,
        is_draining=lambda: is_draining,
    )  # fmt: skip


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a word, without a look at the body."""
    del scope, receive
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})


async def drink(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body, then answer."""
    while (await receive()).get("more_body", False):
        pass
    await hello(scope, receive, send)
