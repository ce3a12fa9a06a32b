# SPDX-License-Identifier: Apache-2.0
"""Executions over HTTP: read beside a bare route, one node to its end, a hundred starts at once.

Every figure is of a server process with the limits that the heading prints. Reads are of random ids
out of a hundred thousand, by a thousand sessions in turn; one node is started with `Prefer: wait`
on an idle server, one after the other.

A start with a hundred in flight: executions of one second, a hundred of them begun in each second
and each second's spread evenly, so that a hundred are always under way; a start is timed from when
it was due to its answer. Throughput is another run: a hundred connections start five-node diamonds
as fast as they are answered, and it ends when the last execution has; W3 of the engine alone is
measured after it.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import api_load, api_site, documents, plugin, process
from benchmarks.api_load import Line
from benchmarks.api_site import Place, Server, ServerFailedError
from benchmarks.report import Figures

API: Final = "/api/v1"
STORED: Final = 100_000
SESSIONS: Final = 1_000
ROUNDS: Final = 6
ROUND_S: Final = 5
WARM_S: Final = 2
SINGLES: Final = 300
IN_FLIGHT: Final = 100
FLIGHT_S: Final = 10
LINES: Final = 32
"""Connections of the starts: a late answer does not hold up the next one."""
DIAMONDS: Final = 2_000
DRAINED_WITHIN_S: Final = 120.0
DONE: Final = "completed"
NAP: Final = json.dumps(
    {
        "legato": 1,
        "name": "nap",
        "nodes": {"nap": {"uses": "delay", "with": {"for": "1s"}}},
    }
).encode()


class Desk:
    """Somebody who may start and read, on connections that are kept."""

    def __init__(self, url: str, token: str) -> None:
        self.line = Line(url, headers={"Authorization": f"Bearer {token}"})

    async def ask(
        self, method: str, path: str, value: Any = None, **headers: str
    ) -> tuple[int, Any]:
        """Make one request; the answer must be JSON."""
        status, body = await self.line.ask(method, API + path, value, headers)
        return status, json.loads(body) if body else None

    async def good(self, method: str, path: str, value: Any = None, **headers: str) -> Any:
        """Make one request that must succeed.

        Raises:
            ServerFailedError: It does not.
        """
        status, found = await self.ask(method, path, value, **headers)
        if status >= 300:
            raise ServerFailedError(f"{method} {path} answers {status}: {str(found)[:500]}")
        return found

    async def publish(self, document: bytes) -> str:
        """Make and publish a workflow; return its slug."""
        value = json.loads(document)
        made = await self.good("POST", "/workflows", {"document": value})
        await self.good("POST", f"/workflows/{made['id']}/publish", {"revision": 1})
        return str(value["name"])

    async def run(self, slug: str) -> tuple[float, dict[str, Any]]:
        """Start an execution and wait for its end; return the ms and the execution.

        Raises:
            ServerFailedError: It has not completed.
        """
        began = time.perf_counter()
        path = f"/workflows/{slug}/executions"
        found = await self.good("POST", path, {"inputs": {}}, Prefer="wait=30")
        took_ms = (time.perf_counter() - began) * 1e3
        if found["status"] != DONE:
            raise ServerFailedError(f"an execution is {found['status']}")
        return took_ms, found

    async def drained(self) -> None:
        """Return when no execution is under way.

        Raises:
            ServerFailedError: Some are after a long time.
        """
        began = time.perf_counter()
        while True:
            found = await self.good("GET", "/executions?status=queued,running,waiting&limit=1")
            if not found["items"]:
                return
            if time.perf_counter() - began > DRAINED_WITHIN_S:
                raise ServerFailedError("executions do not end")
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Hang up."""
        self.line.close()


def read(place: Place, store: str, *, is_quick: bool) -> list[Figures]:
    """Read one execution of many, beside a bare route with an answer of the same size."""
    rounds, seconds = (2, 1) if is_quick else (ROUNDS, ROUND_S)
    fill(place, store, 2_000 if is_quick else STORED)
    with serving(place) as (server, tokens):
        token = tokens.read_text().split()[0]
        ids = asyncio.run(_ids(server, token, 500 if is_quick else 5_000))
        ids_file = place.home / "ids"
        ids_file.write_text("\n".join(ids) + "\n")
        path = f"{API}/executions/"
        status, value = api_site.get(server.url + path + ids[0], Authorization=f"Bearer {token}")
        if status != 200:
            raise ServerFailedError(f"{path}{{id}} answers {status}")
        script = ("get", str(ids_file))
        with api_site.bare(value, place.home, path + "{execution_id}") as bare:
            for each in (bare, server):
                api_load.rush(each, path, tokens, WARM_S, more=script)
            return [
                _pair(server, bare, path, tokens, (seconds, script), turn) for turn in range(rounds)
            ]


def _pair(
    server: Server, bare: Server, path: str, tokens: Path, plan: tuple[int, Any], turn: int
) -> Figures:
    """Return one round of each; who goes first changes."""
    seconds, script = plan
    pair = {}
    for each in (bare, server) if turn % 2 == 0 else (server, bare):
        pair[each is server] = api_load.rush(each, path, tokens, seconds, more=script)
    figures = {"value": pair[True].per_s / pair[False].per_s}
    figures["cpu_ratio"] = pair[False].cpu_us / pair[True].cpu_us
    for name, one in (("me", pair[True]), ("bare", pair[False])):
        figures |= {f"{name}_{key}": each for key, each in asdict(one).items()}
    return figures


async def _ids(server: Server, token: str, count: int) -> list[str]:
    """Return ids of stored executions from all over the list."""
    desk = Desk(server.url, token)
    found: list[str] = []
    cursor = ""
    while len(found) < count:
        page = await desk.good("GET", f"/executions?limit=200{cursor}")
        found += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    desk.close()
    return found


def single(place: Place, store: str, *, is_quick: bool) -> list[Figures]:
    """Start one node and wait for its end, again and again, on a server that does nothing else."""
    count = 30 if is_quick else SINGLES
    with serving(place) as (server, tokens):
        return [asyncio.run(_single(server, tokens.read_text().split()[0], count))]


async def _single(server: Server, token: str, count: int) -> Figures:
    desk = Desk(server.url, token)
    slug = await desk.publish(documents.chain(1))
    times = sorted([(await desk.run(slug))[0] for _ in range(count + 5)][5:])
    desk.close()
    return {
        "value": statistics.median(times),
        "p99_ms": times[int(len(times) * 0.99)],
        "tries": float(count),
    }


def flight(place: Place, store: str, *, is_quick: bool) -> list[Figures]:
    """Start executions of a second while a hundred of them are under way."""
    seconds = 3 if is_quick else FLIGHT_S
    with serving(place) as (server, tokens):
        return [asyncio.run(_flight(server, tokens.read_text().split()[0], seconds))]


async def _flight(server: Server, token: str, seconds: int) -> Figures:
    desk = Desk(server.url, token)
    slug = await desk.publish(NAP)
    lines: asyncio.Queue[Desk] = asyncio.Queue()
    for _ in range(LINES):
        lines.put_nowait(Desk(server.url, token))
    times: list[float] = []
    began = time.perf_counter() + 0.1

    async def start(number: int) -> None:
        due = began + number / IN_FLIGHT
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        line = await lines.get()
        await line.good("POST", f"/workflows/{slug}/executions", {"inputs": {}})
        lines.put_nowait(line)
        if due - began > 1.0:  # a hundred are under way
            times.append((time.perf_counter() - due) * 1e3)

    await asyncio.gather(*(start(number) for number in range((seconds + 1) * IN_FLIGHT)))
    found = await desk.good("GET", "/executions?status=queued,running,waiting&limit=200")
    await desk.drained()
    for each in [desk, *(lines.get_nowait() for _ in range(LINES))]:
        each.close()
    times.sort()
    return {
        "value": times[int(len(times) * 0.99)],
        "p50_ms": statistics.median(times),
        "max_ms": times[-1],
        "starts": float(len(times)),
        "in_flight_at_end": float(len(found["items"])),
    }


def through(place: Place, store: str, *, is_quick: bool) -> list[Figures]:
    """Start diamonds over a hundred connections; beside it W3 of the engine alone, the same run."""
    seconds = 2 if is_quick else FLIGHT_S
    size = 200 if is_quick else DIAMONDS
    with serving(place) as (server, tokens):
        token, body = place.home / "token", place.home / "start.json"
        token.write_text(tokens.read_text().split()[0] + "\n")
        body.write_text('{"inputs":{}}')
        figures = asyncio.run(_through(server, token, body, seconds))
    with alone(place, store) as where:
        task = {"kind": "workload", "workload": "W3", "size": size, **where}
        outcome = process.measure(task, timeout_s=240)
    if outcome.answer is None:
        raise ServerFailedError(f"W3 cannot be measured: {outcome.failure[-500:]}")
    figures["engine_per_s"] = float(outcome.answer["value"])
    figures["value"] = figures["ended_per_s"] / figures["engine_per_s"]
    return [figures]


async def _through(server: Server, token: Path, body: Path, seconds: int) -> Figures:
    desk = Desk(server.url, (await asyncio.to_thread(token.read_text)).strip())
    slug = await desk.publish(documents.diamond())
    path = f"{API}/workflows/{slug}/executions"

    def rush(seconds: int) -> api_load.Round:
        return api_load.rush(
            server, path, token, seconds, more=("post", str(body)), connections=IN_FLIGHT
        )

    await asyncio.to_thread(rush, WARM_S)
    await desk.drained()
    began = time.perf_counter()
    found = await asyncio.to_thread(rush, seconds)
    started_s = time.perf_counter() - began
    await desk.drained()
    took_s = time.perf_counter() - began
    desk.close()
    return {
        "p50_ms": found.p50_ms,
        "p99_ms": found.p99_ms,
        "started_per_s": found.requests / started_s,
        "ended_per_s": found.requests / took_s,
        "started": float(found.requests),
        "client_share": found.client_share,
    }


@contextlib.contextmanager
def serving(place: Place) -> Iterator[tuple[Server, Path]]:
    """Run a server with the nodes of the benchmarks; give it and a file of tokens."""
    plugin.install(place.home)
    with api_site.legato(["serve"], place) as server:
        found = api_site.make_people(place, server, SESSIONS, role="editor")
        tokens = place.home / "tokens"
        tokens.write_text("\n".join(found) + "\n")
        yield server, tokens


@contextlib.contextmanager
def alone(place: Place, store: str) -> Iterator[dict[str, str]]:
    """Give a fresh home and database for the engine alone, so that nothing is shared."""
    from tests.services import database, find_postgres

    home = place.home / "alone"
    home.mkdir(exist_ok=True)
    server = find_postgres() if store == "postgres" else None
    with database(server) if server else contextlib.nullcontext("") as url:
        yield {"store": store, "home": str(home), "url": url}


def fill(place: Place, store: str, count: int) -> None:
    """Store so many executions that have ended, of several workflows and statuses."""
    from benchmarks import million

    print(f"  storing {count} executions …", file=sys.stderr, flush=True)
    million.fill(place.database_url, place.home, count)
