# SPDX-License-Identifier: Apache-2.0
"""Where the microseconds of a node go: py-spy's samples and cProfile's counts, both per node.

py-spy (no part of Legato: `uv tool install py-spy`) reads the stacks from outside, so it does not
slow the process down or find threads only where they let go of the interpreter. Its samples share
out the processor time of each thread; work inside C is booked to the Python line that called it.
cProfile slows calls down, but counts them; it sees the event loop's thread alone.
"""

import cProfile
import io
import os
import pstats
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

RATE: Final = 400
TOP: Final = 40
END_S: Final = 20.0
THREAD: Final = re.compile(r"thread \((\d+)\)")
LAYERS: Final = (
    "legato/engine", "legato/model/expressions", "legato/model", "legato/runtime/attempt",
    "legato/runtime", "legato/adapters/sql/sqlite", "legato/adapters/sql/postgres",
    "legato/adapters/sql", "legato/adapters", "legato/ports", "legato", "benchmarks", "pydantic",
    "sqlalchemy", "asyncpg", "uvloop", "asyncio", "msgspec", "structlog", "threading",
)  # fmt: skip


class Sampler:
    """Samples this process from the first `start` to `end`."""

    def __init__(self) -> None:
        self.nodes = 0
        self._raw = Path(tempfile.mkdtemp(prefix="legato-bench-")) / "samples"
        self._process: subprocess.Popen[bytes] | None = None
        self._clocks: dict[int, float] = {}
        self._names: dict[int, str] = {}
        self._began = 0.0
        self._wall = 0.0

    def start(self) -> None:
        """Begin to sample; a later call changes nothing."""
        if self._process is None:
            options = ["--rate", str(RATE), "--threads", "--full-filenames"]
            self._process = subprocess.Popen(
                ["py-spy", "record", "--pid", str(os.getpid()), "--duration", "unlimited",
                 "--format", "raw", "--output", self._raw, *options],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            assert self._process.stdout is not None
            self._process.stdout.readline()  # it says so when it has attached
            self._clocks = _cpu_of_threads()
        self._began = time.perf_counter()

    def stop(self, nodes: int) -> None:
        """Note how many nodes were run since `start`."""
        self._wall += time.perf_counter() - self._began
        self.nodes += nodes

    def end(self) -> None:
        """Stop sampling."""
        if self._process is None or self._process.poll() is not None:
            return
        used = _cpu_of_threads()
        self._clocks = {each: cpu - self._clocks.get(each, 0.0) for each, cpu in used.items()}
        self._names = _names_of_threads()
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=END_S)

    def report(self) -> str:
        """Return tables of µs of processor time per node."""
        stacks = list(_read(self._raw))
        shutil.rmtree(self._raw.parent, ignore_errors=True)
        per_thread: dict[int, int] = defaultdict(int)
        for thread, _, count in stacks:
            per_thread[thread] += count
        per_node = 1e6 / max(1, self.nodes)
        tables: dict[str, dict[str, float]] = {
            title: defaultdict(float)
            for title in ("threads", "layers, own time", "functions, own time",
                          "functions of Legato with all they call", "lines, own time")
        }  # fmt: skip
        for thread, frames, count in stacks:
            used = self._clocks.get(thread, 0.0) * count / per_thread[thread] * per_node
            name = self._names.get(thread, "ended").ljust(14)
            self._book(tables, name, frames, used)
        wall = self._wall * per_node
        head = f"processor time in µs per node; {self.nodes} nodes, {wall:.0f} µs of wall time each"
        return "\n".join([head, *[_table(title, rows) for title, rows in tables.items()]])

    def _book(
        self, tables: dict[str, dict[str, float]], thread: str, frames: list[str], used: float
    ) -> None:
        threads, layers, functions, total, lines = tables.values()
        innermost = frames[-1] if frames else "(no frame)"
        threads[thread] += used
        layers[f"{thread} {_layer(innermost)}"] += used
        functions[f"{thread} {_without_line(innermost)}"] += used
        lines[f"{thread} {innermost}"] += used
        for each in {_without_line(frame) for frame in frames if "(legato/" in frame}:
            total[f"{thread} {each}"] += used


def _read(raw: Path) -> Iterable[tuple[int, list[str], int]]:
    """Yield (thread, frames from outermost to innermost, samples)."""
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        first, *frames = stack.split(";")
        found = THREAD.search(first)
        if found:
            yield int(found.group(1)), [_shorter(frame) for frame in frames], int(count)


def _without_line(frame: str) -> str:
    return re.sub(r":\d+\)$", ")", frame)


def _table(title: str, rows: dict[str, float]) -> str:
    ordered = sorted(rows.items(), key=lambda row: -row[1])[:TOP]
    return "\n".join(["", f"-- {title}", *[f"{used:9.1f}  {name}" for name, used in ordered]])


def _cpu_of_threads() -> dict[int, float]:
    """Return the processor seconds of each thread by its number in the system."""
    found = {}
    for thread in threading.enumerate():
        if thread.ident is not None and thread.native_id is not None:
            clock = time.pthread_getcpuclockid(thread.ident)
            found[thread.native_id] = time.clock_gettime(clock)
    return found


def _names_of_threads() -> dict[int, str]:
    main = threading.main_thread()
    return {
        each.native_id: "loop" if each is main else each.name[:14]
        for each in threading.enumerate()
        if each.native_id is not None
    }


def _shorter(text: str) -> str:
    """Take out of a line what comes before a package's name in a path."""
    for mark in ("/site-packages/", "/src/legato/", "/benchmarks/", "/lib/"):
        head, found, tail = text.rpartition(mark)
        if found:
            start = head.find("/")
            kept = {"/src/legato/": "legato/", "/benchmarks/": "benchmarks/"}.get(mark, "")
            return (head[:start] if start >= 0 else "") + kept + tail
    return text


def _layer(frame: str) -> str:
    return next((each for each in LAYERS if f"({each}/" in frame), _without_line(frame))


class Calls:
    """cProfile of the event loop's thread."""

    def __init__(self) -> None:
        self.nodes = 0
        self._profile = cProfile.Profile()

    def start(self) -> None:
        """Begin to count."""
        self._profile.enable()

    def stop(self, nodes: int) -> None:
        """Stop, and note how many nodes were run meanwhile."""
        self._profile.disable()
        self.nodes += nodes

    def end(self) -> None:
        """Nothing is left to stop."""

    def report(self) -> str:
        """Return cProfile's tables and the number of nodes that they are for."""
        out = io.StringIO()
        stats = pstats.Stats(self._profile, stream=out)
        stats.sort_stats("tottime").print_stats(TOP)
        stats.sort_stats("cumulative").print_stats("legato", TOP)
        lines = [_shorter(line) for line in out.getvalue().splitlines()]
        return "\n".join([f"calls while {self.nodes} nodes ran", *lines])


def make(kind: str) -> Sampler | Calls:
    """Return the profiler named `samples` or `calls`."""
    return Sampler() if kind == "samples" else Calls()
