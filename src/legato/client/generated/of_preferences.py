# SPDX-License-Identifier: Apache-2.0
"""Operations: preferences. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from typing import Any

from legato.client.caller import Caller
from legato.client.calls import Call


class PreferencesOperations(Caller):
    """Operations: preferences."""

    async def read_preferences(self, *, workspace: str | None = None) -> dict[str, Any]:
        """Return one's own preferences; an empty object if there are none.

        Needs the right `account:preferences`.
        """
        call = Call(
            method="GET", path="/api/v1/me/preferences", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, dict[str, Any])

    async def write_preferences(
        self, body: dict[str, Any], *, workspace: str | None = None
    ) -> dict[str, Any]:
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
        return await self._answer(call, dict[str, Any])
