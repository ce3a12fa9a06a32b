# SPDX-License-Identifier: Apache-2.0
"""Operations: preferences. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call
from legato.client.generated import models


class PreferencesOperations(Caller):
    """Operations: preferences."""

    async def read_preferences(self, *, workspace: str | None = None) -> models.Preferences:
        """Return one's own preferences; an empty object if there are none.

        Needs the right `account:preferences`.
        """
        call = Call(
            method="GET", path="/api/v1/me/preferences", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.Preferences)

    async def write_preferences(
        self, body: models.Preferences, *, workspace: str | None = None
    ) -> models.Preferences:
        """Keep one's own preferences in place of what was.

        Needs the right `account:preferences`.
        """
        call = Call(
            method="PUT",
            path="/api/v1/me/preferences",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Preferences)
