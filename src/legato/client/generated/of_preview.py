# SPDX-License-Identifier: Apache-2.0
"""Operations: preview. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class PreviewOperations(Caller):
    """Operations: preview."""

    async def preview_value(
        self, workflow_id: str, body: models.PreviewRequest, *, workspace: str | None = None
    ) -> models.PreviewView:
        """Evaluate one field with values that are known; no node runs.

        Needs the right `workflow:validate`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/preview",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.PreviewView)
