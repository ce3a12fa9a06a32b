# SPDX-License-Identifier: Apache-2.0
"""The protocol of Redis, as much of it as counters need (RESP2). No I/O.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

BYTES_MAX: Final = 64 * 1024
"""Of an answer: ours are numbers, so whoever sends more is no Redis."""
_DEPTH_MAX: Final = 4
_CODE: Final = re.compile(rb"[A-Z]{1,32}")


class Refusal(msgspec.Struct, frozen=True):
    """An error; of its text only the code is kept, the rest may quote what was sent."""

    code: str


Reply = int | bytes | None | list["Reply"] | Refusal


class _Incomplete(Exception):
    """More is to come."""


def encode(*parts: bytes) -> bytes:
    """Return a command as it is sent."""
    lines = [b"*%d\r\n" % len(parts)]
    lines += [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
    return b"".join(lines)


class Replies:
    """Takes bytes as they arrive, gives answers as they are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the answers that these bytes complete.

        Raises:
            ValueError: This is not the protocol.
        """
        self._rest += data
        while self._rest:
            try:
                reply, end = _read(self._rest, 0, _DEPTH_MAX)
            except _Incomplete:
                if len(self._rest) > BYTES_MAX:
                    raise ValueError("the answer is too long") from None
                return
            self._rest = self._rest[end:]
            yield reply


def _read(data: bytes, start: int, depth: int) -> tuple[Reply, int]:
    """Return the answer that begins there, and where the next one does."""
    stop = data.find(b"\r\n", start)
    if stop < 0:
        raise _Incomplete
    kind, text, end = data[start : start + 1], data[start + 1 : stop], stop + 2
    if kind == b":":
        return int(text), end
    if kind == b"+":
        return text, end
    if kind == b"-":
        code = _CODE.match(text)
        return Refusal(code[0].decode("ascii") if code else ""), end
    length = int(text)
    if kind not in {b"$", b"*"} or not -1 <= length <= BYTES_MAX or not depth:
        raise ValueError("this is no answer of Redis")
    if length < 0:
        return None, end
    if kind == b"$":
        if len(data) < end + length + 2:
            raise _Incomplete
        if data[end + length : end + length + 2] != b"\r\n":
            raise ValueError("a text is longer than it says")
        return data[end : end + length], end + length + 2
    items: list[Reply] = []
    for _ in range(length):
        item, end = _read(data, end, depth - 1)
        items.append(item)
    return items, end
