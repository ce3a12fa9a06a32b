# SPDX-License-Identifier: Apache-2.0
"""Operations: API keys. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class ApiKeysOperations(Caller):
    """Operations: API keys."""

    async def list_keys(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.Keys:
        """Return the own keys of every workspace.

        Needs the right `account:api_keys`.
        """
        call = Call(
            method="GET",
            path="/api/v1/auth/api-keys",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Keys)

    def all_keys(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.KeyView]:
        """Return the own keys of every workspace.

        Needs the right `account:api_keys`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Keys:
            return await self.list_keys(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def create_key(
        self, body: models.WantedKey, *, workspace: str | None = None
    ) -> models.MadeKey:
        """Make a key for the workspace that is asked for.

        Needs the right `account:api_keys`. The log-in must be recent, else 403 `reauth_required`.
        """
        call = Call(
            method="POST",
            path="/api/v1/auth/api-keys",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.MadeKey)

    async def revoke_key(self, key_id: str, *, workspace: str | None = None) -> None:
        """Revoke a key of one's own; one of somebody else is not there.

        Needs the right `account:api_keys`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/auth/api-keys/{segment(key_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    async def list_member_keys(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.MemberKeys:
        """Return the keys of all members for the workspace.

        Needs the right `api_key:revoke_any`.
        """
        call = Call(
            method="GET",
            path="/api/v1/members/api-keys",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.MemberKeys)

    def all_member_keys(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.MemberKey]:
        """Return the keys of all members for the workspace.

        Needs the right `api_key:revoke_any`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.MemberKeys:
            return await self.list_member_keys(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def revoke_member_key(self, key_id: str, *, workspace: str | None = None) -> None:
        """Revoke a key of any member for the workspace.

        Needs the right `api_key:revoke_any`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/members/api-keys/{segment(key_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)
