# SPDX-License-Identifier: Apache-2.0
"""Lines of the children and of the supervisor, to one stream, in bounded memory.

A terminal that stands still (Ctrl-S) must not stop the supervisor or a child: a thread of its own
writes, and what does not fit is left out and counted. Rules: SU2.
"""

import contextlib
import queue
import threading
from types import TracebackType
from typing import Final, Self, TextIO

LINE_CHARACTERS_MAX: Final = 4_096
LINES_MAX: Final = 1_000
CLOSE_WAIT_S: Final = 2.0
_CUT: Final = " …"


class LineCutter:
    """Makes lines of bytes as they come; a long line is cut, its rest is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_cut = False

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that the bytes complete."""
        *whole, rest = data.split(b"\n")
        lines = [line for each in whole if (line := self._ended(each)) is not None]
        self._keep(rest)
        return lines

    def close(self) -> list[str]:
        """Return a last line that has no end."""
        line = self._ended(b"") if self._rest or self._is_cut else None
        return [] if line is None else [line]

    def _keep(self, part: bytes) -> None:
        room = 4 * LINE_CHARACTERS_MAX - len(self._rest)
        self._is_cut |= len(part) > room
        self._rest += part[:room]

    def _ended(self, part: bytes) -> str | None:
        self._keep(part)
        text, is_cut = self._rest.decode("utf-8", "replace").removesuffix("\r"), self._is_cut
        self._rest, self._is_cut = b"", False
        if is_cut or len(text) > LINE_CHARACTERS_MAX:
            return text[:LINE_CHARACTERS_MAX] + _CUT
        return text


class Output:
    """Writes lines to a stream without ever waiting for it."""

    def __init__(self, stream: TextIO, *, lines_max: int = LINES_MAX) -> None:
        """Args: lines_max is how many may wait."""
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(lines_max)
        self._left_out = 0
        self._writer = threading.Thread(target=self._write_all, name="output", daemon=True)
        self._writer.start()

    def line(self, prefix: str, text: str) -> None:
        """Write a line with what it comes from before it; control characters are written out."""
        self._put(f"[{prefix}] ", text)

    def plain(self, text: str) -> None:
        """Write a line without a name before it; control characters are written out."""
        self._put("", text)

    def _put(self, before: str, text: str) -> None:
        whole = before + _shown(text)
        if self._left_out:
            whole = f"{before}({self._left_out} lines left out)\n{whole}"
        try:
            self._lines.put_nowait(whole)
        except queue.Full:
            self._left_out += 1
        else:
            self._left_out = 0

    def _write_all(self) -> None:
        is_open = True
        while (line := self._lines.get()) is not None:
            # Once the terminal is gone, what comes is taken and dropped.
            is_open = is_open and self._write(line)
            self._lines.task_done()

    def _write(self, line: str) -> bool:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Write what waits, for a short time if the stream stands still."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=CLOSE_WAIT_S)
            self._writer.join(CLOSE_WAIT_S)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _shown(text: str) -> str:
    """Write out what cannot be printed. Not `telemetry`: it would take this process 8 MB."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
