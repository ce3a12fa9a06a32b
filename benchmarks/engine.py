# SPDX-License-Identifier: Apache-2.0
"""Measures the engine: `script/bench engine [options]`.

Every measurement runs in a fresh home and database and in a process of its own; those that are
repeated take turns, so that a busy minute of the machine does not hit one of them alone.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import record
from benchmarks.goals import GOALS
from benchmarks.plan import Case, Size, measured_cases, peer_cases, raw_cases
from benchmarks.process import measure
from benchmarks.report import Report, Row, Samples

STORES: Final = ("sqlite", "postgres")
REDIS_URL: Final = "redis://127.0.0.1:6379/13"
"""A numbered database apart; only keys with this run's prefix are written and deleted."""
PROFILE_TIMEOUT_S: Final = 300.0

Key = tuple[str, str]


def main() -> int:
    """Measure, print, keep; the exit code is 1 if anything that must be reached is not."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="legato-bench-", dir=options.folder) as folder:
        run = Run(options, Path(folder))
        if options.profile:
            return run.profile()
        run.measure()
        report = Report(run.samples, run.raw, run.peers)
        rows = report.rows()
        print("\n".join([*_heading(options, run), report.text()]))
        for skipped in run.skipped:
            print(f"SKIP {skipped}")
        _keep(options, run, rows)
    return 1 if any(row.reached == "FAIL" for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/bench engine", description="Measure the engine beside its disk and its peers."
    )
    parser.add_argument("--quick", action="store_true", help="once, small sizes: not to be quoted")
    parser.add_argument("--only", default="", metavar="W1,W2", help=f"of: {', '.join(GOALS)}, raw")
    parser.add_argument("--store", default=",".join(STORES), help="default: %(default)s")
    parser.add_argument("--peers", action="store_true", help="DBOS and Celery in the same run")
    parser.add_argument("--runs", type=int, default=3, help="of what is repeated (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--profile", metavar="W1", help="where the time of W1, W2, W3, W4 goes")
    parser.add_argument("--folder", type=Path, help="where databases are made; on a real disk")
    parser.add_argument("--redis", default=REDIS_URL, metavar="URL", help="default: %(default)s")
    options = parser.parse_args()
    if options.quick:
        options.runs = 1
    options.stores = [each for each in options.store.split(",") if each]
    options.only = {each for each in options.only.split(",") if each}
    unknown = sorted(set(options.stores) - set(STORES))
    unknown += [each for each in sorted(options.only) if not _names(each)]
    if unknown:
        parser.error(f"not known: {', '.join(unknown)}")
    return options


def _names(wanted: str) -> list[str]:
    """Return the workloads that a name of `--only` stands for: itself, or all that begin so."""
    return [name for name in [*GOALS, "raw"] if name == wanted or name.startswith(f"{wanted}-")]


class Run:
    """One run of everything that was asked for."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.samples: dict[Key, Samples] = {}
        self.raw: dict[str, Samples] = {}
        self.peers: dict[Key, Samples] = {}
        self.skipped: list[str] = []
        self.servers: dict[str, str] = {}
        self.machine = record.machine(folder)
        self.load = {"before": record.load()}
        self._options = options
        self._folder = folder
        self._size = Size(is_quick=options.quick)
        self._server = self._find_postgres()

    # --- what is there -------------------------------------------------------------------------

    def _find_postgres(self) -> str | None:
        from tests.services import find_postgres

        if "postgres" not in self._options.stores and not self._options.peers:
            return None
        url = find_postgres()
        if url is None:
            self._options.stores = [s for s in self._options.stores if s != "postgres"]
            self._skip("PostgreSQL: no server answers (LEGATO_TEST_POSTGRES)")
            return None
        self.servers["postgres"] = asyncio.run(_postgres_version(url))
        return url

    def _skip(self, what: str) -> None:
        self.skipped.append(what)
        print(f"SKIP {what}", file=sys.stderr)

    def _wants(self, workload: str) -> bool:
        wanted = self._options.only
        return not wanted or any(workload in _names(each) for each in wanted)

    # --- measuring -----------------------------------------------------------------------------

    def measure(self) -> None:
        """Run everything, round by round."""
        if self.machine["filesystem"] in {"tmpfs", "ramfs"}:
            self._skip("durability: the folder is in memory, every figure is worthless (--folder)")
        stores = self._options.stores
        raw = raw_cases(stores)
        peers = self._peers()
        cases = [case for case in measured_cases(stores, self._size) if self._wants(case.workload)]
        for turn in range(self._options.runs):
            self._raw_limits(raw, turn)
            for case in peers:
                samples = self.peers.setdefault((case.workload, case.store), Samples())
                self._one(case, samples, turn)
            for case in cases:
                if turn == 0 or case.is_repeated:
                    samples = self.samples.setdefault((case.workload, case.store), Samples())
                    self._one(case, samples, turn)
            # Again, for the disk may have become busy or free meanwhile; the median counts.
            self._raw_limits(raw, turn)
        self.load["after"] = record.load()

    def _raw_limits(self, raw: list[Case], turn: int) -> None:
        for case in raw:
            self._one(case, self.raw.setdefault(case.store, Samples()), turn)

    def _peers(self) -> list[Case]:
        if not self._options.peers:
            return []
        found = []
        for case in peer_cases():
            problem = self._problem_of(case)
            if problem:
                self._skip(f"{case.workload} on {case.store}: {problem}")
            else:
                found.append(case)
        return found

    def _problem_of(self, case: Case) -> str:
        """Return why a peer cannot run here, or nothing."""
        try:
            if case.workload == "dbos":
                import dbos  # noqa: F401
            else:
                import celery  # noqa: F401
                import redis

                with redis.Redis.from_url(self._options.redis) as client:
                    self.servers["redis"] = client.info("server")["redis_version"]
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        if case.store == "postgres" and self._server is None:
            return "no PostgreSQL"
        return ""

    def _one(self, case: Case, samples: Samples, turn: int) -> None:
        """Run a case once and add what it gave; after a failure it is not run again."""
        if samples.failures:
            return
        number = f" {turn + 1}/{self._options.runs}" if case.is_repeated else ""
        print(f"{case.workload} on {case.store}{number} …", end=" ", file=sys.stderr, flush=True)
        try:
            figures = case.figures([self._measured(task, case) for task in case.tasks])
        except CaseFailedError as failed:
            samples.failures.append(str(failed))
            print("FAIL", file=sys.stderr)
            return
        samples.runs.append(figures)
        print(case.shown(figures), file=sys.stderr)

    def _measured(self, task: dict[str, Any], case: Case) -> dict[str, Any]:
        with self._place(case) as place:
            outcome = measure({**task, **place}, timeout_s=case.timeout_s)
        if outcome.answer is None:
            raise CaseFailedError(outcome.failure)
        peak = max(outcome.peak_mb, outcome.answer.get("own_peak_mb", 0.0))
        return {**outcome.answer, "peak_mb": peak, "seconds_in_all": outcome.seconds}

    @contextlib.contextmanager
    def _place(self, case: Case) -> Iterator[dict[str, Any]]:
        """Make a fresh home, and a fresh database where the store is a server."""
        from tests.services import database

        with contextlib.ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder))
            url = ""
            if case.store == "postgres":
                assert self._server is not None
                url = stack.enter_context(database(self._server))
            elif case.store == "redis":
                url = self._options.redis
            yield {"store": case.store, "home": home, "url": url}

    def profile(self) -> int:
        """Run one workload under both profilers and print what they saw."""
        workload = self._options.profile
        code = 0
        kinds = ["samples", "calls"]
        if shutil.which("py-spy") is None:
            self._skip("samples: py-spy is not installed (uv tool install py-spy)")
            kinds.remove("samples")
        for case in measured_cases(self._options.stores, self._size):
            if case.workload not in _names(workload) or not case.is_repeated:
                continue
            for kind in kinds:
                with self._place(case) as place:
                    report = Path(place["home"], "profile.txt")
                    task = {**case.tasks[0], **place, "profile": kind, "report": str(report)}
                    outcome = measure(task, timeout_s=PROFILE_TIMEOUT_S)
                    print(f"\n=== {case.workload} on {case.store}, {kind}")
                    print(report.read_text() if report.exists() else f"FAIL {outcome.failure}")
                    code = code or int(outcome.answer is None)
        return code


class CaseFailedError(Exception):
    """One of a case's processes gave no answer; the text says why."""


async def _postgres_version(url: str) -> str:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()


def _heading(options: argparse.Namespace, run: Run) -> list[str]:
    """Say what was measured on what; nobody should quote a figure without it."""
    lines = record.heading(run.machine, run.load, f", median of {options.runs}")
    if options.quick:
        lines.append("QUICK: one run, smaller sizes than the titles say; not to be quoted")
    return [*lines, ""]


def _keep(options: argparse.Namespace, run: Run, rows: list[Row]) -> None:
    """Keep the figures: a whole run among the results, any other only where it is asked for."""
    kept = {
        **record.head(run.machine, run.load, run.servers),
        "is_quick": options.quick,
        "runs": options.runs,
        "skipped": [record.short_failure(each) for each in run.skipped],
        "rows": [row.as_dict() for row in rows],
        "raw": {store: each.medians() for store, each in run.raw.items()},
        "peers": {f"{n} {s}": each.medians() for (n, s), each in run.peers.items()},
    }
    if options.json:
        record.write(kept, options.json)
    if not options.quick and not options.only and set(options.stores) == set(STORES):
        path = record.keep(kept)
        print(f"kept {path.relative_to(record.RESULTS.parent.parent)}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    raise SystemExit(main())
