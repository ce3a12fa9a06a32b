# SPDX-License-Identifier: Apache-2.0
"""What a supervisor is told, and what it says: plain values. Rules: SU1, SU3-SU6."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from legato.errors import InvalidInput

PIPE: Final = "{pipe}"
"""Stands in an argv for the number of the descriptor that joins child and supervisor."""

State = Literal["running", "crashed", "restarting", "stopping", "stopped", "killed", "given_up"]


@dataclass(frozen=True)
class ChildSpec:
    """A program to keep running."""

    name: str
    """Stands before each of its lines."""
    argv: tuple[str, ...]
    """Program and arguments; `{pipe}` becomes the descriptor of the pipe."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment."""
    descriptors: tuple[int, ...] = ()
    """Open files of the supervisor that each of its processes gets, under the same numbers."""
    folder: Path | None = None
    """Where it runs; else where the supervisor does."""
    announces: bool = False
    """Its first line on stdout is a JSON object for the supervisor and is not shown."""
    is_essential: bool = True
    """The others end with it when it is given up."""
    may_ask_for_crash: bool = False
    """It may ask over the pipe to be killed."""
    final_codes: frozenset[int] = frozenset()
    """Exit codes after which starting again is of no use, such as 2 for wrong settings."""

    def __post_init__(self) -> None:
        """Refuse what could not be started."""
        if not self.name.isprintable() or not self.name or not self.argv:
            raise InvalidInput("a child has a printable name and a program")


@dataclass(frozen=True)
class Bounds:
    """Times in seconds, and how much is tolerated."""

    drain_s: float = 30.0
    """From being told to stop to the last SIGKILL, over all children."""
    delay_first_s: float = 0.5
    delay_max_s: float = 10.0
    """A pause before a restart doubles from the first to this."""
    crashes_max: int = 5
    """So many crashes within the window are a loop, and the child is given up."""
    window_s: float = 60.0


@dataclass(frozen=True)
class Change:
    """What became of a child."""

    name: str
    state: State
    pid: int | None = None
    why: str = ""
    delay_s: float | None = None
    """Before the next start."""

    def __str__(self) -> str:
        """Say it in one line."""
        text = f"{self.name}: {self.state.replace('_', ' ')}"
        if self.pid is not None:
            text += f", process {self.pid}"
        if self.why:
            text += f", {self.why}"
        if self.delay_s is not None:
            text += f", starts again in {self.delay_s:g} s"
        return text
