# SPDX-License-Identifier: Apache-2.0
"""Operations: setup. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call
from legato.client.generated import models


class SetupOperations(Caller):
    """Operations: setup."""

    async def read_setup(self) -> models.SetupState:
        """Tell whether the installation still needs its owner; it consumes nothing.

        Anybody may: there is no account yet; the link from the server's output is the right.
        """
        call = Call(method="GET", path="/api/v1/setup")
        return await self._answer(call, models.SetupState)

    async def claim_installation(self, body: models.Claim) -> models.LogIn:
        """Make the first owner and a workspace, and log in. Of any number at once one succeeds.

        Anybody may: there is no account yet; the link from the server's output is the right.
        """
        call = Call(method="POST", path="/api/v1/setup", body=body, content_type="application/json")
        return await self._answer(call, models.LogIn)
