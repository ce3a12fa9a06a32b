# SPDX-License-Identifier: Apache-2.0
"""Work that a node does in a process of its own: it can be killed, and its libraries end with it.

For Legato's own code over data of others: drawing charts, and what data can make slow without
end. `run` is the node's side, `serve` the process's: `python -m MODULE` calls it with a function
from JSON to JSON.

Rules: ND63, ND67, ND68.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from legato.errors import InvalidInput
from legato.model.values import decode, encode, load
from legato.nodes.fields import refused
from legato.ports.node import NodeContext, NodeFailure, ProgramCall

MEMORY_BYTES_MAX: Final = 2 * 1024**3
_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_SAID_MAX: Final = 400
_ENV: Final = {"MPL_IGNORE_SYSTEM_FONTS": "1", "MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1"}
"""Only the fonts that come with matplotlib: looking for others takes seconds in an empty home."""

Work = Callable[[Any], Any]


async def run(ctx: NodeContext, module: str, asked: object) -> Any:
    """Return what the work of a module makes of a JSON value; cancelling kills it.

    Raises:
        NodeFailure: What the work says no with, or `killed`, or `not_started`.
    """
    result = await ctx.run_program(
        ProgramCall(
            program=Path(sys.executable),
            args=("-I", "-m", module),
            stdin=await asyncio.to_thread(encode, asked),
            env=_ENV,
            max_output_bytes=_ANSWER_BYTES_MAX,
            memory_bytes=MEMORY_BYTES_MAX,
            log_stderr=False,
        )
    )
    if result.truncated and len(result.stdout) >= _ANSWER_BYTES_MAX:
        raise refused("output_too_large", f"the result has more than {_ANSWER_BYTES_MAX} bytes")
    if result.exit_code != 0:
        said = result.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-_SAID_MAX:]
        message = f"the process that does the work ended with exit code {result.exit_code}: {said}"
        raise NodeFailure("killed", message, may_have_happened=False)
    answer = await asyncio.to_thread(load, result.stdout)
    if "kind" in answer:
        raise refused(answer["kind"], answer["message"])
    return answer["value"]


def serve(work: Work) -> None:
    """Do the work for the value on standard input, and end the process with the answer."""
    answer_file = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        answer = {"value": work(decode(sys.stdin.buffer.read()))}
        data = encode(answer)
    except NodeFailure as failure:
        data = encode({"kind": failure.error.kind, "message": failure.error.message})
    except InvalidInput as error:
        data = encode({"kind": "invalid_data", "message": error.message})
    while data:
        data = data[os.write(answer_file, data) :]
    os._exit(0)
