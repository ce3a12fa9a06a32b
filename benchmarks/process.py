# SPDX-License-Identifier: Apache-2.0
"""Processes of a benchmark: bounded in time, watched for memory, ended with all their children.

Every measurement runs in a process of its own, so that none inherits another's caches, memory or
open database. It gets its task as a JSON file and leaves its answer as a JSON file.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
SAMPLE_S: Final = 0.1
_NICE_END_S: Final = 3.0
_TAIL_CHARACTERS: Final = 6_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a measuring process ended. `answer` is what it measured, None if it failed.

    `failure` is for the person who runs the benchmark; it may hold paths and is never kept.
    """

    answer: dict[str, Any] | None
    failure: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    peak_parts: Mapping[str, float] = field(default_factory=dict)


def measure(task: Mapping[str, Any], *, timeout_s: float) -> Outcome:
    """Run one task in a process of its own.

    Args:
        task: Goes to `benchmarks.child`; must have the key `kind`.
        timeout_s: After this long the process and its children are killed: a failure.
    """
    with tempfile.TemporaryDirectory(prefix="legato-bench-") as folder:
        asked, answered = Path(folder, "task.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps({**task, "answer": str(answered)}))
        output = Path(folder, "output")
        began = time.perf_counter()
        with started(["-m", "benchmarks.child", str(asked)], output) as child:
            watch = MemoryWatch(child.pid)
            with watch:
                problem = _wait(child, timeout_s)
        seconds = time.perf_counter() - began
        if problem or not answered.exists():
            shown = output.read_text(errors="replace")[-_TAIL_CHARACTERS:]
            return Outcome(None, f"{problem or 'it left no answer'}\n{shown}".strip(), seconds)
        answer = json.loads(answered.read_text())
        return Outcome(answer, "", seconds, watch.peak_mb, watch.peak_parts)


def _wait(child: subprocess.Popen[bytes], timeout_s: float) -> str:
    try:
        code = child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:g} s"
    return f"its process ended with {code}" if code else ""


@contextlib.contextmanager
def started(
    arguments: list[str], output: Path, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run this Python with arguments in a session of its own; at the end nothing of it is left.

    Args:
        arguments: Of Python.
        output: Where stdout and stderr go.
        more: Variables beside those of this environment.
    """
    with output.open("ab") as sink:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**_environment(), **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        end(child)


def _environment() -> dict[str, str]:
    """Return this environment without Legato's settings: what is measured are the defaults."""
    kept = {name: each for name, each in os.environ.items() if not name.startswith("LEGATO_")}
    paths = [str(ROOT), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return {**kept, "PYTHONPATH": os.pathsep.join(each for each in paths if each)}


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process made by `started` and everything in its session."""
    if child.poll() is None:
        _signal_session(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_NICE_END_S)
    _signal_session(child, signal.SIGKILL)
    child.wait()


def _signal_session(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


class MemoryWatch:
    """Samples the memory of a process and all its descendants while its block runs.

    The resident sizes are added up, so pages that two processes share count twice.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self.peak_parts: dict[str, float] = {}
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            parts = {str(pid): resident_mb(pid) for pid in tree(self._pid)}
            total = sum(parts.values())
            if total > self.peak_mb:
                self.peak_mb = total
                own = str(self._pid)
                self.peak_parts = {
                    "main": parts.get(own, 0.0),
                    "children": total - parts.get(own, 0.0),
                    "processes": float(len(parts)),
                }


def tree(pid: int) -> list[int]:
    """Return a process and its descendants (Linux; elsewhere nothing)."""
    found, left = [], [pid]
    while left:
        each = left.pop()
        try:
            threads = os.listdir(f"/proc/{each}/task")
        except OSError:
            continue
        found.append(each)
        for thread in threads:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{each}/task/{thread}/children").read_text()
                left.extend(int(child) for child in children.split())
    return found


def resident_mb(pid: int) -> float:
    """Return the resident size of a process (Linux; else 0)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb_of_this_process() -> float:
    """Return the largest resident size that this process had (Linux; else 0)."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process and its living descendants have used (Linux)."""
    ticks = 0
    for each in tree(pid):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
