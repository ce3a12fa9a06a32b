# SPDX-License-Identifier: Apache-2.0
"""Runs an attempt in a process of its own, because earlier ones took their engine along.

The child runs the same `AttemptRunner`; what it needs from the engine it asks for over a pipe.
If the process dies without a report (segfault, `os._exit`, the kernel's memory killer) the
attempt is lost, not failed: the node said nothing.

Rules: AT15, AT16, ND9.
"""

import asyncio
import base64
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from legato.errors import Internal, InvalidInput, LegatoError, NotAllowed
from legato.model.signals import ReportFailure, ReportLost, decode_signal
from legato.model.values import BlobRef
from legato.ports.journal import StepKey
from legato.ports.node import NodeFailure, NodeType
from legato.runtime.attempt import control, pipe
from legato.runtime.attempt.command import Command, ProcessEnd, ProcessLimits
from legato.runtime.attempt.context import Attempt, Lines
from legato.runtime.attempt.failures import shown
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.request import AttemptServices, Report, RunnerOptions
from legato.runtime.attempt.sandbox import SandboxMode

CHILD: Final = "legato.runtime.attempt.child"
CHILD_LIMITS: Final = ProcessLimits(cpu_s=None, memory_bytes=None, file_bytes=None)
"""A node may need what the engine may have; only core dumps and the number of files are bounded."""
STOP_SHARE: Final = 0.75
"""Of the grace, before the child is killed; the rest is for its end to arrive."""
_MARGIN_BYTES: Final = 1024 * 1024
SPOOL_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationOptions:
    """How children are started: `hidden` and `sandbox_mode` are handed to their launchers.

    `http` is `module:attribute` of what makes their HTTP client of the grants.
    """

    http: str
    hidden: tuple[Path, ...] = ()
    sandbox_mode: SandboxMode = "auto"
    limits: ProcessLimits = CHILD_LIMITS


def locator_of(node_type: NodeType) -> str:
    """Return `module:attribute` where a child finds the node type.

    Raises:
        NodeFailure: It was made inside a function or in the main script.
    """
    module, name = node_type.run.__module__, node_type.run.__qualname__
    if module == "__main__" or "<" in name:
        raise NodeFailure(
            "not_isolated",
            f"{node_type.info.uses} killed its engine before and can only run in a process of its "
            f"own, but no other process can import it: {module}:{name}",
            may_have_happened=False,
            retryable=False,
        )
    return f"{module}:{name}"


class Isolation:
    """Starts children and answers them."""

    def __init__(
        self,
        launcher: Launcher,
        services: AttemptServices,
        options: RunnerOptions,
        isolation: IsolationOptions,
    ) -> None:
        """Args: launcher starts the processes; services answer what they ask for."""
        self._launcher = launcher
        self._services = services
        self._options = options
        self._isolation = isolation

    async def run(self, attempt: Attempt, node_type: NodeType) -> Report:
        """Run an attempt in a child; on cancellation stop it, then kill it."""
        begin = self._begin(attempt, node_type)
        conversation = _Conversation(attempt, self._services, self._options)
        command = Command(
            program=sys.executable,
            argv=(sys.executable, "-m", CHILD),
            folder=attempt.scratch,
            home=attempt.scratch,
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            limits=self._isolation.limits,
        )
        errors = Lines(
            lambda line: attempt.log(line, level="stderr"),
            self._options.limits.max_log_lines_per_attempt,
        )
        stdin, to_child = os.pipe()
        try:
            running = self._launcher.start(command, stdin, conversation.take, errors.add)
        except BaseException:
            os.close(to_child)
            raise
        finally:
            os.close(stdin)
        attempt.began = True
        try:
            await conversation.open(to_child, begin)
            return await self._listen(attempt, conversation, running.ended)
        finally:
            running.kill()
            conversation.close()
            errors.end()
            await asyncio.wait({running.ended}, timeout=1.0)

    async def _listen(
        self,
        attempt: Attempt,
        conversation: "_Conversation",
        ended: "asyncio.Future[ProcessEnd]",
    ) -> Report:
        """Wait for the report or the end of the process, whichever comes first."""
        both: set[asyncio.Future[object]] = {conversation.report, ended}  # type: ignore[arg-type]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if control.is_torn_down(attempt):
                raise  # the engine ends: the child is killed, not asked
            conversation.send(pipe.Stop())
            grace_s = self._options.cancel_grace_s * STOP_SHARE
            await asyncio.wait(both, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
            if not conversation.report.done():
                raise
        if conversation.report.done():
            return conversation.report.result()
        return _report_death(attempt, ended.result())

    def _begin(self, attempt: Attempt, node_type: NodeType) -> pipe.Begin:
        grants = self._services.grants
        return pipe.Begin(
            locator=locator_of(node_type),
            http=self._isolation.http,
            request=msgspec.structs.replace(attempt.request, isolated=False),
            allowed=pipe.Allowed(
                programs=grants.programs,
                roots=tuple(str(root) for root in grants.roots),
                hosts=grants.hosts,
                program_network=grants.program_network,
                connections=dict(grants.connections),
                mail_servers=dict(grants.mail_servers),
                python=grants.python,
                credential_writes=grants.credential_writes,
                sandbox_mode=self._isolation.sandbox_mode,
                hidden=tuple(str(path) for path in self._isolation.hidden),
            ),
            limits=self._options.limits,
            now_ms=self._services.clock.now_ms(),
            cancel_grace_s=self._options.cancel_grace_s * STOP_SHARE,
            scratch=str(attempt.scratch),
        )


class _Conversation:
    """One child's questions and answers. A child that talks nonsense is treated as dead."""

    def __init__(self, attempt: Attempt, services: AttemptServices, options: RunnerOptions) -> None:
        self._attempt = attempt
        self._services = services
        self._messages = pipe.Messages(2 * options.limits.max_output_bytes + _MARGIN_BYTES)
        self._answering: set[asyncio.Task[None]] = set()
        self._writer: asyncio.WriteTransport | None = None
        self.report: asyncio.Future[Report] = asyncio.get_running_loop().create_future()

    async def open(self, descriptor: int, begin: pipe.Begin) -> None:
        loop = asyncio.get_running_loop()
        file = os.fdopen(descriptor, "wb", buffering=0)
        self._writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, file)
        self.send(begin)

    def send(self, message: pipe.ToChild) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(pipe.encode_message(message))

    def close(self) -> None:
        for task in self._answering:
            task.cancel()
        if self._writer is not None and not self._writer.is_closing():
            self._writer.abort()

    def take(self, data: bytes) -> None:
        """Take bytes that the child wrote."""
        if self.report.done():
            return
        try:
            for body in self._messages.feed(data):
                self._hear(pipe.to_engine_decoder.decode(body))
        except (LegatoError, msgspec.DecodeError) as error:
            self._attempt.log(f"the process broke the protocol: {error}", level="error")
            self._settle(_lost(self._attempt))

    def _hear(self, message: pipe.ToEngine) -> None:
        if isinstance(message, pipe.Said):
            self._attempt.relay(message.text, message.level, message.progress)
        elif isinstance(message, pipe.Ask):
            task = asyncio.ensure_future(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        else:
            self._settle(self._checked(bytes(message.report)))

    def _settle(self, report: Report) -> None:
        if not self.report.done():
            self.report.set_result(report)

    def _checked(self, body: bytes) -> Report:
        """Return the child's report if it is one, and about this attempt."""
        report = decode_signal(body)
        request = self._attempt.request
        if not isinstance(report, Report) or (report.node, report.attempt, report.item) != (
            request.node.id,
            request.attempt,
            request.item,
        ):
            raise Internal("the report is not about this attempt")
        return report

    async def _answer(self, ask: pipe.Ask) -> None:
        try:
            body = await self._carry_out(ask)
            answer = pipe.Answer(id=ask.id, body=msgspec.Raw(body))
        except LegatoError as error:
            answer = pipe.Answer(id=ask.id, code=error.code, message=str(error))
        except NodeFailure as failure:
            answer = pipe.Answer(id=ask.id, code=NotAllowed.code, message=failure.error.message)
        except msgspec.DecodeError as error:
            answer = pipe.Answer(id=ask.id, code="invalid", message=str(error))
        self.send(answer)

    async def _carry_out(self, ask: pipe.Ask) -> bytes:
        request, services = self._attempt.request, self._services
        if ask.what == "credential":
            name = msgspec.json.decode(ask.body, type=str)
            return msgspec.json.encode(await self._attempt.find_credential(name))
        if ask.what == "secret":
            name = msgspec.json.decode(ask.body, type=str)
            return msgspec.json.encode(await self._attempt.secret(name))
        if ask.what.startswith("blob"):
            blob = msgspec.json.decode(ask.body, type=pipe.BlobAsk)
            if ask.what == "blob_put_file":
                return msgspec.json.encode(await self._put_file(blob))
            if ask.what == "blob_get_file":
                await self._get_file(blob)
                return b"null"
            if ask.what == "blob_put":
                return msgspec.json.encode(
                    await services.blobs.put(request.workspace, blob.payload)
                )
            found = await services.blobs.get(request.workspace, BlobRef(blob.hash, blob.size))
            return b'"' + base64.b64encode(found) + b'"'
        return await self._journal(ask)

    async def _put_file(self, blob: pipe.BlobAsk) -> BlobRef:
        """Store what the child wrote into its scratch folder."""
        with self._spool(blob.file, os.O_RDONLY) as file:
            workspace = self._attempt.request.workspace
            return await self._services.blobs.put_stream(
                workspace, _pieces_of(file), size_max=blob.size
            )

    async def _get_file(self, blob: pipe.BlobAsk) -> None:
        """Write a payload into a file that the child has made."""
        ref = BlobRef(blob.hash, blob.size)
        with self._spool(blob.file, os.O_WRONLY) as file:
            async for piece in self._services.blobs.stream(self._attempt.request.workspace, ref):
                await asyncio.to_thread(file.write, piece)

    def _spool(self, name: str, flags: int) -> BinaryIO:
        """Open a regular file directly in the scratch folder, whatever the child has put there."""
        if "/" in name or name in {"", ".", ".."}:
            raise InvalidInput(f"{name!r:.100} is no file of the scratch folder")
        try:
            descriptor = os.open(
                self._attempt.scratch / name,
                flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            )
        except OSError as error:
            raise InvalidInput(f"{name!r:.100} cannot be opened: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InvalidInput(f"{name!r:.100} is no file")
        return os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "wb")

    async def _journal(self, ask: pipe.Ask) -> bytes:
        """Read or write the journal, at this attempt's own places only."""
        request, journal = self._attempt.request, self._services.journal
        step = msgspec.json.decode(ask.body, type=pipe.StepAsk)
        item = -1 if request.item is None else request.item
        key = StepKey(request.execution_id, request.node.id, item, step.name, step.ordinal)
        if ask.what == "step_get":
            row = await journal.get(key)
            found = None
            if row is not None:
                found = pipe.StepFound(
                    attempt=row.attempt, input_hash=row.input_hash, output=row.output
                )
            return msgspec.json.encode(found)
        if ask.what == "step_begin":
            done = await journal.begin(key, attempt=request.attempt, input_hash=step.input_hash)
        else:
            done = await journal.finish(
                key,
                attempt=request.attempt,
                input_hash=step.input_hash,
                output=step.output or b"null",
            )
        return msgspec.json.encode(done)


async def _pieces_of(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, SPOOL_PIECE_BYTES):
        yield piece


def _report_death(attempt: Attempt, end: ProcessEnd) -> Report:
    if end.errno:
        message = f"the process of its own could not be started: {os.strerror(end.errno)}"
        error = NodeFailure("not_started", shown(message), may_have_happened=False).error
        return ReportFailure(
            attempt.request.node.id, attempt.request.attempt, error, attempt.request.item
        )
    attempt.log(f"the process ended without an answer: {_cause(end.exit_code)}", level="error")
    return _lost(attempt)


def _lost(attempt: Attempt) -> ReportLost:
    request = attempt.request
    return ReportLost(request.node.id, request.attempt, "process_died", request.item)


def _cause(exit_code: int | None) -> str:
    if exit_code is None:
        return "it was killed from outside"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {-exit_code} ({signal.Signals(-exit_code).name})"
    except ValueError:
        return f"signal {-exit_code}"
