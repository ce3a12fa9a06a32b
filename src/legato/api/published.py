# SPDX-License-Identifier: Apache-2.0
"""What a workflow stands for now, with everything that it may call: what an execution is made of.

    found = await published(api, workspace.id, "weekly-report")      # id, slug or alias
    Submission(workflow=found.workflow, called=found.called, workflow_id=found.workflow_id, ...)

Rules: WF10, WF11.
"""

from __future__ import annotations

import asyncio
from typing import Final

from legato.api.parts import Api
from legato.api.workflow_cache import Loaded, Published
from legato.errors import LimitExceeded, NotFound, Refused
from legato.model.ids import WorkspaceId
from legato.model.workflow import Workflow, called_workflows, decode_workflow
from legato.ports.workflows import WorkflowRow

CALLED_MAX: Final = 1_000
IN_LOOP_MAX: Final = 64 * 1024
"""A longer compiled form is decoded in a thread."""


async def published(
    api: Api, workspace: WorkspaceId, named: str, *, number: int | None = None
) -> Published:
    """Return a workflow as it is published.

    Args:
        api: Where to look.
        workspace: Whose workflow; what it calls is looked for there, too.
        named: Id, slug or alias of one that is not archived.
        number: Of an older version; None for what is published now.

    Raises:
        NotFound: There is no such workflow or version.
        Refused: `not_published`: nothing is published, or not what it calls.
    """
    found = await api.stores.workflows.current(workspace, named)
    if found is None:
        raise NotFound
    row, _ = found
    if row.published is None:
        raise Refused("not_published", "No version of this workflow is published.")
    loaded = await _load(api, row, row.published if number is None else number)
    return Published(
        workspace=workspace,
        workflow_id=row.id,
        slug=row.slug,
        number=loaded.number,
        version=loaded.version,
        workflow=loaded.workflow,
        source=loaded.source,
        called=await called_by(api, workspace, loaded.workflow),
    )


async def called_by(api: Api, workspace: WorkspaceId, workflow: Workflow) -> dict[str, Workflow]:
    """Return what a workflow may call, and what that may call, by their names.

    Raises:
        Refused: `not_published`: one of them is not published.
        LimitExceeded: They are too many.
    """
    called: dict[str, Workflow] = {}
    wanted = list(called_workflows(workflow))
    while wanted:
        name = wanted.pop()
        if name in called:
            continue
        if len(called) >= CALLED_MAX:
            raise LimitExceeded(f"a workflow may call {CALLED_MAX} others")
        found = await api.stores.workflows.current(workspace, name)
        if found is None or found[0].published is None:
            raise Refused("not_published", "A workflow that this one calls is not published.")
        row = found[0]
        assert row.published is not None
        called[name] = (await _load(api, row, row.published)).workflow
        wanted += called_workflows(called[name])
    return called


async def _load(api: Api, row: WorkflowRow, number: int) -> Loaded:
    """Return one version of a workflow.

    Raises:
        NotFound: It has none of this number.
    """
    kept = api.workflow_cache.get(row.id, number)
    if kept is not None:
        return kept
    found = await api.stores.workflows.version(row.workspace, row.id, number)
    if found is None:
        raise NotFound
    compiled = found.compiled
    if len(compiled) > IN_LOOP_MAX:
        workflow = await asyncio.to_thread(decode_workflow, compiled)
    else:
        workflow = decode_workflow(compiled)
    loaded = Loaded(
        number=number,
        version=found.publication.version,
        workflow=workflow,
        source=found.source,
        size=len(compiled) + len(found.source),
    )
    api.workflow_cache.put(row.id, loaded)
    return loaded
