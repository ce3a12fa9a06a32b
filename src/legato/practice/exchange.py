# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 exchange over one connection: a bounded, strict reader, and an answer.

A connection carries one request (`Connection: close`), so that the end of the connection says what
became of the answer. Must not know what is asked. Rules: PR4, PR7, PR8.
"""

import asyncio
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

HEAD_BYTES_MAX: Final = 8 * 1024
HEADERS_MAX: Final = 50
BODY_BYTES_MAX: Final = 64 * 1024
READ_TIME_S: Final = 10.0
"""For a whole request: who sends slower holds a connection for nothing."""
SEND_TIME_S: Final = 10.0
LINGER_TIME_S: Final = 10.0
"""How long a caller may take to read its answer and close, before it counts as handed over."""
QUERY_FIELDS_MAX: Final = 10
_LINE: Final = re.compile(r"([A-Z]{1,20}) (/[!-~]{0,1000}) HTTP/1\.[01]")
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_SINGLE: Final = frozenset({"content-length", "content-type", "host", "idempotency-key", "origin"})


class Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        """Args: headers are added to the answer, `_` for `-`."""
        super().__init__(message)
        self.status = status
        self.headers = headers

    @property
    def answer(self) -> "Answer":
        """What the caller gets."""
        body = {"error": {"status": int(self.status), "message": str(self)}}
        return Answer(self.status, body, self.headers)


@dataclass(frozen=True)
class Request:
    """A request, read whole; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A status with a JSON value."""

    status: HTTPStatus
    body: Any
    headers: Mapping[str, str]

    def encode(self) -> bytes:
        """Return the bytes for the wire."""
        body = json.dumps(self.body, ensure_ascii=False).encode() + b"\n"
        lines = [
            f"HTTP/1.1 {int(self.status)} {self.status.phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(f"{name.replace('_', '-')}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Exchange:
    """A connection: read once, then answer once."""

    def __init__(self, connection: socket.socket) -> None:
        """Args: connection does not block."""
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def read(self) -> Request:
        """Read the request.

        Raises:
            Refusal: It is malformed, too large or too slow.
            ConnectionError: The caller went away.
        """
        try:
            async with asyncio.timeout(READ_TIME_S):
                return await self._read()
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request took too long") from None

    async def _read(self) -> Request:
        data = b""
        while b"\r\n\r\n" not in data:
            if len(data) > HEAD_BYTES_MAX:
                raise _too_long(f"the head has more than {HEAD_BYTES_MAX} bytes")
            data += await self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        if len(head) > HEAD_BYTES_MAX:
            raise _too_long(f"the head has more than {HEAD_BYTES_MAX} bytes")
        method, target, headers = _parsed(head.decode("latin-1"))
        length = _length_of(method, headers)
        while len(body) < length:
            body += await self._receive()
        if len(body) > length:
            raise Refusal(HTTPStatus.BAD_REQUEST, "more was sent than one request")
        parts = urlsplit(target)
        return Request(method, parts.path, _query(parts.query), headers, body)

    async def _receive(self) -> bytes:
        part = await self._loop.sock_recv(self._connection, 16 * 1024)
        if not part:
            raise ConnectionResetError
        return part

    async def wait_gone(self) -> None:
        """Return when the caller has closed its side; what it still sends is dropped."""
        try:
            while await self._loop.sock_recv(self._connection, 4096):
                pass
        except OSError:
            return

    async def hand_over(self, answer: Answer) -> bool:
        """Send the answer; tell whether the caller took it.

        A caller that died with the answer unread resets the connection, one that read it closes
        it: the kernel knows. One that does neither for some time counts as having it.
        """
        if self._is_closed():
            return False
        try:
            async with asyncio.timeout(SEND_TIME_S):
                await self._loop.sock_sendall(self._connection, answer.encode())
            self._connection.shutdown(socket.SHUT_WR)
        except (OSError, TimeoutError):
            return False
        try:
            async with asyncio.timeout(LINGER_TIME_S):
                while await self._loop.sock_recv(self._connection, 4096):
                    pass
        except TimeoutError:
            return True
        except OSError:
            return False
        return True

    def _is_closed(self) -> bool:
        """Tell whether the caller has closed its side."""
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _parsed(head: str) -> tuple[str, str, dict[str, str]]:
    """Return method, target and headers."""
    first, *lines = head.split("\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the first line is no request of HTTP/1.1")
    if len(lines) > HEADERS_MAX:
        raise _too_long(f"more than {HEADERS_MAX} headers")
    headers: dict[str, str] = {}
    for each in lines:
        match = _HEADER.fullmatch(each)
        if match is None:
            raise Refusal(HTTPStatus.BAD_REQUEST, "a line of the head is no header")
        name = match[1].lower()
        if name in headers and name in _SINGLE:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is given twice")
        headers[name] = match[2]
    return line[1], line[2], headers


def _length_of(method: str, headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "send Content-Length, no Transfer-Encoding")
    text = headers.get("content-length")
    if text is None:
        if method == "POST":
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        return 0
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise Refusal(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
    if int(text) > BODY_BYTES_MAX:
        message = f"a body may have {BODY_BYTES_MAX} bytes"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
    return int(text)


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, strict_parsing=bool(text), max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the query is malformed") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refusal(HTTPStatus.BAD_REQUEST, "a name stands twice in the query")
    return dict(pairs)


def _too_long(message: str) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
