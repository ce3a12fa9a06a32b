# SPDX-License-Identifier: Apache-2.0
"""The Celery application: imported by the measuring process and by its worker."""

import os

from celery import Celery

REDIS_URL = os.environ["BENCH_REDIS_URL"]
KEY_PREFIX = os.environ["BENCH_KEY_PREFIX"]
"""Begins the name of every key; what is left at the end is deleted by it."""

app = Celery("bench", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    broker_transport_options={"global_keyprefix": KEY_PREFIX},
    result_backend_transport_options={"global_keyprefix": KEY_PREFIX},
    broker_connection_retry_on_startup=False,
    result_expires=600,
)


@app.task  # type: ignore[untyped-decorator]
def step(value: dict[str, int]) -> dict[str, int]:
    """One node."""
    return {"value": value["value"] + 1}


@app.task  # type: ignore[untyped-decorator]
def join(values: list[dict[str, int]]) -> dict[str, int]:
    """The node behind a chord."""
    return {"value": values[0]["value"] + 1}
