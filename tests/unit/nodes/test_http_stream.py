# SPDX-License-Identifier: Apache-2.0
"""A connection between the loop and the HTTP library."""

import asyncio
from typing import Any

import httpcore2
import pytest

from legato.nodes.http_stream import LoopStream


class Wire:
    """Stands for a transport: notes what is asked of it."""

    def __init__(self) -> None:
        self.sent = b""
        self.paused = False
        self.gone = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.gone

    def abort(self) -> None:
        self.gone = True

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def connected() -> tuple[LoopStream, Wire]:
    stream, wire = LoopStream(), Wire()
    stream.connection_made(wire)  # type: ignore[arg-type]
    return stream, wire


async def test_what_comes_is_read_in_order_and_the_sender_waits() -> None:
    """Reading stops the sender above a bound and lets it go on when most is read [ND20]."""
    stream, wire = connected()
    stream.data_received(b"a" * 200_000)
    was_paused = [wire.paused]
    stream.data_received(b"b" * 200_000)
    was_paused.append(wire.paused)
    read = await stream.read(65_536)
    was_paused.append(wire.paused)  # each piece read would let a larger one in
    while len(read) < 400_000:
        read += await stream.read(65_536)
    was_paused.append(wire.paused)
    assert read == b"a" * 200_000 + b"b" * 200_000
    assert was_paused == [False, True, True, False]


async def test_a_reader_waits_for_the_first_byte_the_end_or_the_loss() -> None:
    """Nothing at a clean end; a lost connection is an error, and so is a time-out [ND20]."""
    stream, _ = connected()
    reading = asyncio.ensure_future(stream.read(10))
    await asyncio.sleep(0)
    stream.data_received(b"x")
    assert await reading == b"x"
    with pytest.raises(httpcore2.ReadTimeout):
        await stream.read(10, timeout=0.01)
    reading = asyncio.ensure_future(stream.read(10))
    await asyncio.sleep(0)
    stream.connection_lost(ConnectionResetError("reset by peer"))
    with pytest.raises(httpcore2.ReadError, match="reset by peer"):
        await reading
    stream, _ = connected()
    stream.data_received(b"last")
    stream.eof_received()
    stream.connection_lost(None)
    assert [await stream.read(10), await stream.read(10)] == [b"last", b""]


async def test_a_writer_waits_while_the_other_side_is_slow() -> None:
    """Writing is held until it can go on; a lost connection ends it [ND20]."""
    stream, wire = connected()
    await stream.write(b"one")
    stream.pause_writing()
    writing = asyncio.ensure_future(stream.write(b"two"))
    await asyncio.sleep(0)
    assert not writing.done()
    stream.resume_writing()
    await writing
    assert wire.sent == b"onetwo"
    stream.pause_writing()
    with pytest.raises(httpcore2.WriteTimeout):
        await stream.write(b"three", timeout=0.01)
    writing = asyncio.ensure_future(stream.write(b"four"))
    await asyncio.sleep(0)
    stream.connection_lost(None)
    with pytest.raises(httpcore2.WriteError):
        await writing
    with pytest.raises(httpcore2.WriteError):
        await stream.write(b"five")


@pytest.mark.parametrize("what", ["data", "end", "loss"])
def test_an_idle_connection_over_which_something_came_is_not_used_again(what: str) -> None:
    """Data that nobody asked for, an end or a loss make it unusable [ND20]."""
    stream, _ = connected()
    assert stream.get_extra_info("is_readable") is False
    if what == "data":
        stream.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    elif what == "end":
        stream.eof_received()
    else:
        stream.connection_lost(None)
    assert stream.get_extra_info("is_readable") is True


async def test_closing_sends_nothing_more() -> None:
    """A connection is aborted, so that a cancelled request does not go on [EN12]."""
    stream, wire = connected()
    await stream.aclose()
    assert wire.gone
    with pytest.raises(httpcore2.WriteError):
        await stream.write(b"x")
    unconnected: Any = LoopStream()
    await unconnected.aclose()
    assert stream.get_extra_info("server_addr") == "the peername"
