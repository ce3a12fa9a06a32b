# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point and at many random instants: `script/crash [KILLS] [SEED]`.

KILLS (100) is how many come at random, per database. Prints a line per trial and keeps the figures
in `benchmarks/results/crash-<database>.json`. Exits with 1 if a promise was broken; the folder of
such a trial is left for whoever looks into it.
"""

import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import record
from tests import services
from tests.crash.cells import CELLS, play
from tests.crash.ledger import Ledger, running_ledger
from tests.crash.random_kills import NewDatabase, Tally, kill_at_random

KILLS_DEFAULT: Final = 100


@dataclass(slots=True)
class Cells:
    """What came of the named points."""

    cells: int = 0
    points: set[str] = field(default_factory=set)
    kills: int = 0
    problems: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return the figures to be kept."""
        return {
            "cells": self.cells,
            "points": len(self.points),
            "kills": self.kills,
            "broken": len(self.problems),
        }


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code."""
    kills = int(arguments[0]) if arguments else KILLS_DEFAULT
    seed = int(arguments[1]) if len(arguments) > 1 else secrets.randbelow(1_000_000)
    print(f"{len(CELLS)} cells and {kills} random kills per database, seed {seed}")
    server = services.find_postgres()
    if server is None:
        print("SKIP PostgreSQL: none is running here and none was started", file=sys.stderr)
    servers = {"sqlite": "", **({"postgres": server} if server else {})}
    broken = [each for name, server in servers.items() for each in _run(name, server, kills, seed)]
    print(f"{len(broken)} broken promises", *broken, sep="\n  ")
    return 1 if broken or (server is None and services.is_ci()) else 0


def _run(name: str, server: str, kills: int, seed: int) -> list[str]:
    """Run on one database, print and keep what came of it; return every broken promise."""
    folder = Path(tempfile.mkdtemp(prefix="legato-ledger-"))
    began = time.monotonic()
    try:
        with ExitStack() as stack, running_ledger(folder) as ledger:
            new_database = NewDatabase(server, stack)
            cells = _play_all(name, ledger, new_database)
            tally = kill_at_random(
                ledger,
                new_database,
                kills=kills,
                seed=seed,
                tell=lambda line: print(f"{name}: {line}", flush=True),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _keep(name, cells, tally, time.monotonic() - began)
    return cells.problems + tally.problems


def _play_all(name: str, ledger: Ledger, new_database: NewDatabase) -> Cells:
    found = Cells()
    for cell in CELLS:
        folder = Path(tempfile.mkdtemp(prefix="legato-crash-"))
        each, problems = play(cell, folder, ledger, new_database())
        found.cells += 1
        found.points.add(cell.point)
        found.kills += each.kills
        found.problems += [f"{cell}: {problem}" for problem in problems]
        print(f"{name}: {cell}: {'; '.join(problems) or 'ok'}", flush=True)
        if not problems:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _keep(name: str, cells: Cells, tally: Tally, took_s: float) -> None:
    commit, is_changed = record.commit()
    found = {
        "database": name,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "has_changes": is_changed,
        "took_s": round(took_s),
        "machine": record.machine(Path(tempfile.gettempdir())),
        "versions": record.versions({}),
        "named_points": cells.figures(),
        "random_kills": tally.figures(),
    }
    record.RESULTS.mkdir(exist_ok=True)
    path = record.RESULTS / f"crash-{name}.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
