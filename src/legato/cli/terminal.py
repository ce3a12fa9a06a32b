# SPDX-License-Identifier: Apache-2.0
"""Where the command line writes: results on stdout, everything else on stderr.

Every text passes `escape_control`, line by line, so nothing that a workflow, a node or a program
says can steer the terminal. A reader that goes away (`| head`) ends the output, not the work.
Rules: CL3, CL9, CL10.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import click
import orjson

from legato.cli.text import Style, escape

_JSON_HIDDEN: Final = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def encode_json(value: Any) -> str:
    r"""Return strict JSON in one line; characters that steer a terminal stand as `\uXXXX`."""
    text = orjson.dumps(value, default=str).decode()
    return _JSON_HIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def read_line(question: str) -> str:
    """Write a question and return the line that is typed; Ctrl-C ends it at once.

    Not `input`: an interrupt that comes while it prepares to read waits for a line, and the handler
    that an event loop leaves only takes note of it.

    Raises:
        click.Abort: Ctrl-C, or the end of the input.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    wakes = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        sys.stdout.write(question)  # not before: who sees it may interrupt it
        sys.stdout.flush()
        while sys.stdin not in select.select([sys.stdin, woken], [], [])[0]:
            os.read(woken, 64)  # a signal: that of Ctrl-C has raised by now
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        raise click.Abort from None
    finally:
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGINT, handler)
        os.close(woken)
        os.close(wake)
    if not line:
        raise click.Abort
    return line.rstrip("\n")


class Terminal:
    """Stdout and stderr of one command."""

    def __init__(
        self,
        *,
        as_json: bool,
        env: Mapping[str, str],
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        """Take the process's streams unless a test gives others.

        Args:
            as_json: Results are JSON values, one per line.
            env: NO_COLOR and TERM are looked at.
            out: Instead of stdout.
            err: Instead of stderr.
        """
        self.as_json = as_json
        self.out: TextIO = sys.stdout if out is None else out
        self.err: TextIO = sys.stderr if err is None else err
        for stream in (self.out, self.err):
            # A file name or a narrow locale must not end a command in a UnicodeEncodeError.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        is_plain = bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb"
        self.is_live = not as_json and self.out.isatty() and env.get("TERM") != "dumb"
        self.can_ask = self.is_live and sys.stdin is not None and sys.stdin.isatty()
        encoding = (getattr(self.out, "encoding", None) or "utf-8").lower().replace("-", "")
        self.style = Style(
            is_coloured=self.is_live and not is_plain, is_unicode=encoding.startswith("utf")
        )

    def line(self, text: str = "") -> None:
        """Write one line of a result; in JSON mode there are only JSON values."""
        if not self.as_json:
            self._write(self.out, escape(text))

    def styled(self, text: str) -> None:
        """Write one line whose parts were escaped and coloured by `Style`."""
        if not self.as_json:
            self._write(self.out, text)

    def lines(self, texts: Iterable[str]) -> None:
        """Write several lines."""
        for text in texts:
            self.line(text)

    def json(self, value: Any) -> None:
        """Write one JSON value as a line, in JSON mode only."""
        if self.as_json:
            self._write(self.out, encode_json(value))

    def note(self, text: str) -> None:
        """Tell the person something that is no result, on stderr."""
        self._write(self.err, escape(text))

    def error(self, code: str, message: str, hint: str | None = None) -> None:
        """Write an error: for a person lines of text, in JSON mode one object, on stderr."""
        if self.as_json:
            body = {"code": code, "message": message, "hint": hint}
            self._write(self.err, encode_json({"error": body}))
            return
        lines = message.splitlines() or [code]
        for text in lines:
            self._write(self.err, f"error: {escape(text)}")
        if hint:
            self._write(self.err, f"  {escape(hint)}")

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text + "\n")
            stream.flush()
        except OSError:  # the reader went away, or the terminal was closed
            _silence(stream)
        except ValueError:
            return  # closed already


def _silence(stream: TextIO) -> None:
    """Send what else is written nowhere: also what the interpreter flushes at its end."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
