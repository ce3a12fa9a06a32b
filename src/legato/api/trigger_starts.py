# SPDX-License-Identifier: Apache-2.0
"""Starts what triggers start: a tick, a message, a test of either.

Rules: TR13, TR24, TR31.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from legato.api.parts import Api
from legato.api.published import published
from legato.model.ids import ExecutionId
from legato.ports.admission import Admitted, Once, Place, Terms
from legato.ports.audit import AuditEntry
from legato.ports.triggers import TriggerRow
from legato.runtime.submission import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a trigger starts its workflow.

    Args:
        inputs: Of the execution.
        data: What expressions read as `trigger`, beside its kind and id.
        scheduled_at: The tick, in ms.
        place: What may start one execution only.
        by: Who, if a person does.
        execution_id: The id it gets.
        once: The answer to the request with a key.
        audit: Written with it.
    """

    inputs: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    scheduled_at: int | None = None
    place: Place | None = None
    by: str = ""
    execution_id: ExecutionId | None = None
    once: Once | None = None
    audit: tuple[AuditEntry, ...] = ()


async def start_trigger(api: Api, row: TriggerRow, how: Start) -> Admitted:
    """Start the published version of a trigger's workflow.

    Raises:
        NotFound: The workflow is archived.
        Refused: `not_published`.
        InvalidInput: The inputs do not fit.
        LimitExceeded: Too many are queued.
        Unavailable: Store or engine cannot be used now.
    """
    found = await published(api, row.workspace, row.workflow)
    kind = "webhook" if row.kind == "webhook" else "cron"
    trigger = {"kind": kind, "id": row.name, "scheduled_at": how.scheduled_at, **how.data}
    submission = Submission(
        workflow=found.workflow,
        inputs=how.inputs,
        source=found.source,
        workspace=row.workspace,
        trigger=trigger,
        by=how.by,
        called=found.called,
        execution_id=how.execution_id,
        workflow_id=found.workflow_id,
        number=found.number,
        trigger_id=row.name,
        scheduled_at=how.scheduled_at,
    )
    terms = Terms(once=how.once, overlap=found.overlap, place=how.place, audit=how.audit)
    return await api.engine().admit(submission, terms)


async def start_tick(api: Api, row: TriggerRow, at: int) -> Admitted:
    """Start a schedule's tick, unless it has its place already.

    Raises:
        LegatoError: As `start_trigger`.
    """
    place = Place(kind="tick", trigger=row.id, key=str(at), at=api.clock.now_ms())
    audit = (_started(row, {"scheduled_at": at}),)
    how = Start(inputs=row.cron.inputs, scheduled_at=at, place=place, audit=audit)
    return await start_trigger(api, row, how)


def started_by(row: TriggerRow) -> AuditEntry:
    """Return what the audit says of an execution that a message starts."""
    return _started(row, {})


def _started(row: TriggerRow, data: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        action="execution.start",
        workspace=row.workspace,
        actor_kind="system",
        actor=f"trigger:{row.id}",
        target_kind="workflow",
        target=row.workflow,
        data={"trigger": row.name, **data},
    )
