# SPDX-License-Identifier: Apache-2.0
"""A server with routes for hostile clients: reading a body, never ending, breaking.

Run as `python -m`; it says its address and serves until SIGTERM, as `legato serve` does.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from legato.api.access import Gate, Public, Routes
from legato.api.body import body
from legato.api.parts import Api
from legato.api.readiness import Readiness
from legato.api.server import RESOURCES, HttpServer, make_api
from legato.app import memory_stores, run
from legato.settings import load_settings
from legato.telemetry import configure_logging
from legato.testing.clock import FakeClock

OPEN = Public("a test")
routes = Routes("/test", tag="test")
streams: list[int] = []


class Anything(BaseModel):
    value: Any


@routes.post("/body", OPEN)
async def read(sent: Annotated[Anything, body(Anything)]) -> dict[str, int]:
    """Read a body."""
    return {"size": len(json.dumps(sent.value))}


class CountedStream(StreamingResponse):
    """A stream that is counted while it goes on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        streams.append(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            streams.pop()


@routes.get("/endless", OPEN)
async def endless() -> StreamingResponse:
    """Send as much as the client takes."""

    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    return CountedStream(parts())


@routes.get("/streams", OPEN)
async def count() -> dict[str, int]:
    """Tell how many streams go on."""
    return {"count": len(streams)}


@routes.get("/never", OPEN)
async def never() -> None:
    """Do not answer."""
    await asyncio.Event().wait()


@routes.get("/broken", OPEN)
async def broken() -> None:
    """Break."""
    raise RuntimeError("hunter2-canary")


async def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(os.environ)
    configure_logging("info", as_json=True)
    clock = FakeClock()
    readiness = Readiness({}, clock.monotonic)
    stores = memory_stores(clock, settings)
    api = Api(settings=settings, stores=stores, clock=clock, readiness=readiness)
    server = HttpServer(make_api(api, Gate(), [routes, *RESOURCES]), readiness, settings.server)
    server.bind()
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(json.dumps({"event": "ready", "url": server.url}), flush=True)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    run(main())
