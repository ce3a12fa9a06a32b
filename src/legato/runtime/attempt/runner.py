# SPDX-License-Identifier: Apache-2.0
"""`AttemptRunner`: one request in, one report out, whatever the node does.

Must not decide what a report means (retry, park, fail): that is the engine's.

Rules: ND5-ND10, AT7, AT10, AT13, AT18, EN12, XR1.
"""

import asyncio
import shutil
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ValidationError

from legato.errors import Internal, LegatoError, Unavailable
from legato.model.events import NodeError
from legato.model.signals import ReportFailure
from legato.model.values import Value, inline
from legato.ports.node import NodeType
from legato.runtime.attempt import control, forks
from legato.runtime.attempt.config import ConfigReader, Reference, invalid_config, with_secrets
from legato.runtime.attempt.context import Attempt
from legato.runtime.attempt.drive import GivenUp, drive
from legato.runtime.attempt.failures import error_of, refused, shown, traceback_of
from legato.runtime.attempt.isolated import Isolation
from legato.runtime.attempt.output import InvalidOutput, OutputWriter
from legato.runtime.attempt.patience import patiently
from legato.runtime.attempt.request import (
    AttemptKey,
    AttemptRequest,
    AttemptServices,
    Report,
    RunnerOptions,
)
from legato.runtime.attempt.threads import NodeThreads

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Prepared:
    """A node type with what every attempt of it needs, made once."""

    __slots__ = ("is_async", "node_type", "output_bytes_max", "reader", "run", "writer")

    def __init__(self, node_type: NodeType, output_bytes_max: int) -> None:
        self.node_type = node_type
        self.output_bytes_max = output_bytes_max
        self.run = node_type.run
        self.is_async = node_type.is_async
        self.reader = ConfigReader(node_type)
        self.writer = OutputWriter(node_type, output_bytes_max)

    def passed_on(self, config: bytes) -> bytes | None:
        """Return the output of a node that only hands on a field of its config.

        The config is strict JSON already: neither does it have to be read, nor written again. None
        if the node does more, or if there is something to refuse.
        """
        name = self.node_type.passes_on
        if name is None:
            return None
        fields = _fields.decode(config)
        if fields.keys() != {name} or len(fields[name]) > self.output_bytes_max:
            return None
        return bytes(fields[name])


class AttemptRunner:
    """Runs attempts in this process: async nodes in the loop, others in threads.

    `run` answers with a report and raises nothing, with one exception: if the task that awaits
    it is cancelled by somebody else than `stop`, the engine is being torn down and the
    cancellation passes, without a report.
    """

    def __init__(
        self,
        types: Mapping[str, NodeType],
        services: AttemptServices,
        options: RunnerOptions | None = None,
        isolation: Isolation | None = None,
    ) -> None:
        """Make a runner.

        Args:
            types: Node types by name.
            services: The ports attempts reach.
            options: Bounds.
            isolation: Runs attempts that need a process of their own; None refuses them.
        """
        self._types = types
        self._services = services
        self._options = options or RunnerOptions()
        self._isolation = isolation
        self._threads = NodeThreads(self._options.threads_max)
        forks.watch()
        self._prepared: dict[str, _Prepared] = {}
        self._running: dict[AttemptKey, Attempt] = {}
        self._is_bound = False

    # --- doors ---------------------------------------------------------------------------------

    def run(self, request: AttemptRequest) -> Coroutine[Any, Any, Report]:
        """Return a coroutine that runs the attempt; `stop` reaches it from this call on.

        An attempt that is running already is not run twice: both callers get its report.
        """
        key = request.key
        running = self._running.get(key)
        if running is not None:
            return _report_of_twin(running)
        attempt = Attempt(request, self._services, self._options)
        self._running[key] = attempt
        return self._run(attempt, key)

    def stop(self, key: AttemptKey) -> bool:
        """Ask an attempt to stop; it reports within the grace. False: it is not running here."""
        attempt = self._running.get(key)
        if attempt is None:
            return False
        control.stop(attempt, self._options.cancel_grace_s)
        return True

    def is_running(self, key: AttemptKey) -> bool:
        """Tell whether an attempt runs here."""
        return key in self._running

    @property
    def running(self) -> int:
        """Attempts that run here."""
        return len(self._running)

    @property
    def abandoned_threads(self) -> int:
        """Threads of nodes that were given up and still run."""
        return self._threads.abandoned

    # --- one attempt ---------------------------------------------------------------------------

    async def _run(self, attempt: Attempt, key: AttemptKey) -> Report:
        report: Report | None = None
        try:
            report = await self._report(attempt)
            if attempt.has_spoken:
                control.end(attempt)
                attempt.finish()
                await self._services.logs.settled()
            return report
        finally:
            control.end(attempt)
            del self._running[key]
            attempt.finish()
            if attempt.twins is not None:
                _tell_twins(attempt.twins, report)
            if attempt.scratch_used is not None:
                await _remove(attempt.scratch_used)

    async def _report(self, attempt: Attempt) -> Report:
        try:
            if not self._is_bound:
                self._services.logs.bind()
                self._is_bound = True
            control.begin(attempt, self._services.clock, self._options)
            return await self._attempt(attempt)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not lose the report
            attempt.log("\n".join(traceback_of(error)), level="error")
            return attempt.request.failure(error_of(Internal(repr(error)), attempt.redact))

    async def _attempt(self, attempt: Attempt) -> Report:
        request = attempt.request
        uses = request.node.uses
        prepared = self._prepared.get(uses) or self._prepare(uses)
        if prepared is None:
            message = f"no node type {uses!r:.80} is installed where this attempt runs"
            return request.failure(refused("unknown_node_type", message))
        if request.isolated:
            work = self._in_own_process(attempt, prepared)
        else:
            references = prepared.reader.references(bytes(request.node.config))
            if references:
                work = self._with_secrets(attempt, prepared, references)
            elif (data := prepared.passed_on(request.config)) and not attempt.stopping:
                return await self._keep(attempt, data)
            else:
                try:
                    config = prepared.reader.read(request.config)
                except ValidationError as fault:
                    return request.failure(invalid_config(fault, attempt.redact))
                work = self._work(attempt, prepared, config)
        if attempt.stopping:
            work.close()
            return request.cancelled(outcome_unknown=False)
        attempt.driving = True
        value, error = await drive(attempt, work)
        forks.end_copy()
        control.note_overdue(attempt)
        control.end(attempt)
        return await self._conclude(attempt, prepared, value, error)

    def _prepare(self, uses: str) -> _Prepared | None:
        node_type = self._types.get(uses)
        if node_type is None:
            return None
        prepared = _Prepared(node_type, self._options.limits.max_output_bytes)
        self._prepared[uses] = prepared
        return prepared

    def _work(
        self, attempt: Attempt, prepared: _Prepared, config: BaseModel
    ) -> Coroutine[Any, Any, Any]:
        """Return the node's own coroutine, or one that waits for its thread."""
        if not prepared.is_async:
            return self._in_thread(attempt, prepared, config)
        attempt.began = True
        work: Coroutine[Any, Any, Any] = prepared.run(attempt, config)
        return work

    async def _with_secrets(
        self, attempt: Attempt, prepared: _Prepared, references: list[Reference]
    ) -> Any:
        try:
            values = {each: await attempt.secret(each[1]) for each in references}
        except LegatoError as error:
            message = shown(str(error), attempt.redact)
            raise _Refused(refused(error.code, message, retryable=error.retryable)) from None
        try:
            config = prepared.reader.read(with_secrets(attempt.request.config, values))
        except ValidationError as error:
            raise _Refused(invalid_config(error, attempt.redact)) from None
        return await self._work(attempt, prepared, config)

    async def _in_thread(self, attempt: Attempt, prepared: _Prepared, config: BaseModel) -> Any:
        try:
            job = self._threads.start(prepared.run, attempt, config)
        except LegatoError as error:
            raise _Refused(refused("unavailable", str(error), retryable=True)) from None
        attempt.in_thread = attempt.began = True
        try:
            await _thread_end(attempt, job.future)
        finally:
            self._threads.abandon(job)
        value, raised = job.future.result()
        if raised is not None:
            raise raised
        return value

    async def _in_own_process(self, attempt: Attempt, prepared: _Prepared) -> Any:
        if self._isolation is None:
            message = "this attempt needs a process of its own, and there is none to be had here"
            raise _Refused(refused("not_isolated", message))
        return await self._isolation.run(attempt, prepared.node_type)

    # --- its end -------------------------------------------------------------------------------

    async def _conclude(
        self, attempt: Attempt, prepared: _Prepared, value: Any, error: BaseException | None
    ) -> Report:
        request = attempt.request
        if error is None and not attempt.timed_out:
            if request.isolated:
                return self._from_own_process(attempt, value)
            if not (attempt.stopping and attempt.noticed):
                return await self._succeed(attempt, prepared, value)
        if isinstance(error, asyncio.CancelledError) and control.is_torn_down(attempt):
            raise error
        if attempt.timed_out:
            message = f"the attempt took longer than its timeout of {request.timeout_ms} ms"
            return request.failure(NodeError("timeout", message, may_have_happened=attempt.began))
        if attempt.stopping and (attempt.noticed or attempt.given_up):
            unknown = request.effect == "non_idempotent" or isinstance(error, GivenUp)
            return request.cancelled(outcome_unknown=attempt.began and unknown)
        assert error is not None, "every other end has a value"
        if isinstance(error, _Refused):
            return request.failure(error.error)
        for line in traceback_of(error):
            attempt.log(line, level="error")
        return request.failure(error_of(error, attempt.redact))

    async def _succeed(self, attempt: Attempt, prepared: _Prepared, value: Any) -> Report:
        request = attempt.request
        try:
            data = prepared.writer.write(value, attempt.redactor)
        except InvalidOutput as error:
            return request.failure(error.to_error(attempt.redact))
        return await self._keep(attempt, data)

    async def _keep(self, attempt: Attempt, data: bytes) -> Report:
        """Report success with an output; a large one goes to the blob store."""
        request = attempt.request
        if len(data) <= self._options.limits.max_inline_bytes:
            return request.success(inline(data), attempt.stored)
        blobs, workspace = self._services.blobs, request.workspace
        try:
            ref = await patiently(lambda: blobs.put(workspace, data), self._options.store_retry_s)
        except Unavailable as error:
            message = shown(f"the output could not be stored: {error}", attempt.redact)
            return request.failure(NodeError(error.code, message))
        return request.success(Value(ref=ref), attempt.stored)

    def _from_own_process(self, attempt: Attempt, report: Report) -> Report:
        """Pass a child's report on; the engine redacts an error once more, with what it knows."""
        if isinstance(report, ReportFailure) and attempt.redactor is not None:
            return attempt.request.failure(
                NodeError(
                    report.error.kind,
                    shown(report.error.message, attempt.redact),
                    report.error.may_have_happened,
                    report.error.retryable,
                    report.error.at_least_ms,
                )
            )
        return report


class _Refused(Exception):
    """The node's code was not entered."""

    def __init__(self, error: NodeError) -> None:
        super().__init__(error.message)
        self.error = error


async def _thread_end(attempt: Attempt, future: "asyncio.Future[Any]") -> None:
    """Wait for a node's thread, whatever is asked of the attempt meanwhile.

    A cancellation cannot reach the thread: the function looks at `is_cancelled`, or is left behind
    when the grace is over and the coroutine is closed.
    """
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            if control.is_torn_down(attempt):
                raise


async def _report_of_twin(running: Attempt) -> Report:
    future: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
    running.twins = [*(running.twins or ()), future]
    return await future


def _tell_twins(twins: list["asyncio.Future[Report]"], report: Report | None) -> None:
    for twin in twins:
        if twin.done():
            continue
        if report is None:
            twin.cancel()
        else:
            twin.set_result(report)


async def _remove(folder: Path) -> None:
    """Delete a scratch folder; what cannot be deleted is left to the next start."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
