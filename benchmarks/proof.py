# SPDX-License-Identifier: Apache-2.0
"""Proof that a measured execution did its work: its log is read back from the store."""

import json
from collections import Counter
from typing import Final

from legato.model.events import ExecutionEnded, NodeCompleted, decode_event
from legato.model.ids import ExecutionId
from legato.ports.stores import Stores

PAGE: Final = 10_000


class NotDoneError(Exception):
    """What was measured is not what the workload asks for: its time means nothing."""


async def check_execution(
    stores: Stores, execution_id: ExecutionId, *, nodes: int, result: int
) -> int:
    """Raise unless the log is gapless, every node completed once, and the result is right.

    Returns:
        The number of events.
    """
    seq = 0
    completed: Counter[str] = Counter()
    end: ExecutionEnded | None = None
    while True:
        rows = await stores.log.read(execution_id, after=seq, limit=PAGE)
        for row in rows:
            seq += 1
            if row.seq != seq:
                raise NotDoneError(f"the log has seq {row.seq} where {seq} should be")
            event = decode_event(row.body)
            if isinstance(event, NodeCompleted):
                completed[event.node] += 1
            elif isinstance(event, ExecutionEnded):
                end = event
        if len(rows) < PAGE:
            break
    if end is None or end.status != "completed":
        raise NotDoneError(f"an execution ended {'never' if end is None else end.status}: {end}")
    if len(completed) != nodes or set(completed.values()) != {1}:
        raise NotDoneError(f"{len(completed)} of {nodes} nodes completed, each once? {completed}")
    outputs = json.loads(bytes(end.outputs.json))
    if outputs != {"result": result}:
        raise NotDoneError(f"the result should be {result}, it is {outputs}")
    return seq
