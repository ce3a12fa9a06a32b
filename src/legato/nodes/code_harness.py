# SPDX-License-Identifier: Apache-2.0
"""What runs in the box of `code.python`: takes the code and its input, and answers with JSON.

Handed to the interpreter as text, with nothing of Legato imported. Whoever wrote the code may do
anything to this process, so nothing that it answers is believed: `legato.nodes.code` checks it
like any other program's output. What holds is what cannot be taken back: the box around it, the
resource limits, and the filter on system calls that is set before the code is looked at.

Standard input: `{"code": …, "input": …}`. Standard output: `+` and the output as JSON, or `-` and
`{"kind", "message", "line", "trace"}`. What the code prints goes to standard error.

Rules: ND60-ND62.
"""

import ctypes
import json
import os
import sys

FILE = "<code>"
TRACE_LINES_MAX = 12
FRAMES_MAX = 20
TEXT_MAX = 1_000
DEPTH_MAX = 64
EPERM = 1
ENOSYS = 38
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000

MACHINES = {
    "x86_64": (
        0xC000003E,
        435,
        "56 57 58 59 322 101 310 311 312 434 438 41 272 308 165 166 155 161 428 429 430 431 432 "
        "433 442 303 304 321 298 323 425 426 427 248 249 250 246 320 175 313 176 319 447 29 64 "
        "68 240 135 154 163 167 169 172 173 179 300",
    ),
    "aarch64": (
        0xC00000B7,
        435,
        "220 221 281 117 270 271 272 434 438 198 97 268 40 39 41 51 428 429 430 431 432 433 442 "
        "264 265 280 241 282 425 426 427 217 218 219 104 294 105 273 106 279 447 194 190 186 180 "
        "92 89 224 142 60 262",
    ),
}
"""Machine to its mark, the number of clone3, and the numbers of the calls that are refused: to
make processes and threads, to start programs, to look into others, sockets, namespaces and mounts,
memory that no limit counts (memfd, System V, message queues), and rare doors of the kernel (bpf,
io_uring, perf, userfaultfd, keys, modules)."""


class Instruction(ctypes.Structure):
    """`struct sock_filter`."""

    _fields_ = [
        ("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    ]  # fmt: skip


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]


def close_doors() -> None:
    """Refuse system calls from now on, for good.

    Raises:
        OSError: This kernel or machine has no such filter.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(f"no filter of system calls is known for {machine}")
    mark, clone3, numbers = MACHINES[machine]
    steps = [
        (LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, mark), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0),
        # The x32 calls of x86_64 have numbers of their own.
        (JUMP_AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, REFUSE | EPERM),
        # The C library falls back to clone, which is refused by name.
        (JUMP_EQUAL, 0, 1, clone3), (RETURN, 0, 0, REFUSE | ENOSYS),
    ]  # fmt: skip
    for number in map(int, numbers.split()):
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | EPERM)]
    steps.append((RETURN, 0, 0, ALLOW))
    instructions = (Instruction * len(steps))(*(Instruction(*step) for step in steps))
    program = Program(len(steps), instructions)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the filter of system calls cannot be set")


def carry_out(code: str, value: object) -> str:
    """Run the code; return its answer as text."""
    try:
        output = result_of(code, value)
    except BaseException as error:  # noqa: BLE001 - SystemExit too: the answer tells of it
        return "-" + json.dumps(describe(error, code))
    try:
        return "+" + json.dumps(output, allow_nan=False, separators=(",", ":"))
    except BaseException as error:  # noqa: BLE001 - an object of the code may raise anything
        return "-" + json.dumps(no_json(output, error))


def result_of(code: str, value: object) -> object:
    """Return what `main(input)` returns, or else what `output` was set to."""
    names: dict[str, object] = {"__name__": "code", "input": value}
    # The one place where code of others runs: in its box, with the doors closed.
    exec(compile(code, FILE, "exec", dont_inherit=True), names)  # noqa: S102  # nosec B102
    main = names.get("main")
    if callable(main):
        return main(value)
    if "output" in names:
        return names["output"]
    raise LookupError("the code has neither a function main(input) nor a variable output")


def describe(error: BaseException, code: str) -> "dict[str, object]":
    """Return what was raised, and where in the author's code."""
    name = type(error).__name__
    line = None
    trace: list[str] = []
    try:
        import linecache  # noqa: PLC0415 - 5 ms, and most code does not fail
        import traceback  # noqa: PLC0415

        linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
        for frame in traceback.extract_tb(error.__traceback__, -FRAMES_MAX):
            line = frame.lineno if frame.filename == FILE else line
        if isinstance(error, SyntaxError) and error.filename == FILE:
            line = error.lineno
        message = f"{name}: {error}" if str(error) else name
        text = "".join(traceback.format_exception(error, limit=-FRAMES_MAX))
        trace = [each for each in text.splitlines() if 'File "<string>"' not in each]
    except BaseException:  # noqa: BLE001 - an error of the code may raise when it is looked at
        message = f"{name} (its message cannot be shown)"
    return {
        "kind": "code_error",
        "message": message[:TEXT_MAX],
        "line": line,
        "trace": [each[:TEXT_MAX] for each in trace[-TRACE_LINES_MAX:]],
    }


def no_json(output: object, error: BaseException) -> "dict[str, object]":
    """Say why an output cannot be written."""
    try:
        message = fault_of(output, "$", 0) or str(error)
    except BaseException:  # noqa: BLE001 - an object of the code may raise anything
        message = type(error).__name__
    return {"kind": "invalid_output", "message": f"the output is no JSON: {message}"[:TEXT_MAX]}


def fault_of(value: object, path: str, depth: int) -> "str | None":
    """Return what in a value is no JSON, and where; None if nothing is found."""
    if value is None or isinstance(value, (bool, int, str)):
        return None
    if isinstance(value, float):
        finite = value - value == 0
        return None if finite else f"{path} is {value}, which JSON does not have"
    if depth >= DEPTH_MAX:
        return f"{path[:100]} is nested deeper than {DEPTH_MAX} levels, or holds itself"
    if isinstance(value, dict):
        for key, element in value.items():
            if not isinstance(key, str):
                return f"{path} has the key {key!r:.60}; keys must be text"
            if found := fault_of(element, f"{path}.{key}"[:200], depth + 1):
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, element in enumerate(value):
            if found := fault_of(element, f"{path}[{index}]"[:200], depth + 1):
                return found
        return None
    return f"{path} is a {type(value).__name__}"


def main() -> None:
    """Take the code, close the doors, run it, answer."""
    answer_file = os.dup(1)
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # Each line as it is printed: the log shows it while the code runs.
    sys.stdout = sys.stderr
    try:
        close_doors()
    except OSError as error:
        answer = "-" + json.dumps({"kind": "not_started", "message": str(error)})
    else:
        answer = carry_out(asked["code"], asked["input"])
    data = answer.encode()
    while data:
        data = data[os.write(answer_file, data) :]


if __name__ == "__main__":
    try:
        main()
        sys.stderr.flush()
    finally:
        os._exit(0)  # what the code left behind (exit handlers) has no say any more
