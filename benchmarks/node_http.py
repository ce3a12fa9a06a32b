# SPDX-License-Identifier: Apache-2.0
"""`http.request` over a list against a bare httpx2 loop, both to a server in another process.

The same server, the same number of requests, the same number at once, in one process, turn by turn:
what is compared is what durability costs on top of the requests. The answers are JSON that the
node parses, as the bare loop does.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

from benchmarks.proof import check_execution
from benchmarks.system import System, run_loop, running

ITEMS: Final = 2_000
CONCURRENCY: Final = 16
RUNS: Final = 5
ANSWER: Final = json.dumps({"id": 7, "title": "a short answer", "tags": ["a", "b"]}).encode()

Figures = dict[str, Any]


def measure(task: dict[str, Any]) -> Figures:
    """Return requests per second of both; `value` is the node's share of the bare loop.

    Args:
        task: `home`, `store` and `url` as for every benchmark; perhaps `size` (requests) and
            `concurrency` (at once).
    """
    with _server() as port:
        Path(task["home"]).mkdir(parents=True, exist_ok=True)
        grant = f'[grants.http]\nallow_private = ["127.0.0.1:{port}"]\n'
        Path(task["home"], "legato.toml").write_text(grant)
        return run_loop(_measure(task, f"http://127.0.0.1:{port}/"))


async def _measure(task: dict[str, Any], url: str) -> Figures:
    items = int(task.get("size", ITEMS))
    at_once = int(task.get("concurrency", CONCURRENCY))
    async with running(task) as system:
        workflow = system.compile(_document(url, items, at_once))
        await _bare(url, items, at_once)
        await _through_nodes(system, workflow, items)
        bare: list[float] = []
        nodes: list[float] = []
        for _ in range(system.runs(RUNS)):
            bare.append(await _bare(url, items, at_once))
            nodes.append(await _through_nodes(system, workflow, items, is_profiled=True))
        system.end_profile()
    return {
        "value": statistics.median(nodes) / statistics.median(bare),
        "node_per_s": statistics.median(nodes),
        "bare_per_s": statistics.median(bare),
        "items": items,
        "concurrency": at_once,
    }


async def _through_nodes(
    system: System, workflow: Any, items: int, *, is_profiled: bool = False
) -> float:
    """Run one execution with a request per item; return requests per second."""
    with system.stopwatch(items, is_profiled=is_profiled) as watch:
        execution_id = await system.submit(workflow)
        await system.wait_final(execution_id)
    await check_execution(system.stores, execution_id, nodes=3, result=items + 1)
    return items / watch.wall_s


async def _bare(url: str, items: int, at_once: int) -> float:
    """Send the same requests with the library alone; return requests per second."""
    left = iter(range(items))

    async def work(client: httpx2.AsyncClient) -> None:
        for _ in left:
            answer = await client.get(url)
            answer.raise_for_status()
            assert answer.json()["id"] == 7

    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx2.AsyncClient(limits=limits, trust_env=False) as client:
        began = time.perf_counter()
        await asyncio.gather(*(work(client) for _ in range(at_once)))
        return items / (time.perf_counter() - began)


def _document(url: str, items: int, at_once: int) -> bytes:
    nodes = {
        "list": {"uses": "bench.numbers", "with": {"size": items}},
        "each": {
            "needs": ["list"],
            "uses": "http.request",
            "foreach": "${{ nodes.list.output.values }}",
            "concurrency": at_once,
            "with": {"url": url + "${{ item }}"},
        },
        "last": {
            "needs": ["each"],
            "uses": "bench.add",
            "with": {"value": "${{ size(nodes.each.output) }}"},
        },
    }
    outputs = {"result": "${{ nodes.last.output.value }}"}
    inputs = {"start": "integer"}
    document = {
        "legato": 1, "name": "http-fan", "inputs": inputs, "nodes": nodes, "outputs": outputs,
    }  # fmt: skip
    return json.dumps(document).encode()


@contextlib.contextmanager
def _server() -> Iterator[int]:
    """Run the server in a process of its own; yields its port."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.node_http"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


class _Answering(asyncio.Protocol):
    """Answers every request head with the same JSON."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = b""

    def data_received(self, data: bytes) -> None:
        *whole, self._head = (self._head + data).split(b"\r\n\r\n")
        for _ in whole:
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
            )


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
