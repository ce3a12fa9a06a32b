# SPDX-License-Identifier: Apache-2.0
"""What it takes to start an execution: versions to store, pins of what it calls, the first signal.

Pure but for the types it fills in.

Rules: EN, GR.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from legato.errors import InvalidInput
from legato.model.events import ExecutionStarted, Part, Source
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, VersionHash, WorkspaceId
from legato.model.policy import Limits
from legato.model.signals import Reuse, StartExecution
from legato.model.values import NULL, Value, encode
from legato.model.workflow import (
    Workflow,
    called_workflows,
    compiled_hash,
    encode_workflow,
    version_hash,
)
from legato.ports.catalogue import VersionRow
from legato.ports.log import NewExecution

TRIGGER_NAMES: Final = ("kind", "id", "scheduled_at", "is_test")
"""What stays in the log of a trigger whose data is stored apart."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A wish to run a workflow with inputs that were checked against its schema.

    `called` holds every workflow that may be called by name. `source` is the file's text. A fork
    keeps `reused` of its source, and the payloads of the executions `blobs_of`. The five from
    `workflow_id` on are as in `NewExecution`. `part` has only some nodes run. `at` is when it was
    asked for, in ms; None: now. `kind` is how lists call what started it; None: as `trigger` does.
    """

    workflow: Workflow
    inputs: Mapping[str, Any]
    source: bytes = b""
    workspace: WorkspaceId = LOCAL_WORKSPACE
    trigger: Mapping[str, Any] = field(default_factory=lambda: {"kind": "manual"})
    by: str = ""
    called: Mapping[str, Workflow] = field(default_factory=dict)
    execution_id: ExecutionId | None = None
    reused: tuple[Reuse, ...] = ()
    forked_from: Source | None = None
    blobs_of: tuple[ExecutionId, ...] = ()
    workflow_id: str | None = None
    number: int | None = None
    is_test: bool = False
    trigger_id: str | None = None
    scheduled_at: int | None = None
    part: Part | None = None
    at: int | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A submission made ready: what to store first, the row, the first signal."""

    versions: tuple[VersionRow, ...]
    new: NewExecution
    start: StartExecution


def prepare(
    submission: Submission,
    execution_id: ExecutionId,
    inputs: Value,
    now: int,
    limits: Limits,
    trigger_data: Value = NULL,
) -> Prepared:
    """Make a submission ready.

    Args:
        submission: What is wished.
        execution_id: The id it gets.
        inputs: Its inputs, stored already if they are large.
        now: Milliseconds since the Unix epoch; what was asked for at another time has that one.
        limits: Bounds on calls.
        trigger_data: What expressions read as `trigger`, if it was large and is stored.

    Raises:
        InvalidInput: A called workflow is not there, or calls go too deep.
    """
    trigger = dict(submission.trigger)
    if trigger_data.ref is not None:
        trigger = {name: trigger[name] for name in TRIGGER_NAMES if name in trigger}
    workflow = submission.workflow
    now = now if submission.at is None else submission.at
    pins = _pins(submission, limits)
    versions: dict[VersionHash, VersionRow] = {}
    version = _add_versions(versions, workflow, submission.source, submission.workspace, now)
    for called in submission.called.values():
        _add_versions(versions, called, b"", submission.workspace, now)
    started = ExecutionStarted(
        workspace=submission.workspace,
        workflow=workflow.name,
        version=version,
        inputs=inputs,
        trigger=msgspec.Raw(encode(trigger, what="trigger")),
        trigger_data=trigger_data,
        by=submission.by,
        at=now,
        pins=pins,
        root=execution_id,
        forked_from=submission.forked_from,
        part=submission.part,
    )
    new = NewExecution(
        execution_id=execution_id,
        workspace=submission.workspace,
        workflow=workflow.name,
        version=version,
        created_at=now,
        root=execution_id,
        forked_from=submission.forked_from.execution_id if submission.forked_from else None,
        trigger=submission.kind or str(submission.trigger.get("kind", "manual")),
        workflow_id=submission.workflow_id,
        number=submission.number,
        is_test=submission.is_test,
        trigger_id=submission.trigger_id,
        scheduled_at=submission.scheduled_at,
        nodes_total=len(workflow.nodes),
        blobs_of=submission.blobs_of,
    )
    return Prepared(tuple(versions.values()), new, StartExecution(started, submission.reused))


def _pins(submission: Submission, limits: Limits) -> dict[str, VersionHash]:
    """Pin every workflow that can be reached by calls, to the given depth."""
    pins: dict[str, VersionHash] = {}
    level = list(called_workflows(submission.workflow))
    for _ in range(limits.max_call_depth):
        following: list[str] = []
        for name in level:
            if name in pins:
                continue
            workflow = submission.called.get(name)
            if workflow is None:
                known = ", ".join(sorted(submission.called)) or "none"
                raise InvalidInput(
                    f"it calls the workflow {name}, which is not known (known: {known})"
                )
            pins[name] = version_hash(workflow)
            following.extend(called_workflows(workflow))
        level = following
    if any(name not in pins for name in level):
        raise InvalidInput(f"workflows call each other deeper than {limits.max_call_depth} levels")
    return pins


def _add_versions(
    versions: dict[VersionHash, VersionRow],
    workflow: Workflow,
    source: bytes,
    workspace: WorkspaceId,
    now: int,
) -> VersionHash:
    """Add a workflow and its inline bodies, none published by running it; return its hash."""
    compiled = encode_workflow(workflow)
    version = compiled_hash(compiled)
    if version not in versions:
        versions[version] = VersionRow(
            version=version,
            workspace=workspace,
            name=workflow.name,
            compiled=compiled,
            source=source,
            created_at=now,
        )
    for node in workflow.nodes:
        if node.call is not None and node.call.body is not None:
            _add_versions(versions, node.call.body, b"", workspace, now)
    return version
