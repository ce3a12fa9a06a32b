# SPDX-License-Identifier: Apache-2.0
"""What came of an execution that has ended, for who waited for it.

Rules: TR28.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from legato.api.parts import Api
from legato.engine.upcast import read_event
from legato.model.events import ExecutionEnded
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId
from legato.model.values import load
from legato.ports.blobs import json_of

RESULT_BYTES_MAX: Final = 1024 * 1024


class Result(BaseModel):
    """The end of an execution. Outputs that are too large are null: they are kept with it."""

    execution_id: str
    status: str
    outputs: Any = None
    error: str | None = None


async def result_of(api: Api, execution_id: ExecutionId) -> Result | None:
    """Return what came of an execution; None if it has not ended."""
    row = await api.stores.executions.get(execution_id)
    if row is None or row.status not in FINAL_EXECUTION:
        return None
    made = Result(execution_id=execution_id, status=row.status, error=row.error)
    last = await api.stores.log.read(execution_id, after=row.head_seq - 1, limit=1)
    event = read_event(last[0].body) if last else None
    if isinstance(event, ExecutionEnded) and row.status == "completed":
        size = event.outputs.ref.size if event.outputs.ref else len(bytes(event.outputs.json))
        if size <= RESULT_BYTES_MAX:
            made.outputs = load(await json_of(api.stores.blobs, row.workspace, event.outputs))
    return made
