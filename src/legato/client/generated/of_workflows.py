# SPDX-License-Identifier: Apache-2.0
"""Operations: workflows. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.generated import models


class WorkflowsOperations(Caller):
    """Operations: workflows."""

    async def validate_workflow(
        self, body: models.Written | bytes | str, *, workspace: str | None = None
    ) -> models.Judgement:
        """Tell what is wrong with a document. Nothing is kept, and nothing is executed.

        Needs the right `workflow:validate`.
        """
        call = Call(
            method="POST",
            path="/api/v1/workflows/validate",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/yaml"
            if isinstance(body, str | bytes)
            else "application/json",
        )
        return await self._answer(call, models.Judgement)

    async def read_draft(
        self, workflow_id: str, *, workspace: str | None = None, if_none_match: str | None = None
    ) -> models.DraftView:
        """Return the draft with what is wrong with it. Nothing is executed.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/draft",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.DraftView)

    async def save_draft(
        self,
        workflow_id: str,
        body: models.Written | bytes | str,
        *,
        workspace: str | None = None,
        if_match: str | None = None,
    ) -> models.DraftView:
        """Save a text over the revision that `If-Match` names; problems in it are told, not
        refused.

        A stale revision is refused with `current` and `base`: what the draft is now, and what it
        was.

        Needs the right `workflow:draft`.
        """
        call = Call(
            method="PUT",
            path=f"/api/v1/workflows/{segment(workflow_id)}/draft",
            headers={"Legato-Workspace": workspace, "If-Match": if_match},
            body=body,
            content_type="application/yaml"
            if isinstance(body, str | bytes)
            else "application/json",
        )
        return await self._answer(call, models.DraftView)

    async def publish_workflow(
        self,
        workflow_id: str,
        body: models.PublishRequest,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.VersionMade:
        """Have the workflow stand for its draft from now on.

        Needs the right `workflow:publish`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/publish",
            headers={"Legato-Workspace": workspace, "Idempotency-Key": idempotency_key},
            body=body,
            content_type="application/json",
            takes_key=True,
        )
        return await self._answer(call, models.VersionMade)

    async def read_file_of(
        self, workflow_id: str, *, workspace: str | None = None, if_none_match: str | None = None
    ) -> bytes:
        """Return the text of the published version, byte for byte.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}/file",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
            accept="application/yaml",
        )
        return await self._bytes(call)

    async def put_file(
        self,
        workflow_id: str,
        body: models.Written | bytes | str,
        *,
        workspace: str | None = None,
        if_match: str | None = None,
    ) -> models.VersionMade:
        """Have a file be the draft and the published version at once.

        A name that no workflow has makes one, if the document has the same name. `If-Match` names
        the hash of the version that shall be replaced.

        Needs the right `workflow:publish`.
        """
        call = Call(
            method="PUT",
            path=f"/api/v1/workflows/{segment(workflow_id)}/file",
            headers={"Legato-Workspace": workspace, "If-Match": if_match},
            body=body,
            content_type="application/yaml"
            if isinstance(body, str | bytes)
            else "application/json",
        )
        return await self._answer(call, models.VersionMade)

    async def list_workflows(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        archived: bool | None = None,
        published: bool | None = None,
        q: str | None = None,
        workspace: str | None = None,
    ) -> models.Workflows:
        """Return workflows, the newest first.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/workflows",
            query={
                "limit": limit,
                "cursor": cursor,
                "archived": archived,
                "published": published,
                "q": q,
            },
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Workflows)

    def all_workflows(
        self,
        *,
        limit: int | None = None,
        archived: bool | None = None,
        published: bool | None = None,
        q: str | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.ListedWorkflow]:
        """Return workflows, the newest first.

        Needs the right `workflow:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.Workflows:
            return await self.list_workflows(
                limit=limit,
                cursor=cursor,
                archived=archived,
                published=published,
                q=q,
                workspace=workspace,
            )

        return pages(ask)

    async def create_workflow(
        self, body: models.Written | bytes | str, *, workspace: str | None = None
    ) -> models.WorkflowView:
        """Make a workflow of a document, as draft revision 1; nothing is published.

        The document's name becomes the slug. The draft may have problems, but the name must be
        readable.

        Needs the right `workflow:create`.
        """
        call = Call(
            method="POST",
            path="/api/v1/workflows",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/yaml"
            if isinstance(body, str | bytes)
            else "application/json",
        )
        return await self._answer(call, models.WorkflowView)

    async def read_workflow(
        self, workflow_id: str, *, workspace: str | None = None, if_none_match: str | None = None
    ) -> models.WorkflowView:
        """Return a workflow; one that is archived by its id only.

        Needs the right `workflow:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/workflows/{segment(workflow_id)}",
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.WorkflowView)

    async def archive_workflow(
        self, workflow_id: str, *, workspace: str | None = None, if_match: str | None = None
    ) -> None:
        """Archive a workflow: nothing starts it any more, what runs goes on, its slug is free.

        Needs the right `workflow:archive`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/workflows/{segment(workflow_id)}",
            headers={"Legato-Workspace": workspace, "If-Match": if_match},
        )
        await self._nothing(call)

    async def change_workflow(
        self,
        workflow_id: str,
        body: models.WorkflowChange,
        *,
        workspace: str | None = None,
        if_match: str | None = None,
    ) -> models.WorkflowView:
        """Give a workflow another slug or title.

        With another slug the name in the draft becomes the same; versions stay as they are.

        Needs the right `workflow:draft`.
        """
        call = Call(
            method="PATCH",
            path=f"/api/v1/workflows/{segment(workflow_id)}",
            headers={"Legato-Workspace": workspace, "If-Match": if_match},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.WorkflowView)

    async def purge_workflow(self, workflow_id: str, *, workspace: str | None = None) -> None:
        """Delete an archived workflow, its drafts, texts and pins for ever.

        Executions stay, with what they ran.

        Needs the right `workflow:purge`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/purge",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)
