# SPDX-License-Identifier: Apache-2.0
"""Operations: workspaces. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class WorkspacesOperations(Caller):
    """Operations: workspaces."""

    async def list_workspaces(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.Workspaces:
        """Return the workspaces that one is a member of.

        Needs the right `account:workspaces`.
        """
        call = Call(
            method="GET",
            path="/api/v1/workspaces",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Workspaces)

    def all_workspaces(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.WorkspaceView]:
        """Return the workspaces that one is a member of.

        Needs the right `account:workspaces`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Workspaces:
            return await self.list_workspaces(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def create_workspace(self, body: models.NewWorkspace) -> models.WorkspaceView:
        """Make a workspace, which is then one's own.

        For an administrator of the installation.
        """
        call = Call(
            method="POST", path="/api/v1/workspaces", body=body, content_type="application/json"
        )
        return await self._answer(call, models.WorkspaceView)

    async def read_workspace(self, workspace_id: str) -> models.WorkspaceView:
        """Return a workspace, by id or slug.

        Needs the right `setting:list`.
        """
        call = Call(method="GET", path=f"/api/v1/workspaces/{segment(workspace_id)}")
        return await self._answer(call, models.WorkspaceView)

    async def change_workspace(
        self, workspace_id: str, body: models.WorkspaceChange
    ) -> models.WorkspaceView:
        """Give a workspace another name or slug.

        Needs the right `setting:update`.
        """
        call = Call(
            method="PATCH",
            path=f"/api/v1/workspaces/{segment(workspace_id)}",
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.WorkspaceView)
