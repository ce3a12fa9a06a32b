# SPDX-License-Identifier: Apache-2.0
"""Starting executions: of a published version, or as a test of a draft, whole or in part.

Rules: XW8-XW13, XW20-XW23.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import place_of
from legato.api.execution_begin import Beginning, begin, checked_values
from legato.api.execution_body import ExecutionBody
from legato.api.openapi import refusals
from legato.api.parts import Api, ApiPart
from legato.api.problems import Fault, InvalidBody, pointer
from legato.api.published import called_by, published
from legato.api.workflow_texts import check, valid
from legato.api.workflows import refuse_archived, workflow_in
from legato.auth.roles import may
from legato.errors import InvalidInput, Refused
from legato.model.ids import NodeId
from legato.model.values import encode
from legato.model.workflow import ANY_OVERLAP, Workflow
from legato.ports.workflows import PIN_BYTES_MAX, PINS_MAX, WorkflowRow
from legato.runtime.partial import Extent, alone, pins_of, up_to, whole
from legato.runtime.submission import Submission

routes: Final = Routes("/api/v1/workflows", tag="executions")
NUMBER_MAX: Final = 2**31 - 1
PINNED_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of all pinned outputs that one run uses."""
WAITED: Final = {
    200: {"model": ExecutionBody, "description": "With `Prefer: wait=N`: it has ended."},
    **refusals(404, 409, 422),
}

Number = Annotated[int, Field(ge=1, le=NUMBER_MAX)]
NodeText = Annotated[str, Field(min_length=1, max_length=63)]
PinWish = bool | list[NodeText] | dict[NodeText, Any]


class TestRun(BaseModel):
    """How much of a workflow a test runs, and with which outputs in place of running nodes.

    `until`: a node and all that it needs. `only`: one node, with pins for all that it reads.
    `pins`: true for every pin of the workflow, names of pinned nodes, or outputs by node.
    """

    until: NodeText | None = None
    only: NodeText | None = None
    pins: PinWish = False


class NewExecution(TestRun):
    """A start: of the published version, of an older one by number, or of a draft by revision.

    A draft, a part or pins make it a test, which takes the right to edit.
    """

    inputs: dict[str, Any] = Field(default_factory=dict)
    version: Number | None = None
    draft_revision: Number | None = None


class DraftRun(TestRun):
    """A test of a draft, by its revision."""

    revision: Number
    inputs: dict[str, Any] = Field(default_factory=dict)


@routes.post(
    "/{workflow_id}/executions",
    Needs("execution", "start"),
    status_code=202,
    response_model=ExecutionBody,
    responses=WAITED,
    takes=(
        "Idempotency-Key",
        "Prefer",
    ),
    gives=(
        "ETag",
        "Location",
        "Idempotency-Replayed",
    ),
)
async def start_execution(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    wanted: Annotated[Sent[NewExecution], sent(NewExecution)],
) -> Response:
    """Start an execution; durable when this is answered.

    With `Prefer: wait=N` (60 at most) the answer comes at its end, with 200, if that is in time.
    """

    async def make() -> Beginning:
        place, _ = place_of(request)
        row = await workflow_in(api, place.id, workflow_id)
        asked = await wanted.read()
        refuse_archived(row)
        if asked.draft_revision is not None and asked.version is not None:
            raise InvalidBody([Fault("/version", "is beside draft_revision", "one of them")])
        if asked.draft_revision is not None:
            return await _draft_run(request, api, row, asked.draft_revision, asked, asked.inputs)
        found = await published(api, place.id, row.id, number=asked.version)
        inputs = checked_values(found.inputs_schema, asked.inputs)
        submission = Submission(
            workflow=found.workflow,
            inputs=inputs,
            source=found.source,
            workspace=place.id,
            trigger={"kind": "api"},
            by=principal_of(request).user.id,
            called=found.called,
            workflow_id=found.workflow_id,
            number=found.number,
        )
        data = {"workflow": row.id, "version": found.number}
        if _is_test(asked):
            tested = await _tested(request, api, row, submission, asked)
            return Beginning(submission=tested, action="execution.start", data=data)
        return Beginning(
            submission=submission, action="execution.start", overlap=found.overlap, data=data
        )

    return await begin(request, api, make)


@routes.post(
    "/{workflow_id}/draft/executions",
    Needs("workflow", "run_draft"),
    status_code=202,
    response_model=ExecutionBody,
    responses=WAITED,
    takes=(
        "Idempotency-Key",
        "Prefer",
    ),
    gives=(
        "ETag",
        "Location",
        "Idempotency-Replayed",
    ),
)
async def start_draft(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    wanted: Annotated[Sent[DraftRun], sent(DraftRun)],
) -> Response:
    """Run a draft as a test: whole, until a node, or one node only."""

    async def make() -> Beginning:
        place, _ = place_of(request)
        row = await workflow_in(api, place.id, workflow_id)
        asked = await wanted.read()
        refuse_archived(row)
        return await _draft_run(request, api, row, asked.revision, asked, asked.inputs)

    return await begin(request, api, make)


def _is_test(asked: TestRun) -> bool:
    is_part = asked.until is not None or asked.only is not None
    return is_part or bool(asked.pins)


async def _draft_run(
    request: Request,
    api: Api,
    row: WorkflowRow,
    revision: int,
    asked: TestRun,
    inputs: dict[str, Any],
) -> Beginning:
    """Return the run of a draft's revision, as the version that its text is."""
    draft = await api.stores.workflows.draft(row.workspace, row.id, revision)
    if draft is None:
        now = await api.stores.workflows.draft(row.workspace, row.id)
        raise Refused(
            "draft_conflict",
            "The draft has no such revision, or not any more.",
            more={"current": {"revision": row.draft if now is None else now.revision}},
        )
    workflow = valid(await check(api, draft.source), row.slug)
    submission = Submission(
        workflow=workflow,
        inputs=checked_values(bytes(workflow.inputs_schema), inputs),
        source=draft.source,
        workspace=row.workspace,
        trigger={"kind": "api"},
        by=principal_of(request).user.id,
        called=await called_by(api, row.workspace, workflow),
        workflow_id=row.id,
    )
    data = {"workflow": row.id, "draft_revision": revision}
    tested = await _tested(request, api, row, submission, asked)
    return Beginning(submission=tested, action="execution.start", overlap=ANY_OVERLAP, data=data)


async def _tested(
    request: Request, api: Api, row: WorkflowRow, submission: Submission, asked: TestRun
) -> Submission:
    """Return a run as a test, with as much of it and as many pins as are asked for.

    Raises:
        Refused: `forbidden`.
        InvalidBody: A node is not there, or not pinned.
    """
    if not may(principal_of(request), "workflow", "run_draft"):
        raise Refused("forbidden", "Tests need the right to edit the workflow.")
    given = await _outputs(api, row, submission.workflow, asked.pins)
    extent = _extent(submission.workflow, asked, given)
    used = {name: given[name] for name in extent.pinned}
    if sum(map(len, used.values())) > PINNED_BYTES_MAX:
        raise InvalidBody([Fault("/pins", "are too large", f"{PINNED_BYTES_MAX} bytes at most")])
    limits = api.settings.limits.to_policy()
    reused = await pins_of(
        api.stores.blobs, row.workspace, submission.workflow, used,
        by=submission.by, inline_bytes_max=limits.max_inline_bytes,
    )  # fmt: skip
    return replace(submission, reused=reused, part=extent.part, is_test=True)


def _extent(workflow: Workflow, asked: TestRun, given: dict[NodeId, bytes]) -> Extent:
    if asked.until is not None and asked.only is not None:
        raise InvalidBody([Fault("/only", "is beside until", "one of them")])
    where, how = ("/only", alone) if asked.only is not None else ("/until", up_to)
    node = asked.only or asked.until
    if node is None:
        return whole(workflow, given)
    try:
        return how(workflow, node, given)
    except InvalidInput as error:
        fault = Fault(where, error.message, error.hint or "a node of this workflow")
        raise InvalidBody([fault]) from None


async def _outputs(
    api: Api, row: WorkflowRow, workflow: Workflow, wanted: PinWish
) -> dict[NodeId, bytes]:
    """Return the outputs that are to be used, as JSON text by node.

    Raises:
        InvalidBody: A node is not there, not pinned, or its output is too large.
    """
    if wanted is False:
        return {}
    known = {node.id for node in workflow.nodes}
    workflows = api.stores.workflows
    if wanted is True:
        pins = await workflows.pins(row.workspace, row.id)
        return {NodeId(pin.node): pin.output for pin in pins if pin.node in known}
    if len(wanted) > PINS_MAX:
        raise InvalidBody([Fault("/pins", "are too many", f"at most {PINS_MAX}")])
    found: dict[NodeId, bytes] = {}
    for place, name in enumerate(wanted):
        step = name if isinstance(wanted, dict) else place
        at = "/pins" + pointer([step])
        if name not in known:
            raise InvalidBody([Fault(at, "is no node of this workflow", "a node")])
        if isinstance(wanted, dict):
            found[NodeId(name)] = _given(wanted[name], at)
            continue
        pin = await workflows.pin(row.workspace, row.id, name)
        if pin is None:
            raise InvalidBody([Fault(at, "has no pinned output", "a pinned node")])
        found[NodeId(name)] = pin.output
    return found


def _given(output: object, at: str) -> bytes:
    data = orjson.dumps(output)
    if len(data) > PIN_BYTES_MAX:
        raise InvalidBody([Fault(at, "is too large", f"{PIN_BYTES_MAX} bytes at most")])
    return encode(output, what="a pinned output")
