# SPDX-License-Identifier: Apache-2.0
"""Acting on an execution: cancel, pause, resume, signals, answers, and parked nodes.

A wish is durable, with its audit, before anything is answered. What is checked before is advice;
the log decides, and is asked what became of this very wish: 200 if it was taken within two seconds,
202 if nobody has considered it so far, 409 if it was refused. Rules: XW4-XW6, XW15-XW19.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import deed, place_of
from legato.api.execution_begin import misfit_body
from legato.api.execution_body import (
    ExecutionBody,
    answer_of,
    execution_look,
    execution_row,
    look_body,
)
from legato.api.idempotency import Claim, once
from legato.api.openapi import refusals
from legato.api.optional_body import described, read_optional
from legato.api.parts import Api, ApiPart
from legato.api.problems import Fault, InvalidBody
from legato.errors import Conflict, InvalidDocument, InvalidInput, LimitExceeded, NotFound, Refused
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import NodeId
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import (
    AnswerApproval,
    AnyWish,
    CancelExecution,
    DeliverSignal,
    ForceNode,
    PauseExecution,
    ResumeExecution,
    RetryNode,
    SkipNode,
)
from legato.model.values import NULL, Value, load
from legato.ports.blobs import json_of
from legato.ports.executions import ExecutionRow
from legato.runtime.history import LogReader
from legato.runtime.wishes import (
    AlreadyDecided,
    check_parked,
    check_signal,
    check_waiting,
    filled_in,
    forced_output,
    named,
    outcome_of,
    small,
)

routes: Final = Routes("/api/v1/executions", tag="executions")
TAKEN: Final = {
    202: {"model": ExecutionBody, "description": "It is stored, and will be considered."},
    **refusals(409, 413, 415, 422),
}
REASON_MAX: Final = 1_000

Reason = Annotated[str, Field(max_length=REASON_MAX)]
Item = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Because(BaseModel):
    """A reason, kept in the log beside the name."""

    reason: Reason = ""


class SignalBody(BaseModel):
    """What a signal carries, and what it is about, such as the number of an order."""

    data: Any = None
    correlation: str | None = None


class Decision(BaseModel):
    """An answer to an approval or form. `data` are a form's fields.

    No node that asks a person has items: `item` is there for clients that always name one, as null.
    """

    decision: Literal["approve", "reject"]
    item: Item | None = None
    comment: Reason = ""
    data: Any = None


class NodeWish(BaseModel):
    """Which item of a parked node, and why."""

    item: Item | None = None
    reason: Reason = ""


class Force(BaseModel):
    """How a parked node ended: completed, with this output, or failed. It takes a reason.

    An output that is given must be one of the node's type; without one there is none: null.
    """

    item: Item | None = None
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX)]
    outcome: Literal["completed", "failed"] = "completed"
    output: Any = None


Make = Callable[[ExecutionRow, str], Awaitable[AnyWish]]
"""Makes the signal for an execution, by this user; what it cannot be is said by raising."""


@routes.post(
    "/{execution_id}/cancel", Needs("execution", "cancel"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN, openapi_extra=described(Because),
    gives=("ETag",),
)  # fmt: skip
async def cancel_execution(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Cancel: nothing new starts, running attempts are told to stop, and then killed."""

    async def make(_row: ExecutionRow, by: str) -> AnyWish:
        said = await read_optional(request, Because)
        return CancelExecution(by, said.reason)

    return await _tell(request, api, _About(execution_id, "cancel"), make)


@routes.post(
    "/{execution_id}/pause", Needs("execution", "pause"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN, openapi_extra=described(Because),
    gives=("ETag",),
)  # fmt: skip
async def pause_execution(request: Request, api: ApiPart, execution_id: str) -> Response:
    """Pause: nothing new starts until it is resumed; running attempts finish, timers go on."""

    async def make(_row: ExecutionRow, by: str) -> AnyWish:
        said = await read_optional(request, Because)
        return PauseExecution(by, said.reason)

    return await _tell(request, api, _About(execution_id, "pause"), make)


@routes.post(
    "/{execution_id}/resume", Needs("execution", "resume"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN,
    gives=("ETag",),
)  # fmt: skip
async def resume_execution(request: Request, api: ApiPart, execution_id: str) -> Response:
    """End a pause."""

    async def make(_row: ExecutionRow, by: str) -> AnyWish:
        return ResumeExecution(by)

    return await _tell(request, api, _About(execution_id, "resume"), make)


@routes.post(
    "/{execution_id}/signals/{name}", Needs("execution", "signal"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN, openapi_extra=described(SignalBody),
    takes=("Idempotency-Key",), gives=("ETag", "Idempotency-Replayed"),
)  # fmt: skip
async def send_signal(request: Request, api: ApiPart, execution_id: str, name: str) -> Response:
    """Give a named signal to the node that waits for it, or keep it until one does."""

    async def make(_row: ExecutionRow, by: str) -> AnyWish:
        found = await read_optional(request, SignalBody)
        try:
            check_signal(name, found.correlation)
        except InvalidInput as error:
            raise InvalidBody([Fault("", "names no signal", error.hint or "")]) from None
        data = _small(found.data, "/data")
        return DeliverSignal(name, data, by, found.correlation or "")

    async def effect(claim: Claim | None) -> Response:
        return await _tell(request, api, _About(execution_id, "signal", {}), make, claim)

    return await once(request, api, effect)


@routes.post(
    "/{execution_id}/approvals/{node}", Needs("execution", "approve"),
    response_model=ExecutionBody, responses=TAKEN,
    gives=("ETag",),
)  # fmt: skip
async def answer_approval(
    request: Request,
    api: ApiPart,
    execution_id: str,
    node: str,
    wanted: Annotated[Sent[Decision], sent(Decision)],
) -> Response:
    """Answer a node that waits for a person; both answers complete it."""
    about = _About(execution_id, "approve", {"node": node})

    async def make(row: ExecutionRow, by: str) -> AnyWish:
        reader = await _read(api, row)
        if NodeId(node) not in reader.state.graph.index_of:
            raise NotFound
        found = await wanted.read()
        waiting = check_waiting(reader.state, node)
        if found.item is not None:
            raise InvalidBody([Fault("/item", "names an item of a node without items", "null")])
        about.data["decision"] = found.decision
        is_yes = found.decision == "approve"
        data = _small(found.data, "/data")
        if waiting.wait == "form":
            config = load(await json_of(api.stores.blobs, row.workspace, waiting.wait_config))
            data = _filled_in(config, found.data) if is_yes else NULL
        return AnswerApproval(NodeId(node), is_yes, by, found.comment, data)

    try:
        return await _tell(request, api, about, make)
    except Conflict:  # it has ended meanwhile: perhaps by the answer of somebody who was faster
        await _refuse_decided(request, api, execution_id, node)
        raise


@routes.post(
    "/{execution_id}/nodes/{node}/retry", Needs("execution", "retry_node"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN, openapi_extra=described(NodeWish),
    gives=("ETag",),
)  # fmt: skip
async def retry_node(request: Request, api: ApiPart, execution_id: str, node: str) -> Response:
    """Do the work of a parked node, or item, once more."""

    async def make(row: ExecutionRow, by: str) -> AnyWish:
        found = await _parked(request, api, row, node)
        return RetryNode(NodeId(node), by, found.reason, found.item)

    return await _tell(request, api, _About(execution_id, "retry_node", {"node": node}), make)


@routes.post(
    "/{execution_id}/nodes/{node}/skip", Needs("execution", "skip_node"), accepts=(),
    response_model=ExecutionBody, responses=TAKEN, openapi_extra=described(NodeWish),
    gives=("ETag",),
)  # fmt: skip
async def skip_node(request: Request, api: ApiPart, execution_id: str, node: str) -> Response:
    """Leave a parked node out; a parked item becomes null."""

    async def make(row: ExecutionRow, by: str) -> AnyWish:
        found = await _parked(request, api, row, node)
        return SkipNode(NodeId(node), by, found.reason, found.item)

    return await _tell(request, api, _About(execution_id, "skip_node", {"node": node}), make)


@routes.post(
    "/{execution_id}/nodes/{node}/force", Needs("execution", "force_node"),
    response_model=ExecutionBody, responses=TAKEN,
    gives=("ETag",),
)  # fmt: skip
async def force_node(
    request: Request,
    api: ApiPart,
    execution_id: str,
    node: str,
    wanted: Annotated[Sent[Force], sent(Force)],
) -> Response:
    """Settle a parked node, or item, by hand: it was done, with this output, or it failed."""

    async def make(row: ExecutionRow, by: str) -> AnyWish:
        reader = await _read(api, row)
        if NodeId(node) not in reader.state.graph.index_of:
            raise NotFound
        found = await wanted.read()
        _refuse_final(row)
        check_parked(reader.state, node, found.item)
        output = NULL
        if found.outcome == "completed" and "output" in found.model_fields_set:
            _small(found.output, "/output")
            with _misfits("/output"):
                output = forced_output(
                    reader.state, node, found.output, api.node_types(), found.item
                )
        return ForceNode(NodeId(node), found.outcome, output, by, found.reason, found.item)

    return await _tell(request, api, _About(execution_id, "force", {"node": node}), make)


@dataclass(frozen=True, slots=True)
class _About:
    """What a wish is about: the execution, the verb, and what the audit hears beside it."""

    execution: str
    verb: str
    data: dict[str, Any] = field(default_factory=dict)


async def _tell(
    request: Request, api: Api, about: _About, make: Make, claim: Claim | None = None
) -> Response:
    """Send a wish and answer with the execution as it is then.

    Raises:
        NotFound: There is no such execution in the workspace, or no such node.
        Refused: `already_decided`.
        Conflict: It is in no state for that.
        InvalidBody: The wish cannot be that.
    """
    place, _ = place_of(request)
    look = await execution_look(api, place.id, about.execution)
    row = look.row
    try:
        signal = await make(row, principal_of(request).user.id)
        _refuse_final(row)
        wish, key = named(signal, api.clock.new_id())
        target = ("execution", row.execution_id)
        audit = deed(request, f"execution.{about.verb}", target, data=about.data)
        kept = None
        if claim is not None:
            kept = claim.of(answer_of(look_body(look), 202))
        await api.engine().send(row.execution_id, wish, key, once=kept, audit=audit)
        outcome = await outcome_of(
            api.stores, api.engine().bus, row.execution_id, wish, after=row.head_seq
        )
        outcome.check(row.execution_id)
    except AlreadyDecided as error:
        raise Refused("already_decided", error.message) from None
    after = await execution_look(api, place.id, about.execution)
    status = 200 if outcome.kind == "taken" else 202
    answer = answer_of(look_body(after), status)
    if claim is not None:
        await api.stores.admissions.remember(claim.of(answer))
    return answer


def _refuse_final(row: ExecutionRow) -> None:
    if row.status in FINAL_EXECUTION:
        raise Conflict(f"The execution has ended: it is {row.status}.")


async def _refuse_decided(request: Request, api: Api, execution_id: str, node: str) -> None:
    """Refuse an answer to what somebody has answered.

    Raises:
        Refused: `already_decided`.
    """
    place, _ = place_of(request)
    row = await execution_row(api, place.id, execution_id)
    try:
        check_waiting((await _read(api, row)).state, node)
    except AlreadyDecided as error:
        raise Refused("already_decided", error.message) from None
    except Conflict:
        return


async def _read(api: Api, row: ExecutionRow) -> LogReader:
    reader = await LogReader.open(api.stores, row.execution_id)
    await reader.read()
    return reader


async def _parked(request: Request, api: Api, row: ExecutionRow, node: str) -> NodeWish:
    """Return what is wished of a node that is parked now."""
    reader = await _read(api, row)
    if NodeId(node) not in reader.state.graph.index_of:
        raise NotFound
    found = await read_optional(request, NodeWish)
    _refuse_final(row)
    check_parked(reader.state, node, found.item)
    return found


def _small(value: object, at: str) -> Value:
    try:
        return small(value, what="the value")
    except LimitExceeded:
        raise InvalidBody([Fault(at, "is too large", f"{INLINE_BYTES_MAX} bytes")]) from None


def _filled_in(config: Mapping[str, Any], data: object) -> Value:
    with _misfits("/data"):
        return filled_in(config, data)


@contextlib.contextmanager
def _misfits(at: str) -> Iterator[None]:
    """Say what does not fit a schema by its place in the body."""
    try:
        yield
    except InvalidDocument as error:
        raise misfit_body(error, at) from None
    except InvalidInput:
        raise InvalidBody([Fault(at, "has another form", "the fields by name")]) from None
    except LimitExceeded:
        raise InvalidBody([Fault(at, "is too large", f"{INLINE_BYTES_MAX} bytes")]) from None
