# SPDX-License-Identifier: Apache-2.0
"""HTTP servers on loopback that answer exactly what a test writes, bytes and all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One request, read whole, and the connection it came over."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.line, *rest = head.decode("latin-1").split("\r\n")
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in rest)
        }
        self.body = body
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def abort(self) -> None:
        self.writer.transport.abort()


class Server:
    """A server that is running."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.visits: list[Visit] = []
        self.visited = asyncio.Event()
        self.gone = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def grant(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def serve(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a server that gives each request to `answer`."""
    running: list[Server] = []
    open_writers: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = running[0]
        open_writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                visit = Visit(head[:-4], b"", writer)
                visit.body = await reader.readexactly(int(visit.headers.get("content-length", 0)))
                server.visits.append(visit)
                server.visited.set()
                await answer(visit)
        except (asyncio.IncompleteReadError, ConnectionError):
            server.gone.set()
        finally:
            open_writers.discard(writer)
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    running.append(Server(listening.sockets[0].getsockname()[1]))
    try:
        yield running[0]
    finally:
        listening.close()
        for writer in list(open_writers):
            writer.transport.abort()
        await asyncio.sleep(0)
        await listening.wait_closed()


async def answer_ok(visit: Visit) -> None:
    """Answer as a server that nobody outside should reach."""
    await visit.answer(200, b"internal")
