# SPDX-License-Identifier: Apache-2.0
"""Operations: metrics. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call


class MetricsOperations(Caller):
    """Operations: metrics."""

    async def read_metrics(self, *, workspace: str | None = None) -> bytes:
        """Return the numbers of this server, as Prometheus reads them.

        Needs the right `metrics:read`.
        """
        call = Call(
            method="GET",
            path="/metrics",
            headers={"Legato-Workspace": workspace},
            accept="text/plain",
        )
        return await self._bytes(call)
