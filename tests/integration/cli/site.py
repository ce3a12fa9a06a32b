# SPDX-License-Identifier: Apache-2.0
"""One home, the commands that run on it, and what they say. Nothing here waits by the clock."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support import warm

COMMAND: Final = (sys.executable, "-m", "legato.cli")
WARM: Final = ("legato",)
"""The same command in a process that has its imports already."""
PATIENCE_S: Final = 60.0
"""A process that lives longer is stuck: it is killed, and the test fails on its exit code."""

Line = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Result:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    def __repr__(self) -> str:
        """Show the ends: a failure must stay readable."""
        return f"exit {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"

    @property
    def values(self) -> list[Any]:
        """The JSON values on stdout; every line must be one."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def value(self) -> Any:
        """The one JSON value on stdout."""
        (found,) = self.values
        return found


class Process:
    """A command that runs: what it prints, line by line, and how it ends."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        env: dict[str, str],
        errors: Path,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        """Start it in a session of its own."""
        self._errors = errors
        self.popen: subprocess.Popen[str] | warm.WarmProcess
        with errors.open("wb") as stderr:
            if command == WARM:
                self.popen = warm.start(
                    [*arguments], env, cwd=str(Path.cwd()), stderr=stderr.fileno()
                )
            else:
                self.popen = subprocess.Popen(
                    [*command, *arguments], env=env, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=stderr, start_new_session=True,
                    text=True, encoding="utf-8",
                )  # fmt: skip
        self._seen: list[str] = []
        self._watchdog = threading.Timer(PATIENCE_S, self.popen.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def unwatched(self) -> "Process":
        """Let it live for as long as the tests that share it; who started it ends it."""
        self._watchdog.cancel()
        return self

    @property
    def pid(self) -> int:
        """The process id."""
        return self.popen.pid

    def __iter__(self) -> Iterator[str]:
        """Yield the lines it prints, as it prints them."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._seen.append(line)
            yield line.rstrip("\n")

    def until(self, is_it: Callable[[str], bool]) -> str:
        """Read to a line; the process must print it."""
        for line in self:
            if is_it(line):
                return line
        raise AssertionError(f"it ended before it said that: {self.finish()}")

    def until_value(self, is_it: Callable[[Line], bool]) -> Line:
        """Read to a JSON line."""
        return dict(json.loads(self.until(lambda line: is_it(json.loads(line)))))

    def until_node(self, name: str, status: str) -> Line:
        """Read JSON lines to the frame that shows a node in a status."""
        return self.until_value(
            lambda line: any(
                each.get("node_id") == name and each["status"] == status
                for each in line.get("sets", ())
            )
        )

    def stay(self) -> None:
        """Let it live as long as the tests that share it: they end it."""
        self._watchdog.cancel()

    def errors(self) -> str:
        """Return what it has written to stderr until now."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def finish(self) -> Result:
        """Read to its end."""
        for _ in self:
            pass
        code = self.popen.wait()
        self._watchdog.cancel()
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return Result(code, "".join(self._seen), self._errors.read_text(errors="replace"))

    def kill(self) -> Result:
        """Kill it without a word, and whatever is in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.finish()


class Site:
    """A home of its own."""

    def __init__(self, folder: Path) -> None:
        """Make an empty home; `git`, `sh` and `sleep` may be run on it."""
        self.folder = folder
        self.home = folder.with_name(f"{folder.name}-home")  # nodes may reach the folder
        self.home.mkdir(mode=0o700)
        self.grant("git", "sh", "sleep")
        self.more: dict[str, str] = {}
        self.is_cold = False
        """Whether commands are executed, imports and all."""
        self._count = 0
        self._running: list[Process] = []

    def grant(self, *programs: str) -> None:
        """Write the settings: these programs may be run, and write into the site's folder."""
        names = ", ".join(f'"{each}"' for each in programs)
        settings = f"[grants.shell]\nprograms = [{names}]\n"
        settings += f'[grants.files]\nroots = ["{self.folder}"]\n'
        (self.home / "legato.toml").write_text(settings, encoding="utf-8")

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of a command."""
        clean = {name: value for name, value in os.environ.items() if "LEGATO_" not in name}
        return {**clean, "LEGATO_HOME": str(self.home), **self.more, **more}

    def start(self, *arguments: object, **env: str) -> Process:
        """Start a command."""
        is_warm = not self.is_cold and warm.is_usual(self.env(**env))
        return self.start_program(WARM if is_warm else COMMAND, *arguments, **env)

    def start_program(self, program: tuple[str, ...], *arguments: object, **env: str) -> Process:
        """Start another program in the environment of a command."""
        self._count += 1
        errors = self.folder / f"stderr-{self._count}"
        process = Process(tuple(map(str, arguments)), self.env(**env), errors, program)
        self._running.append(process)
        return process

    def run(self, *arguments: object, **env: str) -> Result:
        """Run a command to its end."""
        return self.start(*arguments, **env).finish()

    def ok(self, *arguments: object) -> Result:
        """Run a command that must end with 0."""
        result = self.run(*arguments)
        assert result.code == 0, result
        return result

    def write(self, text: str, name: str = "workflow.yaml") -> Path:
        """Write a workflow file."""
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def events(self, execution_id: str) -> list[Line]:
        """Return an execution's log, read by the command."""
        return self.ok("executions", "events", execution_id, "--json").values

    def show(self, execution_id: str) -> Line:
        """Return what `show` says, as JSON."""
        return dict(self.ok("executions", "show", execution_id, "--json").value)

    def close(self) -> None:
        """Kill what a failed test left."""
        for process in self._running:
            if process.popen.poll() is None:
                process.kill()


@contextlib.contextmanager
def fresh_site(folder: Path) -> Iterator[Site]:
    """A home without settings, so that nothing is granted; closed at the end."""
    made = Site(folder)
    (made.home / "legato.toml").unlink()
    try:
        yield made
    finally:
        made.close()


def completed(events: list[Line]) -> list[str]:
    """Return the nodes that completed, once for each time."""
    return [each["node"] for each in events if each["type"] == "NodeCompleted"]


def milliseconds(start: str, end: str) -> float:
    """Return the time between two ISO instants."""
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() * 1000


def wait_for_end(pid: int) -> bool:
    """Wait until a process that is no child of ours has ended; False if it does not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_S)[0])
    finally:
        os.close(descriptor)
