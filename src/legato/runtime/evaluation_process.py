# SPDX-License-Identifier: Apache-2.0
"""Helper processes that evaluate what must not run in the engine's loop, and can be killed.

A request is two length-prefixed frames (template source, variables as JSON), an answer is one
status byte and a frame. A helper that needs more processor time or memory than its limit, or does
not answer at all, is killed and the expression fails; the next request gets a fresh helper.

Rules: EX.
"""

import asyncio
import contextlib
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from legato.errors import ExpressionError, Unavailable
from legato.runtime.evaluation_child import READ_BYTES_PER_S

TIMEOUT_S: Final = 1.0
"""Processor time of one evaluation; a comprehension over 5 000 items takes 0.5 s (quadratic)."""
SILENCE_FACTOR: Final = 20.0
"""Time of the wall after which a helper without an answer is stuck, in times of the above."""
START_TIMEOUT_S: Final = 20.0
MEMORY_BYTES: Final = 256 * 1024 * 1024
_HEADER: Final = struct.Struct(">II")
_ANSWER: Final = struct.Struct(">BI")
_OK: Final = 0


class EvaluationProcesses:
    """At most `count` helpers, started when first needed, kept while the engine lives."""

    def __init__(
        self, *, count: int = 1, timeout_s: float = TIMEOUT_S, output_bytes_max: int = 64 * 2**20
    ) -> None:
        """Args: count bounds how many evaluations run at once."""
        self._free: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        for _ in range(count):
            self._free.put_nowait(None)
        self._timeout_s = timeout_s
        self._output_bytes_max = output_bytes_max
        self._live: set[Process] = set()

    async def evaluate(self, source: bytes, variables: bytes) -> bytes:
        """Return the JSON of a template's value.

        Args:
            source: The template as JSON text.
            variables: One JSON object.

        Raises:
            ExpressionError: It failed, took too long or needed too much memory.
            Unavailable: No helper can be started.
        """
        helper = await self._free.get()
        fresh: Process | None = None
        try:
            if helper is None or helper.returncode is not None:
                helper = await self._start()
            answer = await self._ask(helper, source, variables)
            fresh = helper
        finally:
            if fresh is None and helper is not None:
                await self._kill(helper)
            self._free.put_nowait(fresh)
        return answer

    async def close(self) -> None:
        """Kill every helper."""
        for process in list(self._live):
            await self._kill(process)

    async def _start(self) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-m", "legato.runtime.evaluation_child", str(MEMORY_BYTES),
                str(self._timeout_s), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={},
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"no process for evaluations can be started: {error}") from None
        self._live.add(process)
        if process.stdout is None:
            raise Unavailable("the evaluation process has no output")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await process.stdout.readexactly(1)
        except (TimeoutError, asyncio.IncompleteReadError):
            await self._kill(process)
            raise Unavailable("the evaluation process does not start") from None
        return process

    async def _ask(self, process: Process, source: bytes, variables: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise Unavailable("the evaluation process has no pipes")
        seconds = self._timeout_s + len(variables) / READ_BYTES_PER_S
        try:
            async with asyncio.timeout(seconds * SILENCE_FACTOR):
                process.stdin.write(_HEADER.pack(len(source), len(variables)))
                process.stdin.write(source)
                process.stdin.write(variables)
                await process.stdin.drain()
                status, size = _ANSWER.unpack(await process.stdout.readexactly(_ANSWER.size))
                if size > self._output_bytes_max:
                    raise ExpressionError(
                        f"its value has {size} bytes; the limit is {self._output_bytes_max}"
                    )
                body = await process.stdout.readexactly(size)
        except TimeoutError:
            raise self._too_slow() from None
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
            if await process.wait() == -signal.SIGPROF:
                raise self._too_slow() from None
            limit = MEMORY_BYTES // 2**20
            raise ExpressionError(f"it needed more than {limit} MiB of memory or crashed") from None
        if status != _OK:
            raise ExpressionError(body.decode("utf-8", "replace"))
        return body

    def _too_slow(self) -> ExpressionError:
        return ExpressionError(
            f"it took longer than {self._timeout_s} s",
            hint="On long lists use functions such as group_by or sum, not map and filter.",
        )

    async def _kill(self, process: Process) -> None:
        self._live.discard(process)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
