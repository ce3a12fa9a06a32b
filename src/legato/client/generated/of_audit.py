# SPDX-License-Identifier: Apache-2.0
"""Operations: audit. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from legato.client.caller import Caller, pages
from legato.client.calls import Call
from legato.client.generated import models


class AuditOperations(Caller):
    """Operations: audit."""

    async def list_audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.AuditItems:
        """Return rows of the workspace, the newest first.

        Needs the right `audit:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/audit",
            query={
                "action": action,
                "actor": actor,
                "after": after,
                "before": before,
                "limit": limit,
                "cursor": cursor,
            },
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.AuditItems)

    def all_audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.AuditItem]:
        """Return rows of the workspace, the newest first.

        Needs the right `audit:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.AuditItems:
            return await self.list_audit(
                action=action,
                actor=actor,
                after=after,
                before=before,
                limit=limit,
                cursor=cursor,
                workspace=workspace,
            )

        return pages(ask)

    async def list_instance_audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.AuditItems:
        """Return rows of the whole installation, the newest first.

        For an administrator of the installation.
        """
        call = Call(
            method="GET",
            path="/api/v1/system/audit",
            query={
                "action": action,
                "actor": actor,
                "after": after,
                "before": before,
                "limit": limit,
                "cursor": cursor,
                "workspace": workspace,
            },
        )
        return await self._answer(call, models.AuditItems)

    def all_instance_audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.AuditItem]:
        """Return rows of the whole installation, the newest first.

        For an administrator of the installation.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.AuditItems:
            return await self.list_instance_audit(
                action=action,
                actor=actor,
                after=after,
                before=before,
                limit=limit,
                cursor=cursor,
                workspace=workspace,
            )

        return pages(ask)

    def export_audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: str | None = None,
        before: str | None = None,
        after_seq: int | None = None,
        workspace: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Return rows of the workspace, the oldest first, as they are hashed, with their hash.

        It is a row of the audit itself, whether it is read to its end or not.

        Needs the right `audit:export`.
        """
        call = Call(
            method="GET",
            path="/api/v1/audit/export",
            query={
                "action": action,
                "actor": actor,
                "after": after,
                "before": before,
                "after_seq": after_seq,
            },
            headers={"Legato-Workspace": workspace},
            accept="*/*",
        )
        return self._pieces(call)
