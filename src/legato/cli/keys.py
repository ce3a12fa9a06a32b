# SPDX-License-Identifier: Apache-2.0
"""Single keys from the terminal, while something else goes on.

The terminal gives each key at once and without an echo only while keys are read; it is put back in
every case. Ctrl-C stays a signal. Rules: CL4.
"""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable
from typing import Any


class Keys:
    """Reads keys from stdin, which is a terminal."""

    def __init__(self, on_key: Callable[[str], None]) -> None:
        """Args: on_key is called in the event loop with each key in lower case."""
        self._on_key = on_key
        self._descriptor = sys.stdin.fileno()
        self._before: list[Any] | None = None

    def start(self) -> None:
        """Begin to read."""
        if self._before is not None:
            return
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def stop(self) -> None:
        """Put the terminal back."""
        if self._before is None:
            return
        asyncio.get_running_loop().remove_reader(self._descriptor)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        self._before = None

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 64)
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return
        for key in data.decode("utf-8", "ignore").lower():
            self._on_key(key)
