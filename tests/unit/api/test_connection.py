# SPDX-License-Identifier: Apache-2.0
"""How an answer reaches the transport."""

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from legato.api.connection import connection_class
from legato.settings import ServerSettings

Part = tuple[bytes, bool]


class Wire(asyncio.Transport):
    """Keeps what is written, one entry for each call of the system."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True


async def exchange(
    headers: list[tuple[bytes, bytes]], parts: list[Part], method: str = "GET"
) -> tuple[Wire, list[int]]:
    """Answer one request in parts; return the wire, and how often it was written after each."""
    counts: list[int] = []
    wire = Wire()

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        counts.append(len(wire.written))
        for body, more in parts:
            await send({"type": "http.response.body", "body": body, "more_body": more})
            counts.append(len(wire.written))

    made: Any = connection_class(ServerSettings(), None)
    config = Config(application, http=made, ws="none", lifespan="off", log_config=None)
    config.load()
    connection = made(config, ServerState(), {}, asyncio.get_running_loop())
    connection.connection_made(wire)
    connection.data_received(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.gather(*connection.tasks)
    connection.connection_lost(None)
    return wire, counts


async def test_an_answer_of_a_known_length_is_one_write() -> None:
    """Its head goes with the first of its body, its other parts as they come [HT61]."""
    wire, _ = await exchange([(b"content-length", b"2")], [(b"{}", False)])
    (whole,) = wire.written
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\n{}")
    wire, counts = await exchange([(b"content-length", b"3")], [(b"a", True), (b"bc", False)])
    assert counts == [0, 1, 2]
    assert b"".join(wire.written).endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize(
    ("headers", "method"),
    [([], "GET"), ([(b"content-length", b"0")], "GET"), ([(b"content-length", b"5")], "HEAD")],
)
async def test_a_head_that_nothing_must_follow_goes_at_once(
    headers: list[tuple[bytes, bytes]], method: str
) -> None:
    """That of a stream, of nothing, and of HEAD [HT61]."""
    wire, counts = await exchange(headers, [(b"", True), (b"", False)], method)
    assert counts[0] == 1
    assert wire.written[0].endswith(b"\r\n\r\n")


async def test_a_head_without_its_body_is_sent_before_the_end() -> None:
    """Who waits for the answer learns that it is cut off [HT61]."""
    wire, counts = await exchange([(b"content-length", b"5")], [])
    assert counts == [0]
    assert wire.written[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.is_closed
