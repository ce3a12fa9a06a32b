# SPDX-License-Identifier: Apache-2.0
"""Operations: health. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call
from legato.client.generated import models


class HealthOperations(Caller):
    """Operations: health."""

    async def check_liveness(self) -> models.Health:
        """Tell that the process answers.

        Anybody may: load balancers and supervisors have no account; the answer is one word.
        """
        call = Call(method="GET", path="/health/live")
        return await self._answer(call, models.Health)

    async def check_readiness(self) -> models.Health:
        """Tell whether the server can work now.

        Anybody may: load balancers and supervisors have no account; the answer is one word.
        """
        call = Call(method="GET", path="/health/ready")
        return await self._answer(call, models.Health)
