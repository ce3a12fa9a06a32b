# SPDX-License-Identifier: Apache-2.0
"""Operations: notifications. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call
from legato.client.generated import models


class NotificationsOperations(Caller):
    """Operations: notifications."""

    async def read_notifications(self, *, workspace: str | None = None) -> models.NotificationView:
        """Return whom the workspace tells of its troubles.

        Needs the right `setting:read`.
        """
        call = Call(
            method="GET", path="/api/v1/notifications", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.NotificationView)

    async def put_notifications(
        self, body: models.NotificationWish, *, workspace: str | None = None
    ) -> models.NotificationView:
        """Have somebody be told. Ask for the secret with `rotate`: it is made there, and here once.

        Needs the right `setting:update`.
        """
        call = Call(
            method="PUT",
            path="/api/v1/notifications",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.NotificationView)

    async def rotate_notifications(
        self, body: models.Rotation, *, workspace: str | None = None
    ) -> models.NotificationSecret:
        """Sign with another secret; for `overlap_s` messages are signed with both.

        Needs the right `setting:update`.
        """
        call = Call(
            method="POST",
            path="/api/v1/notifications/rotate",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.NotificationSecret)
