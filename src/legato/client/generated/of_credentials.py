# SPDX-License-Identifier: Apache-2.0
"""Operations: credentials. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class CredentialsOperations(Caller):
    """Operations: credentials."""

    async def list_credentials(
        self, *, limit: int | None = None, cursor: str | None = None, workspace: str | None = None
    ) -> models.CredentialNames:
        """Return the names of the workspace's credentials.

        Needs the right `credential:names`.
        """
        call = Call(
            method="GET",
            path="/api/v1/credentials",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.CredentialNames)

    def all_credentials(
        self, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.CredentialNameView]:
        """Return the names of the workspace's credentials.

        Needs the right `credential:names`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.CredentialNames:
            return await self.list_credentials(limit=limit, cursor=cursor, workspace=workspace)

        return pages(ask)

    async def create_credential(
        self,
        body: models.WantedBearer
        | models.WantedBasic
        | models.WantedHeader
        | models.WantedSql
        | models.WantedSmtp
        | models.WantedLlm,
        *,
        workspace: str | None = None,
    ) -> models.CredentialView:
        """Keep a credential. What it holds is sealed, and never shown again.

        Needs the right `credential:create`.
        """
        call = Call(
            method="POST",
            path="/api/v1/credentials",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.CredentialView)

    async def list_types(self, *, workspace: str | None = None) -> models.CredentialTypes:
        """Return what each type holds, as JSON Schema for a form.

        Needs the right `credential:names`.
        """
        call = Call(
            method="GET", path="/api/v1/credentials/types", headers={"Legato-Workspace": workspace}
        )
        return await self._answer(call, models.CredentialTypes)

    async def read_credential(
        self, credential_id: str, *, workspace: str | None = None
    ) -> models.CredentialView:
        """Return a credential without what it holds. That it was read is kept in the audit.

        Needs the right `credential:names`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/credentials/{segment(credential_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.CredentialView)

    async def replace_credential(
        self,
        credential_id: str,
        body: models.WantedBearer
        | models.WantedBasic
        | models.WantedHeader
        | models.WantedSql
        | models.WantedSmtp
        | models.WantedLlm,
        *,
        workspace: str | None = None,
    ) -> models.CredentialView:
        """Replace a credential whole: it is not known what it held. Needs If-Match.

        Needs the right `credential:update`.
        """
        call = Call(
            method="PUT",
            path=f"/api/v1/credentials/{segment(credential_id)}",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.CredentialView)

    async def delete_credential(self, credential_id: str, *, workspace: str | None = None) -> None:
        """Delete a credential that no published workflow uses.

        Needs the right `credential:delete`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/credentials/{segment(credential_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

    async def list_uses(
        self,
        credential_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        workspace: str | None = None,
    ) -> models.WorkflowUses:
        """Return the workflows whose published version names a credential.

        Needs the right `credential:used_by`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/credentials/{segment(credential_id)}/used-by",
            query={"limit": limit, "cursor": cursor},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.WorkflowUses)

    def all_uses(
        self, credential_id: str, *, limit: int | None = None, workspace: str | None = None
    ) -> AsyncIterator[models.WorkflowUseView]:
        """Return the workflows whose published version names a credential.

        Needs the right `credential:used_by`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.WorkflowUses:
            return await self.list_uses(
                credential_id, limit=limit, cursor=cursor, workspace=workspace
            )

        return pages(ask)

    async def try_credential(
        self, credential_id: str, *, url: str | None = None, workspace: str | None = None
    ) -> models.TrialView:
        """Try a credential, harmlessly: a GET, a SELECT, or a log-in to a mail server.

        The answer says whether it was accepted, and nothing of what a server sent.

        Needs the right `credential:test`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/credentials/{segment(credential_id)}/test",
            query={"url": url},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.TrialView)
