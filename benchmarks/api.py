# SPDX-License-Identifier: Apache-2.0
"""Measures the server: `script/bench api [options]`.

`/auth/me` takes turns with a bare FastAPI route of the same value, both asked by the same client;
log-ins at once beside a probe of `/health/live`; wrong passwords of known and unknown people; what
an idle `legato up` takes; executions read, run and started (`api_runs`); lists of a million of them
(`api_million`); uploads. The figures of a whole run are kept in `results/api.json`.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import api_load, api_million, api_runs, api_site, record, uploads
from benchmarks.api_site import RAISED, Place, Server
from benchmarks.goals import Bound, Goal, judge
from benchmarks.report import Figures, Samples, number, table

STORES: Final = ("sqlite", "postgres")
ME: Final = "/api/v1/auth/me"
SESSIONS: Final = 1_000
ROUNDS: Final = 6
ROUND_S: Final = 5
WARM_S: Final = 2
CROWD: Final = 200
TRIES: Final = 200
STARTS: Final = 3
IDLE_S: Final = 10.0
CLIENT_SHARE_MAX: Final = 0.8
"""Of a core: a client that is busier may be what limits the figure."""

GOALS: Final[dict[str, Goal]] = {
    "me": Goal(
        "GET /auth/me beside a bare route", "of its requests/s",
        (Bound(0.5, is_minimum=True),), (Bound(0.6, is_minimum=True),),
    ),
    "crowd": Goal("200 log-ins at once: /health/live p99", "ms", (Bound(50),), (Bound(20),)),
    "names": Goal("wrong password, known / unknown user", "slower median / other", (Bound(1.1),)),
    "memory": Goal("idle `legato up`, PSS of all processes", "MB", (Bound(150),), (Bound(120),)),
    "ready": Goal("`legato up` from start to ready", "s", (Bound(3),), (Bound(2),)),
    "read": Goal(
        "GET /executions/{id} beside a bare route", "of its requests/s",
        (Bound(0.25, is_minimum=True),), (Bound(0.5, is_minimum=True),),
    ),
    "single": Goal("one node over HTTP, start to completed, p50", "ms", (Bound(10),)),
    "flight": Goal("start with 100 in flight, p99", "ms", (Bound(25),)),
    "lists": Goal("lists of a million executions, worst p99", "ms", (Bound(50),)),
    "full": Goal("one node, a million stored / empty store", "p50 / p50", (Bound(1.2),)),
    "upload": Goal("60 MB uploads, growth of the server", "MB", (Bound(20),)),
    "through": Goal(
        "diamonds through the API, beside W3", "of its workflows/s",
        (Bound(0.5, is_minimum=True),),
    ),
}  # fmt: skip
OF_SQLITE: Final = frozenset({"flight"})
"""What must be reached on SQLite; elsewhere it is measured and shown."""
WORKLOADS: Final = {
    "me": ("me",), "crowd": ("crowd",), "names": ("names",), "idle": ("memory", "ready"),
    "read": ("read",), "single": ("single",), "flight": ("flight",), "through": ("through",),
    "million": ("lists", "full"), "upload": ("upload",),
}  # fmt: skip
"""What `--only` takes, and the lines that it gives."""


def main() -> int:
    """Measure, print, keep; the exit code is 1 if anything that must be reached is not."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="legato-bench-", dir=options.folder) as folder:
        run = Run(options, Path(folder))
        run.measure()
        print("\n".join([*_heading(run), *run.report()]))
        _keep(options, run)
    return 1 if any(row["reached"] == "FAIL" for row in run.rows()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench api", description="Measure the server.")
    parser.add_argument("--quick", action="store_true", help="short and few: not to be quoted")
    parser.add_argument("--only", choices=list(WORKLOADS), help="this one alone")
    parser.add_argument("--store", default=",".join(STORES), help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--folder", type=Path, help="where databases are made; on a real disk")
    options = parser.parse_args()
    options.stores = [each for each in options.store.split(",") if each]
    if unknown := set(options.stores) - set(STORES):
        parser.error(f"not known: {', '.join(sorted(unknown))}")
    return options


class Run:
    """One run of everything that was asked for."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.samples: dict[tuple[str, str], Samples] = {}
        self.skipped: list[str] = []
        self.notes: list[str] = []
        self.machine = record.machine(folder)
        self.load = {"before": record.load()}
        self.is_quick = bool(options.quick)
        self._options = options
        self._folder = folder

    def measure(self) -> None:
        """Run everything."""
        works: dict[str, Callable[[Place, str], None]] = {
            "me": self._me, "crowd": self._crowd, "names": self._names, "idle": self._idle,
            "read": partial(self._runs, "read"), "single": partial(self._runs, "single"),
            "flight": partial(self._runs, "flight"), "through": partial(self._runs, "through"),
            "million": self._million, "upload": self._upload,
        }  # fmt: skip
        for workload, work in works.items():
            if self._options.only in {None, workload}:
                for store in self._stores(workload):
                    self._one(workload, store, work)
        self.load["after"] = record.load()

    def _stores(self, workload: str) -> list[str]:
        """Return the stores of a workload: hashing is the same on all, and `up` brings its own."""
        stores: list[str] = self._options.stores
        return ["sqlite"] if workload in {"crowd", "names", "idle", "upload"} else stores

    def _one(self, workload: str, store: str, work: Callable[[Place, str], None]) -> None:
        print(f"{workload} on {store} …", file=sys.stderr, flush=True)
        try:
            with self._place(store) as place:
                work(place, store)
        except SkippedError as skipped:
            self.skipped.append(f"{workload} on {store}: {skipped}")
            print(f"SKIP {self.skipped[-1]}", file=sys.stderr)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            print(f"FAIL {text}", file=sys.stderr)
            for name in WORKLOADS[workload]:
                self._samples(name, store).failures.append(text)

    @contextlib.contextmanager
    def _place(self, store: str) -> Iterator[Place]:
        """Make a fresh home, and a fresh database where the store is a server."""
        from tests.services import database, find_postgres

        with contextlib.ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder)))
            url = f"sqlite:///{home}/legato.db"
            if store == "postgres":
                server = find_postgres()
                if server is None:
                    raise SkippedError("no PostgreSQL answers (LEGATO_TEST_POSTGRES)")
                url = stack.enter_context(database(server))
            yield Place(home, url)

    def _samples(self, name: str, store: str) -> Samples:
        return self.samples.setdefault((name, store), Samples())

    # --- /auth/me ------------------------------------------------------------------------------

    def _me(self, place: Place, store: str) -> None:
        if api_load.find_wrk() is None:
            raise SkippedError("wrk is not on the path (apt-get install wrk)")
        rounds, seconds = (2, 1) if self.is_quick else (ROUNDS, ROUND_S)
        with api_site.legato(["serve"], place) as server:
            made = api_site.make_people(place, server, SESSIONS)
            tokens = place.home / "tokens"
            tokens.write_text("\n".join(made) + "\n")
            status, value = api_site.get(server.url + ME, Authorization=f"Bearer {made[0]}")
            if status != 200:
                raise api_site.ServerFailedError(f"{ME} answers {status}")
            with api_site.bare(value, place.home) as bare:
                _check_same(bare, value)
                self._take_turns(server, bare, tokens, store, (rounds, seconds))

    def _take_turns(
        self, server: Server, bare: Server, tokens: Path, store: str, plan: tuple[int, int]
    ) -> None:
        rounds, seconds = plan
        api_load.rush(bare, ME, tokens, WARM_S)
        asked = api_load.rush(server, ME, tokens, WARM_S).requests
        for turn in range(rounds):
            # Who goes first changes, so that a machine that slows down hits both.
            pair = {}
            for each in (bare, server) if turn % 2 == 0 else (server, bare):
                pair[each is server] = api_load.rush(each, ME, tokens, seconds)
            asked += pair[True].requests
            figures = {"value": pair[True].per_s / pair[False].per_s}
            figures["cpu_ratio"] = pair[False].cpu_us / pair[True].cpu_us
            for name, one in (("me", pair[True]), ("bare", pair[False])):
                figures |= {f"{name}_{key}": each for key, each in asdict(one).items()}
            self._samples("me", store).runs.append(figures)
            print(f"  {number(figures['value'])}", end=" ", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        if server.count_log_lines() < asked:
            raise api_site.ServerFailedError("some requests have no line in the log")

    # --- log-ins, idle ---------------------------------------------------------------------------

    def _crowd(self, place: Place, store: str) -> None:
        from legato.app import run

        count = 20 if self.is_quick else CROWD
        with api_site.legato(["serve"], place) as server:
            api_site.make_people(place, server, count)
            found = run(api_load.crowd(server.url, count, calm_s=2.0))
        self._samples("crowd", store).runs.append(found)

    def _names(self, place: Place, store: str) -> None:
        from legato.app import run

        count = 10 if self.is_quick else TRIES
        with api_site.legato(["serve"], place) as server:
            api_site.make_people(place, server, count)
            found = run(api_load.failures(server.url, count))
        self._samples("names", store).runs.append(found)

    def _idle(self, place: Place, store: str) -> None:
        if not api_site.has_command("up"):
            raise SkippedError("there is no command `legato up`")
        for turn in range(1 if self.is_quick else STARTS):
            home = place.home / str(turn)
            home.mkdir()
            fresh = Place(home, f"sqlite:///{home}/legato.db")
            with api_site.legato(["up", "--no-open"], fresh, has_keys=False) as server:
                status, _ = api_site.get(server.url + api_load.LIVE)
                if status != 200:
                    raise api_site.ServerFailedError(f"{api_load.LIVE} answers {status}")
                self._samples("ready", store).runs.append({"value": server.ready_s})
                time.sleep(1.0 if self.is_quick else IDLE_S)
                found = {"value": server.pss_mb(), "processes": float(server.count_processes())}
                self._samples("memory", store).runs.append(found)

    # --- executions ------------------------------------------------------------------------------

    def _runs(self, name: str, place: Place, store: str) -> None:
        if api_load.find_wrk() is None and name in {"read", "through"}:
            raise SkippedError("wrk is not on the path (apt-get install wrk)")
        measure = {
            "read": api_runs.read, "single": api_runs.single, "flight": api_runs.flight,
            "through": api_runs.through,
        }  # fmt: skip
        self._samples(name, store).runs += measure[name](place, store, is_quick=self.is_quick)

    def _million(self, place: Place, store: str) -> None:
        lists, full = api_million.measure(place, store, is_quick=self.is_quick)
        self._samples("lists", store).runs.append(lists)
        self._samples("full", store).runs.append(full)

    def _upload(self, place: Place, store: str) -> None:
        with api_site.legato(["serve"], place) as server:
            (token,) = api_site.make_people(place, server, 1, role="editor")
            found = uploads.measure(server, token, size_mb=60, rounds=1 if self.is_quick else 5)
        self._samples("upload", store).runs.append(found)

    # --- what came of it --------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Return a line per figure, in the order of the goals."""
        return [
            _row(name, store, self.samples[name, store])
            for name in GOALS
            for each, store in self.samples
            if each == name
        ]

    def report(self) -> list[str]:
        """Return the lines for a terminal."""
        head = ("measured", "store", "value", "min-max", "unit", "must", "aim", "")
        lines = [table([head, *map(_cells, self.rows())])] if self.samples else []
        for (name, store), samples in self.samples.items():
            lines += [f"{name} on {store}: {text}" for text in _more(name, samples.medians())]
            lines += [f"FAIL {name} on {store}: {text}" for text in samples.failures[:1]]
        return [*lines, *(f"SKIP {each}" for each in self.skipped)]


class SkippedError(Exception):
    """Something cannot be measured here; the text says why."""


def _check_same(bare: Server, value: bytes) -> None:
    """Refuse to compare with a route that answers something else."""
    status, found = api_site.get(bare.url + ME)
    if status != 200 or len(found) != len(value):
        raise api_site.ServerFailedError("the bare route does not answer the same")


def _row(name: str, store: str, samples: Samples) -> dict[str, Any]:
    goal, figures = GOALS[name], samples.medians()
    must = () if store != "sqlite" and name in OF_SQLITE else goal.must
    values = samples.values() if figures else []
    return {
        "measured": name,
        "title": goal.title,
        "store": store,
        "value": figures.get("value"),
        "low": min(values, default=None),
        "high": max(values, default=None),
        "unit": goal.unit,
        "must": ", ".join(bound.text() for bound in must),
        "aim": ", ".join(bound.text() for bound in goal.aim),
        "reached": judge(must, figures, {}) if figures else "FAIL",
        "aimed": judge(goal.aim, figures, {}) if figures and goal.aim else None,
        "failure": record.short_failure(samples.failures[0]) if samples.failures else "",
        "figures": figures,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    marks = row["reached"] + (f" / {row['aimed']}" if row["aimed"] else "")
    spread = "" if row["low"] == row["high"] else f"{number(row['low'])}-{number(row['high'])}"
    value = "FAIL" if row["value"] is None else number(row["value"])
    return (
        row["title"], row["store"], value, spread, row["unit"], row["must"], row["aim"], marks,
    )  # fmt: skip


def _more(name: str, figures: Figures) -> Iterator[str]:
    """Say what stands behind a value."""
    if name in {"me", "read"} and figures:
        for who in ("bare", "me"):
            yield (
                f"{who:<5}{number(figures[f'{who}_per_s'])} requests/s, "
                f"p50 {number(figures[f'{who}_p50_ms'])} ms, "
                f"p99 {number(figures[f'{who}_p99_ms'])} ms, "
                f"{figures[f'{who}_cpu_us']:.0f} µs of processor each, "
                f"client {figures[f'{who}_client_share']:.0%} of a core"
            )
            if figures[f"{who}_client_share"] > CLIENT_SHARE_MAX:
                yield f"{who:<5}THE CLIENT MAY BE THE LIMIT"
        yield f"ratio of processor time {figures['cpu_ratio']:.2f}; {SESSIONS} sessions in turn"
    elif name == "crowd" and figures:
        yield (
            f"{figures['verified']:.0f} passwords verified (argon2), "
            f"{figures['log_ins_per_s']:.1f}/s; p50 {number(figures['p50_ms'])} ms, "
            f"max {number(figures['max_ms'])} ms of {figures['asked']:.0f} answers; "
            f"p99 without log-ins {number(figures['calm_p99_ms'])} ms"
        )
    elif name == "single" and figures:
        yield f"p99 {number(figures['p99_ms'])} ms of {figures['tries']:.0f}"
    elif name == "flight" and figures:
        yield (
            f"{figures['starts']:.0f} starts timed from when they were due, "
            f"p50 {number(figures['p50_ms'])} ms, max {number(figures['max_ms'])} ms; "
            f"{figures['in_flight_at_end']:.0f} under way after the last"
        )
    elif name == "lists" and figures:
        yield from api_million.report(figures)
    elif name == "full" and figures:
        yield (
            f"p50 {number(figures['full_ms'])} ms beside {figures['stored']:.0f} executions, "
            f"{number(figures['empty_ms'])} ms in an empty store, the same run"
        )
    elif name == "through" and figures:
        yield (
            f"{figures['started']:.0f} starts over 100 connections, "
            f"p50 {number(figures['p50_ms'])} ms, p99 {number(figures['p99_ms'])} ms, "
            f"{number(figures['started_per_s'])} starts/s, "
            f"{number(figures['ended_per_s'])} ended/s to the last one; "
            f"W3 alone {number(figures['engine_per_s'])}/s; "
            f"client {figures['client_share']:.0%} of a core"
        )
    elif name == "names" and figures:
        yield (
            f"known {number(figures['known_ms'])} ms, unknown {number(figures['unknown_ms'])} ms, "
            f"medians of {figures['tries_each']:.0f} each"
        )


def _heading(run: Run) -> list[str]:
    """Say what was measured on what; nobody should quote a figure without it."""
    lines = record.heading(run.machine, run.load)
    rates = (f"{name.rpartition('__')[2].lower()} {each}" for name, each in RAISED.items())
    lines.append(f"limits that are raised, all others as they come: {', '.join(rates)}")
    if run.is_quick:
        lines.append("QUICK: short and few; not to be quoted")
    return [*lines, ""]


def _keep(options: argparse.Namespace, run: Run) -> None:
    """Keep the figures: a whole run among the results, any other only where it is asked for."""
    kept = {
        **record.head(run.machine, run.load, {}),
        "is_quick": run.is_quick,
        "raised": RAISED,
        "skipped": [record.short_failure(each) for each in run.skipped],
        "rows": run.rows(),
    }
    if options.json:
        record.write(kept, options.json)
    if not run.is_quick and options.only is None and set(options.stores) == set(STORES):
        record.RESULTS.mkdir(exist_ok=True)
        record.write(kept, record.RESULTS / "api.json")


if __name__ == "__main__":
    raise SystemExit(main())
