# SPDX-License-Identifier: Apache-2.0
"""What schedules and webhooks have in common over HTTP: lists, looking one up, pausing.

Rules: TR30, TR32.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from starlette.requests import Request

from legato.api.authenticator import principal_of
from legato.api.deeds import place_of
from legato.api.pages import PageQuery, Pages, Text
from legato.api.parts import Api
from legato.errors import NotFound
from legato.model.triggers import Kind
from legato.ports.audit import AuditEntry
from legato.ports.triggers import TriggerRow


class TriggerFilters(PageQuery):
    """Which triggers, the newest first."""

    workflow: Text | None = Field(default=None, description="Id of their workflow.")


async def trigger_page(
    request: Request, api: Api, kind: Kind, name: str, asked: TriggerFilters
) -> tuple[list[TriggerRow], str | None]:
    """Return triggers of published workflows, the newest first, and the next page's cursor."""
    place, _ = place_of(request)
    pages = Pages(request, name)
    found = await api.stores.triggers.page(
        place.id, kind, workflow=asked.workflow, after=pages.after(asked), limit=asked.limit + 1
    )
    return pages.cut(found, asked, lambda each: each.id)


async def found_trigger(request: Request, api: Api, kind: Kind, trigger_id: str) -> TriggerRow:
    """Return a trigger of the workspace that was asked for.

    Raises:
        NotFound: There is none of that id and kind there.
    """
    place, _ = place_of(request)
    row = await api.stores.triggers.get(place.id, kind, trigger_id)
    if row is None:
        raise NotFound
    return row


async def pause_trigger(
    request: Request, api: Api, row: TriggerRow, audit: Sequence[AuditEntry]
) -> None:
    """Pause a trigger.

    Raises:
        NotFound: It has gone meanwhile.
    """
    by = principal_of(request).user.id
    if not await api.stores.triggers.pause(row.workspace, row.id, by, audit):
        raise NotFound
