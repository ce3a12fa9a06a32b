# SPDX-License-Identifier: Apache-2.0
"""Numbers as Prometheus reads them, with those of the process. Imported by the first scrape alone.

Rules: HT51.
"""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from legato import __version__
from legato.api.metrics import BOUNDS_S, Family

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class _Given:
    """A collector of what was counted elsewhere."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for each in self._families:
            yield _metric(each)
        build = GaugeMetricFamily("legato_build_info", "What runs.", labels=["version", "python"])
        build.add_metric([__version__, platform.python_version()], 1)
        yield build


def render(families: Iterable[Family]) -> bytes:
    """Return the text. It takes some 10 ms with all routes: not for the event loop."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, cell in family.rows:
            histogram.add_metric(labels, _buckets(cell[:-1]), sum_value=cell[-1])
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in family.rows:
        metric.add_metric(labels, value)
    return metric


def _buckets(counts: Sequence[float]) -> list[tuple[str, float]]:
    names = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    return list(zip(names, itertools.accumulate(counts), strict=True))
