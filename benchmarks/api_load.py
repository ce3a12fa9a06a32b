# SPDX-License-Identifier: Apache-2.0
"""Load on a server: requests as fast as it answers (wrk), log-ins at once, a probe at a fixed pace.

What takes log-ins is told apart by address: each client connects from an address of its own in
127.0.0.0/8, or the throttle would let through twenty.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.api_site import PASSWORD, Server, ServerFailedError, email_of

SCRIPT: Final = Path(__file__).with_name("in_turn.lua")
AT_RANDOM: Final = Path(__file__).with_name("at_random.lua")
CONNECTIONS: Final = 32
PROBE_EACH_S: Final = 0.01
PROBES: Final = 10
"""Connections of the probe: a late answer does not hold up the next question."""
LOG_IN_WITHIN_S: Final = 300.0
LIVE: Final = "/health/live"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of requests gave. Times are ms, `cpu_us` is the server's per request."""

    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    requests: int
    client_share: float


def find_wrk() -> str | None:
    """Return the program, or None."""
    return shutil.which("wrk")


def rush(
    server: Server,
    path: str,
    tokens: Path,
    seconds: int,
    *,
    more: Sequence[str] = (),
    connections: int = CONNECTIONS,
) -> Round:
    """Ask as often as the server answers, with the tokens of a file in turn.

    Args:
        server: Who is asked.
        path: What; with `more` what is in front of an id.
        tokens: A file.
        seconds: For how long.
        more: What else `at_random.lua` takes.
        connections: At once.

    Raises:
        ServerFailedError: An answer was no success.
    """
    used = server.cpu_s()
    command = [
        *(find_wrk() or "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
        *("--script", str(AT_RANDOM if more else SCRIPT), server.url + path),
        *("--", str(tokens), *more),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        assert client.stdout is not None
        said = client.stdout.read()
        _, status, usage = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
    used = server.cpu_s() - used
    lines = [line for line in said.splitlines() if line.startswith(b"{")]
    if client.returncode or not lines:
        raise ServerFailedError(f"wrk: {said.decode(errors='replace')[-1000:]}")
    found = json.loads(lines[-1])
    if found["failed"]:
        raise ServerFailedError(f"{found['failed']} of {found['requests']} answers were bad")
    return Round(
        per_s=found["requests"] / found["seconds"],
        cpu_us=used / found["requests"] * 1e6,
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        requests=found["requests"],
        client_share=(usage.ru_utime + usage.ru_stime) / found["seconds"],
    )


class Line:
    """A connection that is kept."""

    def __init__(
        self, url: str, address: str = "127.0.0.1", headers: Mapping[str, str] | None = None
    ) -> None:
        parts = urlsplit(url)
        self._headers = dict(headers or {})
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._address = address
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Make one request."""
        if self._ends is None:
            self._ends = await asyncio.open_connection(
                self._host, self._port, local_addr=(self._address, 0)
            )
        reader, writer = self._ends
        body = b"" if value is None else json.dumps(value).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in {**self._headers, **(headers or {})}.items())
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, _, length = answer.partition(b"\r\ncontent-length:")
        content = await reader.readexactly(int(length.split(b"\r\n")[0]))
        return int(answer.split()[1]), content

    def close(self) -> None:
        """Hang up."""
        if self._ends is not None:
            self._ends[1].close()


class Probe:
    """Asks `/health/live` at a fixed pace while its block runs; `times_ms` is how long each took.

    A time is counted from when the question was due: one that waits behind another is late.
    """

    def __init__(self, url: str) -> None:
        self.times_ms: list[float] = []
        self._lines = [Line(url) for _ in range(PROBES)]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Probe":
        began = time.perf_counter()
        for number, line in enumerate(self._lines):
            due = began + number * PROBE_EACH_S
            self._tasks.append(asyncio.create_task(self._ask(line, due)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines:
            line.close()
        for each in ended:
            if isinstance(each, Exception):
                raise each

    async def _ask(self, line: Line, due: float) -> None:
        await line.ask("GET", LIVE)  # connects
        due = max(due, time.perf_counter())
        while True:
            due += PROBES * PROBE_EACH_S
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            status, _ = await line.ask("GET", LIVE)
            if status != 200:
                raise ServerFailedError(f"{LIVE} answers {status}")
            self.times_ms.append((time.perf_counter() - due) * 1e3)

    def figure(self, part: float) -> float:
        """Return a percentile."""
        ordered = sorted(self.times_ms)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


async def crowd(url: str, count: int, calm_s: float) -> dict[str, float]:
    """Have so many people log in at once while `/health/live` is asked; all must succeed.

    Args:
        url: Of the server.
        count: How many; people of `make_people`, each from an address of their own.
        calm_s: For how long the probe asks before that.
    """
    async with Probe(url) as calm:
        await asyncio.sleep(calm_s)
    lines = [Line(url, address_of(number)) for number in range(count)]
    async with Probe(url) as probe:
        began = time.perf_counter()
        async with asyncio.timeout(LOG_IN_WITHIN_S):
            answers = await asyncio.gather(
                *(_log_in(line, email_of(number)) for number, line in enumerate(lines))
            )
        took_s = time.perf_counter() - began
    for line in lines:
        line.close()
    verified = sum(status == 200 and b"access_token" in body for status, body in answers)
    if verified != count:
        statuses = sorted({status for status, _ in answers})
        raise ServerFailedError(f"{verified} of {count} log-ins succeeded; statuses {statuses}")
    return {
        "value": probe.figure(0.99),
        "p50_ms": probe.figure(0.5),
        "max_ms": max(probe.times_ms),
        "asked": len(probe.times_ms),
        "calm_p99_ms": calm.figure(0.99),
        "verified": verified,
        "log_ins_per_s": count / took_s,
    }


async def failures(url: str, count: int) -> dict[str, float]:
    """Time wrong passwords of so many people who are known and as many who are not, in turn."""

    async def fail(line: Line, email: str) -> float:
        began = time.perf_counter()
        status, _ = await _log_in(line, email, "Wrong-Horse-41-Battery")
        if status != 401:
            raise ServerFailedError(f"a wrong password is answered {status}")
        return (time.perf_counter() - began) * 1e3

    known: list[float] = []
    unknown: list[float] = []
    for number in range(count):
        line = Line(url, address_of(number))
        kinds: Sequence[tuple[list[float], Callable[[int], str]]]
        kinds = [(known, email_of), (unknown, _nobody)]
        # Who goes first changes: whatever follows a pause may be slower.
        for times, email in kinds if number % 2 else reversed(kinds):
            times.append(await fail(line, email(number)))
        line.close()
    medians = statistics.median(known), statistics.median(unknown)
    return {
        "value": max(medians) / min(medians),
        "known_ms": medians[0],
        "unknown_ms": medians[1],
        "tries_each": count,
    }


def address_of(number: int) -> str:
    """Return a client's address on this machine."""
    return f"127.{1 + number // 200}.0.{1 + number % 200}"


def _nobody(number: int) -> str:
    return f"nobody-{number:05d}@example.org"


async def _log_in(line: Line, email: str, password: str = PASSWORD) -> tuple[int, bytes]:
    return await line.ask("POST", "/api/v1/auth/login", {"email": email, "password": password})
