# SPDX-License-Identifier: Apache-2.0
"""Celery canvas with Redis as broker and result backend, one prefork worker of two processes.

Its canvas is not durable per node: as shipped, a message is acknowledged before its task runs, and
Redis keeps it as its own settings say. It is shown beside Legato; the best durable
peer is another.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import redis

from benchmarks.peers import (
    CHAIN_NODES,
    DIAMONDS,
    FAN_NODES,
    IDLE_S,
    SINGLES,
    check,
    median_ms,
    p99_ms,
    seconds_of,
)
from benchmarks.process import started

ANSWER_S: Final = 90
WORKER_START_S: Final = 20
ZERO: Final = {"value": 0}


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Return `W1` ms/node, `W2` nodes/s, `W3` workflows/s, `W3_p99_ms`, `W4` ms."""
    prefix = f"legato-bench-{secrets.token_hex(6)}:"
    # Read by `celery_app`, here and in the worker.
    os.environ["BENCH_REDIS_URL"], os.environ["BENCH_KEY_PREFIX"] = task["url"], prefix
    try:
        with _worker(Path(task["home"])):
            return _figures()
    finally:
        _delete_keys(task["url"], prefix)


@contextlib.contextmanager
def _worker(folder: Path) -> Iterator[None]:
    from benchmarks.peers.celery_app import step

    arguments = ["-m", "celery", "-A", "benchmarks.peers.celery_app", "worker"]
    options = ["--concurrency", "2", "--loglevel", "ERROR", "--without-mingle", "--without-gossip"]
    with started([*arguments, *options], folder / "worker.log"):
        check(step.delay(ZERO).get(timeout=WORKER_START_S), 1)
        yield


def _figures() -> dict[str, Any]:
    from celery import chain, chord, group

    from benchmarks.peers.celery_app import join, step

    def run(canvas: Any, expected: int) -> float:
        return seconds_of(lambda: check(canvas.apply_async().get(timeout=ANSWER_S), expected))

    def make_chain() -> Any:
        return chain(step.s(ZERO), *[step.s() for _ in range(CHAIN_NODES - 1)])

    def fan(nodes: int) -> Any:
        return chain(step.s(ZERO), chord(group([step.s() for _ in range(nodes)]), join.s()))

    run(make_chain(), CHAIN_NODES)
    chain_s = run(make_chain(), CHAIN_NODES)
    fan_s = run(fan(FAN_NODES), 3)
    began = time.perf_counter()
    handles = [fan(3).apply_async() for _ in range(DIAMONDS)]
    ends = []
    for handle in handles:
        check(handle.get(timeout=ANSWER_S), 3)
        ends.append(time.perf_counter() - began)
    singles = []
    for _ in range(SINGLES):
        time.sleep(IDLE_S)
        singles.append(run(step.s(ZERO), 1))
    return {
        "W1": chain_s * 1e3 / CHAIN_NODES,
        "W2": (FAN_NODES + 2) / fan_s,
        "W3": DIAMONDS / ends[-1],
        "W3_p99_ms": p99_ms(ends),
        "W4": median_ms(singles),
    }


def _delete_keys(url: str, prefix: str) -> None:
    """Delete this run's keys and no others."""
    with redis.Redis.from_url(url) as client:
        keys = list(client.scan_iter(match=f"{prefix}*", count=1_000))
        for at in range(0, len(keys), 1_000):
            client.delete(*keys[at : at + 1_000])
