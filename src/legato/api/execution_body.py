# SPDX-License-Identifier: Apache-2.0
"""One execution as every answer about it shows it, made of its row and two events of its log.

Inputs stand in the first event, outputs and error in the last; nothing in between is read.

Rules: XW8.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson
from pydantic import BaseModel
from starlette.responses import Response

from legato.api.parts import Api
from legato.api.times import time_or_none, time_text
from legato.engine.upcast import read_event
from legato.errors import NotFound
from legato.model.events import ExecutionEnded, ExecutionStarted
from legato.model.frames import ExecutionStatus
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.values import NULL, Value
from legato.ports.executions import ExecutionRow
from legato.ports.listing import ExecutionLook
from legato.runtime.submission import Submission

EXECUTIONS: Final = "/api/v1/executions"


class _Start(msgspec.Struct):
    started: ExecutionStarted


_start: Final = msgspec.json.Decoder(_Start)


class TriggerView(BaseModel):
    """What started an execution; a cron tick has the time that it was due."""

    kind: str
    id: str | None
    scheduled_at: str | None


class ExecutionFault(BaseModel):
    """Why an execution failed, and at which node."""

    kind: str
    message: str
    node: str | None


class ExecutionBody(BaseModel):
    """An execution. A value of more than 64 KiB stands as `{"$ref", "size", "sha256"}`.

    `version` is the number of the published version that it runs, if it is one; `version_hash` that
    of its logic. A test may use pinned outputs, and counts for no rule about overlaps.
    """

    id: str
    workflow_id: str | None
    workflow_slug: str
    version: int | None
    version_hash: str
    is_test: bool
    status: ExecutionStatus
    inputs: Any
    outputs: Any
    error: ExecutionFault | None
    trigger: TriggerView
    forked_from: str | None
    head_seq: int
    created_at: str
    started_at: str | None
    completed_at: str | None


async def execution_row(api: Api, workspace: WorkspaceId, execution_id: str) -> ExecutionRow:
    """Return an execution of a workspace.

    Raises:
        NotFound: There is none of that id there.
    """
    row = await api.stores.executions.get(ExecutionId(execution_id))
    if row is None or row.workspace != workspace:
        raise NotFound
    return row


async def execution_look(api: Api, workspace: WorkspaceId, execution_id: str) -> ExecutionLook:
    """Return an execution of a workspace as it is committed now, read in one look at the store.

    Raises:
        NotFound: There is none of that id there.
    """
    look = await api.stores.lists.look(ExecutionId(execution_id))
    if look is None or look.row.workspace != workspace:
        raise NotFound
    return look


def look_body(look: ExecutionLook) -> dict[str, Any]:
    """Return an execution from its row, its first event, and its last if it has ended."""
    first = None if look.first is None else read_event(look.first)
    last = None if look.last is None else read_event(look.last)
    started = first if isinstance(first, ExecutionStarted) else None
    if first is None and look.start is not None:
        started = _start.decode(look.start).started
    ended = last if isinstance(last, ExecutionEnded) else None
    error = None
    if ended is not None and ended.error is not None:
        error = {"kind": ended.error.kind, "message": ended.error.message, "node": ended.node}
    return row_fields(look.row) | {
        "inputs": None if started is None else shown(started.inputs),
        "outputs": None if ended is None else shown(ended.outputs),
        "error": error,
    }


def row_fields(row: ExecutionRow) -> dict[str, Any]:
    """Return what every answer about an execution has of its row; `error` is one line."""
    return {
        "id": row.execution_id,
        "workflow_id": row.workflow_id,
        "workflow_slug": row.workflow,
        "version": row.number,
        "version_hash": row.version,
        "is_test": row.is_test,
        "status": row.status,
        "error": row.error,
        "trigger": _trigger(row.trigger, row.trigger_id, row.scheduled_at),
        "forked_from": row.forked_from,
        "head_seq": row.head_seq,
        "created_at": time_text(row.created_at),
        "started_at": time_or_none(row.started_at),
        "completed_at": time_or_none(row.ended_at),
    }


def queued_body(submission: Submission, version: str, inputs: Value) -> dict[str, Any]:
    """Return an execution in the moment in which it is taken in, before anybody has begun it.

    Args:
        submission: With id and time.
        version: The hash of its version.
        inputs: As they will be stored.
    """
    assert submission.at is not None, "what is answered is what is stored"
    source = submission.forked_from
    kind = str(submission.trigger.get("kind", "manual"))
    return {
        "id": submission.execution_id,
        "workflow_id": submission.workflow_id,
        "workflow_slug": submission.workflow.name,
        "version": submission.number,
        "version_hash": version,
        "is_test": submission.is_test,
        "status": "queued",
        "inputs": shown(inputs),
        "outputs": None,
        "error": None,
        "trigger": _trigger(kind, submission.trigger_id, submission.scheduled_at),
        "forked_from": None if source is None else source.execution_id,
        "head_seq": 0,
        "created_at": time_text(submission.at),
        "started_at": None,
        "completed_at": None,
    }


def answer_of(body: dict[str, Any], status: int = 200, *, location: bool = False) -> Response:
    """Return an execution as an answer; its tag is its head seq."""
    headers = {"etag": f'"{body["head_seq"]}"'}
    if location:
        headers["location"] = f"{EXECUTIONS}/{body['id']}"
    return Response(orjson.dumps(body), status, headers=headers, media_type="application/json")


def shown(value: Value) -> Any:
    """Return a value for an answer: as it is, or what it is known by if it is large."""
    if value.ref is not None:
        ref = value.ref
        return {"$ref": f"sha256:{ref.hash}", "size": ref.size, "sha256": ref.hash}
    data = bytes(value.json)
    return orjson.Fragment(data or bytes(NULL.json))


def _trigger(kind: str, trigger_id: str | None, scheduled_at: int | None) -> dict[str, Any]:
    return {"kind": kind, "id": trigger_id, "scheduled_at": time_or_none(scheduled_at)}
