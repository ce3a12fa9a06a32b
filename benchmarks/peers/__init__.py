# SPDX-License-Identifier: Apache-2.0
"""Other engines, each with its public interface and the settings that it ships with.

Both are asked for the same workloads as `benchmarks.workloads`, and for nothing else: a node does
no work, reads the output of the node before it and gives one number.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any, Final

CHAIN_NODES: Final = 100
FAN_NODES: Final = 1_000
DIAMONDS: Final = 200
SINGLES: Final = 20
IDLE_S: Final = 0.02
"""Pause before each single node: the system is idle when it comes."""


class WrongAnswerError(Exception):
    """A peer gave another result than the workload has: its time means nothing."""


def check(got: Any, expected: int) -> None:
    """Raise unless a workload's last node gave what it must give."""
    value = got.get("value") if isinstance(got, dict) else got
    if value != expected:
        raise WrongAnswerError(f"expected {expected}, got {got!r:.100}")


def seconds_of(work: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def p99_ms(times_s: list[float]) -> float:
    """Return the 99th percentile (nearest rank) in milliseconds."""
    ordered = sorted(times_s)
    return ordered[max(0, -(-len(ordered) * 99 // 100) - 1)] * 1e3


def median_ms(times_s: list[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(times_s) * 1e3
