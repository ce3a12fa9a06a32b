# SPDX-License-Identifier: Apache-2.0
"""A program to start, as plain values: arguments, environment, limits, and how it ended.

Rules: ND14.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from legato.ports.node import PROGRAM_PATH, NodeFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """Resource limits of a process (None: as they are). `processes` counts the user's, not root's.

    They are seat belts against runaways, not fences: large enough for compilers and git.
    """

    cpu_s: int | None = 3_600
    memory_bytes: int | None = 16 * 1024**3
    file_bytes: int | None = 4 * 1024**3
    open_files: int | None = 1_024
    processes: int | None = 4_096

    def lines(self) -> list[bytes]:
        """Return `NAME:value` for the keeper. A core dump could hold secrets: never any."""
        values = {
            "CPU": self.cpu_s, "AS": self.memory_bytes, "FSIZE": self.file_bytes,
            "NOFILE": self.open_files, "CORE": 0,
            "NPROC": self.processes if os.geteuid() != 0 else None,
        }  # fmt: skip
        return [
            b"%s:%d" % (name.encode(), value) for name, value in values.items() if value is not None
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the keeper starts. `sandbox_name` is the process name of a sandbox around it."""

    program: str
    argv: tuple[str, ...]
    folder: Path
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    limits: ProcessLimits = field(default_factory=ProcessLimits)
    sandbox_name: str = ""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How it ended: `exit_code`, or `errno` if it could not be started.

    An exit code of -n means signal n; None that the keeper was killed and nobody knows.
    """

    exit_code: int | None = None
    errno: int = 0


def encode_spec(command: Command) -> bytes:
    """Write a command the way `keeper.Spec` reads it.

    Raises:
        NodeFailure: `invalid_argument`: a text holds NUL, which no program can get.
    """
    env = {
        "PATH": PROGRAM_PATH, "LANG": "C.UTF-8", "HOME": str(command.home),
        "TMPDIR": str(command.home), **command.env,
    }  # fmt: skip
    limits = command.limits.lines()
    fields = [
        command.program.encode(),
        os.fsencode(command.folder),
        command.sandbox_name.encode(),
        b"%d" % len(limits),
        *limits,
        b"%d" % len(env),
        *(f"{name}={value}".encode() for name, value in env.items()),
        b"%d" % len(command.argv),
        *(argument.encode() for argument in command.argv),
    ]
    if any(b"\0" in each for each in fields):
        raise NodeFailure(
            "invalid_argument",
            "an argument, path or variable holds a NUL character",
            may_have_happened=False,
            retryable=False,
        )
    return b"\0".join(fields)
