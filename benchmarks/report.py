# SPDX-License-Identifier: Apache-2.0
"""The table: every figure beside what it must reach, the raw limit and the best durable peer."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchmarks.goals import GOALS, Bound, Goal, Mark, judge
from benchmarks.record import short_failure

PEER_FIGURES: Final = {"W1": "W1", "W2": "W2", "W3-200": "W3", "W3-2000": "W3", "W4": "W4"}
"""Which figure of a peer a workload is compared with; 2000 diamonds with its 200."""
MARKS: Final = {"PASS": "PASS", "FAIL": "FAIL", "not judged": "?"}
COMMITS: Final = {"W1": "commit_ms", "W4": "idle_commit_ms"}
"""Which raw figure a workload's is a multiple of."""
FAILURE_LINES: Final = 6
Figures = dict[str, float]


@dataclass(slots=True)
class Samples:
    """What the runs of one case gave: figures by name, or failures."""

    runs: list[Figures] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def medians(self) -> Figures:
        """Return the median of each figure over the runs; empty if any run failed."""
        if self.failures or not self.runs:
            return {}
        return {
            name: statistics.median(each[name] for each in self.runs)
            for name in self.runs[0]
            if all(name in each for each in self.runs)
        }

    def values(self, name: str = "value") -> list[float]:
        """Return one figure of every run."""
        return [each[name] for each in self.runs if name in each]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, as it is kept."""

    workload: str
    title: str
    store: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    must: str
    aim: str
    reached: Mark
    aimed: Mark | None
    raw_ratio: float | None
    peer_ratio: float | None
    failure: str = ""
    figures: Figures = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it for the JSON, numbers to four digits."""
        row = asdict(self)
        row["figures"] = {name: _digits(each) for name, each in self.figures.items()}
        for name in ("value", "low", "high", "raw_ratio", "peer_ratio"):
            row[name] = None if row[name] is None else _digits(row[name])
        return row


def _digits(number: float) -> float:
    return float(f"{number:.4g}")


class Report:
    """Rows out of samples. Keys are (workload, store); peers are (name, store)."""

    def __init__(
        self,
        samples: Mapping[tuple[str, str], Samples],
        raw: Mapping[str, Samples],
        peers: Mapping[tuple[str, str], Samples],
    ) -> None:
        self._samples = samples
        self._raw = {store: each.medians() for store, each in raw.items()}
        self._peers = peers

    def rows(self) -> list[Row]:
        """Return the rows in the order of the goals."""
        return [
            self._row(workload, store, self._samples[workload, store])
            for workload in GOALS
            for each, store in self._samples
            if each == workload
        ]

    def _row(self, workload: str, store: str, samples: Samples) -> Row:
        goal = GOALS[workload].on(store)
        figures = samples.medians()
        values = samples.values() if figures else []
        others = self._others(workload, store, goal)
        failed = not figures
        return Row(
            workload=workload,
            title=goal.title,
            store=store,
            unit=goal.unit,
            value=figures.get("value"),
            low=min(values, default=None),
            high=max(values, default=None),
            must=_texts(goal.must),
            aim=_texts(goal.aim),
            reached="FAIL" if failed else judge(goal.must, figures, others),
            aimed=None if not goal.aim or failed else judge(goal.aim, figures, others),
            raw_ratio=self._raw_ratio(workload, store, figures),
            peer_ratio=_ratio(goal, figures.get("value"), others.get("peer")),
            failure=short_failure(samples.failures[0]) if samples.failures else "",
            figures=figures,
        )

    def _others(self, workload: str, store: str, goal: Goal) -> dict[str, float]:
        found: dict[str, float] = {}
        raw = self._raw.get(store, {})
        if raw and workload in COMMITS:
            found["raw"] = raw[COMMITS[workload]]
        peer = self._best_peer(workload, goal)
        if peer is not None:
            found["peer"] = peer
        reference = self._samples.get((workload, "sqlite"))
        if reference is not None and "value" in reference.medians():
            found["sqlite"] = reference.medians()["value"]
        return found

    def _best_peer(self, workload: str, goal: Goal) -> float | None:
        """Return the best figure of the peers that are durable per node."""
        name = PEER_FIGURES.get(workload)
        found = [
            each.medians()[name]
            for (peer, _), each in self._peers.items()
            if name is not None and name in each.medians() and peer != "celery"
        ]
        return (max if goal.is_rate else min)(found, default=None)

    def _raw_ratio(self, workload: str, store: str, figures: Figures) -> float | None:
        """Commits per node (W1; W4 after a pause), or the used share of the inserts (W2, W3)."""
        raw = self._raw.get(store, {})
        value = figures.get("value")
        if value is None or not raw:
            return None
        if workload in COMMITS:
            return value / raw[COMMITS[workload]]
        if "events_per_unit" in figures:
            return value * figures["events_per_unit"] / raw["rows_per_s"]
        return None

    def text(self) -> str:
        """Return the whole report for a terminal."""
        head = ("workload", "store", "value", "min-max", "unit", "must", "aim", "raw", "peer", "")
        lines = [_cells(row) for row in self.rows()]
        parts = [table([head, *lines]), *self._raw_lines(), *self._peer_lines(), _LEGEND]
        failures = [
            f"FAIL {key[0]} on {key[1]}: {_tail(failure)}"
            for group in (self._samples, self._peers)
            for key, each in group.items()
            for failure in each.failures[:1]
        ]
        return "\n".join([*parts, *failures])

    def _raw_lines(self) -> Iterable[str]:
        for store, raw in self._raw.items():
            if raw:
                sync = f", fsync {raw['sync_ms']:.3f} ms" if "sync_ms" in raw else ""
                yield (
                    f"raw {store}: single commit {raw['commit_ms']:.3f} ms "
                    f"(p99 {raw['commit_p99_ms']:.3f}, after a pause "
                    f"{raw['idle_commit_ms']:.3f}), "
                    f"batch insert {raw['rows_per_s']:,.0f} rows/s{sync}"
                )

    def _peer_lines(self) -> Iterable[str]:
        if not self._peers:
            return
        head = ("peer", "store", "W1 ms/node", "W2 nodes/s", "W3 workflows/s", "p99 ms", "W4 ms",
                "MB")  # fmt: skip
        rows: list[Sequence[str]] = [head]
        for (name, store), each in self._peers.items():
            figures = each.medians()
            names = ("W1", "W2", "W3", "W3_p99_ms", "W4", "peak_mb")
            shown = [number(figures[n]) if n in figures else "FAIL" for n in names]
            rows.append((name, store, *shown))
        yield "\n" + table(rows)


_LEGEND: Final = (
    "raw: commits of the same store per node (W1; W4: commits after a pause) or the share of its "
    "insert ceiling (W2, W3);\npeer: times better than the best durable peer; ?: not judged, the "
    "other side was not measured (--peers); last: must / aim."
)


def _tail(failure: str) -> str:
    """Return what a failure said first and last."""
    first, *rest = failure.strip().splitlines()
    return "\n    ".join([first, *rest[-FAILURE_LINES:]])


def _ratio(goal: Goal, value: float | None, peer: float | None) -> float | None:
    if value is None or peer is None or not value:
        return None
    return value / peer if goal.is_rate else peer / value


def _texts(bounds: tuple[Bound, ...]) -> str:
    return ", ".join(bound.text() for bound in bounds)


def number(value: float | None) -> str:
    """Return a number with three or four digits that matter."""
    if value is None:
        return "-"
    if abs(value) >= 1_000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(row: Row) -> Sequence[str]:
    marks = MARKS[row.reached] + (f" / {MARKS[row.aimed]}" if row.aimed else "")
    value = "FAIL" if row.value is None else number(row.value)
    spread = "" if row.low is None or row.low == row.high else _spread(row)
    raw = ""
    if row.raw_ratio is not None:
        is_share = row.workload not in COMMITS
        raw = f"{row.raw_ratio:.0%}" if is_share else f"{row.raw_ratio:.2f}x"
    peer = "" if row.peer_ratio is None else f"{row.peer_ratio:.1f}x"
    if "p99_ms" in row.figures:
        value += f" (p99 {number(row.figures['p99_ms'])} ms)"
    return (
        row.title, row.store, value, spread, row.unit, row.must, row.aim, raw, peer, marks,
    )  # fmt: skip


def _spread(row: Row) -> str:
    return f"{number(row.low)}-{number(row.high)}"


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])
