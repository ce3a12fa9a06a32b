# SPDX-License-Identifier: Apache-2.0
"""Operations: approvals. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from legato.client.caller import Caller, pages
from legato.client.calls import Call
from legato.client.generated import models


class ApprovalsOperations(Caller):
    """Operations: approvals."""

    async def list_approvals(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: Literal["waiting"] | None = None,
        workspace: str | None = None,
    ) -> models.ApprovalsView:
        """Return what waits for an answer of a person in the workspace.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/approvals",
            query={"limit": limit, "cursor": cursor, "state": state},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ApprovalsView)

    def all_approvals(
        self,
        *,
        limit: int | None = None,
        state: Literal["waiting"] | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.ApprovalView]:
        """Return what waits for an answer of a person in the workspace.

        Needs the right `execution:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.ApprovalsView:
            return await self.list_approvals(
                limit=limit, cursor=cursor, state=state, workspace=workspace
            )

        return pages(ask)
