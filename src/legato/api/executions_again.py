# SPDX-License-Identifier: Apache-2.0
"""Executions that are made of another one: retry and fork.

Both are new executions with an id of their own; the one they are made of stays as it is.

Rules: XW24-XW26, ST7, GR27-GR30.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import place_of
from legato.api.execution_begin import Beginning, begin, checked_values
from legato.api.execution_body import ExecutionBody, execution_row
from legato.api.executions_start import NUMBER_MAX, WAITED
from legato.api.parts import Api, ApiPart
from legato.api.problems import Fault, InvalidBody, pointer
from legato.api.published import published
from legato.api.workflow_cache import Published
from legato.errors import NotFound, Refused
from legato.model.ids import NodeId
from legato.model.workflow import ANY_OVERLAP, KIND_OF_USES
from legato.ports.executions import ExecutionRow
from legato.runtime.forks import ForkWish, as_run_of, fork_of, inputs_of, retry_of
from legato.runtime.history import LogReader
from legato.runtime.submission import Submission

routes: Final = Routes("/api/v1/executions", tag="executions")
EDITED_MAX: Final = 1_000


class Edits(BaseModel):
    """What shall be different: inputs that are named, and what nodes are said to have given."""

    inputs: dict[str, Any] | None = None
    outputs: Annotated[dict[str, Any], Field(max_length=EDITED_MAX)] = Field(default_factory=dict)


class Fork(BaseModel):
    """From which node on it runs again; the rest is kept. Or which outputs are given instead."""

    from_node: str | None = None
    edits: Edits = Field(default_factory=Edits)
    version: Annotated[int, Field(ge=1, le=NUMBER_MAX)] | None = None


@routes.post(
    "/{execution_id}/retry", Needs("execution", "retry"), accepts=(), status_code=202,
    response_model=ExecutionBody, responses=WAITED,
    takes=("Idempotency-Key", "Prefer"), gives=("ETag", "Location", "Idempotency-Replayed"),
)  # fmt: skip
async def retry_execution(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Do again what an ended execution did not complete, as a new one."""

    async def make() -> Beginning:
        place, _ = place_of(request)
        row = await execution_row(api, place.id, execution_id)
        reader = await _read(api, row)
        submission = await retry_of(api.stores, reader.state, principal_of(request).user.id)
        return _beginning(as_run_of(submission, row), "execution.retry", row)

    return await begin(request, api, make)


@routes.post(
    "/{execution_id}/fork", Needs("execution", "fork"), status_code=202,
    response_model=ExecutionBody, responses=WAITED,
    takes=("Idempotency-Key", "Prefer"), gives=("ETag", "Location", "Idempotency-Replayed"),
)  # fmt: skip
async def fork_execution(
    request: Request,
    api: ApiPart,
    execution_id: str,
    wanted: Annotated[Sent[Fork], sent(Fork)],
) -> Response:
    """Run an execution again from a node on, as a new one that keeps everything before it."""

    async def make() -> Beginning:
        place, _ = place_of(request)
        row = await execution_row(api, place.id, execution_id)
        asked = await wanted.read()
        reader = await _read(api, row)
        other = await _other_version(api, row, asked.version)
        wish = await _wish(request, api, reader, other, asked)
        limits = api.settings.limits.to_policy()
        submission = await fork_of(api.stores, reader.state, wish, limits)
        number = None if other is None else other.number
        run = as_run_of(submission, row, number=number)
        data = {"from_node": asked.from_node, "edited": sorted(asked.edits.outputs)}
        return _beginning(run, "execution.fork", row, data)

    return await begin(request, api, make)


def _beginning(
    submission: Submission, action: str, row: ExecutionRow, data: Mapping[str, Any] | None = None
) -> Beginning:
    """Begin one; the rule about overlaps is that of the version that runs, for no test."""
    return Beginning(
        submission=submission,
        action=action,
        overlap=ANY_OVERLAP if submission.is_test else submission.workflow.overlap,
        data={"of": row.execution_id, **(data or {})},
    )


async def _read(api: Api, row: ExecutionRow) -> LogReader:
    reader = await LogReader.open(api.stores, row.execution_id)
    await reader.read()
    return reader


async def _other_version(api: Api, row: ExecutionRow, number: int | None) -> Published | None:
    """Return the version to run instead.

    Raises:
        InvalidBody: There is no such version of the workflow, or it is archived.
    """
    if number is None:
        return None
    try:
        if row.workflow_id is None:
            raise NotFound
        return await published(api, row.workspace, row.workflow_id, number=number)
    except (NotFound, Refused):
        fault = Fault("/version", "is no version of this workflow", "a published version")
        raise InvalidBody([fault]) from None


async def _wish(
    request: Request, api: Api, reader: LogReader, other: Published | None, asked: Fork
) -> ForkWish:
    """Return what shall be different, each part of it checked at its place.

    Raises:
        InvalidBody: A node is not there, an input does not fit, or nothing is named to run.
    """
    workflow = reader.state.graph.workflow if other is None else other.workflow
    kinds = {node.id: KIND_OF_USES.get(node.uses, "task") for node in workflow.nodes}
    faults: list[Fault] = []
    if asked.from_node is None and not asked.edits.outputs:
        faults.append(Fault("/from_node", "is required", "a node, or outputs in edits"))
    if asked.from_node is not None and asked.from_node not in kinds:
        faults.append(Fault("/from_node", "is no node of the version to run", "a node"))
    for name in asked.edits.outputs:
        at = "/edits/outputs" + pointer([name])
        if name not in kinds:
            faults.append(Fault(at, "is no node of the version to run", "a node"))
        elif kinds[NodeId(name)] in {"approval", "form"}:
            faults.append(Fault(at, "is answered by a person", "another node"))
    if faults:
        raise InvalidBody(faults)
    return ForkWish(
        from_nodes=() if asked.from_node is None else (NodeId(asked.from_node),),
        outputs={NodeId(name): value for name, value in asked.edits.outputs.items()},
        inputs=await _inputs(api, reader, other, asked.edits.inputs),
        workflow=None if other is None else other.workflow,
        source=b"" if other is None else other.source,
        called={} if other is None else other.called,
        by=principal_of(request).user.id,
    )


async def _inputs(
    api: Api, reader: LogReader, other: Published | None, changed: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return the inputs with what is changed, checked and whole; None: as they were."""
    if changed is None and other is None:
        return None
    started = reader.state.started
    before = {} if started is None else await inputs_of(api.stores, started)
    workflow = reader.state.graph.workflow if other is None else other.workflow
    schema = bytes(workflow.inputs_schema)
    return checked_values(schema, {**before, **(changed or {})}, "/edits/inputs")
