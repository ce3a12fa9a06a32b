# SPDX-License-Identifier: Apache-2.0
"""The ledger: a process of its own that counts effects, because nobody who crashes can be asked.

An effect is one line of JSON over a Unix socket. It has happened once it is on disk here; only
then is it answered. A line that never came whole is an effect that never happened. Every effect
carries the idempotency key and the attempt, so that the ledger alone tells what ran twice.

    python -m tests.crash.ledger SOCKET FILE     serve until stdin closes
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LINE_BYTES_MAX: Final = 1 << 20
ANSWER_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect that happened: whose, in which attempt, in which durable step if any."""

    key: str
    attempt: int
    effect: str
    step: str = ""

    @property
    def execution_id(self) -> str:
        """The execution it belongs to, as its key says."""
        return self.key.split(":")[0]

    @property
    def place(self) -> tuple[str, int | None]:
        """The node, and the item or None."""
        _, node, *item = self.key.split(":")
        return node, int(item[0]) if item else None


class Server:
    """Takes effects, holds nodes that are to run long, answers what happened."""

    def __init__(self, file: Path) -> None:
        """Args: file is where effects are kept, one line each, only ever appended to."""
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._effects: list[dict[str, Any]] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._released: set[str] = set()
        self._held: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._busy: dict[asyncio.Task[Any], None] = {}

    async def serve(self, path: Path) -> None:
        """Serve until whoever started this closes stdin, or dies."""
        server = await asyncio.start_unix_server(self._connected, path, limit=LINE_BYTES_MAX)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        print("ready", flush=True)
        await reader.read()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        earlier = list(self._busy)
        self._busy[task] = None
        try:
            line = await reader.readline()
            if line.endswith(b"\n"):  # else its sender died before the effect was told whole
                answer = await self._answer(json.loads(line), earlier, task)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, OSError):
            pass  # the sender is dead; what it told has been kept
        finally:
            self._busy.pop(task, None)
            writer.close()

    async def _answer(
        self, asked: dict[str, Any], earlier: list[asyncio.Task[Any]], task: asyncio.Task[Any]
    ) -> Any:
        match asked.pop("op"):
            case "effect":
                return self._keep(asked)
            case "hold":
                self._busy.pop(task, None)
                return await self._hold(str(asked["name"]))
            case "release":
                async with self._changed:
                    self._released.add(str(asked["name"]))
                    self._changed.notify_all()
            case "await_held":
                self._busy.pop(task, None)
                async with self._changed:
                    await self._changed.wait_for(
                        lambda: self._held[asked["name"]] >= asked["count"]
                    )
            case "list":
                # A process that was killed may have told effects that are still to be read.
                await asyncio.gather(*(each for each in earlier if each in self._busy))
                wanted = set(asked["executions"])
                return [each for each in self._effects if each["key"].split(":")[0] in wanted]
        return {}

    def _keep(self, effect: dict[str, Any]) -> dict[str, int]:
        os.write(self._file, json.dumps(effect).encode() + b"\n")
        os.fsync(self._file)
        self._effects.append(effect)
        place = (effect["key"], effect["step"])
        self._counts[place] += 1
        return {"count": self._counts[place]}

    async def _hold(self, name: str) -> dict[str, int]:
        async with self._changed:
            self._held[name] += 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: name in self._released)
        return {}


class Ledger:
    """The ledger as a test sees it."""

    def __init__(self, path: Path) -> None:
        """Args: path is the server's socket."""
        self.path = path

    def effects(self, execution_ids: Iterable[str]) -> list[Effect]:
        """Return what these executions did so far, in order."""
        question = {"op": "list", "executions": list(execution_ids)}
        return [Effect(**each) for each in ask(self.path, question)]

    def await_held(self, name: str, count: int = 1) -> None:
        """Wait until so many nodes have begun to wait for `release`."""
        ask(self.path, {"op": "await_held", "name": name, "count": count})

    def release(self, name: str) -> None:
        """Let the nodes go that wait for this name, and all that will."""
        ask(self.path, {"op": "release", "name": name})


def ask(path: Path | str, question: dict[str, Any]) -> Any:
    """Send one line and return the answer.

    Raises:
        OSError: Nobody answers.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect(str(path))
        connection.sendall(json.dumps(question).encode() + b"\n")
        with connection.makefile("rb") as answers:
            return json.loads(answers.readline())


@contextmanager
def running_ledger(folder: Path) -> Iterator[Ledger]:
    """Run a ledger for this block. The folder's path must be short: it holds a socket."""
    path = folder / "ledger.sock"
    process = subprocess.Popen(
        [sys.executable, __file__, path, folder / "ledger.jsonl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the ledger has no pipes")
    try:
        if process.stdout.readline() != b"ready\n":
            raise AssertionError("the ledger did not start")
        yield Ledger(path)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(Server(Path(sys.argv[2])).serve(Path(sys.argv[1])))
