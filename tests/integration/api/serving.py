# SPDX-License-Identifier: Apache-2.0
"""A server process and raw connections to it. Every wait has a limit: then it is a failure."""

import json
import signal
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.integration.cli.site import Process, Result

PATIENCE_S = 30.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once, though nothing here is https: a client makes one for 40 ms at every request."""


class Raw:
    """A connection that sends what it is told."""

    def __init__(self, port: int, *, receive_bytes: int | None = None) -> None:
        """Connect; `receive_bytes` makes its window small."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> "Raw":
        """Send bytes."""
        self.socket.sendall(data)
        return self

    def rest(self) -> bytes:
        """Read until the server closes."""
        found = b""
        try:
            while part := self.socket.recv(65_536):
                found += part
        except ConnectionResetError:
            pass
        return found

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Read one answer with a length; return its status and JSON body."""
        found = b""
        while b"\r\n\r\n" not in found:
            part = self.socket.recv(65_536)
            assert part, f"closed after {found!r}"
            found += part
        head, _, body = found.partition(b"\r\n\r\n")
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(names[b"content-length"]):
            body += self.socket.recv(65_536)
        return int(head.split()[1]), json.loads(body)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Serving:
    """A server that has said its address."""

    def __init__(self, process: Process) -> None:
        """Wait for the line."""
        self.process = process
        self.ready = process.until_value(lambda line: line.get("event") == "ready")
        self.url = str(self.ready["url"])
        self.port = urlsplit(self.url).port or 0
        self._raws: list[Raw] = []

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Make one request."""
        return httpx2.get(self.url + path, headers=headers, timeout=PATIENCE_S, verify=PLAIN)

    def raw(self, **options: Any) -> Raw:
        """Open a connection."""
        self._raws.append(Raw(self.port, **options))
        return self._raws[-1]

    def close(self) -> None:
        """Hang up every connection."""
        for raw in self._raws:
            raw.close()

    def stop(self, number: int = signal.SIGTERM) -> Result:
        """Ask it to end, and wait for that."""
        self.process.send(number)
        return self.process.finish()

    def memory_kib(self) -> int:
        """Return what the process holds in memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = [line for line in text.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1])
