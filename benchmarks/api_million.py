# SPDX-License-Identifier: Apache-2.0
"""A server over a million stored executions: every list, filter, pair and search; starts.

Each filter is asked for again and again, page after page, so that first pages and late ones count;
words are of half, a tenth, a hundredth and a ten-thousandth of all rows. A page that ended early is
counted. One node is run on that store and on an empty one.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks import documents, million
from benchmarks.api_runs import Desk, fill, serving
from benchmarks.api_site import Place
from benchmarks.report import Figures, number

STORED: Final = 1_000_000
TRIES: Final = 100
SINGLES: Final = 200
SHOWN: Final = 6


def measure(place: Place, store: str, *, is_quick: bool) -> tuple[Figures, Figures]:
    """Return the figures of lists, and those of starts beside an empty store."""
    count, tries = (20_000, 10) if is_quick else (STORED, TRIES)
    singles = 20 if is_quick else SINGLES
    with _empty(place, store) as empty, serving(empty) as (server, tokens):
        before = asyncio.run(_single(server.url, tokens.read_text().split()[0], singles))
    fill(place, store, count)
    with serving(place) as (server, tokens):
        token = tokens.read_text().split()[0]
        lists = asyncio.run(_lists(server.url, token, tries))
        after = asyncio.run(_single(server.url, token, singles))
    full = {"value": after / before, "full_ms": after, "empty_ms": before, "stored": float(count)}
    return lists, full


def report(figures: Figures) -> Iterator[str]:
    """Say which lists are the slowest, and how many pages ended early."""
    worst = sorted(
        ((each, name) for name, each in figures.items() if name.startswith("p99 ")), reverse=True
    )
    for each, name in worst[:SHOWN]:
        early = figures[f"early {name[4:]}"]
        yield f"{name[4:]:28} p99 {number(each)} ms, {early:.0f} pages ended early"
    yield (
        f"{figures['lists']:.0f} lists, {figures['pages']:.0f} pages, "
        f"{figures['early']:.0f} of them ended early; p50 of all {number(figures['p50_ms'])} ms"
    )


@contextlib.contextmanager
def _empty(place: Place, store: str) -> Iterator[Place]:
    """Give a place of its own with an empty store of the same kind."""
    from tests.services import database, find_postgres

    home = place.home / "empty"
    home.mkdir()
    server = find_postgres() if store == "postgres" else None
    sqlite = contextlib.nullcontext(f"sqlite:///{home}/legato.db")
    with database(server) if server else sqlite as url:
        yield Place(home, url)


async def _single(url: str, token: str, count: int) -> float:
    """Return the median ms of one node from its start to its end."""
    desk = Desk(url, token)
    slug = await desk.publish(documents.chain(1))
    times = [(await desk.run(slug))[0] for _ in range(count + 5)][5:]
    desk.close()
    return statistics.median(times)


async def _lists(url: str, token: str, tries: int) -> Figures:
    desk = Desk(url, token)
    figures: Figures = {}
    everything: list[float] = []
    early = 0
    # By id it is the same filter over HTTP, of workflows that are made; these are only named.
    wanted = {name: each for name, each in million.asked().items() if "workflow_id" not in each}
    for name, filters in wanted.items():
        times, ended_early = await _pages(desk, _query(filters), tries)
        figures[f"p99 {name}"] = times[min(int(len(times) * 0.99), len(times) - 1)]
        figures[f"early {name}"] = float(ended_early)
        everything += times
        early += ended_early
    desk.close()
    return {
        "value": max(each for name, each in figures.items() if name.startswith("p99 ")),
        "p50_ms": statistics.median(everything),
        "lists": float(len(wanted)),
        "pages": float(len(everything)),
        "early": float(early),
        **figures,
    }


async def _pages(desk: Desk, query: list[tuple[str, str]], tries: int) -> tuple[list[float], int]:
    """Ask for page after page, and from the beginning again; return ms and early ends."""
    times: list[float] = []
    early, cursor = 0, None
    for _ in range(tries):
        asked = query + ([("cursor", cursor)] if cursor else [])
        began = time.perf_counter()
        page = await desk.good("GET", f"/executions?{urlencode(asked)}")
        times.append((time.perf_counter() - began) * 1e3)
        early += page["searched_through"] is not None
        cursor = page["next_cursor"]
    return sorted(times), early


def _query(filters: dict[str, Any]) -> list[tuple[str, str]]:
    """Return filters of the store as parameters of the API."""
    found: list[tuple[str, str]] = []
    for name, value in filters.items():
        if name == "statuses":
            found.append(("status", ",".join(value)))
        elif name in {"created_from", "created_to"}:
            way = "created_after" if name == "created_from" else "created_before"
            found.append((way, datetime.fromtimestamp(value / 1000, UTC).isoformat()))
        elif name == "values":
            found += [("value", f"{path}:{text}") for path, text in value]
        else:
            names = {"search": "q", "number": "version"}
            found.append((names.get(name, name), str(value)))
    return found
