# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/webhooks`: webhooks of published workflows, their addresses, secrets and deliveries.

The address is shown to who may rotate the secret, the secret once. What comes in at the address is
the matter of `hooks`. Rules: TR19, TR22, TR30-TR34.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import deed
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages
from legato.api.parts import Api, ApiPart, identity_of
from legato.api.times import time_or_none, time_text
from legato.api.trigger_rows import TriggerFilters, found_trigger, pause_trigger, trigger_page
from legato.api.trigger_starts import Start
from legato.api.trigger_tests import Started, try_trigger
from legato.auth.roles import may
from legato.auth.webhooks import HookSeals, hash_token, new_secret, new_token, secret_text
from legato.errors import NotFound
from legato.model.triggers import Respond
from legato.ports.triggers import TriggerRow

routes: Final = Routes("/api/v1/webhooks", tag="webhooks")
KIND: Final = "webhook"
OVERLAP_S_MAX: Final = 7 * 86_400
TEST_BYTES_MAX: Final = 1024 * 1024


class WebhookView(BaseModel):
    """A webhook. `url` is for who may rotate its secret; without a secret no call is let in."""

    id: str
    workflow_id: str
    workflow_slug: str
    trigger_id: str
    respond: Respond
    headers: list[str]
    paused: bool
    paused_at: str | None
    has_secret: bool
    old_secret_until: str | None = Field(description="Until when the secret before is good, too.")
    url: str | None


class Webhooks(BaseModel):
    """A page of webhooks."""

    items: list[WebhookView]
    next_cursor: str | None


class Delivery(BaseModel):
    """A message that was let in: it started an execution, or was skipped because others ran."""

    webhook_id: str
    at: str
    outcome: Literal["started", "skipped"]
    execution_id: str | None


class Deliveries(BaseModel):
    """Messages, the newest first; they are kept for a day."""

    items: list[Delivery]
    next_cursor: str | None


class Rotation(BaseModel):
    """For how many seconds the secret before is good yet."""

    overlap_s: int = Field(default=0, ge=0, le=OVERLAP_S_MAX)


class Rotated(BaseModel):
    """The address and the new secret, which is shown this once."""

    id: str
    url: str
    secret: str


class TestCall(BaseModel):
    """What the expressions of the execution shall read as `trigger`."""

    headers: dict[str, str] = Field(default_factory=dict, max_length=50)
    query: dict[str, str] = Field(default_factory=dict, max_length=100)
    body: Any = None


@routes.get("", Needs("schedule", "read"), response_model=Webhooks)
async def list_webhooks(
    request: Request, api: ApiPart, asked: Annotated[TriggerFilters, Query()]
) -> Webhooks:
    """Return webhooks of published workflows, the newest first."""
    items, next_cursor = await trigger_page(request, api, KIND, "webhooks", asked)
    views = [await _view(request, api, each) for each in items]
    return Webhooks(items=views, next_cursor=next_cursor)


@routes.get("/{webhook_id}", Needs("schedule", "read"), response_model=WebhookView)
async def read_webhook(request: Request, api: ApiPart, webhook_id: str) -> WebhookView:
    """Return a webhook."""
    return await _view(request, api, await found_trigger(request, api, KIND, webhook_id))


@routes.get("/{webhook_id}/deliveries", Needs("schedule", "read"), response_model=Deliveries)
async def list_deliveries(
    request: Request, api: ApiPart, webhook_id: str, asked: Annotated[PageQuery, Query()]
) -> Deliveries:
    """Return messages that were let in; they are kept for a day."""
    row = await found_trigger(request, api, KIND, webhook_id)
    pages = Pages(request, f"deliveries:{row.id}")
    after = pages.after(asked)
    found = await api.stores.triggers.firings(row.id, before=after, limit=asked.limit + 1)
    items, next_cursor = pages.cut(found, asked, lambda each: each.place)
    views = [
        Delivery(
            webhook_id=each.key,
            at=time_text(each.at),
            outcome="skipped" if each.execution_id is None else "started",
            execution_id=each.execution_id,
        )
        for each in items
    ]
    return Deliveries(items=views, next_cursor=next_cursor)


@routes.post(
    "/{webhook_id}/pause", Needs("schedule", "pause"), accepts=(), response_model=WebhookView
)
async def pause_webhook(request: Request, api: ApiPart, webhook_id: str) -> WebhookView:
    """Pause a webhook: signed calls are refused with 409 until somebody resumes it."""
    row = await found_trigger(request, api, KIND, webhook_id)
    audit = deed(request, "webhook.change", ("webhook", row.id), data={"fields": ["paused"]})
    await pause_trigger(request, api, row, audit)
    return await _again(request, api, webhook_id)


@routes.post(
    "/{webhook_id}/resume", Needs("schedule", "resume"), accepts=(), response_model=WebhookView
)
async def resume_webhook(request: Request, api: ApiPart, webhook_id: str) -> WebhookView:
    """Let calls in again."""
    row = await found_trigger(request, api, KIND, webhook_id)
    audit = deed(request, "webhook.change", ("webhook", row.id), data={"fields": ["paused"]})
    if not await api.stores.triggers.resume(row.workspace, row.id, None, audit):
        raise NotFound
    return await _again(request, api, webhook_id)


@routes.post(
    "/{webhook_id}/test",
    Needs("schedule", "test"),
    body_bytes_max=TEST_BYTES_MAX,
    status_code=202,
    response_model=Started,
    responses=refusals(409),
)
async def try_webhook(
    request: Request,
    api: ApiPart,
    webhook_id: str,
    wanted: Annotated[Sent[TestCall], sent(TestCall)],
) -> Response:
    """Start the webhook's workflow now, as if a message had come with these parts."""
    row = await found_trigger(request, api, KIND, webhook_id)
    raw = await request.body()
    call = await wanted.read()
    allowed = set(row.hook.headers)
    headers = {k.lower(): v for k, v in call.headers.items() if k.lower() in allowed}
    data = {"headers": headers, "query": call.query, "body": call.body, "is_test": True}
    how = Start(inputs=row.hook.inputs, data=data)
    return await try_trigger(request, api, row, how, body=raw)


@routes.post(
    "/{webhook_id}/rotate",
    Needs("schedule", "rotate"),
    response_model=Rotated,
)
async def rotate_webhook(
    request: Request,
    api: ApiPart,
    webhook_id: str,
    wanted: Annotated[Sent[Rotation], sent(Rotation)],
) -> Response:
    """Give a webhook another secret; the one before is good for `overlap_s` yet."""
    row = await found_trigger(request, api, KIND, webhook_id)
    rotation = await wanted.read()
    url = await url_of(request, api, row)
    key = new_secret()
    sealed = _seals(request).seal_secret(row.workspace, row.id, key)
    audit = deed(request, "webhook.change", ("webhook", row.id), data={"fields": ["secret"]})
    overlap_ms = rotation.overlap_s * 1000
    if not await api.stores.triggers.rotate(
        row.workspace, row.id, sealed, audit, overlap_ms=overlap_ms
    ):
        raise NotFound
    made = Rotated(id=row.id, url=url, secret=secret_text(key))
    return JSONResponse(made.model_dump())


async def url_of(request: Request, api: Api, row: TriggerRow) -> str:
    """Return a webhook's address; its token is made when somebody first sees it.

    Raises:
        InvalidInput: No key here opens the token.
    """
    seals = _seals(request)
    sealed = row.token
    if sealed is None:
        token = new_token()
        made = seals.seal_token(row.workspace, row.id, token)
        if not await api.stores.triggers.set_token(row.id, hash_token(token), made):
            again = await api.stores.triggers.get(row.workspace, KIND, row.id)
            if again is None or again.token is None:
                raise NotFound
            made = again.token
        sealed = made
    token = seals.open_token(row.workspace, row.id, sealed)
    base = api.settings.server.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/hooks/{token}"


async def _again(request: Request, api: Api, webhook_id: str) -> WebhookView:
    return await _view(request, api, await found_trigger(request, api, KIND, webhook_id))


async def _view(request: Request, api: Api, row: TriggerRow) -> WebhookView:
    config, until = row.hook, row.old_until
    is_old = until is not None and row.old_secret is not None and until > api.clock.now_ms()
    sees = may(principal_of(request), "schedule", "rotate")
    return WebhookView(
        id=row.id,
        workflow_id=row.workflow,
        workflow_slug=row.slug,
        trigger_id=row.name,
        respond=config.respond,
        headers=list(config.headers),
        paused=row.paused_at is not None,
        paused_at=time_or_none(row.paused_at),
        has_secret=row.secret is not None,
        old_secret_until=time_or_none(until if is_old else None),
        url=await url_of(request, api, row) if sees else None,
    )


def _seals(request: Request) -> HookSeals:
    return HookSeals(identity_of(request).sealer)
