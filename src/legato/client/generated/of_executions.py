# SPDX-License-Identifier: Apache-2.0
"""Operations: executions. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from legato.client.caller import Caller, pages
from legato.client.calls import Call, segment
from legato.client.events import StreamEvent
from legato.client.generated import models


class ExecutionsOperations(Caller):
    """Operations: executions."""

    async def read_events(
        self,
        execution_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        workspace: str | None = None,
        last_event_id: str | None = None,
    ) -> models.EventsView:
        """Return events; with `Accept: text/event-stream` all of them, and those to come.

        Needs the right `execution:events`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/events",
            query={"after": after, "limit": limit},
            headers={"Legato-Workspace": workspace, "Last-Event-ID": last_event_id},
        )
        return await self._answer(call, models.EventsView)

    def follow_events(
        self,
        execution_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        workspace: str | None = None,
        last_event_id: str | None = None,
    ) -> AsyncIterator[StreamEvent]:
        """Return events; with `Accept: text/event-stream` all of them, and those to come.

        Needs the right `execution:events`.

        Yields events as they come, without a gap, to the end of the stream.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/events",
            query={"after": after, "limit": limit},
            headers={"Legato-Workspace": workspace},
        )
        return self._events(call, last_event_id)

    async def list_nodes(
        self, execution_id: str, *, workspace: str | None = None
    ) -> models.NodesView:
        """Return the state of every node.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.NodesView)

    async def read_node(
        self,
        execution_id: str,
        node: str,
        *,
        pointer: str | None = None,
        after: int | None = None,
        item: int | None = None,
        workspace: str | None = None,
    ) -> models.NodeDetail:
        """Return a node: its tries, what it was given, and a piece of what it gave.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes/{segment(node)}",
            query={"pointer": pointer, "after": after, "item": item},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.NodeDetail)

    async def list_items(
        self,
        execution_id: str,
        node: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: Literal[
            "pending", "running", "waiting", "retrying", "needs_attention", "completed", "failed"
        ]
        | None = None,
        workspace: str | None = None,
    ) -> models.ItemsView:
        """Return elements of a node's list, by what they are doing.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/nodes/{segment(node)}/items",
            query={"limit": limit, "cursor": cursor, "state": state},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ItemsView)

    def all_items(
        self,
        execution_id: str,
        node: str,
        *,
        limit: int | None = None,
        state: Literal[
            "pending", "running", "waiting", "retrying", "needs_attention", "completed", "failed"
        ]
        | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.ItemView]:
        """Return elements of a node's list, by what they are doing.

        Needs the right `execution:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.ItemsView:
            return await self.list_items(
                execution_id, node, limit=limit, cursor=cursor, state=state, workspace=workspace
            )

        return pages(ask)

    async def read_inputs(
        self,
        execution_id: str,
        *,
        pointer: str | None = None,
        after: int | None = None,
        workspace: str | None = None,
    ) -> models.Slice:
        """Return a piece of the inputs.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/inputs",
            query={"pointer": pointer, "after": after},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Slice)

    async def read_outputs(
        self,
        execution_id: str,
        *,
        pointer: str | None = None,
        after: int | None = None,
        workspace: str | None = None,
    ) -> models.Slice:
        """Return a piece of the outputs of an execution that has ended.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/outputs",
            query={"pointer": pointer, "after": after},
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.Slice)

    async def list_lines(
        self,
        execution_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        node: str | None = None,
        item: int | None = None,
        attempt: int | None = None,
        workspace: str | None = None,
    ) -> models.LinesView:
        """Return what attempts said, in the order in which it came; the cursor follows what comes.

        Needs the right `execution:logs`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/logs",
            query={
                "limit": limit,
                "cursor": cursor,
                "node": node,
                "item": item,
                "attempt": attempt,
            },
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.LinesView)

    async def compare_executions(
        self, execution_id: str, other_id: str, *, workspace: str | None = None
    ) -> models.ComparisonView:
        """Return two executions of the same workflow node by node, and where they first part.

        Needs the right `execution:compare`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/compare/{segment(other_id)}",
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ComparisonView)

    async def export_execution(
        self, execution_id: str, *, payload_bytes: int | None = None, workspace: str | None = None
    ) -> Any:
        """Return everything that is stored of an execution; that it was taken is in the audit.

        Needs the right `execution:export`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}/export",
            query={"payload_bytes": payload_bytes},
            headers={"Legato-Workspace": workspace},
        )
        found: Any = await self._answer(call, object)
        return found

    async def list_executions(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: str | None = None,
        workflow: str | None = None,
        version: int | None = None,
        trigger: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        q: str | None = None,
        value: list[str] | None = None,
        parent: str | None = None,
        workspace: str | None = None,
    ) -> models.ExecutionItems:
        """Return executions that people, schedules and messages started, the newest first.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path="/api/v1/executions",
            query={
                "limit": limit,
                "cursor": cursor,
                "status": status,
                "workflow": workflow,
                "version": version,
                "trigger": trigger,
                "created_after": created_after,
                "created_before": created_before,
                "q": q,
                "value": value,
                "parent": parent,
            },
            headers={"Legato-Workspace": workspace},
        )
        return await self._answer(call, models.ExecutionItems)

    def all_executions(
        self,
        *,
        limit: int | None = None,
        status: str | None = None,
        workflow: str | None = None,
        version: int | None = None,
        trigger: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        q: str | None = None,
        value: list[str] | None = None,
        parent: str | None = None,
        workspace: str | None = None,
    ) -> AsyncIterator[models.ExecutionItem]:
        """Return executions that people, schedules and messages started, the newest first.

        Needs the right `execution:read`.

        Yields every item, page after page.
        """

        async def ask(cursor: str | None) -> models.ExecutionItems:
            return await self.list_executions(
                limit=limit,
                cursor=cursor,
                status=status,
                workflow=workflow,
                version=version,
                trigger=trigger,
                created_after=created_after,
                created_before=created_before,
                q=q,
                value=value,
                parent=parent,
                workspace=workspace,
            )

        return pages(ask)

    async def read_execution(
        self,
        execution_id: str,
        *,
        at_seq: int | None = None,
        workspace: str | None = None,
        if_none_match: str | None = None,
    ) -> models.ExecutionDetail:
        """Return an execution as it is now, or as it was at an event of its log.

        Needs the right `execution:read`.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/executions/{segment(execution_id)}",
            query={"at_seq": at_seq},
            headers={"Legato-Workspace": workspace, "If-None-Match": if_none_match},
        )
        return await self._answer(call, models.ExecutionDetail)

    async def purge_execution(self, execution_id: str, *, workspace: str | None = None) -> None:
        """Delete an execution that has ended, with all that it called; it cannot be undone.

        Forks of it keep what they took from it. The audit stays.

        Needs the right `execution:purge`.
        """
        call = Call(
            method="DELETE",
            path=f"/api/v1/executions/{segment(execution_id)}",
            headers={"Legato-Workspace": workspace},
        )
        await self._nothing(call)

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
