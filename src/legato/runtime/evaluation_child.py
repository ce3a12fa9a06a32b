# SPDX-License-Identifier: Apache-2.0
"""The helper process of `evaluation_process`: reads requests on stdin until it is closed or killed.

It has no environment, a memory limit and no way to write files; it dies with the engine. The time
of one evaluation is processor time: on a busy machine an expression waits longer and fails no
sooner.

Rules: EX.
"""

import contextlib
import ctypes
import resource
import signal
import struct
import sys
from pathlib import Path

import orjson

from legato.errors import LegatoError
from legato.model.expressions.template import compile_template
from legato.model.policy import Limits
from legato.model.values import encode

_HEADER = struct.Struct(">II")
_ANSWER = struct.Struct(">BI")
_PR_SET_PDEATHSIG = 1
NO_MEMORY = 3
"""Exit code: the values or the result did not fit."""
READ_BYTES_PER_S = 20e6
"""At least as fast as values are read from JSON."""


def main() -> None:
    """Serve until end of input."""
    limit, seconds = int(sys.argv[1]), float(sys.argv[2])
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    limits = Limits()
    compile_template(b'"${{ 1 + 1 }}"', limits=limits).evaluate({})  # load CEL before the limits
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = _address_space_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"\x01")
    sink.flush()
    while len(header := source.read(_HEADER.size)) == _HEADER.size:
        template_size, variables_size = _HEADER.unpack(header)
        template, variables = source.read(template_size), source.read(variables_size)
        # Reading the values is not evaluating. The signal ends the process: CEL heeds nothing else.
        signal.setitimer(signal.ITIMER_PROF, seconds + variables_size / READ_BYTES_PER_S)
        try:
            value = compile_template(template, limits=limits).evaluate(orjson.loads(variables))
            status, body = 0, encode(value, what="value", size_bytes_max=limits.max_output_bytes)
        except LegatoError as error:
            status, body = 1, str(error).encode("utf-8", "replace")
        except (MemoryError, ValueError):  # orjson says that there is no memory by a ValueError
            sys.exit(NO_MEMORY)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sink.write(_ANSWER.pack(status, len(body)))
        sink.write(body)
        sink.flush()


def _address_space_bytes() -> int:
    """Return what the interpreter and CEL have mapped already (0 where that cannot be read)."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
