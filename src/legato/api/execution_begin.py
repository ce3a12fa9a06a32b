# SPDX-License-Identifier: Apache-2.0
"""Taking an execution in at this door: with its answer, its audit, its rule about overlaps.

The answer to a start is known before it is one, so that the store can keep it in the transaction
that creates the execution: whoever sends the request again gets it, whatever died in between. Who
prefers to wait for the end does so afterwards, on hints, without a connection to the database.

Rules: XW8-XW14.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from legato.api.deeds import deed
from legato.api.execution_body import answer_of, look_body, queued_body
from legato.api.idempotency import Claim, once
from legato.api.parts import Api
from legato.api.problems import Fault, InvalidBody, pointer
from legato.errors import InvalidDocument, InvalidInput, OwnershipLost, Refused, Unavailable
from legato.model.document.inputs import check_inputs
from legato.model.ids import ExecutionId
from legato.model.misfits import Misfit
from legato.model.values import BlobRef, Value, encode, inline
from legato.model.workflow import ANY_OVERLAP, OverlapRule, version_hash
from legato.ports.admission import Terms
from legato.runtime.submission import Submission

WAIT_MAX_S: Final = 60
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])", re.IGNORECASE)
_LOOK_S: Final = 1.0
_NAME_MAX: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is to begin.

    Args:
        submission: What; id and time are given here.
        action: Of the audit.
        overlap: The rule of the workflow.
        data: For the audit; ids and names only.
    """

    submission: Submission
    action: str
    overlap: OverlapRule = ANY_OVERLAP
    data: Mapping[str, Any] = field(default_factory=dict)


Make = Callable[[], Awaitable[Beginning]]
Show = Callable[[Submission], Response]


async def begin(request: Request, api: Api, make: Make, show: Show | None = None) -> Response:
    """Take an execution in, once per Idempotency-Key, and answer 202; or 200 at its end.

    Args:
        request: Its headers say whether to wait.
        api: What the server stands on.
        make: Looks up what shall begin; is not called for a request that has taken effect.
        show: Makes another answer of it, to which nobody waits.

    Raises:
        Refused: `overlap_skipped`, and as `once`.
        LegatoError: As `Engine.admit`.
    """
    kept: list[Claim] = []
    begun: list[ExecutionId] = []

    async def effect(claim: Claim | None) -> Response:
        made = await make()
        submission = _ready(api, made.submission)
        answer = _queued(api, submission) if show is None else show(submission)
        execution_id = submission.execution_id
        assert execution_id is not None, "it was given one"
        target = ("execution", execution_id)
        terms = Terms(
            once=None if claim is None else claim.of(answer),
            overlap=made.overlap,
            audit=tuple(deed(request, made.action, target, data=made.data)),
        )
        admitted = await api.engine().admit(submission, terms)
        if admitted.outcome == "skipped":
            raise Refused(
                "overlap_skipped",
                "As many executions of this workflow as it allows have not ended.",
                hint="Wait for one of them to end, or cancel it.",
            )
        begun.append(execution_id)
        kept.extend(() if claim is None else (claim,))
        return answer

    answer = await once(request, api, effect)
    seconds = preferred_wait(request)
    if not begun or show is not None or not seconds:
        return answer
    return await _at_end(api, begun[0], seconds, answer, kept)


def preferred_wait(request: Request) -> int:
    """Return how many seconds an answer may take to be of the end (RFC 7240); 0: none."""
    found = _WAIT.search(", ".join(request.headers.getlist("prefer")))
    return 0 if found is None else min(int(found[1]), WAIT_MAX_S)


def checked_values(schema: bytes, given: Mapping[str, Any], at: str = "/inputs") -> dict[str, Any]:
    """Return inputs with defaults filled in.

    Args:
        schema: Of the workflow's inputs.
        given: What was sent.
        at: Where it stands in the body.

    Raises:
        InvalidBody: Every unknown, missing or mistyped one with its place.
    """
    try:
        return check_inputs(schema, given)
    except InvalidDocument as error:
        raise misfit_body(error, at) from None
    except InvalidInput:
        raise InvalidBody([Fault(at, "cannot be checked", "smaller values, strict JSON")]) from None


def misfit_body(error: InvalidDocument, at: str) -> InvalidBody:
    """Return what does not fit a schema as what is wrong with a body; nothing of it is quoted."""
    faults = []
    for each in error.misfits:
        assert isinstance(each, Misfit)
        path = list(each.path)
        if path and each.message == "is not known here" and len(str(path[-1])) > _NAME_MAX:
            path[-1] = "…"
        faults.append(Fault(at + pointer(path), each.message, each.expected))
    return InvalidBody(faults or [Fault(at, "does not fit")])


def _ready(api: Api, submission: Submission) -> Submission:
    """Give a submission its id and time, here, so that the answer can tell them."""
    return replace(submission, execution_id=ExecutionId(api.clock.new_id()), at=api.clock.now_ms())


def _queued(api: Api, submission: Submission) -> Response:
    data = encode(dict(submission.inputs), what="inputs")
    is_small = len(data) <= api.settings.limits.to_policy().max_inline_bytes
    far = BlobRef(hashlib.sha256(data).hexdigest(), len(data))
    inputs = inline(data) if is_small else Value(ref=far)
    version = version_hash(submission.workflow)
    return answer_of(queued_body(submission, version, inputs), 202, location=True)


async def _at_end(
    api: Api, execution_id: ExecutionId, seconds: int, accepted: Response, kept: list[Claim]
) -> Response:
    """Answer when it has ended, or as it was accepted when it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            await _ended(api, execution_id)
    except (TimeoutError, Unavailable):  # accepted is accepted: who asks again sees the end
        return accepted
    look = await api.stores.lists.look(execution_id)
    assert look is not None, "it has just ended"
    answer = answer_of(look_body(look), 200, location=True)
    for claim in kept:
        await api.stores.admissions.remember(claim.of(answer))
    answer.headers["preference-applied"] = f"wait={seconds}"
    return answer


async def _ended(api: Api, execution_id: ExecutionId) -> None:
    while True:
        try:
            await api.engine().wait_final(execution_id)
            return
        except OwnershipLost:  # it goes on in another engine, whose commits are told
            await api.stores.changes.wait(_LOOK_S)
