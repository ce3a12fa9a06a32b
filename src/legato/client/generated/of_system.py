# SPDX-License-Identifier: Apache-2.0
"""Operations: system. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call
from legato.client.generated import models


class SystemOperations(Caller):
    """Operations: system."""

    async def system_info(self, *, workspace: str | None = None) -> models.SystemInfo:
        """Return which server answers: what a page needs to tell a new one from the same one.

        Needs the right `account:me`.
        """
        call = Call(
            method="GET", path="/api/v1/system/info", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.SystemInfo)
