# SPDX-License-Identifier: Apache-2.0
"""Starts commands of Legato in real processes that have everything imported already.

A process of its own imports once what commands import, and forks for every command: its child is a
session leader with its own files, environment and exit code, which signals end as any other. Only
the half second of importing is left out, which hundreds of commands would spend again. Where the
start itself is looked at, a program is executed (`Site.is_cold`).

    python -m tests.support.warm DESCRIPTOR     what runs at the other end of the socket
"""

import array
import atexit
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from functools import cache
from importlib import import_module
from typing import Any, Final, NoReturn

from tests.tidy.places import ROOT

MESSAGE_BYTES_MAX: Final = 1024 * 1024
IMPORTS: Final = (
    *("legato.app", "legato.app.server", "legato.nodes.registry", "legato.runtime.engine"),
    *("legato.runtime.attempt.isolated", "legato.runtime.attempt.runner"),
    *("legato.runtime.attempt.sandbox", "legato.runtime.evaluation_process"),
    *("legato.adapters.sql.sqlite.stores", "legato.adapters.sql.postgres.stores"),
    *("legato.adapters.blobs.obstore_blobs", "legato.adapters.local_queue"),
    *("legato.adapters.env_secrets", "legato.adapters.sql.look", "legato.adapters.sql.migrate"),
    *("legato.nodes.http_access", "uvloop", "rich.live", "jsonschema_rs"),
)
"""Beside the modules of the commands. None starts a thread when it is imported."""
STEADY: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Names of variables that only a program's own start obeys."""


class WarmProcess:
    """A command, as much of `subprocess.Popen` as tests use."""

    def __init__(self, status: int, stdout: Any, stderr: Any) -> None:
        """Args: status tells pid and end; the others are our ends of its pipes."""
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid: int = struct.unpack("i", self._status.read(4))[0]
        self.returncode: int | None = None
        self.stdout, self.stderr = stdout, stderr

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(0):
                    return None
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; -n if signal n ended it."""
        if self.returncode is None:
            told = self._status.read(4)
            self._status.close()
            assert len(told) == 4, "the process that forks has ended"
            self.returncode = struct.unpack("i", told)[0]
        return self.returncode

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Warm:
    """The client's end: one process that forks, for as long as this one lives."""

    def __init__(self, env: dict[str, str]) -> None:
        """Start it in an environment; it imports while the first test prepares."""
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(number)],
                cwd=ROOT, env=env, stdin=subprocess.DEVNULL, pass_fds=(number,),
            )  # fmt: skip
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self._process.wait()

    def start(self, arguments: list[str], env: dict[str, str], files: list[int], cwd: str) -> int:
        """Start a command; return the descriptor that tells of it."""
        mine, theirs = os.pipe()
        try:
            message = json.dumps({"arguments": arguments, "env": env, "cwd": cwd}).encode()
            descriptors = array.array("i", [*files, theirs])
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)
            self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES_MAX)
            self._ours.sendmsg([message], [rights])
        finally:
            os.close(theirs)
        return mine


@cache
def _warm(steady: tuple[tuple[str, str], ...]) -> Warm:
    """Return the one for these variables."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(STEADY)}
    return Warm({**others, **dict(steady)})


def is_usual(env: dict[str, str]) -> bool:
    """Tell whether a command in this environment starts as one in our own would."""
    own = dict(os.environ)
    return all(
        env.get(name) == own.get(name) for name in env.keys() | own if name.startswith(STEADY)
    )


def start(
    arguments: list[str], env: dict[str, str], *, cwd: str, stderr: int | None = None
) -> WarmProcess:
    """Start `legato`.

    Args:
        arguments: Without the program's name.
        env: The whole environment.
        cwd: Where it runs.
        stderr: A descriptor; None makes a pipe of bytes, and one of bytes for stdout too.
    """
    steady = tuple(sorted(pair for pair in env.items() if pair[0].startswith(STEADY)))
    out, theirs = os.pipe()
    given = [os.open(os.devnull, os.O_RDONLY), theirs]
    kind: dict[str, Any] = {"encoding": "utf-8"}
    errors: Any = None
    if stderr is None:
        kind = {"mode": "rb"}
        err, theirs = os.pipe()
        errors = os.fdopen(err, "rb")
        given.append(theirs)
    try:
        status = _warm(steady).start(arguments, env, [*given, stderr or given[-1]][:3], cwd)
    finally:
        for each in given:
            os.close(each)
    return WarmProcess(status, os.fdopen(out, **kind), errors)


# --- the other end ------------------------------------------------------------------------------


def _serve(number: int) -> None:
    """Fork for each message; return in the children, and end with the client."""
    requests = socket.socket(fileno=number)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    told: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is requests:
                    data, ancillary, _flags, _ = requests.recvmsg(
                        MESSAGE_BYTES_MAX, socket.CMSG_SPACE(4 * 4)
                    )
                    if not data:
                        os._exit(0)
                    files = array.array("i", ancillary[0][2])
                    pid = os.fork()
                    if pid == 0:
                        _become(json.loads(data), files)
                        return
                    *given, status = files
                    for each in given:
                        os.close(each)
                    os.write(status, struct.pack("i", pid))
                    told[pid] = status
                else:
                    os.read(wake_read, 4096)
            _reap(told)


def _reap(told: dict[int, int]) -> None:
    """Tell of every child that has ended."""
    for pid in list(told):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(BrokenPipeError):
                os.write(told[pid], struct.pack("i", os.waitstatus_to_exitcode(status)))
            os.close(told.pop(pid))


def _become(request: dict[str, Any], files: "array.array[int]") -> None:
    """Make this fork look like a program that was just executed."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for target, given in enumerate(files[:3]):
        os.dup2(given, target)
    os.closerange(3, 4096)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[:] = ["legato", *request["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        kind: dict[str, Any] = {"encoding": old.encoding, "errors": old.errors}
        fresh = open(number, "w" if number else "r", closefd=False, **kind)  # noqa: SIM115
        fresh.reconfigure(line_buffering=old.line_buffering)
        setattr(sys, name, fresh)
        setattr(sys, f"__{name}__", fresh)


def _main(number: int) -> NoReturn:
    from legato.cli.main import COMMANDS, main

    for module, _ in COMMANDS.values():
        import_module(module.partition(":")[0])
    for name in IMPORTS:
        import_module(name)
    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, f"importing has started {threads - 1} threads, which no fork would have"
    gc.collect()
    gc.freeze()
    _serve(number)
    main()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
