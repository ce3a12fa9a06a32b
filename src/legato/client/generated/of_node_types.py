# SPDX-License-Identifier: Apache-2.0
"""Operations: node types. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class NodeTypesOperations(Caller):
    """Operations: node types."""

    async def list_node_types(
        self, *, workspace: str | None = None, if_none_match: str | None = None
    ) -> models.NodeTypes:
        """Return all node types.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/node-types",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.NodeTypes)

    async def read_node_type(
        self, name: str, *, workspace: str | None = None, if_none_match: str | None = None
    ) -> models.NodeTypeView:
        """Return one node type.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/node-types/{segment(name)}",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.NodeTypeView)
