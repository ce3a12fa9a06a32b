# SPDX-License-Identifier: Apache-2.0
"""A request's body as it arrives: counted, and never waited for without end.

What a client says of its length is believed only where that refuses it sooner. Rules: HT16, HT17.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Message, Receive

from legato.api.origin import Headers
from legato.errors import Refused

RATE_MIN: Final = 500
"""Bytes/s that a body must reach after its first seconds. Source: Apache's mod_reqtimeout."""
DISCARD_MAX: Final = 64 * 1024 * 1024
"""What is still read of a body that nobody wants: a client that sends it hears the answer then."""
DISCARD_S: Final = 2.0
DISCARD_GAP_S: Final = 0.05


class BodyMeter:
    """Stands between the server and whoever reads the body."""

    def __init__(
        self, receive: Receive, headers: Headers, *, limit_bytes: int, body_s: float
    ) -> None:
        """Args: limit_bytes holds until the route sets its own; body_s is for a slow client."""
        self.limit_bytes = limit_bytes
        self.count_bytes = 0
        named = dict(headers)
        length = named.get(b"content-length", b"")
        self._declared = int(length) if length.isdigit() else 0
        self.has_body = bool(self._declared or b"transfer-encoding" in named)
        self.is_complete = not self.has_body
        self._is_given_up = False
        self._expects = b"expect" in named
        self._receive = receive
        self._body_s = body_s
        self._began: float | None = None

    async def receive(self) -> Message:
        """Return the next part; this is what the application calls.

        Raises:
            Refused: `too_large` beyond the limit, `request_timeout` if it comes too slowly.
        """
        if self.is_complete:
            return await self._receive()
        if max(self._declared, self.count_bytes) > self.limit_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout_at(self._deadline()):
                message = await self._take()
        except TimeoutError:
            self._is_given_up = True
            raise Refused("request_timeout", "The body did not arrive in time.") from None
        if self.count_bytes > self.limit_bytes:
            raise self._too_large()
        return message

    async def discard(self, *, gap_s: float, total_s: float = DISCARD_S) -> bool:
        """Read on and forget, within bounds; tell whether the body is over.

        Args:
            gap_s: Stop when nothing comes for this long.
            total_s: Stop after this long.
        """
        if self._expects or self._is_given_up or self._declared > DISCARD_MAX:
            return self.is_complete  # it has not begun, or would take too long
        end = asyncio.get_running_loop().time() + total_s
        while not self.is_complete and self.count_bytes <= DISCARD_MAX:
            now = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(min(now + gap_s, end)):
                    await self._take()
            except TimeoutError:
                break
        return self.is_complete

    async def _take(self) -> Message:
        message = await self._receive()
        self.count_bytes += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.is_complete = True
        return message

    def _deadline(self) -> float:
        """Return until when the next part must be here, on the loop's clock."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        return self._began + self._body_s + self.count_bytes / RATE_MIN

    def _too_large(self) -> Refused:
        return Refused("too_large", f"The body is larger than {self.limit_bytes} bytes.")
