# SPDX-License-Identifier: Apache-2.0
"""What a server counts about itself. Each server for itself: nothing here is of the process.

Counting is a few look-ups in the event loop, without a lock and without the library that writes the
text (`metrics_text`), which is loaded when somebody asks. Labels are templates, codes and statuses:
never an id, and never what a client made up. Rules: HT51, HT52.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from starlette.types import Scope

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others count as one: a client could make up as many as it likes."""
OTHER: Final = "other"
NO_ROUTE: Final = "none"
CLASSES: Final = ("gone", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Of statuses, by their first digit. `gone`: the client was, before it had an answer."""
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LOG_INS: Final = frozenset({"/api/v1/auth/login", "/api/v1/auth/login/mfa"})

_Kind = Literal["counter", "gauge"]


class Family(msgspec.Struct, frozen=True):
    """Numbers of one name. A row holds the values of the labels, and a number.

    Of a histogram the number is a list: how many in each bucket of `BOUNDS_S` and beyond, and their
    sum at its end.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    rows: list[tuple[tuple[str, ...], Any]]


def figures(
    name: str,
    text: str,
    label: str,
    values: Mapping[str, float],
    *,
    kind: Literal["counter", "gauge"],
) -> Family:
    """Return numbers that differ in one label."""
    rows: list[tuple[tuple[str, ...], Any]] = [((key,), values[key]) for key in sorted(values)]
    return Family(name, text, kind, (label,), rows)


def figure(name: str, text: str, value: float, *, kind: _Kind = "gauge") -> Family:
    """Return one number."""
    return Family(name, text, kind, (), [((), value)])


class Metrics:
    """Counts requests, and knows whom to ask for the rest."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.sources: list[Callable[[], Family]] = []
        """Asked at each scrape: parts of the server that count for themselves add one here."""
        self._in_flight = 0
        self._requests: dict[tuple[str, str, int], list[float]] = {}
        self._refusals: dict[str, int] = {}
        self._log_ins: dict[str, int] = {}

    def began(self) -> None:
        """Count a request that begins."""
        self._in_flight += 1

    def ended(self, scope: Scope, status: int, code: str, took_s: float) -> None:
        """Count a request that has ended.

        Args:
            scope: Of the request, routed or not.
            status: Of the answer; 0: there was none.
            code: Of the refusal, if it was one.
            took_s: From its headers to the end of its answer.
        """
        self._in_flight -= 1
        route: Any = scope.get("route")
        path = NO_ROUTE if route is None else route.path
        method = scope["method"]
        key = (method if method in METHODS else OTHER, path, status // 100)
        cell = self._requests.get(key)
        if cell is None:
            cell = self._requests[key] = [0.0] * (len(BOUNDS_S) + 2)
        cell[bisect_left(BOUNDS_S, took_s)] += 1
        cell[-1] += took_s
        if code:
            self.refused(code)
        if path in LOG_INS:
            result = code or CLASSES[status // 100]
            result = "ok" if result == "2xx" else result
            self._log_ins[result] = self._log_ins.get(result, 0) + 1

    def refused(self, code: str) -> None:
        """Count a refusal; also of a connection that is no request."""
        self._refusals[code] = self._refusals.get(code, 0) + 1

    def families(self) -> list[Family]:
        """Return all that is counted, as it is now."""
        rows: list[tuple[tuple[str, ...], Any]] = [
            ((method, path, CLASSES[digit]), list(cell))
            for (method, path, digit), cell in sorted(self._requests.items())
        ]
        return [
            Family(
                "legato_http_request_duration_seconds",
                "Requests by method, route and class of status, and how long they took.",
                "histogram",
                ("method", "route", "status"),
                rows,
            ),
            figure("legato_http_requests_in_flight", "Requests that go on.", self._in_flight),
            figures(
                "legato_http_refusals", "Answers that are a problem, by code.", "code",
                self._refusals, kind="counter",
            ),
            figures(
                "legato_log_ins", "Log-ins by password, by result.", "result",
                self._log_ins, kind="counter",
            ),
            *(source() for source in self.sources),
        ]  # fmt: skip
