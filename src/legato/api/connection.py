# SPDX-License-Identifier: Apache-2.0
"""A client's connection: uvicorn's, with the bounds that it lacks.

uvicorn waits for ever for the end of headers, for a client that reads nothing, keeps headers of any
size, and takes what follows a body in chunks (trailers) for headers. Here each of these ends: bytes
of headers (431) and of what stands around chunks (cut off), time for headers (408), time without
progress of an answer (cut off), number of connections (503); trailers are dropped. Rules: HT23.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from legato.api.metrics import Metrics
from legato.api.problems import problem_of
from legato.errors import Refused
from legato.settings import ServerSettings
from legato.telemetry import logger

CHUNK_FRAME_BYTES: Final = 16
"""Around one chunk: its size in hex and two line ends, with room for leading zeros."""

_log = logger(__name__)


class Connection(HttpToolsProtocol):
    """One connection; the class that `connection_class` makes has what belongs to its server."""

    limits: ClassVar[ServerSettings]
    metrics: ClassVar[Metrics | None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        self._header_bytes = 0
        self._in_headers = True
        self._frame_bytes = 0
        self._is_timed = False
        self._is_deaf = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.max_connections:
            self._refuse(Refused("unavailable", "The server has too many connections."))
            return
        # A client that connects and says nothing is as idle as one between two requests.
        self._header_timer = self.loop.call_later(
            self.limits.keep_alive_s, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count headers before they are kept."""
        if self._is_deaf or self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            if not self._is_timed and not self._is_answering():
                self._cancel_header_timer()
                self._is_timed = True
                late = self.loop.call_later(self.limits.header_s, self._headers_late)
                self._header_timer = late
        else:
            self._frame_bytes += len(data)
        super().data_received(data)
        # What follows the headers in the same packet is body: it was counted for nothing.
        if self._in_headers and self._header_bytes > self.limits.max_header_bytes:
            self._refuse(Refused("headers_too_large", "The request has too large headers."))
        elif not self._in_headers and self._frame_bytes > self.limits.max_header_bytes:
            self._refuse(Refused("headers_too_large", "The body has too much around its chunks."))

    def on_message_begin(self) -> None:
        """Give the application a way to cut this connection off, and to see what is not sent."""
        super().on_message_begin()
        self._in_headers = True
        self.scope["state"]["abort"] = self.transport.abort
        self.scope["state"]["unsent_bytes"] = self.transport.get_write_buffer_size

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after the body is none, and nobody has checked it."""
        if self._in_headers:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which is counted elsewhere."""
        self._frame_bytes = max(0, self._frame_bytes - len(body) - CHUNK_FRAME_BYTES)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The headers are here."""
        self._in_headers = False
        self._header_bytes = self._frame_bytes = 0
        self._cancel_header_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next byte belongs to the next request."""
        super().on_message_complete()
        self._in_headers = True

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP in the form of every error."""
        del msg
        self._refuse(Refused("malformed_request", "This is no request that HTTP/1.1 knows."))

    def pause_writing(self) -> None:
        """The client reads too slowly: it has some time to go on."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It goes on."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _cancel_header_timer(self) -> None:
        self._is_timed = False
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        if not self._is_answering():
            self._refuse(Refused("request_timeout", "The headers did not arrive in time."))

    def _refuse(self, error: Refused) -> None:
        """Write an answer by hand, there is no request to answer, and close."""
        if self.transport.is_closing():
            return
        if self._is_answering():
            if self.cycle.more_body:
                self.transport.abort()  # nobody can tell any more where its body ends
            self._is_deaf = True  # the answer that is on its way is the last
            self.cycle.keep_alive = False
            return
        request_id = secrets.token_hex(16)
        client = (self.client or ("",))[0]
        _log.info("refused a connection", code=error.code, client=client, request_id=request_id)
        if self.metrics is not None:
            self.metrics.refused(error.code)
        problem = problem_of(error)
        body = problem.body(request_id)
        headers = [*problem.raw_headers(body), (b"connection", b"close")]
        lines = [b"%b: %b\r\n" % pair for pair in headers]
        self.transport.write(b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body]))
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._header_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._header_timer = self._write_timer = None


def connection_class(limits: ServerSettings, metrics: Metrics | None) -> type[Connection]:
    """Return the class of a server's connections."""
    members: dict[str, Any] = {"limits": limits, "metrics": metrics}
    return type("LimitedConnection", (Connection,), members)
