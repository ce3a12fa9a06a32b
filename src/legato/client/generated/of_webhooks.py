# SPDX-License-Identifier: Apache-2.0
"""Operations: webhooks. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class WebhooksOperations(Caller):
    """Operations: webhooks."""

    async def receive_webhook(self, token: str) -> models.Result | models.Started:
        """Take a signed message (Standard Webhooks) in, and start the webhook's workflow with it.

        A message id that came in the last 24 hours gives the execution that it started then, with
        200.

        Anybody may: other programs know the address and sign what they send.
        """
        call = Call(method="POST", path=f"/hooks/{segment(token)}")
        found: models.Result | models.Started = await self._either(
            call, {200: models.Result, 202: models.Started}
        )
        return found

    async def list_webhooks(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workflow: str | None = None,
        workspace: str | None = None,
    ) -> models.Webhooks:
        """Return webhooks of published workflows, the newest first.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/webhooks",
            query={"limit": limit, "cursor": cursor, "workflow": workflow},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Webhooks)

    def all_webhooks(
        self, *, limit: int | None = None, workflow: str | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.WebhookView]:
        """Return webhooks of published workflows, the newest first.

        Needs the right `schedule:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Webhooks:
            return await self.list_webhooks(
                limit=limit, cursor=cursor, workflow=workflow, workspace=workspace
            )

        return pages(ask)

    async def read_webhook(
        self, webhook_id: str, *, workspace: str | None = None
    ) -> models.WebhookView:
        """Return a webhook.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/webhooks/{segment(webhook_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.WebhookView)

    async def list_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.Deliveries:
        """Return messages that were let in; they are kept for a day.

        Needs the right `schedule:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/webhooks/{segment(webhook_id)}/deliveries",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Deliveries)

    def all_deliveries(
        self, webhook_id: str, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.Delivery]:
        """Return messages that were let in; they are kept for a day.

        Needs the right `schedule:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Deliveries:
            return await self.list_deliveries(
                webhook_id, limit=limit, cursor=cursor, workspace=workspace
            )

        return pages(ask)

    async def pause_webhook(
        self, webhook_id: str, *, workspace: str | None = None
    ) -> models.WebhookView:
        """Pause a webhook: signed calls are refused with 409 until somebody resumes it.

        Needs the right `schedule:pause`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhooks/{segment(webhook_id)}/pause",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.WebhookView)

    async def resume_webhook(
        self, webhook_id: str, *, workspace: str | None = None
    ) -> models.WebhookView:
        """Let calls in again.

        Needs the right `schedule:resume`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhooks/{segment(webhook_id)}/resume",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.WebhookView)

    async def try_webhook(
        self, webhook_id: str, body: models.TestCall, *, workspace: str | None = None
    ) -> models.Started:
        """Start the webhook's workflow now, as if a message had come with these parts.

        Needs the right `schedule:test`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhooks/{segment(webhook_id)}/test",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Started)

    async def rotate_webhook(
        self, webhook_id: str, body: models.Rotation, *, workspace: str | None = None
    ) -> models.Rotated:
        """Give a webhook another secret; the one before is good for `overlap_s` yet.

        Needs the right `schedule:rotate`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhooks/{segment(webhook_id)}/rotate",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Rotated)
