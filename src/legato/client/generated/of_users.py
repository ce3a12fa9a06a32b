# SPDX-License-Identifier: Apache-2.0
"""Operations: users. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class UsersOperations(Caller):
    """Operations: users."""

    async def list_users(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.Users:
        """Return the accounts of the installation.

        For an administrator of the installation.
        """
        call = Call(method="GET", path="/api/v1/users", query={"limit": limit, "cursor": cursor})
        return await self._answer(call, models.Users)

    def all_users(self, *, limit: int | None = None) -> AsyncIterator[models.UserView]:
        """Return the accounts of the installation.

        For an administrator of the installation.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Users:
            return await self.list_users(limit=limit, cursor=cursor)

        return pages(ask)

    async def change_user(self, user_id: str, body: models.UserChange) -> models.UserView:
        """Disable an account, which ends its log-ins and keys for good at once; or enable it.

        For an administrator of the installation.
        """
        call = Call(
            method="PATCH",
            path=f"/api/v1/users/{segment(user_id)}",
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.UserView)
