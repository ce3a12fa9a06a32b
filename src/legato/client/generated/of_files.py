# SPDX-License-Identifier: Apache-2.0
"""Operations: files. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from legato.client.caller import Caller, pages
from legato.client.calls import Call, Upload, segment
from legato.client.generated import models


class FilesOperations(Caller):
    """Operations: files."""

    async def list_files(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        name: str | None = None,
        sha256: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        workspace: str | None = None,
    ) -> models.FilePage:
        """Return the files of the workspace, the newest first.

        Needs the right `file:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/files",
            query={
                "limit": limit,
                "cursor": cursor,
                "name": name,
                "sha256": sha256,
                "created_after": created_after,
                "created_before": created_before,
            },
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.FilePage)

    def all_files(
        self,
        *,
        limit: int | None = None,
        name: str | None = None,
        sha256: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.FileView]:
        """Return the files of the workspace, the newest first.

        Needs the right `file:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.FilePage:
            return await self.list_files(
                limit=limit,
                cursor=cursor,
                name=name,
                sha256=sha256,
                created_after=created_after,
                created_before=created_before,
                workspace=workspace,
            )

        return pages(ask)

    async def upload_file(
        self,
        body: Upload,
        *,
        provider: str | None = None,
        idempotency_key: str | None = None,
        workspace: str | None = None,
    ) -> models.FileView:
        """Store a file; the body has exactly one part, named `file`.

        Needs the right `file:upload`.
        """
        call = Call(
            method="POST",
            path="/api/v1/files",
            query={"provider": provider},
            headers={"Idempotency-Key": idempotency_key, "Legato-Workspace": workspace},
            body=body,
            content_type="multipart/form-data",
            takes_key=True,
        )
        return await self._answer(call, models.FileView)

    async def read_quota(self, *, workspace: str | None = None) -> models.QuotaView:
        """Return how much room the files of the workspace take.

        Needs the right `file:quota`.
        """
        call = Call(
            method="GET", path="/api/v1/files/quota", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.QuotaView)

    async def change_quota(
        self, body: models.QuotaChange, *, workspace: str | None = None
    ) -> models.QuotaView:
        """Give the workspace a limit of its own, or none; what is stored stays.

        Needs the right `file:quota`.
        """
        call = Call(
            method="PUT",
            path="/api/v1/files/quota",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.QuotaView)

    async def read_file(self, file_id: str, *, workspace: str | None = None) -> models.FileView:
        """Return what is known of a file.

        Needs the right `file:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/files/{segment(file_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.FileView)

    async def delete_file(self, file_id: str, *, workspace: str | None = None) -> None:
        """Delete a file; executions that refer to its content keep it as long as they are kept.

        Needs the right `file:delete_own`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/files/{segment(file_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    def read_content(
        self, file_id: str, *, workspace: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Return the content of a file, or one part of it.

        Needs the right `file:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/files/{segment(file_id)}/content",
            headers={"Legato-Workspace": workspace},
            accept="*/*",
        )
        return self._pieces(call)
