# SPDX-License-Identifier: Apache-2.0
"""How long `code.python` takes to start: a line of code, from the call to its output."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from legato.nodes import code
from legato.ports.grants import Grants
from legato.ports.node import ProgramCall, ProgramResult
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions

RUNS: Final = 20


class _Context:
    """As much of a node's context as the node uses."""

    grants = Grants(python=True)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._launcher = Launcher(sandbox=Sandbox(SandboxOptions()))

    async def run_program(self, call: ProgramCall) -> ProgramResult:
        return await self._launcher.run(call, self._folder, lambda data: None)

    def log(self, text: str, *, level: str = "info") -> None:
        raise RuntimeError(f"{level}: {text}")


def measure(_task: dict[str, Any]) -> dict[str, Any]:
    """Return `start_ms`, the median of 20 starts, and the first, which tries the sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, Any]:
    context = _Context(folder)
    config = code.PythonConfig(code="output = input + 1", input=1)
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        output = await code.python.run(context, config)
        times.append((time.perf_counter() - began) * 1_000)
        if output != 2:
            raise RuntimeError(f"the code returned {output!r}")
    return {"start_ms": statistics.median(times[1:]), "first_ms": times[0]}
