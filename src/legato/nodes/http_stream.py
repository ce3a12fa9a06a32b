# SPDX-License-Identifier: Apache-2.0
"""A TCP or TLS connection for the HTTP library, on the loop's own transports.

The library's own streams ask the kernel about every idle connection before every request; here the
loop has said already whether one is still usable. Measured with 32 requests at once to one server:
the node makes twice as many per second. An idle connection that was closed, or over which a server
sent what nobody had asked for, counts as readable and is not used again.

Rules: ND17, ND20.
"""

import asyncio
import ssl
from typing import Any, Final, cast

import httpcore2

_HELD_BYTES_MAX: Final = 256 * 1024
"""What is received and not yet read; beyond it the other side has to wait."""
_RESUMED_BYTES: Final = 64 * 1024


class LoopStream(httpcore2.AsyncNetworkStream, asyncio.Protocol):
    """One connection: the loop's protocol on one side, the library's stream on the other."""

    def __init__(self) -> None:
        """Begin unconnected; the loop connects it."""
        self._transport: asyncio.Transport | None = None
        self._held = bytearray()
        self._at_end = False
        self._is_lost = False
        self._error: Exception | None = None
        self._is_full = False
        self._may_write = True
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # --- what the loop says --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Hold what has come."""
        self._held += data
        if len(self._held) > _HELD_BYTES_MAX and not self._is_full and self._transport is not None:
            self._is_full = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        """Note that nothing more will come; the transport closes itself."""
        self._at_end = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end and wake whoever waits."""
        self._is_lost = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """Let writers wait."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._may_write = True
        _wake(self._writer)

    # --- what the library asks -----------------------------------------------------------------

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what has come, waiting for the first byte; nothing at the end."""
        while not self._held:
            if self._at_end:
                return b""
            if self._is_lost:
                raise httpcore2.ReadError(_text_of(self._error))
            self._reader = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._reader
            except TimeoutError:
                raise httpcore2.ReadTimeout("nothing came in time") from None
            finally:
                self._reader = None
        data = bytes(self._held[:max_bytes])
        del self._held[:max_bytes]
        # Not before most of it is read: each piece read would let a larger one in.
        if self._is_full and len(self._held) <= _RESUMED_BYTES and not self._is_lost:
            assert self._transport is not None, "it has received something"
            self._is_full = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send, waiting while the other side is slow."""
        if self._is_lost or self._transport is None or self._transport.is_closing():
            raise httpcore2.WriteError(_text_of(self._error))
        self._transport.write(buffer)
        if self._may_write:
            return
        self._writer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                await self._writer
        except TimeoutError:
            raise httpcore2.WriteTimeout("nothing was taken in time") from None
        finally:
            self._writer = None
        if self._is_lost:
            raise httpcore2.WriteError(_text_of(self._error))

    async def aclose(self) -> None:
        """Close at once: nothing that is still buffered is sent."""
        if self._transport is not None:
            self._transport.abort()
            await asyncio.sleep(0)  # the loop closes the socket in its next round

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> httpcore2.AsyncNetworkStream:
        """Go on encrypted; a handshake that fails or is cancelled closes the connection."""
        assert self._transport is not None, "it is connected"
        try:
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                ssl_context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=timeout,
            )
        except (ssl.SSLError, ssl.CertificateError, OSError) as error:
            await self.aclose()
            raise httpcore2.ConnectError(f"no encrypted connection: {error}") from None
        except BaseException:
            await self.aclose()
            raise
        if self._transport is None:
            raise httpcore2.ConnectError("no encrypted connection")
        return self

    def get_extra_info(self, info: str) -> Any:
        """Answer what the library asks about a connection."""
        if info == "is_readable":
            return bool(self._held) or self._at_end or self._is_lost
        name = {"client_addr": "sockname", "server_addr": "peername"}.get(info, info)
        return None if self._transport is None else self._transport.get_extra_info(name)


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _text_of(error: Exception | None) -> str:
    return str(error) if error is not None else "the connection was closed"
