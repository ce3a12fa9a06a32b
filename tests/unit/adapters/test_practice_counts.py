# SPDX-License-Identifier: Apache-2.0
"""Asking the practice service for its counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from legato.adapters import practice_counts as module
from legato.adapters.practice_counts import COUNTS, practice_counts
from legato.errors import Unavailable

GOOD = b'{"a": 0, ' + b", ".join(b'"%b": 7' % name.encode() for name in COUNTS) + b"}"


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A service that gives one answer, or none and does not hang up."""
    asked: list[bytes] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def test_the_counts_are_those_of_the_execution() -> None:
    """Whatever its id holds, it stays one parameter [UP13]."""
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD) as (port, asked):
        assert await practice_counts(port, "a b&group=c") == dict.fromkeys(COUNTS, 7)
        await practice_counts(port, None)
    host = b"Host: 127.0.0.1:%d\r\n\r\n" % port
    assert asked == [
        b"GET /counts?group=a%20b%26group%3Dc HTTP/1.1\r\n" + host,
        b"GET /counts HTTP/1.1\r\n" + host,
    ]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"HTTP/1.1 503 No\r\n\r\n" + GOOD,
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n" + GOOD.replace(b"7", b'"7"'),
        b"HTTP/1.1 200 OK\r\n\r\n" + GOOD.replace(b"work_done", b"done"),
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * module.ANSWER_BYTES_MAX * 4 + GOOD,
    ],
)
async def test_what_is_no_answer_is_an_outage(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence too, soon [UP14]."""
    monkeypatch.setattr(module, "TIME_S", 0.2)
    async with answering(answer) as (port, _):
        with pytest.raises(Unavailable):
            await practice_counts(port, None)


async def test_nobody_there_is_an_outage() -> None:
    """The service has ended [UP14]."""
    async with answering(b"") as (port, _):
        pass
    with pytest.raises(Unavailable):
        await practice_counts(port, None)
