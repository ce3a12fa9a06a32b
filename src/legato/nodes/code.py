# SPDX-License-Identifier: Apache-2.0
"""code.python: a piece of Python in a process and a sandbox of its own, JSON in and JSON out.

Must not look at the code, not even parse it: that happens in the sandbox alone.

Rules: ND60, ND61, ND62.
"""

import asyncio
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from legato.errors import InvalidInput
from legato.model.values import decode, encode
from legato.nodes.fields import Config, not_granted, written_here
from legato.ports.node import Box, NodeContext, NodeFailure, ProgramCall, ProgramResult, node

CODE_CHARACTERS_MAX: Final = 256 * 1024
"""More than that is a program, and belongs into a node type of its own."""
OUTPUT_BYTES_MAX: Final = 16 * 1024 * 1024
FOLDER_BYTES: Final = 64 * 1024 * 1024
"""Files that the code makes; they are in memory and not counted by `memory_mb`."""
_MEGABYTE: Final = 1024 * 1024
_OPTIONS: Final = ("-I", "-S", "-E", "-B", "-X", "utf8")
_HARNESS: Final = Path(__file__).with_name("code_harness.py")
_SAID_MAX: Final = 300
_ERROR_KINDS: Final = ("code_error", "invalid_output", "not_started")


class PythonConfig(Config):
    """`with` of code.python."""

    code: str = written_here(
        max_length=CODE_CHARACTERS_MAX,
        description="The code: a function `main(input)`, or lines that set `output`.",
    )
    input: Any = Field(default=None, description="What the code gets as `input`; any JSON.")
    memory_mb: int = Field(
        default=512, ge=64, le=8_192, description="Memory that the code may use, in MiB."
    )


@node(
    "code.python",
    title="Run Python code",
    group="code",
    icon="code",
    effect="non_idempotent",
    timeout_ms=60_000,
    example="""\
uses: code.python
effect: pure
with:
  code: |
    from statistics import median

    def main(input):
        return {"median": median(each["ms"] for each in input)}
  input: [{ms: 12}, {ms: 30}, {ms: 17}]
timeout: 10s
""",
)
async def python(ctx: NodeContext, config: PythonConfig) -> Any:
    """Run a piece of Python: JSON in, JSON out.

    The output is what a function `main(input)` returns, or else the variable `output` that the
    lines at the top level set; `input` is there in both cases. What the code prints goes to the
    log. Only the standard library can be imported.

    By default no code may run; the operator allows it in `legato.toml`:
    `[grants.code] python = true`. The code runs in a process of its own, inside a sandbox made by
    bubblewrap, without which it does not run at all: no network, no programs, processes or
    threads, no environment, none of the machine's files but Python's own library, and one folder
    in memory (64 MiB) to write in. Time (`timeout` of the node) and memory are bounded.

    The code stands in the workflow as it runs: an expression in it is refused, because data would
    become code. Hand data over as `input`.

    Fails with `code_error` for an exception (with its line), `invalid_output`,
    `output_too_large` (over 16 MiB), `killed`, `timeout`, `not_granted` or `not_started`.
    """
    if not ctx.grants.python:
        raise not_granted("no code may run", "[grants.code] python = true")
    program, readable, hidden = _interpreter()
    asked = await asyncio.to_thread(encode, {"code": config.code, "input": config.input})
    result = await ctx.run_program(
        ProgramCall(
            program=program,
            args=(*_OPTIONS, "-c", _harness()),
            stdin=asked,
            max_output_bytes=OUTPUT_BYTES_MAX,
            memory_bytes=config.memory_mb * _MEGABYTE,
            box=Box(
                readable=readable,
                hidden=hidden,
                folder_bytes=FOLDER_BYTES,
                trial=(*_OPTIONS, "-c", "import ctypes, json"),
            ),
        )
    )
    return await asyncio.to_thread(_output_of, ctx, result)


@cache
def _harness() -> str:
    return _HARNESS.read_text(encoding="utf-8")


@cache
def _interpreter() -> tuple[Path, tuple[Path, ...], tuple[Path, ...]]:
    """Return the bare interpreter, what it needs to read, and what stays out of its sight.

    Not the one of a virtual environment: what is installed there is Legato's.
    """
    program = Path(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))
    library = Path(os.__file__).parent
    base = Path(sys.base_prefix)
    readable = dict.fromkeys((program, library, base / "lib", base / "lib64"))
    packages = (library / "site-packages", library / "dist-packages", library.parent / "python3")
    return (
        program,
        tuple(each for each in readable if each.exists()),
        tuple(each for each in packages if each.is_dir()),
    )


def _output_of(ctx: NodeContext, result: ProgramResult) -> Any:
    """Read the answer, which the code may have written itself: it is only data."""
    if result.truncated and len(result.stdout) >= OUTPUT_BYTES_MAX:
        limit = f"{OUTPUT_BYTES_MAX // _MEGABYTE} MiB"
        raise _failure("output_too_large", f"the output has more than {limit}")
    mark, answer = result.stdout[:1], result.stdout[1:]
    if result.exit_code < 0 and not answer:
        raise _failure("killed", f"the code was ended by signal {-result.exit_code}")
    try:
        found = decode(answer, what="output")
    except InvalidInput as error:
        if mark == b"+":
            raise _failure("invalid_output", str(error)) from None
        found = None
    if mark == b"+":
        return found
    if mark == b"-" and isinstance(found, dict):
        raise _told(ctx, found)
    raise _failure(
        "code_error",
        f"the code ended its process (exit code {result.exit_code}) and left no output",
    )


def _told(ctx: NodeContext, answer: dict[str, Any]) -> NodeFailure:
    """Make a failure of what the harness told; the last lines of the traceback are logged."""
    kind, line, trace = answer.get("kind"), answer.get("line"), answer.get("trace")
    for each in trace if isinstance(trace, list) else ():
        ctx.log(str(each), level="error")
    place = f"line {line}: " if isinstance(line, int) else ""
    told = kind if kind in _ERROR_KINDS else "code_error"
    return _failure(told, f"{place}{answer.get('message')!s}")


def _failure(kind: str, message: str) -> NodeFailure:
    """Make a failure; the code reaches nothing outside, so nothing outside has happened."""
    return NodeFailure(kind, message, may_have_happened=False, retryable=kind == "killed")
