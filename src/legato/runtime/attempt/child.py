# SPDX-License-Identifier: Apache-2.0
"""The process of one isolated attempt: `python -m legato.runtime.attempt.child`.

It runs the usual `AttemptRunner` with ports that ask the engine over a pipe, and ends with the
report. Standard output is moved away first: what the node prints must not mix with messages.

Rules: AT15, ND9.
"""

import asyncio
import faulthandler
import importlib
import os
import struct
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from legato.errors import Internal, LegatoError, LimitExceeded
from legato.model.ids import WorkspaceId
from legato.model.signals import encode_signal
from legato.model.values import BlobRef
from legato.ports.attempt_logs import LogLine
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess
from legato.ports.journal import StepKey, StepRow
from legato.ports.node import NodeType
from legato.runtime.attempt import pipe
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.request import (
    AttemptServices,
    LineSource,
    Report,
    RunnerOptions,
)
from legato.runtime.attempt.runner import AttemptRunner
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions

LIVE_S: Final = 0.05
"""Progress and deltas are gathered this long; lines go at once, the next one may be the last."""
_MESSAGE_BYTES_MAX: Final = 1 << 31
SPOOL: Final = "spool-"
PIECE_BYTES: Final = 1024 * 1024


class Engine:
    """The engine at the other end of the pipe."""

    def __init__(self, write_to: int) -> None:
        """Args: write_to is the descriptor that carries messages to it."""
        self._write_to = write_to
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._count = 0
        self._one_at_a_time = threading.Lock()
        self._errors = pipe.error_classes()

    def tell(self, message: pipe.ToEngine) -> None:
        """Send a message whole; blocks while the pipe is full, so that nothing is lost."""
        data = memoryview(pipe.encode_message(message))
        with self._one_at_a_time:
            while data:
                data = data[os.write(self._write_to, data) :]

    async def ask(self, what: pipe.AskWhat, body: msgspec.Struct | str) -> bytes:
        """Have the engine call a port; return its answer as JSON.

        Raises:
            LegatoError: What the port raised.
        """
        self._count += 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[self._count] = future
        self.tell(pipe.Ask(id=self._count, what=what, body=msgspec.Raw(msgspec.json.encode(body))))
        return await future

    def hear(self, answer: pipe.Answer) -> None:
        """Take an answer."""
        future = self._asked.pop(answer.id, None)
        if future is None or future.done():
            return
        if answer.code:
            future.set_exception(self._errors.get(answer.code, LegatoError)(answer.message))
        else:
            future.set_result(bytes(answer.body))


class EngineSecrets:
    """Keeps `ports.secrets.Secrets`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        """Keep `Secrets.get`; the engine knows the workspace."""
        return msgspec.json.decode(await self._engine.ask("secret", name), type=str)


class EngineBlobs:
    """Keeps `ports.blobs.Blobs`."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    async def put(self, workspace: WorkspaceId, payload: bytes) -> BlobRef:
        """Keep `Blobs.put`."""
        answer = await self._engine.ask("blob_put", pipe.BlobAsk(payload=payload))
        return msgspec.json.decode(answer, type=BlobRef)

    async def get(self, workspace: WorkspaceId, ref: BlobRef) -> bytes:
        """Keep `Blobs.get`."""
        answer = await self._engine.ask("blob_get", pipe.BlobAsk(hash=ref.hash, size=ref.size))
        return msgspec.json.decode(answer, type=bytes)

    async def put_stream(
        self, workspace: WorkspaceId, pieces: AsyncIterable[bytes], *, size_max: int
    ) -> BlobRef:
        """Keep `Blobs.put_stream`: by way of a file that the engine reads."""
        size = 0
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=SPOOL) as file:
            async for piece in pieces:
                size += len(piece)
                if size > size_max:
                    raise LimitExceeded(f"the payload is longer than {size_max} bytes")
                await asyncio.to_thread(file.write, piece)
            file.flush()
            ask = pipe.BlobAsk(file=Path(file.name).name, size=size_max)
            answer = await self._engine.ask("blob_put_file", ask)
        return msgspec.json.decode(answer, type=BlobRef)

    async def stream(self, workspace: WorkspaceId, ref: BlobRef) -> AsyncIterator[bytes]:
        """Keep `Blobs.stream`: by way of a file that the engine writes."""
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=SPOOL) as file:
            ask = pipe.BlobAsk(hash=ref.hash, size=ref.size, file=Path(file.name).name)
            await self._engine.ask("blob_get_file", ask)
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece


class EngineJournal:
    """Keeps `ports.journal.Journal`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, key: StepKey) -> StepRow | None:
        """Keep `Journal.get`."""
        ask = pipe.StepAsk(name=key.name, ordinal=key.ordinal)
        answer = await self._engine.ask("step_get", ask)
        found = msgspec.json.decode(answer, type=pipe.StepFound | None)
        if found is None:
            return None
        return StepRow(
            key=key, attempt=found.attempt, input_hash=found.input_hash, output=found.output
        )

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Keep `Journal.begin`."""
        ask = pipe.StepAsk(name=key.name, ordinal=key.ordinal, input_hash=input_hash)
        return msgspec.json.decode(await self._engine.ask("step_begin", ask), type=bool)

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Keep `Journal.finish`."""
        ask = pipe.StepAsk(name=key.name, ordinal=key.ordinal, input_hash=input_hash, output=output)
        return msgspec.json.decode(await self._engine.ask("step_finish", ask), type=bool)


class EngineLines:
    """Keeps `request.LineSink`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._sources: dict[LineSource, None] = {}

    def bind(self) -> None:
        """Keep `LineSink.bind`; bound when it is made."""

    def add(self, line: LogLine) -> None:
        """Keep `LineSink.add`."""
        self._engine.tell(pipe.Said(level=line.level, text=line.text, progress=line.progress))

    def touch(self, source: LineSource) -> None:
        """Keep `LineSink.touch`."""
        if not self._sources:
            self._loop.call_soon_threadsafe(self._loop.call_later, LIVE_S, self._take)
        self._sources[source] = None

    async def settled(self) -> None:
        """Keep `LineSink.settled`: they are in the pipe before the report is."""

    def _take(self) -> None:
        sources, self._sources = self._sources, {}
        for source in sources:
            for line in source.take():
                self.add(line)


class ChildClock:
    """Keeps `ports.clock.Clock`: goes on from the engine's time."""

    def __init__(self, now_ms: int) -> None:
        self._ahead_s = now_ms / 1000 - time.monotonic()

    def now_ms(self) -> int:
        """Keep `Clock.now_ms`."""
        return int((time.monotonic() + self._ahead_s) * 1000)

    def monotonic(self) -> float:
        """Keep `Clock.monotonic`."""
        return time.monotonic()

    def chance(self) -> float:
        """Keep `Clock.chance`."""
        return int.from_bytes(os.urandom(6)) / (1 << 48)

    def new_id(self) -> str:
        """Keep `Clock.new_id`; nothing in a child makes durable ids."""
        return str(uuid.uuid4())


def find_node_type(locator: str, uses: str) -> NodeType:
    """Return the node type at `module:attribute`.

    The attribute is the node type itself, a mapping of them by name, or a function without
    parameters that returns such a mapping.

    Raises:
        Internal: It is not there.
    """
    found = _load(locator)
    if callable(found) and not isinstance(found, NodeType):
        found = found()
    if isinstance(found, Mapping):
        found = found.get(uses)
    if not isinstance(found, NodeType):
        raise Internal(f"{locator} is not the node type {uses}")
    return found


def make_http(locator: str, grants: Grants) -> HttpAccess:
    """Return the HTTP client that `module:attribute` makes of the grants."""
    made: HttpAccess = _load(locator)(grants)
    return made


def _load(locator: str) -> Any:
    module, _, path = locator.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def runner_of(begin: pipe.Begin, engine: Engine, node_type: NodeType) -> AttemptRunner:
    """Make the runner that carries out the attempt here."""
    allowed = begin.allowed
    roots = tuple(Path(root) for root in allowed.roots)
    sandbox = SandboxOptions(
        mode=allowed.sandbox_mode,
        hidden=tuple(Path(path) for path in allowed.hidden),
        writable=roots,
        network=allowed.program_network,
    )
    grants = Grants(
        programs=allowed.programs,
        roots=roots,
        hosts=allowed.hosts,
        program_network=allowed.program_network,
        connections=allowed.connections,
        mail_servers=allowed.mail_servers,
        python=allowed.python,
    )
    services = AttemptServices(
        journal=EngineJournal(engine),
        logs=EngineLines(engine),
        blobs=EngineBlobs(engine, Path(begin.scratch)),
        secrets=EngineSecrets(engine),
        clock=ChildClock(begin.now_ms),
        programs=Launcher(sandbox=Sandbox(sandbox)),
        http=make_http(begin.http, grants),
        grants=grants,
    )
    options = RunnerOptions(
        limits=begin.limits,
        cancel_grace_s=begin.cancel_grace_s,
        scratch_root=Path(begin.scratch),
    )
    return AttemptRunner({begin.request.node.uses: node_type}, services, options)


async def run(read_from: int, write_to: int) -> None:
    """Take the attempt from the pipe, run it, and answer with its report."""
    reader = asyncio.StreamReader(limit=_MESSAGE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    source = os.fdopen(read_from, "rb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    begin = await _read_message(reader)
    if not isinstance(begin, pipe.Begin):
        raise Internal("the first message must be `begin`")
    engine = Engine(write_to)
    node_type = find_node_type(begin.locator, begin.request.node.uses)
    runner = runner_of(begin, engine, node_type)
    attempt: asyncio.Task[Report] = asyncio.ensure_future(runner.run(begin.request))
    listening = asyncio.ensure_future(_listen(reader, engine, runner, begin))
    report = await attempt
    listening.cancel()
    engine.tell(pipe.Done(msgspec.Raw(encode_signal(report))))


async def _listen(
    reader: asyncio.StreamReader, engine: Engine, runner: AttemptRunner, begin: pipe.Begin
) -> None:
    while True:
        message = await _read_message(reader)
        if isinstance(message, pipe.Answer):
            engine.hear(message)
        elif isinstance(message, pipe.Stop):
            runner.stop(begin.request.key)


async def _read_message(reader: asyncio.StreamReader) -> pipe.ToChild:
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    message: pipe.ToChild = pipe.to_child_decoder.decode(await reader.readexactly(size))
    return message


def main() -> None:
    """Run one attempt; leave at once, whatever threads the node has left."""
    read_from, write_to = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Not asyncio.run: it would wait for what the node has left running.
    asyncio.new_event_loop().run_until_complete(run(read_from, write_to))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
