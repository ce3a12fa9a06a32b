# SPDX-License-Identifier: Apache-2.0
"""What is kept of a run: figures, and what they were measured on. No host name and no path."""

import contextlib
import json
import os
import platform
import re
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from benchmarks.process import ROOT

RESULTS: Final = ROOT / "benchmarks" / "results"
PACKAGES: Final = (
    "legato", "asyncpg", "cel-expr-python", "msgspec", "orjson", "pydantic", "sqlalchemy", "uvloop",
    "dbos", "celery", "redis",
)  # fmt: skip
_PATH: Final = re.compile(r"(?:[A-Za-z]+:/)?(?:/[\w.@:+-]+){2,}/?")
_FAILURE_CHARACTERS: Final = 160


def machine(folder: Path) -> dict[str, Any]:
    """Describe the machine, by kind and size only. `folder` is where the databases are."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    release = re.match(r"\d+\.\d+", platform.release())
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9, 1),
        "system": f"{platform.system()} {release.group() if release else ''}".strip(),
        "architecture": platform.machine(),
        "filesystem": filesystem(folder),
        "python_ms": _python_ms(),
    }


def _python_ms() -> float:
    """Return how long this Python takes for a million steps of a loop: the least of five, in ms.

    Absolute figures of two machines differ by about as much; ratios within one run do not.
    """

    def steps() -> float:
        began = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number * number
        return time.perf_counter() - began

    return round(min(steps() for _ in range(5)) * 1e3, 1)


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def filesystem(folder: Path) -> str:
    """Return the kind of file system that a folder is on (Linux; else unknown)."""
    best, kind = "", "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, each, *_ = line.split()
            if folder.resolve().is_relative_to(place) and len(place) >= len(best):
                best, kind = place, each
    return kind


def versions(servers: dict[str, str]) -> dict[str, str]:
    """Return the versions of what was measured and of what it runs on."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **servers}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> tuple[str, bool]:
    """Return the commit's short name and whether the tree has changes beside it."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return _git("rev-parse", "--short=10", "HEAD"), bool(_git("status", "--porcelain"))
    return "unknown", True


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def load() -> list[float]:
    """Return the load averages: a busy machine shows in every figure."""
    return [round(each, 2) for each in os.getloadavg()]


def heading(machine: dict[str, Any], load: dict[str, list[float]], more: str = "") -> list[str]:
    """Say what was measured on what; nobody should quote a figure without it.

    Args:
        machine: As `machine` describes it.
        load: `before` and `after` the run.
        more: Follows the commit.
    """
    name, is_dirty = commit()
    return [
        f"commit {name}{' with changes beside it' if is_dirty else ''}{more}",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, {machine['filesystem']}; load average of one minute "
        f"{load['before'][0]} before, {load['after'][0]} after; "
        f"a million steps of a Python loop take {machine['python_ms']:g} ms",
    ]


def head(machine: dict[str, Any], load: Any, servers: dict[str, str]) -> dict[str, Any]:
    """Return what every record begins with: what was measured, when and on what."""
    name, is_dirty = commit()
    return {
        "format": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": name,
        "has_changes_beside_commit": is_dirty,
        "machine": machine,
        "versions": versions(servers),
        "load": load,
    }


def short_failure(failure: str) -> str:
    """Return one line of a failure that may be kept: paths taken out."""
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    line = next((each for each in reversed(lines) if not each.startswith(("^", "~"))), "failed")
    return _PATH.sub("…", line)[:_FAILURE_CHARACTERS]


def keep(record: dict[str, Any]) -> Path:
    """Write the record among the results and remove older ones: git has those."""
    RESULTS.mkdir(exist_ok=True)
    date = datetime.now(UTC).date().isoformat()
    path = RESULTS / f"{date}-{record['commit']}.json"
    write(record, path)
    for older in RESULTS.glob("[0-9]*.json"):
        if older != path:
            older.unlink()
    return path


def write(record: dict[str, Any], path: Path) -> None:
    """Write the record as JSON that a diff can show."""
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
