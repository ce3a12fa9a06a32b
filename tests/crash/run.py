# SPDX-License-Identifier: Apache-2.0
"""Many kills at random instants on both databases: `script/crash [KILLS] [SEED]` (100 each).

Prints a line per trial and keeps the figures in `benchmarks/results/crash-<database>.json`. Exits
with 1 if a promise was broken; the folder of such a trial is left for whoever looks into it.
"""

import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import record
from tests import services
from tests.crash.ledger import running_ledger
from tests.crash.random_kills import NewDatabase, Tally, kill_at_random

KILLS_DEFAULT: Final = 100


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code."""
    kills = int(arguments[0]) if arguments else KILLS_DEFAULT
    seed = int(arguments[1]) if len(arguments) > 1 else secrets.randbelow(1_000_000)
    print(f"{kills} kills per database, seed {seed}")
    server = services.find_postgres()
    if server is None:
        print("SKIP PostgreSQL: none is running here and none was started", file=sys.stderr)
    servers = {"sqlite": "", **({"postgres": server} if server else {})}
    tallies = {name: _run(name, each, kills, seed) for name, each in servers.items()}
    broken = [problem for tally in tallies.values() for problem in tally.problems]
    if server is None and services.is_ci():
        return 1
    return 1 if broken else 0


def _run(name: str, server: str, kills: int, seed: int) -> Tally:
    """Run on one database, print and keep what came of it."""
    folder = Path(tempfile.mkdtemp(prefix="legato-ledger-"))
    began = time.monotonic()
    try:
        with ExitStack() as stack, running_ledger(folder) as ledger:
            tally = kill_at_random(
                ledger,
                NewDatabase(server, stack),
                kills=kills,
                seed=seed,
                tell=lambda line: print(f"{name}: {line}", flush=True),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _keep(name, tally, time.monotonic() - began)
    return tally


def _keep(name: str, tally: Tally, took_s: float) -> None:
    commit, is_changed = record.commit()
    found = {
        "database": name,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "has_changes": is_changed,
        "took_s": round(took_s),
        "machine": record.machine(Path(tempfile.gettempdir())),
        "versions": record.versions({}),
        "random_kills": tally.figures(),
    }
    record.RESULTS.mkdir(exist_ok=True)
    path = record.RESULTS / f"crash-{name}.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
