# SPDX-License-Identifier: Apache-2.0
"""Numbers of a server: counting, writing, and the lag of the loop."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from legato.api.figures import StoreFigures
from legato.api.loop_lag import LoopLag
from legato.api.metrics import Metrics, figure, figures
from legato.api.metrics_text import render
from legato.errors import Refused, StoreUnavailable
from legato.ports.audit import Head
from tests.unit.api.calls import call, framed, hello, scope_of

ROUTE = SimpleNamespace(path="/api/v1/things/{thing_id}")


def scope(method: str = "GET", route: Any = ROUTE) -> dict[str, Any]:
    """Return what is known of a request."""
    found: dict[str, Any] = {"method": method, "path": "/api/v1/things/secret-id"}
    return found if route is None else {**found, "route": route}


def samples(metrics: Metrics) -> dict[str, float]:
    """Return what a scrape gives, by name and labels."""
    text = render(metrics.families()).decode()
    return {
        f"{each.name}{sorted(each.labels.items())}": each.value
        for family in parsed(text)
        for each in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Return one number of a scrape."""
    return samples(metrics)[f"{name}{sorted(labels.items())}"]


def test_requests_are_counted_by_method_template_and_class() -> None:
    """With how long they took, and how many go on [HT52]."""
    metrics = Metrics()
    for took_s in (0.0004, 0.03, 20.0):
        metrics.began()
        metrics.ended(scope(), 200, "", took_s)
    metrics.began()
    name = "legato_http_request_duration_seconds"
    labels = {"method": "GET", "route": ROUTE.path, "status": "2xx"}
    assert value(metrics, f"{name}_count", **labels) == 3
    assert value(metrics, f"{name}_sum", **labels) == pytest.approx(20.0304)
    counted = [("0.001", 1), ("0.025", 1), ("0.05", 2), ("10.0", 2), ("+Inf", 3)]
    for bound, count in counted:
        assert value(metrics, f"{name}_bucket", **labels, le=bound) == count, bound
    assert value(metrics, "legato_http_requests_in_flight") == 1


def test_no_label_is_made_up_by_a_client() -> None:
    """Not its method, nor its path, nor an id in it [HT52]."""
    metrics = Metrics()
    for number in range(100):
        metrics.began()
        metrics.ended(scope(f"M{number}", None), 404, "not_found", 0.1)
        metrics.began()
        metrics.ended(scope("GET", None), 0, "", 0.1)
    text = render(metrics.families()).decode()
    assert "secret-id" not in text
    assert "M1" not in text
    found = [line for line in text.splitlines() if "duration_seconds_count" in line]
    assert len(found) == 2
    assert value(metrics, "legato_http_refusals_total", code="not_found") == 100


def test_refusals_and_log_ins_are_counted_by_their_result() -> None:
    """What a part of the server counts itself is asked at each scrape [HT52]."""
    metrics = Metrics()
    log_in = SimpleNamespace(path="/api/v1/auth/login")
    for status, code in ((200, ""), (401, "invalid_credentials"), (429, "rate_limited"), (0, "")):
        metrics.began()
        metrics.ended(scope("POST", log_in), status, code, 0.2)
    metrics.refused("headers_too_large")
    hits = {"read": 1}
    metrics.sources.append(
        lambda: figures("legato_limit_hits", "Hits.", "limit", hits, kind="counter")
    )
    metrics.sources.append(lambda: figure("legato_waiting", "Waiting.", 3))
    hits["read"] = 2
    assert value(metrics, "legato_limit_hits_total", limit="read") == 2
    assert value(metrics, "legato_waiting") == 3
    for result in ("ok", "invalid_credentials", "rate_limited", "gone"):
        assert value(metrics, "legato_log_ins_total", result=result) == 1
    assert value(metrics, "legato_http_refusals_total", code="headers_too_large") == 1


async def test_the_frame_counts_every_request_and_why_it_was_refused() -> None:
    """Also one that no route sees [HT52]."""

    async def refusing(*_: Any) -> None:
        raise Refused("queue_full")

    metrics = Metrics()
    for app in (hello, refusing):
        frame = framed(app)
        frame.metrics = metrics
        await call(frame, scope_of())
        await call(frame, scope_of(host=(b"host", b"evil.example")))
    labels = {"method": "GET", "route": "none"}
    name = "legato_http_request_duration_seconds_count"
    assert value(metrics, name, **labels, status="2xx") == 1
    assert value(metrics, name, **labels, status="4xx") == 3
    assert value(metrics, "legato_http_refusals_total", code="queue_full") == 1
    assert value(metrics, "legato_http_refusals_total", code="host_refused") == 2
    assert value(metrics, "legato_http_requests_in_flight") == 0


def test_a_scrape_tells_of_process_and_program() -> None:
    """Each server with a registry of its own [HT51]."""
    for _ in range(2):
        found = samples(Metrics())
        assert found["process_resident_memory_bytes[]"] > 1_000_000
        assert found["process_cpu_seconds_total[]"] > 0
        assert [name for name in found if name.startswith("legato_build_info")]


class Shelf:
    """A store that counts how often it is asked."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self.asked = 0
        self.is_away = False

    async def open_counts(self) -> dict[str, int]:
        """Count."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailable
        return {"running": 2}

    async def unsealed(self) -> int:
        """Return some."""
        return 3

    async def head(self) -> Head:
        """Return one."""
        return Head(7, "0" * 64)


async def test_the_store_is_asked_once_in_some_seconds_and_may_be_away() -> None:
    """However many scrapes come at once [HT53]."""
    shelf, now = Shelf(), [0.0]
    stores: Any = SimpleNamespace(executions=shelf, audit=shelf)
    asking = StoreFigures(stores, lambda: now[0])
    for each in await asyncio.gather(*(asking.look() for _ in range(5))):
        rows = {family.name: family.rows for family in each}
        assert rows["legato_store_up"] == [((), 1)]
        assert (("running",), 2) in rows["legato_executions"]
        assert (("paused",), 0) in rows["legato_executions"]
        assert rows["legato_audit_unsealed"] == [((), 3)]
    assert shelf.asked == 1
    shelf.is_away, now[0] = True, 5.0
    assert [family.rows for family in await asking.look()] == [[((), 0)]]
    assert shelf.asked == 2


async def test_a_loop_that_is_blocked_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last look, and the worst of the last minutes [HT54]."""
    monkeypatch.setattr("legato.api.loop_lag.EACH_S", 0.01)
    looked, lag = asyncio.Event(), LoopLag()
    look = lag._look

    def noticed(loop: asyncio.AbstractEventLoop) -> None:
        look(loop)
        looked.set()

    monkeypatch.setattr(lag, "_look", noticed)
    lag.start()
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        pass  # nothing else runs meanwhile
    await looked.wait()
    worst = lag.worst_s
    assert worst >= lag.last_s >= 0.1
    for _ in range(3):
        looked.clear()
        await looked.wait()
    assert lag.worst_s >= worst > lag.last_s
    lag.stop()
