# SPDX-License-Identifier: Apache-2.0
"""Measures the node library: `script/bench nodes [--only NAME] [--json FILE]`.

Each node against the bare thing that it wraps, in one process and one run: what is judged is the
ratio. Every figure comes through the engine as it is, each result durable. The figures of a whole
run are kept in `results/nodes.json`.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import record
from benchmarks.process import measure
from benchmarks.report import number

TIMEOUT_S: Final = 180.0
RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must reach: at most or at least a bound."""

    title: str
    kind: str
    figure: str
    unit: str
    bound: float
    is_minimum: bool = False

    @property
    def must(self) -> str:
        """The bound as text."""
        return f"{'≥' if self.is_minimum else '≤'} {self.bound:g}"

    def holds(self, value: float) -> bool:
        """Judge a value."""
        return value >= self.bound if self.is_minimum else value <= self.bound


GOALS: Final = (
    Goal("http.request, foreach of 2000", "node-http", "value", "of bare httpx2", 0.6, True),
    Goal("sql.query, 100 000 rows to a blob", "node-sql", "value", "of the driver", 0.5, True),
    Goal("sql.query, memory for it", "node-sql", "rss_mb", "MB", 50),
    Goal("shell.run, 8 at once", "node-shell", "value", "times bare", 2),
    Goal("code.python, start", "node-code", "start_ms", "ms", 150),
    Goal("data.transform on 10 KB", "node-transform", "value", "ms", 0.5),
)


def main() -> int:
    """Measure, print, keep; the exit code is 1 if anything that must be reached is not."""
    parser = argparse.ArgumentParser(prog="script/bench nodes", description=__doc__)
    kinds = list(dict.fromkeys(goal.kind for goal in GOALS))
    parser.add_argument("--only", choices=kinds, help="this one alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    before = record.load()
    found = {kind: _figures(kind) for kind in kinds if options.only in {None, kind}}
    rows = [_row(goal, found[goal.kind]) for goal in GOALS if goal.kind in found]
    print(_table(rows))
    _keep(options, rows, found, [before, record.load()])
    return 1 if any(row["reached"] != "PASS" for row in rows) else 0


def _figures(kind: str) -> dict[str, float] | str:
    """Return the median of each figure over a few processes, or why there is none."""
    runs: list[dict[str, Any]] = []
    for turn in range(RUNS):
        print(f"{kind} {turn + 1}/{RUNS} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="legato-bench-") as home:
            task = {"kind": kind, "store": "sqlite", "home": home, "url": ""}
            outcome = measure(task, timeout_s=TIMEOUT_S)
        if outcome.answer is None:
            print(outcome.failure, file=sys.stderr)
            return record.short_failure(outcome.failure)
        runs.append(outcome.answer)
    return {name: statistics.median(float(each[name]) for each in runs) for name in runs[0]}


def _row(goal: Goal, figures: dict[str, float] | str) -> dict[str, Any]:
    value = None if isinstance(figures, str) else figures[goal.figure]
    reached = value is not None and goal.holds(value)
    return {
        "title": goal.title,
        "value": value,
        "unit": goal.unit,
        "must": goal.must,
        "reached": "PASS" if reached else "FAIL",
    }


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [("node", "value", "", "must", "")]
    lines += [
        (row["title"], number(row["value"]), row["unit"], row["must"], row["reached"])
        for row in rows
    ]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _keep(
    options: argparse.Namespace, rows: list[dict[str, Any]], found: dict[str, Any], load: list[Any]
) -> None:
    kept = {
        **record.head(record.machine(Path(tempfile.gettempdir())), load, {}),
        "runs": RUNS,
        "rows": rows,
        "figures": found,
    }
    if options.json:
        record.write(kept, options.json)
    if options.only is None:
        record.RESULTS.mkdir(exist_ok=True)
        record.write(kept, record.RESULTS / "nodes.json")


if __name__ == "__main__":
    raise SystemExit(main())
