# SPDX-License-Identifier: Apache-2.0
"""Progress and stream deltas of one attempt, gathered between two flushes of the log.

Both are for people who watch. Progress is absolute, so only the last one of a flush is kept;
deltas are joined. A delta that could be the first half of a secret waits for its second half.

Rules: ND4, ND10.
"""

import math
import threading
from typing import Final

from legato.ports.attempt_logs import LogLine
from legato.runtime.attempt.failures import shown
from legato.runtime.attempt.host import Host
from legato.runtime.attempt.request import LineSink

DELTA_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one attempt; a longer stream ends with a note, its output is not affected."""
DELTA_PIECE_CHARACTERS: Final = 2 * 1024
_MESSAGE_BYTES_MAX: Final = 512


class LiveOutput:
    """Keeps `request.LineSource`."""

    __slots__ = ("_attempt", "_bytes", "_lock", "_parts", "_progress", "_sink")

    def __init__(self, attempt: Host, sink: LineSink) -> None:
        self._attempt = attempt
        self._sink = sink
        self._lock = threading.Lock()
        self._progress: tuple[float, str] | None = None
        self._parts: list[str] = []
        self._bytes = 0

    def progress(self, fraction: float, message: str) -> None:
        """Note the newest progress, clamped to 0..1."""
        fraction = float(fraction)
        fraction = 0.0 if math.isnan(fraction) else min(max(fraction, 0.0), 1.0)
        with self._lock:
            self._progress = (fraction, str(message))
        self._sink.touch(self)

    def delta(self, text: str) -> None:
        """Note a piece of a stream."""
        text = str(text)
        with self._lock:
            if self._bytes > DELTA_BYTES_MAX:
                return
            self._bytes += len(text)
            if self._bytes > DELTA_BYTES_MAX:
                text = "… (the stream is too long to show whole)"
            self._parts.append(text)
        self._sink.touch(self)

    def take(self) -> list[LogLine]:
        """Keep `LineSource.take`."""
        return self._take(is_last=False)

    def finish(self) -> None:
        """Hand over everything, also what was held back."""
        for line in self._take(is_last=True):
            self._sink.add(line)

    def _take(self, *, is_last: bool) -> list[LogLine]:
        attempt = self._attempt
        with self._lock:
            text = "".join(self._parts)
            held = ""
            if attempt.redactor is not None and not is_last:
                text, held = attempt.redactor.split(text)
            self._parts = [held] if held else []
            progress, self._progress = self._progress, None
        lines: list[LogLine] = []
        if progress is not None:
            message = shown(progress[1], attempt.redact, _MESSAGE_BYTES_MAX)
            lines.append(attempt.line(message, "info", progress[0]))
        # Line ends and tabs of a stream are part of it: they are kept, other controls are not.
        text = attempt.redact(text)
        for start in range(0, len(text), DELTA_PIECE_CHARACTERS):
            piece = text[start : start + DELTA_PIECE_CHARACTERS]
            lines.append(attempt.line(_stream_text(piece), "delta"))
        return lines


def _stream_text(text: str) -> str:
    if text.isprintable():
        return text
    return "\n".join(
        "\t".join(
            shown(cell, size_bytes_max=8 * DELTA_PIECE_CHARACTERS) for cell in row.split("\t")
        )
        for row in text.split("\n")
    )
