# SPDX-License-Identifier: Apache-2.0
"""Operations: executions. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from legato.client.caller import Caller
from legato.client.calls import Call, segment
from legato.client.generated import models


class ExecutionsOperations(Caller):
    """Operations: executions."""

    async def cancel_execution(
        self, execution_id: str, body: models.Because | None = None, *, workspace: str | None = None
    ) -> models.ExecutionBody:
        """Cancel: nothing new starts, running attempts are told to stop, and then killed.

        Needs the right `execution:cancel`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/cancel",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="" if body is None else "application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def pause_execution(
        self, execution_id: str, body: models.Because | None = None, *, workspace: str | None = None
    ) -> models.ExecutionBody:
        """Pause: nothing new starts until it is resumed; running attempts finish, timers go on.

        Needs the right `execution:pause`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/pause",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="" if body is None else "application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def resume_execution(
        self, execution_id: str, *, workspace: str | None = None
    ) -> models.ExecutionBody:
        """End a pause.

        Needs the right `execution:resume`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/resume",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ExecutionBody)

    async def send_signal(
        self,
        execution_id: str,
        name: str,
        body: models.SignalBody | None = None,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.ExecutionBody:
        """Give a named signal to the node that waits for it, or keep it until one does.

        Needs the right `execution:signal`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/signals/{segment(name)}",
            headers={"Legato-Workspace": workspace, "Idempotency-Key": idempotency_key},
            body=body,
            content_type="" if body is None else "application/json",
            takes_key=True,
        )
        return await self._answer(call, models.ExecutionBody)

    async def answer_approval(
        self, execution_id: str, node: str, body: models.Decision, *, workspace: str | None = None
    ) -> models.ExecutionBody:
        """Answer a node that waits for a person; both answers complete it.

        Needs the right `execution:approve`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/approvals/{segment(node)}",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def retry_node(
        self,
        execution_id: str,
        node: str,
        body: models.NodeWish | None = None,
        *,
        workspace: str | None = None,
    ) -> models.ExecutionBody:
        """Do the work of a parked node, or item, once more.

        Needs the right `execution:retry_node`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes/{segment(node)}/retry",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="" if body is None else "application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def skip_node(
        self,
        execution_id: str,
        node: str,
        body: models.NodeWish | None = None,
        *,
        workspace: str | None = None,
    ) -> models.ExecutionBody:
        """Leave a parked node out; a parked item becomes null.

        Needs the right `execution:skip_node`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes/{segment(node)}/skip",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="" if body is None else "application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def force_node(
        self, execution_id: str, node: str, body: models.Force, *, workspace: str | None = None
    ) -> models.ExecutionBody:
        """Settle a parked node, or item, by hand: it was done, with this output, or it failed.

        Needs the right `execution:force_node`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes/{segment(node)}/force",
            headers={"Legato-Workspace": workspace},
            body=body,
            content_type="application/json",
        )
        return await self._answer(call, models.ExecutionBody)

    async def retry_execution(
        self,
        execution_id: str,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
        prefer: str | None = None,
    ) -> models.ExecutionBody:
        """Do again what an ended execution did not complete, as a new one.

        Needs the right `execution:retry`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/retry",
            headers={
                "Legato-Workspace": workspace,
                "Idempotency-Key": idempotency_key,
                "Prefer": prefer,
            },
            takes_key=True,
        )
        return await self._answer(call, models.ExecutionBody)

    async def fork_execution(
        self,
        execution_id: str,
        body: models.Fork,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
        prefer: str | None = None,
    ) -> models.ExecutionBody:
        """Run an execution again from a node on, as a new one that keeps everything before it.

        Needs the right `execution:fork`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/executions/{segment(execution_id)}/fork",
            headers={
                "Legato-Workspace": workspace,
                "Idempotency-Key": idempotency_key,
                "Prefer": prefer,
            },
            body=body,
            content_type="application/json",
            takes_key=True,
        )
        return await self._answer(call, models.ExecutionBody)

    async def start_execution(
        self,
        workflow_id: str,
        body: models.NewExecution,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
        prefer: str | None = None,
    ) -> models.ExecutionBody:
        """Start an execution; durable when this is answered.

        With `Prefer: wait=N` (60 at most) the answer comes at its end, with 200, if that is in
        time.

        Needs the right `execution:start`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/executions",
            headers={
                "Legato-Workspace": workspace,
                "Idempotency-Key": idempotency_key,
                "Prefer": prefer,
            },
            body=body,
            content_type="application/json",
            takes_key=True,
        )
        return await self._answer(call, models.ExecutionBody)

    async def start_draft(
        self,
        workflow_id: str,
        body: models.DraftRun,
        *,
        workspace: str | None = None,
        idempotency_key: str | None = None,
        prefer: str | None = None,
    ) -> models.ExecutionBody:
        """Run a draft as a test: whole, until a node, or one node only.

        Needs the right `workflow:run_draft`.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/workflows/{segment(workflow_id)}/draft/executions",
            headers={
                "Legato-Workspace": workspace,
                "Idempotency-Key": idempotency_key,
                "Prefer": prefer,
            },
            body=body,
            content_type="application/json",
            takes_key=True,
        )
        return await self._answer(call, models.ExecutionBody)
