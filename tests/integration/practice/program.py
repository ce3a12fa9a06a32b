# SPDX-License-Identifier: Apache-2.0
"""The practice service as a program. Nothing here waits by the clock."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from legato.practice.ledger import FILE

COMMAND: Final = (sys.executable, "-m", "legato.practice")
PATIENCE_S: Final = 60.0


class Program:
    """A service that is running."""

    def __init__(self, folder: Path, *more: str, pass_fds: tuple[int, ...] = ()) -> None:
        self.folder = folder
        self.popen = subprocess.Popen(
            [*COMMAND, "--ledger", str(folder), *more], pass_fds=pass_fds,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._watchdog = threading.Timer(PATIENCE_S, self.popen.kill)
        self._watchdog.start()
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        self.ready: dict[str, Any] = json.loads(line) if line else {}
        self.port = int(self.ready.get("port", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, value: Any = None, key: str = "") -> Any:
        """Return the answer, which must be a success."""
        data = None if value is None else json.dumps(value).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            method = "GET" if data is None else "POST"
            connection.request(method, path, data, {} if data is None else headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return json.loads(said)

    def counts(self) -> dict[str, int]:
        """Return the counts that are not 0."""
        return {name: count for name, count in self.ask("/counts").items() if count}

    def until(self, **counts: int) -> dict[str, int]:
        """Ask for the counts until they are so; the watchdog ends it."""
        while True:
            found = self.counts()
            if all(found.get(name) == count for name, count in counts.items()):
                return found

    def rows(self, event: str) -> list[dict[str, Any]]:
        """Read the whole rows of a kind from the file."""
        data = (self.folder / FILE).read_bytes()
        rows = [json.loads(each) for each in data[: data.rfind(b"\n") + 1].splitlines()]
        return [each for each in rows if each["event"] == event]

    def stop(self) -> None:
        """Have it stand still, and wait until it does."""
        self.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.popen.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self.popen.send_signal(signal.SIGCONT)

    def end(self, number: int = signal.SIGKILL) -> tuple[int, str]:
        """Send a signal and return exit code and errors."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Wait for its end; return exit code and errors."""
        _, errors = self.popen.communicate(timeout=PATIENCE_S)
        self._watchdog.cancel()
        return self.popen.returncode, errors.decode()


@contextmanager
def running(folder: Path, *more: str) -> Iterator[Program]:
    """Run a service; at the end it is killed, if it is still there."""
    program = Program(folder, *more)
    try:
        yield program
    finally:
        if program.popen.poll() is None:
            program.end()
        program.finish()
