# SPDX-License-Identifier: Apache-2.0
"""Have the rows of triggers follow the document that is published, in its transaction.

    def script() -> Script[Published]:
        ...
        yield from sync_triggers(workspace, workflow, plans)

Rules: TR10-TR12.
"""

from collections.abc import Sequence

import msgspec
import uuid_utils

from legato.adapters.sql.script import Row, Script, step
from legato.model.cron import LATE_MS
from legato.model.ids import WorkspaceId
from legato.ports.triggers import TriggerPlan


def sync_triggers(
    workspace: WorkspaceId, workflow: str, plans: Sequence[TriggerPlan]
) -> Script[None]:
    """Have a workflow the triggers of its document, and no others.

    A row keeps by its name what is no matter of the document: whether it is paused, token, secret.
    A schedule that stays as it was keeps a tick that is due this very minute.
    """
    rows = yield from step("triggers.of_workflow", workflow=workflow)
    known = {row["name"]: row for row in rows}
    for plan in plans:
        row = known.pop(plan.name, None)
        values = {"kind": plan.kind, "config": plan.config}
        if row is None:
            id_ = str(uuid_utils.uuid7())
            place = {"id": id_, "workspace": workspace, "workflow": workflow}
            yield from step("triggers.add", **place, **values, name=plan.name, next_at=plan.next_at)
        else:
            next_at = _next_at(row, plan)
            yield from step("triggers.change", id_is=row["id"], **values, next_at=next_at)
    for row in known.values():
        if row["is_live"]:
            yield from step("triggers.retire", id_is=row["id"])


def retire_triggers(workflow: str) -> Script[None]:
    """Stop every trigger of a workflow that is archived; a later publish brings them back."""
    yield from step("triggers.retire_all", workflow_is=workflow)


def purge_triggers(workflow: str) -> Script[None]:
    """Delete every trigger of a workflow that is purged, and what came of them."""
    for name in ("places_purge", "missed_purge", "purge"):
        yield from step(f"triggers.{name}", workflow=workflow)


def _next_at(row: Row, plan: TriggerPlan) -> int | None:
    if row["paused_at"] is not None or plan.next_at is None:
        return None
    before = row["next_at"]
    is_same = row["kind"] == plan.kind and _when(row["config"]) == _when(plan.config)
    if row["is_live"] and is_same and before is not None and before >= plan.at - LATE_MS:
        return int(before)
    return plan.next_at


def _when(config: str) -> tuple[object, object]:
    found = msgspec.json.decode(config)
    return found.get("expression"), found.get("timezone")
