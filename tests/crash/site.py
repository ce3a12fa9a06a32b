# SPDX-License-Identifier: Apache-2.0
"""Where processes are started and killed: one home, one database, one ledger, the real commands."""

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.ledger import Ledger
from tests.crash.records import Records, read_records
from tests.support import warm

ROOT: Final = Path(__file__).parents[2]
WORKFLOWS: Final = Path(__file__).parent / "workflows"
WARM: Final = "legato"
"""Stands for the command in a process that has its imports already."""
PLUGIN: Final = Path(__file__).parent / "plugin"
KILLED: Final = -signal.SIGKILL
PATIENCE_S: Final = 90.0
"""A process that lives longer than this is stuck: it is killed and the test says so."""
LEASE_S: Final = 1.5
POLL_S: Final = 0.5


class Process:
    """A running command: its JSON lines as they come, what it complains of, its end."""

    def __init__(self, arguments: list[str], env: dict[str, str], errors: Path) -> None:
        """Start it in a session of its own, so that all of it can be killed at once.

        Args:
            arguments: The command.
            env: Its environment.
            errors: What it writes to stderr is appended there.
        """
        self._popen: subprocess.Popen[bytes] | warm.WarmProcess
        if arguments[0] == WARM:
            self._popen = warm.start(arguments[1:], env, cwd=str(ROOT))
        else:
            self._popen = subprocess.Popen(
                arguments, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid
        self.is_stuck = False
        self._said = ""
        self._is_silent = False
        self._heard = threading.Condition()
        self._copier = threading.Thread(target=self._copy, args=(errors,), daemon=True)
        self._copier.start()
        self._timers: list[threading.Timer] = []
        self._after(PATIENCE_S, self._give_up)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what it prints until it ends, however it ends."""
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with contextlib.suppress(ValueError):  # cut off by its death
                yield json.loads(line)

    def kill(self) -> None:
        """Kill its whole process group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def kill_after(self, seconds: float) -> None:
        """Kill its whole process group at an instant of somebody's choice."""
        self._after(seconds, self.kill)

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end and return the exit code, -n if signal n ended it."""
        code = self._popen.wait()
        for timer in self._timers:
            timer.cancel()
        self.kill()  # whatever it left in its group
        self._copier.join()
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        return code

    def await_said(self, text: str) -> None:
        """Wait until its stderr holds this text.

        Raises:
            AssertionError: It ended without saying so.
        """
        with self._heard:
            self._heard.wait_for(lambda: text in self._said or self._is_silent)
            assert text in self._said, self._said

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        return self._said

    def _copy(self, errors: Path) -> None:
        assert self._popen.stderr is not None
        with errors.open("a", encoding="utf-8") as copy, self._popen.stderr as stream:
            for line in stream:
                text = line.decode(errors="replace")
                copy.write(text)
                copy.flush()
                with self._heard:
                    self._said += text
                    self._heard.notify_all()
        with self._heard:
            self._is_silent = True
            self._heard.notify_all()

    def finish(self) -> int:
        """Read to its end and return the exit code."""
        for _ in self:
            pass
        return self.wait()

    def _give_up(self) -> None:
        self.is_stuck = True
        self.kill()

    def _after(self, seconds: float, act: Any) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)


@dataclass
class Site:
    """One home on one database.

    `url` is empty for SQLite in the home. `extra` are further settings as environment variables,
    `command` is what stands for `legato`.
    """

    folder: Path
    ledger: Ledger
    url: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (WARM,)

    def __post_init__(self) -> None:
        """Make the home."""
        self.home = self.folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.errors = self.folder / "stderr.log"

    @property
    def database_url(self) -> str:
        """The database that processes of this site use."""
        return self.url or f"sqlite:///{self.home}/legato.db"

    def env(self, crash: str = "") -> dict[str, str]:
        """Return the environment of a process; `crash` names where it is to die."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("LEGATO_")}
        env.update(
            PYTHONPATH=os.pathsep.join(map(str, (PLUGIN, ROOT / "src", ROOT))),
            LEGATO_HOME=str(self.home),
            LEGATO_DATABASE_URL=self.database_url,
            LEGATO_ENGINE__LEASE_S=str(LEASE_S),
            LEGATO_ENGINE__POLL_S=str(POLL_S),
        )
        env.update(self.extra)
        if crash:
            env["LEGATO_CRASH_POINT"] = crash
        return env

    def start(self, *arguments: str, crash: str = "") -> Process:
        """Start a command with `--json`."""
        return Process([*self.command, *arguments, "--json"], self.env(crash), self.errors)

    def run(self, name: str = "crash-main", crash: str = "", **inputs: str) -> Process:
        """Start `legato run` on a workflow of this folder; each takes the ledger as an input."""
        inputs["ledger"] = str(self.ledger.path)
        given = [part for key, each in inputs.items() for part in ("--input", f"{key}={each}")]
        return self.start("run", str(WORKFLOWS / f"{name}.yaml"), *given, crash=crash)

    def resume(self, execution_id: str, crash: str = "") -> Process:
        """Start `legato executions resume`."""
        return self.start("executions", "resume", execution_id, crash=crash)

    def engine(self, crash: str = "") -> Process:
        """Start an engine that takes over whatever has no owner, until nothing is left to do."""
        return self.start("engine", "--until-idle", crash=crash)

    def records(self) -> Records:
        """Read the database."""
        return read_records(self.database_url)

    def said(self) -> str:
        """Return the end of what all processes wrote to stderr."""
        return self.errors.read_text(errors="replace")[-4000:] if self.errors.exists() else ""
