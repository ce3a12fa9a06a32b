# SPDX-License-Identifier: Apache-2.0
"""Operations: dag-studio. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class DagStudioOperations(Caller):
    """Operations: dag-studio."""

    async def execute_dag_studio(
        self, body: models.Execute, *, workspace: str | None = None
    ) -> models.Executing:
        """Run a workflow; with a graph in the body that graph, which takes the right to edit.

        Needs the right `execution:start`.
        """
        call = Call(
            method="POST",
            path="/api/workflow/execute",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Executing)

    async def read_status(
        self, execution_id: str, *, workspace: str | None = None
    ) -> models.Status:
        """Return a run with its phases in a stable topological order.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/workflow/status/{segment(execution_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Status)
