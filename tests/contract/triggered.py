# SPDX-License-Identifier: Apache-2.0
"""Workflows with triggers, published in a store."""

import json
from typing import Any

from legato.model.ids import WorkspaceId
from legato.model.workflow import compiled_hash, encode_workflow
from legato.ports.catalogue import VersionRow
from legato.ports.stores import Stores
from legato.ports.triggers import TriggerRow
from tests.contract.build import LOCAL
from tests.unit.model.document.types import good

HERE = WorkspaceId(LOCAL)
HOURLY = {"uses": "schedule.cron", "with": {"expression": "0 * * * *"}}
DAILY = {"uses": "schedule.cron", "with": {"expression": "0 9 * * *", "timezone": "Europe/Berlin"}}
HOOK: dict[str, Any] = {"uses": "webhook"}


def version(*triggers: dict[str, Any], name: str = "report", **more: Any) -> VersionRow:
    """Return a version of a workflow with these triggers."""
    document = {
        "legato": 1,
        "name": name,
        "nodes": {"a": {"uses": "delay", "with": {"for": "1s"}}},
        "triggers": list(triggers),
        **more,
    }
    source = json.dumps(document).encode()
    compiled = encode_workflow(good(source.decode()))
    return VersionRow(
        version=compiled_hash(compiled),
        workspace=HERE,
        name=name,
        compiled=compiled,
        source=source,
        created_at=1_000_000,
    )


async def publish(store: Stores, *triggers: dict[str, Any], **more: Any) -> str:
    """Publish a version and return the workflow's id."""
    made, _ = await store.versions.publish(version(*triggers, **more), by="ann")
    return str(made.workflow_id)


async def schedules(store: Stores) -> dict[str, TriggerRow]:
    """Return the live schedules by their name in the document."""
    return {each.name: each for each in await store.triggers.page(HERE, "schedule.cron")}


async def hooks(store: Stores) -> dict[str, TriggerRow]:
    """Return the live webhooks."""
    return {each.name: each for each in await store.triggers.page(HERE, "webhook")}
