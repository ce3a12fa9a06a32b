# SPDX-License-Identifier: Apache-2.0
"""Operations: members. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class MembersOperations(Caller):
    """Operations: members."""

    async def list_members(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.Members:
        """Return the members of the workspace.

        Needs the right `member:list`.
        """
        call = Call(
            method="GET",
            path="/api/v1/members",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Members)

    def all_members(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.MemberView]:
        """Return the members of the workspace.

        Needs the right `member:list`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Members:
            return await self.list_members(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def leave_workspace(self, *, workspace: str | None = None) -> None:
        """Leave the workspace, with one's keys; the last owner stays.

        Needs the right `member:leave`.
        """
        call = Call(
            method="DELETE", path="/api/v1/members/me", headers={"Legato-Workspace": workspace}
        )
        await self._nothing(call)

    async def remove_member(self, user_id: str, *, workspace: str | None = None) -> None:
        """Take a member out, with their keys of this workspace.

        Needs the right `member:remove`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/members/{segment(user_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    async def change_role(
        self, user_id: str, body: models.NewRole, *, workspace: str | None = None
    ) -> models.MemberView:
        """Give a member another role, which counts at once.

        Needs the right `member:change`.
        """
        call = Call(
            method="PATCH",
            path=f"/api/v1/members/{segment(user_id)}",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.MemberView)
