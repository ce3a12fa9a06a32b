# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/notifications`: whom a workspace tells of its troubles, and of which.

Rules: TR41, TR47.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, Field
from starlette.requests import Request

from legato.api.access import Needs, Routes
from legato.api.body import body
from legato.api.deeds import deed, place_of
from legato.api.openapi import refusals
from legato.api.parts import ApiPart, identity_of
from legato.api.problems import Fault, InvalidBody
from legato.api.times import time_or_none
from legato.api.webhooks import Rotation
from legato.auth.webhooks import NOTICES, HookSeals, new_secret, secret_text
from legato.errors import NotFound
from legato.ports.triggers import NoticeKind, NoticeTarget

routes: Final = Routes("/api/v1/notifications", tag="notifications")
URL_MAX: Final = 2_000
ALL: Final[tuple[NoticeKind, ...]] = ("failed", "needs_attention", "missed")
_URL: Final = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?\Z")


class NotificationView(BaseModel):
    """Whom the workspace tells, and of what. Workflows may say otherwise with `notify`."""

    url: str | None
    on: list[NoticeKind]
    has_secret: bool
    changed_at: str | None


class NotificationWish(BaseModel):
    """Whom to tell from now on; null: nobody, but for workflows that name an address themselves."""

    url: str | None = Field(default=None, max_length=URL_MAX)
    on: list[NoticeKind] = Field(default_factory=lambda: list(ALL), max_length=len(ALL))


class NotificationSecret(BaseModel):
    """What messages are signed with (Standard Webhooks), shown this once."""

    secret: str


@routes.get("", Needs("setting", "read"), response_model=NotificationView)
async def read_notifications(request: Request, api: ApiPart) -> NotificationView:
    """Return whom the workspace tells of its troubles."""
    place, _ = place_of(request)
    return _view(await api.stores.notices.target(place.id))


@routes.put("", Needs("setting", "update"), response_model=NotificationView)
async def put_notifications(
    request: Request, api: ApiPart, wanted: Annotated[NotificationWish, body(NotificationWish)]
) -> NotificationView:
    """Have somebody be told. Ask for the secret with `rotate`: it is made there, and here once."""
    place, _ = place_of(request)
    if wanted.url is not None and _URL.match(wanted.url) is None:
        fault = Fault("/url", "is no address", "http:// or https:// without user and password")
        raise InvalidBody([fault])
    before = await api.stores.notices.target(place.id)
    seals = HookSeals(identity_of(request).sealer)
    fresh = seals.seal_secret(place.id, NOTICES, new_secret())
    target = NoticeTarget(
        workspace=place.id,
        url=wanted.url,
        on=tuple(dict.fromkeys(wanted.on)),
        secret=fresh if before is None else before.secret,
    )
    audit = deed(request, "webhook.change", ("notifications", place.id))
    await api.stores.notices.put_target(target, audit)
    return _view(await api.stores.notices.target(place.id))


@routes.post(
    "/rotate",
    Needs("setting", "update"),
    response_model=NotificationSecret,
    responses=refusals(404),
)
async def rotate_notifications(
    request: Request, api: ApiPart, wanted: Annotated[Rotation, body(Rotation)]
) -> NotificationSecret:
    """Sign with another secret; for `overlap_s` messages are signed with both."""
    place, _ = place_of(request)
    before = await api.stores.notices.target(place.id)
    if before is None:
        raise NotFound
    key = new_secret()
    seals = HookSeals(identity_of(request).sealer)
    target = NoticeTarget(
        workspace=place.id,
        url=before.url,
        on=before.on,
        secret=seals.seal_secret(place.id, NOTICES, key),
    )
    data = {"fields": ["secret"]}
    audit = deed(request, "webhook.change", ("notifications", place.id), data=data)
    await api.stores.notices.put_target(target, audit, overlap_ms=wanted.overlap_s * 1000)
    return NotificationSecret(secret=secret_text(key))


def _view(target: NoticeTarget | None) -> NotificationView:
    if target is None:
        return NotificationView(url=None, on=list(ALL), has_secret=False, changed_at=None)
    changed_at = time_or_none(target.changed_at)
    return NotificationView(
        url=target.url, on=list(target.on), has_secret=True, changed_at=changed_at
    )
