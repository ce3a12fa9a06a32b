# SPDX-License-Identifier: Apache-2.0
"""What is measured, how often, with which sizes, and for how long at most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.report import Figures, number

Answers = list[dict[str, Any]]
FLAT_SIZES: Final = (100, 1_000, 10_000)
QUICK_FLAT_SIZES: Final = (100, 300, 1_000)
FLAT_WIDTH: Final = 20


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of the large cases."""

    is_quick: bool

    def of(self, full: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.is_quick else full


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the report on one store: tasks, each for a process of its own, and figures."""

    workload: str
    store: str
    tasks: Sequence[dict[str, Any]]
    timeout_s: float
    is_repeated: bool = False
    read: Callable[[Answers], Figures] | None = field(default=None)

    def figures(self, answers: Answers) -> Figures:
        """Return the figures of one run; `value` is the one that is judged."""
        if self.read is not None:
            return self.read(answers)
        return _numbers(answers[0])

    def shown(self, figures: Figures) -> str:
        """Return a word for the person who waits."""
        return number(figures["value"]) if "value" in figures else "done"


def _numbers(answer: dict[str, Any]) -> Figures:
    return {name: float(each) for name, each in answer.items() if isinstance(each, int | float)}


def raw_cases(stores: Sequence[str]) -> list[Case]:
    """Return the raw limits of each store."""
    return [Case("raw", each, [{"kind": "raw"}], 60, is_repeated=True) for each in stores]


def peer_cases() -> list[Case]:
    """Return the peers, each on every store that it is measured on."""
    return [
        *[
            Case("dbos", store, [{"kind": "dbos"}], 180, is_repeated=True)
            for store in ("sqlite", "sqlite-wal", "postgres")
        ],
        Case("celery", "redis", [{"kind": "celery"}], 180, is_repeated=True),
    ]


def measured_cases(stores: Sequence[str], size: Size) -> list[Case]:
    """Return everything that is measured of Legato, in the order of a round."""
    found = [case for store in stores for case in _workloads(store, size)]
    found += [case for store in stores for case in _large(store, size)]
    found.append(Case("help", "-", [{"kind": "command"}], 60, read=_value_of("help_s")))
    return found


def _workloads(store: str, size: Size) -> list[Case]:
    def case(workload: str, name: str, timeout_s: float, **more: Any) -> Case:
        task = {"kind": "workload", "workload": name, **more}
        return Case(workload, store, [task], timeout_s, is_repeated=True)

    many = size.of(2_000, 500)
    everything = {"kind": "workload", "workload": "everything", "size": many}
    return [
        case("W1", "W1", 60),
        case("W2", "W2", 90),
        case("W3-200", "W3", 60, size=200),
        case("W3-2000", "W3", 120, size=many),
        case("W4", "W4", 60),
        Case("memory", store, [everything], 300, is_repeated=True, read=_value_of("peak_mb")),
    ]


def _large(store: str, size: Size) -> list[Case]:
    def graph(shape: str, nodes: int, **more: Any) -> dict[str, Any]:
        return {"kind": "scale", "shape": shape, "size": nodes, **more}

    sizes = QUICK_FLAT_SIZES if size.is_quick else FLAT_SIZES
    items = size.of(100_000, 5_000)
    layers = [graph("layers", each, width=FLAT_WIDTH) for each in sizes]
    chains = [graph("chain", each) for each in sizes]
    executions = {"size": size.of(200, 50), "seconds": size.of(10, 3)}
    many = {"kind": "adoption", "size": size.of(1_000, 200)}

    def once(workload: str, tasks: list[dict[str, Any]], s: float, read: Any) -> Case:
        return Case(workload, store, tasks, s, read=read)

    return [
        once("flat-layers", layers, 300, _flatness),
        once("flat-chain", chains, 300, _flatness),
        once(
            "layers-10000", [graph("layers", sizes[-1], width=100)], 300, _value_of("first_s")
        ),
        once("fan-10000", [graph("fan", sizes[-1])], 300, _value_of("first_s")),
        once("foreach-100000", [graph("foreach", items)], 600, _value_of("first_s")),
        once(
            "foreach-100000-wide",
            [graph("foreach", items, concurrency=200)], 600, _value_of("first_s"),
        ),
        once("idle", [{"kind": "idle", **executions}], 120, _value_of("cpu_percent")),
        once("adoption", [many], 400, _value_of("adopted_s")),
    ]  # fmt: skip


def _value_of(name: str) -> Callable[[Answers], Figures]:
    def read(answers: Answers) -> Figures:
        figures = _numbers(answers[0])
        return {"value": figures[name], **figures}

    return read


def _flatness(answers: Answers) -> Figures:
    """Return the largest cost per node over the least, and each of them."""
    costs = {int(each["nodes"]): float(each["us_per_node"]) for each in answers}
    figures = {f"us_per_node_at_{nodes}": cost for nodes, cost in costs.items()}
    firsts = {f"first_us_per_node_at_{int(a['nodes'])}": a["first_us_per_node"] for a in answers}
    return {"value": max(costs.values()) / min(costs.values()), **figures, **firsts}
