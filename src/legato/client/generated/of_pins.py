# SPDX-License-Identifier: Apache-2.0
"""Operations: pins. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class PinsOperations(Caller):
    """Operations: pins."""

    async def list_pins(self, workflow_id: str, *, workspace: str | None = None) -> models.Pins:
        """Return which nodes of a workflow are pinned.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/pins",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Pins)

    async def read_pin(
        self,
        workflow_id: str,
        node: str,
        *,
        workspace: str | None = None,
        if_none_match: str | None = None,
    ) -> models.PinView:
        """Return one pin with its output.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/pins/{segment(node)}",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.PinView)

    async def put_pin(
        self, workflow_id: str, node: str, body: models.PinBody, *, workspace: str | None = None
    ) -> models.PinView:
        """Pin an output of at most 1 MiB to a node.

        Needs the right `workflow:draft`.
        """
        call = Call(
            method="PUT",
            path=f"/api/v1/workflows/{segment(workflow_id)}/pins/{segment(node)}",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.PinView)

    async def drop_pin(self, workflow_id: str, node: str, *, workspace: str | None = None) -> None:
        """Take a pin away.

        Needs the right `workflow:draft`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/workflows/{segment(workflow_id)}/pins/{segment(node)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)
