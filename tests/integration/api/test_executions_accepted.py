# SPDX-License-Identifier: Apache-2.0
"""What was accepted is there: after kill -9 with starts in flight, and of ten thousand at once."""

import asyncio
import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests import services
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.stage import Stage, stage_in

STARTS = 160
ENOUGH = 30
AT_ONCE = 10_000
CONNECTIONS = 100


@contextlib.contextmanager
def opened(request: pytest.FixtureRequest, folder: Path, **env: str) -> Iterator[Stage]:
    """A stage on the database that a test is run with."""
    with contextlib.ExitStack() as stack:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            env["LEGATO_DATABASE_URL"] = stack.enter_context(services.database(server))
        yield stack.enter_context(stage_in(folder, **env))


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A server of this test's own, without a limit that would matter."""
    with opened(request, tmp_path) as made:
        yield made


@pytest.fixture(params=BOTH)
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A server with the limit on starts that every server has."""
    with opened(request, tmp_path, LEGATO_SERVER__RATES__STARTS_PER_MINUTE="600") as made:
        yield made


def test_every_start_that_was_answered_is_there_after_a_crash(stage: Stage) -> None:
    """And each key, sent again, has started one execution, whatever its first try heard [XW13]."""
    name = stage.workflow()
    answered: dict[int, str] = {}
    enough = threading.Event()

    def send(number: int) -> str | None:
        try:
            answer = stage.owner.call(
                "POST", f"/workflows/{name}/executions", {}, Idempotency_Key=f"key-{number}"
            )
        except (httpx2.HTTPError, OSError):
            return None
        assert answer.status_code in {202, 503}, answer.text
        return str(answer.json()["id"]) if answer.status_code == 202 else None

    def first(number: int) -> None:
        found = send(number)
        if found is not None:
            answered[number] = found
        if len(answered) >= ENOUGH:
            enough.set()

    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(first, number) for number in range(STARTS)]
        assert enough.wait(PATIENCE_S)
        stage.serving.process.send(signal.SIGKILL)
        for each in sent:
            each.result()
    stage.serving.process.finish()
    assert ENOUGH <= len(answered) < STARTS
    stage.again()
    for found in answered.values():
        stage.until(found, "completed")
    with ThreadPoolExecutor(16) as pool:
        again = dict(enumerate(pool.map(send, range(STARTS))))
    assert {number: again[number] for number in answered} == answered
    assert None not in again.values()
    assert len(set(again.values())) == STARTS


def test_of_ten_thousand_starts_at_once_each_is_there_or_told_when_to_come_back(
    limited: Stage,
) -> None:
    """202, or 429 or 503 with Retry-After, and nothing else [XW13]."""
    name = limited.workflow()
    found = asyncio.run(_storm(limited, name))
    assert len(found) == AT_ONCE
    counts = Counter(status for status, _, _ in found)
    assert counts.keys() <= {202, 429, 503}
    assert counts[202] >= 100
    assert all(wait for status, wait, _ in found if status != 202)
    accepted = {execution for status, _, execution in found if status == 202}
    assert len(accepted) == counts[202]
    headers = {"Authorization": f"Bearer {limited.owner.access}"}
    with httpx2.Client(headers=headers, timeout=PATIENCE_S, verify=PLAIN) as client:
        for each in accepted:
            url = f"{limited.serving.url}/api/workflow/status/{each}"
            assert client.get(url).status_code == 200


async def _storm(stage: Stage, name: str) -> list[tuple[int, str, str]]:
    """Send all of them over many connections; return status, Retry-After and id of each answer."""
    head = (
        f"POST /api/v1/workflows/{name}/executions HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{stage.serving.port}\r\nAuthorization: Bearer {stage.owner.access}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    ).encode()
    found: list[tuple[int, str, str]] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.serving.port)
        for _ in range(AT_ONCE // CONNECTIONS):
            writer.write(head)
            text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            names = dict(line.split(": ", 1) for line in text.strip().split("\r\n")[1:])
            body = json.loads(await reader.readexactly(int(names["content-length"])))
            status = int(text.split()[1])
            found.append((status, names.get("retry-after", ""), str(body.get("id", ""))))
        writer.close()

    async with asyncio.timeout(300):
        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return found
