# SPDX-License-Identifier: Apache-2.0
"""Asks the practice service for its counts, in one short request of HTTP.

By hand: the client that nodes use guards them, and a library for one line would be kept in memory
by every server. Rules: UP13, UP14.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final
from urllib.parse import quote

import orjson

from legato.errors import Unavailable

HOST: Final = "127.0.0.1"
TIME_S: Final = 1.0
ANSWER_BYTES_MAX: Final = 16 * 1024
COUNTS: Final = (
    *("requests_received", "work_done", "finished_work_asked_again"),
    *("requests_cut_off", "requests_sent_again"),
)


async def practice_counts(port: int, execution: str | None) -> dict[str, int]:
    """Return what the service counted.

    Args:
        port: Of this computer.
        execution: Only of requests of this execution; None: of all.

    Raises:
        Unavailable: It does not answer within a second, or with something else.
    """
    query = "" if execution is None else f"?group={quote(execution, safe='')}"
    head = f"GET /counts{query} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n"
    try:
        async with asyncio.timeout(TIME_S):
            answer = await _exchange(port, head.encode("ascii"))
        return _read(answer)
    except (OSError, TimeoutError, ValueError, LookupError) as error:
        raise Unavailable("the practice service does not answer") from error


async def _exchange(port: int, request: bytes) -> bytes:
    """Send a request and return all that is answered until the service hangs up."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=ANSWER_BYTES_MAX)
    try:
        writer.write(request)
        answer = b""
        while len(answer) <= ANSWER_BYTES_MAX and (part := await reader.read(ANSWER_BYTES_MAX)):
            answer += part
        return answer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _read(answer: bytes) -> dict[str, int]:
    """Take the counts out of an answer.

    Raises:
        ValueError: It is none.
        LookupError: A count is missing.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    said: Any = orjson.loads(body)
    if not head.startswith(b"HTTP/1.1 200 ") or not isinstance(said, dict):
        raise ValueError("not the counts")
    counts = {name: said[name] for name in COUNTS}
    if not all(type(count) is int for count in counts.values()):
        raise ValueError("a count is no number")
    return counts
