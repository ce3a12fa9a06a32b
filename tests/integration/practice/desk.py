# SPDX-License-Identifier: Apache-2.0
"""The practice service in this loop, whose work takes as long as a test wants, and its callers."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from legato.practice.ledger import Ledger
from legato.practice.service import Bounds, Service

LETTER: Final = {"subject": "Charged twice", "text": "Please refund."}
SORTED: Final = {"topic": "invoice", "because": ["charged", "refund"]}
PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Answer:
    """What a caller got."""

    status: int
    headers: dict[str, str]
    value: Any


class Desk:
    """A running service."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.begun: asyncio.Queue[float] = asyncio.Queue()
        """Seconds of each piece of work that began."""
        self.gate = asyncio.Event()
        """Closed, work goes on for ever."""

    async def work(self, seconds: float) -> None:
        self.begun.put_nowait(seconds)
        await self.gate.wait()

    async def call(
        self, path: str, value: Any = None, *, key: str | None = None, method: str = "POST",
        **headers: str,
    ) -> Answer:  # fmt: skip
        """Ask and wait for the answer."""
        return await self.said(self.request(path, value, key=key, method=method, **headers))

    async def get(self, path: str) -> Any:
        answer = await self.call(path, method="GET")
        assert answer.status == 200, answer
        return answer.value

    async def counts(self, group: str = "") -> dict[str, int]:
        """Return the counts that are not 0."""
        value = await self.get(f"/counts?group={group}" if group else "/counts")
        return {name: count for name, count in value.items() if count}

    async def until(self, **counts: int) -> dict[str, int]:
        """Ask for the counts until they are so: a row is written a moment after it happened."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.counts()
                if all(found.get(name) == count for name, count in counts.items()):
                    return found

    def request(
        self, path: str, value: Any = None, *, key: str | None = None, method: str = "POST",
        **headers: str,
    ) -> bytes:  # fmt: skip
        """Return the bytes of a request."""
        body = b"" if value is None else json.dumps(value).encode()
        lines = {"Host": f"127.0.0.1:{self.port}", "Content-Type": "application/json"}
        if method == "POST":
            lines["Content-Length"] = str(len(body))
        if key is not None:
            lines["Idempotency-Key"] = key
        lines.update({name.replace("_", "-"): text for name, text in headers.items()})
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in lines.items())]
        return "\r\n".join([*head, "", ""]).encode() + body

    async def said(self, data: bytes) -> Answer:
        """Send bytes and return the answer."""
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(data)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        assert int(headers["content-length"]) == len(body)
        return Answer(int(first.split()[1]), headers, json.loads(body))

    def caller(self, data: bytes) -> socket.socket:
        """Send a request and leave its answer to the test."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        connection.sendall(data)
        return connection


@asynccontextmanager
async def opened(folder: Path, *, bounds: Bounds | None = None) -> AsyncIterator[Desk]:
    """Run a service on the ledger of a folder; at the end it is stopped wherever it is."""
    ticks = itertools.count(1_000)
    ledger = Ledger(folder, lambda: next(ticks))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        desk = Desk(listening.getsockname()[1])
        service = Service(ledger, pause=desk.work, bounds=bounds)
        serving = asyncio.create_task(service.serve(listening))
        try:
            yield desk
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            ledger.close()
