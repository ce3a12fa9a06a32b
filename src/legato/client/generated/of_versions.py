# SPDX-License-Identifier: Apache-2.0
"""Operations: versions. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class VersionsOperations(Caller):
    """Operations: versions."""

    async def list_versions(
        self,
        workflow_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.Versions:
        """Return the versions of a workflow, the newest first.

        Needs the right `version:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/versions",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Versions)

    def all_versions(
        self, workflow_id: str, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.VersionItem]:
        """Return the versions of a workflow, the newest first.

        Needs the right `version:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Versions:
            return await self.list_versions(
                workflow_id, limit=limit, cursor=cursor, workspace=workspace
            )

        return pages(ask)

    async def read_version(
        self,
        workflow_id: str,
        number: int,
        *,
        workspace: str | None = None,
        if_none_match: str | None = None,
    ) -> models.VersionView:
        """Return one version with its text.

        Needs the right `version:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/versions/{segment(number)}",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.VersionView)

    async def diff_versions(
        self, workflow_id: str, a: int, b: int, *, workspace: str | None = None
    ) -> models.DiffView:
        """Return what differs between two versions: their texts, their logic, their nodes.

        Needs the right `version:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/versions/{segment(a)}/diff/{segment(b)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.DiffView)

    async def restore_version(
        self,
        workflow_id: str,
        number: int,
        *,
        workspace: str | None = None,
        if_match: str | None = None,
    ) -> models.DraftView:
        """Have the text of a version be the draft; what is published stays.

        `If-Match` names the revision of the draft that may be written over; without it the draft is
        written over whatever it is. A version from before a new slug gets the new name.

        Needs the right `version:restore`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/versions/{segment(number)}/restore",
            headers={"Legato-Workspace": workspace, "If-Match": if_match},
        )
        return await self._answer(call, models.DraftView)
