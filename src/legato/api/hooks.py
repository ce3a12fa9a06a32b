# SPDX-License-Identifier: Apache-2.0
"""`POST /hooks/{token}`: messages of other programs, each of which starts one execution.

Nobody is believed before the signature of the raw body is verified, and nothing is shown to who has
none: an unknown address is 404, everything else that is wrong with a call 401 in the same words.
Answers are JSON that no browser takes for a page. Rules: TR20-TR29.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Declaration, Public, Routes
from legato.api.body import IN_LOOP_MAX, read_bytes
from legato.api.openapi import refusals
from legato.api.parts import Api, ApiPart, identity_of
from legato.api.results import Result, result_of
from legato.api.trigger_starts import Start, start_trigger, started_by
from legato.api.trigger_tests import Started
from legato.auth.webhooks import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    HookSeals,
    Message,
    hash_token,
    is_fresh,
    is_signed,
    read_message,
)
from legato.errors import InvalidInput, NotFound, OwnershipLost, Refused, Unavailable
from legato.model.ids import ExecutionId
from legato.model.values import decode
from legato.ports.admission import Place
from legato.ports.triggers import TriggerRow

routes: Final = Routes("/hooks", tag="webhooks")
BODY_BYTES_MAX: Final = 1024 * 1024
RESULT_S: Final = 30.0
TOKEN_CHARS: Final = 43
QUERY_MAX: Final = 100
_POLL_S: Final = 0.25
_SANDBOX: Final = {
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "content-disposition": "inline",
}
_ANYBODY: Final = Declaration(
    Public("other programs know the address and sign what they send"),
    accepts=(),
    body_bytes_max=BODY_BYTES_MAX,
    rate="start",
)


@routes.route(
    "POST",
    "/{token}",
    _ANYBODY,
    status_code=202,
    response_model=Started,
    responses={
        200: {"model": Result, "description": "The result, or what a repeat was answered before."},
        **refusals(401, 409, 413, 422),
    },
)
async def receive(request: Request, api: ApiPart, token: str) -> Response:
    """Take a signed message (Standard Webhooks) in, and start the webhook's workflow with it.

    A message id that came in the last 24 hours gives the execution that it started then, with 200.
    """
    row = await _known(api, token)
    if api.limits is not None:
        await api.limits.limit("start", f"hook:{row.id}")
    message = _message_of(request)
    if message is None or not is_fresh(message, api.clock.now_ms()):
        raise _not_signed()
    raw = await read_bytes(request)
    if not is_signed(message, raw, _keys(request, api, row)):
        raise _not_signed()
    if row.paused_at is not None:
        raise Refused("illegal_state", "This webhook is paused.", hint="Send it again later.")
    how = Start(
        inputs=row.hook.inputs,
        data=await _data(request, row, raw),
        place=Place(kind="delivery", trigger=row.id, key=message.id, at=api.clock.now_ms()),
        audit=(started_by(row),),
    )
    admitted = await start_trigger(api, row, how)
    if admitted.outcome == "skipped" or admitted.execution_id is None:
        body = {"execution_id": None, "skipped": True}
        return _json(body, 202 if admitted.outcome == "skipped" else 200)
    if admitted.outcome == "exists":
        return _json({"execution_id": admitted.execution_id}, 200)
    if row.hook.respond == "result":
        found = await _result(api, admitted.execution_id)
        if found is not None:
            return _json(found.model_dump(), 200)
    return _json({"execution_id": admitted.execution_id}, 202)


async def _known(api: Api, token: str) -> TriggerRow:
    if len(token) != TOKEN_CHARS or not token.isascii():
        raise NotFound
    row = await api.stores.triggers.by_token(hash_token(token))
    if row is None:
        raise NotFound
    return row


def _message_of(request: Request) -> Message | None:
    found = [request.headers.getlist(each) for each in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER)]
    if any(len(each) != 1 for each in found):
        return None
    (id_,), (time,), (signatures,) = found
    return read_message(id_, time, signatures)


def _keys(request: Request, api: Api, row: TriggerRow) -> list[bytes]:
    """Return the keys that are good now."""
    seals = HookSeals(identity_of(request).sealer)
    sealed = [row.secret]
    if row.old_until is not None and row.old_until > api.clock.now_ms():
        sealed.append(row.old_secret)
    return [seals.open_secret(row.workspace, row.id, each) for each in sealed if each is not None]


async def _data(request: Request, row: TriggerRow, raw: bytes) -> dict[str, Any]:
    """Return what expressions read as `trigger`.

    Raises:
        InvalidJson: The body says that it is JSON, and is none.
        InvalidInput: The query has too many parameters.
    """
    pairs = request.query_params.multi_items()
    if len(pairs) > QUERY_MAX:
        raise InvalidInput(f"the query has more than {QUERY_MAX} parameters")
    query: dict[str, Any] = {}
    for name, value in pairs:
        if name in query:
            before = query[name]
            query[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            query[name] = value
    headers = {
        name: ", ".join(request.headers.getlist(name))
        for name in row.hook.headers
        if name in request.headers
    }
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if len(raw) > IN_LOOP_MAX:
        body = await asyncio.to_thread(read_body, kind, raw)
    else:
        body = read_body(kind, raw)
    return {"headers": headers, "query": query, "body": body}


def read_body(kind: str, raw: bytes) -> Any:
    """Return a body: JSON as its value, other text as text, all else as `{base64: …}`.

    Raises:
        InvalidJson: It says that it is JSON, and is none.
    """
    if not raw:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return decode(raw, what="the body")
    with contextlib.suppress(UnicodeDecodeError):
        text = raw.decode()
        if "\0" not in text:
            return text
    return {"base64": base64.b64encode(raw).decode("ascii")}


async def _result(api: Api, execution_id: ExecutionId) -> Result | None:
    """Return what came of an execution, if it ends soon enough."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RESULT_S):
            while True:
                try:
                    await api.engine().wait_final(execution_id)
                except (OwnershipLost, Unavailable):
                    await asyncio.sleep(_POLL_S)
                found = await result_of(api, execution_id)
                if found is not None:
                    return found
                await asyncio.sleep(_POLL_S)
    return None


def _not_signed() -> Refused:
    return Refused("signature_invalid", "The message is not signed, or not by who may send it.")


def _json(value: dict[str, Any], status: int) -> Response:
    body = orjson.dumps(value)
    return Response(body, status, headers=dict(_SANDBOX), media_type="application/json")
