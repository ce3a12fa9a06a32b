# SPDX-License-Identifier: Apache-2.0
"""Operations: invitations. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class InvitationsOperations(Caller):
    """Operations: invitations."""

    async def list_invitations(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.Invitations:
        """Return the invitations to the workspace that are open.

        Needs the right `member:invite`.
        """
        call = Call(
            method="GET",
            path="/api/v1/members/invitations",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Invitations)

    def all_invitations(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.OpenInvitation]:
        """Return the invitations to the workspace that are open.

        Needs the right `member:invite`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Invitations:
            return await self.list_invitations(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def invite_member(
        self, body: models.Invite, *, workspace: str | None = None
    ) -> models.Invited:
        """Invite somebody; an older invitation of the same address becomes void.

        Needs the right `member:invite`.
        """
        call = Call(
            method="POST",
            path="/api/v1/members/invitations",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.Invited)

    async def revoke_invitation(self, invitation_id: str, *, workspace: str | None = None) -> None:
        """Make an invitation void.

        Needs the right `member:invite`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/members/invitations/{segment(invitation_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    async def accept_invitation(self, body: models.Acceptance) -> models.LogIn:
        """Become a member and log in. Of any number with one token at once, one succeeds.

        Anybody may: the token of the invitation is the right.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/invitations/accept",
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.LogIn)
