# SPDX-License-Identifier: Apache-2.0
"""From an execution to the submission of its retry or fork: what is kept, edited, pinned.

The rules of what may be kept are in `engine.fork`; this reads what they need from the store.

Rules: ST7, GR24, GR27-GR30, CL21-CL23, XW26.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from legato.engine.fork import keep_for_fork, keep_for_retry
from legato.engine.state import ExecutionState
from legato.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from legato.model.events import ExecutionStarted, Source
from legato.model.frames import FINAL_NODE
from legato.model.graph import Graph
from legato.model.ids import ExecutionId, NodeId, VersionHash
from legato.model.policy import Limits
from legato.model.values import Value, encode, load
from legato.model.workflow import Workflow, decode_workflow
from legato.ports.blobs import json_of, keep_value
from legato.ports.executions import ExecutionRow
from legato.ports.stores import Stores
from legato.runtime.submission import Submission

FAMILY_MAX: Final = 200_000
"""Executions whose payloads one fork keeps: those that one foreach of calls can make, twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkWish:
    """What is to be different in a fork.

    `from_nodes` run again with all that is downstream of them. `outputs` stand for what their
    nodes would give. `inputs` are checked and whole, None for those of the source. `workflow` is
    another version, with its text in `source` and what it calls in `called`.
    """

    from_nodes: tuple[NodeId, ...] = ()
    outputs: Mapping[NodeId, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] | None = None
    workflow: Workflow | None = None
    source: bytes = b""
    called: Mapping[str, Workflow] = field(default_factory=dict)
    by: str = ""


async def retry_of(stores: Stores, state: ExecutionState, by: str) -> Submission:
    """Return the submission that does again what an ended execution did not complete.

    Args:
        stores: Where versions and large values are.
        state: The whole fold of the execution.
        by: Who asks.

    Raises:
        Conflict: It has not ended, or there is nothing to do again.
        NotFound: Its version, or what it calls, is not stored any more.
    """
    started = _started(state)
    if state.ended is None:
        raise Conflict(
            f"{state.execution_id} has not ended: it is {state.status}",
            hint="A retry is for what has ended; fork it from a node instead.",
        )
    if state.ended == "completed" and not any(_is_undone(state, i) for i in _indices(state)):
        raise Conflict(
            f"{state.execution_id} completed: there is nothing to do again",
            hint="Fork it from a node instead.",
        )
    return Submission(
        workflow=state.graph.workflow,
        inputs=await inputs_of(stores, started),
        workspace=started.workspace,
        trigger=await trigger_of(stores, started),
        kind="retry",
        by=by,
        called=await _pinned(stores, started),
        reused=keep_for_retry(state, by),
        part=started.part,
        forked_from=Source(state.execution_id, seq=state.seq),
        blobs_of=await _family(stores, state.execution_id),
    )


async def fork_of(
    stores: Stores, state: ExecutionState, wish: ForkWish, limits: Limits
) -> Submission:
    """Return the submission of a fork.

    Args:
        stores: Where versions and large values are.
        state: The fold of the execution, at the moment to fork from.
        wish: What is to be different.
        limits: Bounds of given outputs.

    Raises:
        InvalidInput: Nothing is named to run, a node does not exist, an answer of a person is
            edited, or a kept node is another one in the version to run.
        NotFound: Its version, or what it calls, is not stored any more.
    """
    started = _started(state)
    if not wish.from_nodes and not wish.outputs:
        raise InvalidInput("a fork needs a node to run from, or a node whose output is given")
    before = await inputs_of(stores, started)
    inputs = before if wish.inputs is None else dict(wish.inputs)
    workflow = state.graph.workflow if wish.workflow is None else wish.workflow
    edits = {
        name: await _stored(stores, started, name, output, limits)
        for name, output in wish.outputs.items()
    }
    kept = keep_for_fork(
        state, Graph(workflow), wish.from_nodes, edits, wish.by, has_new_inputs=inputs != before
    )
    called = await _pinned(stores, started) if wish.workflow is None else wish.called
    node = wish.from_nodes[0] if len(wish.from_nodes) == 1 else None
    return Submission(
        workflow=workflow,
        inputs=inputs,
        source=wish.source,
        workspace=started.workspace,
        trigger=await trigger_of(stores, started),
        kind="fork",
        by=wish.by,
        called=called,
        reused=kept,
        forked_from=Source(state.execution_id, node=node, seq=state.seq),
        blobs_of=await _family(stores, state.execution_id),
    )


def as_run_of(
    submission: Submission, source: ExecutionRow, *, number: int | None = None
) -> Submission:
    """Return a retry or fork as a run of the workflow that its source is one of; a test stays one.

    Args:
        submission: The retry or fork.
        source: What it is made of.
        number: The version that it runs instead; None: that of its source.
    """
    return replace(
        submission,
        workflow_id=source.workflow_id,
        number=source.number if number is None else number,
        is_test=source.is_test,
    )


async def inputs_of(stores: Stores, started: ExecutionStarted) -> dict[str, Any]:
    """Return the inputs that an execution began with.

    Raises:
        NotFound: They were large, and are gone.
    """
    found = load(await json_of(stores.blobs, started.workspace, started.inputs))
    return found if isinstance(found, dict) else {}


async def trigger_of(stores: Stores, started: ExecutionStarted) -> dict[str, Any]:
    """Return what the expressions of an execution read as `trigger`: what goes on reads the same.

    Raises:
        NotFound: It was large, and is gone.
    """
    if started.trigger_data.ref is None:
        found = load(started.trigger)
    else:
        found = load(await json_of(stores.blobs, started.workspace, started.trigger_data))
    return found if isinstance(found, dict) else {}


def _started(state: ExecutionState) -> ExecutionStarted:
    if state.started is None:
        raise Conflict(
            f"{state.execution_id} is still queued: there is nothing to keep of it",
            hint="Run the workflow again.",
        )
    return state.started


def _indices(state: ExecutionState) -> range:
    return range(len(state.nodes))


def _is_undone(state: ExecutionState, index: int) -> bool:
    """Tell whether a node ended without what it was for; one that was left out did not."""
    status = state.nodes[index].status
    return status not in FINAL_NODE or status in {"failed", "cancelled"}


async def _pinned(stores: Stores, started: ExecutionStarted) -> dict[str, Workflow]:
    """Return the very versions that the source calls: a later publish changes no fork."""
    return {name: await _version(stores, version) for name, version in started.pins.items()}


async def _version(stores: Stores, version: VersionHash) -> Workflow:
    row = await stores.versions.get(version)
    if row is None:
        raise NotFound(f"the workflow version {version[:12]} is not stored")
    return decode_workflow(row.compiled)


async def _stored(
    stores: Stores, started: ExecutionStarted, name: str, output: object, limits: Limits
) -> Value:
    """Return a given output as a value; a large one goes to the blob store first."""
    data = encode(output, what=f"the output of {name}", size_bytes_max=limits.max_output_bytes)
    return await keep_value(stores.blobs, started.workspace, data, limits.max_inline_bytes)


async def _family(stores: Stores, execution_id: ExecutionId) -> tuple[ExecutionId, ...]:
    """Return an execution and what it called: an output may name a payload that a callee stored."""
    rows = await stores.executions.descendants(execution_id, limit=FAMILY_MAX + 1)
    if len(rows) > FAMILY_MAX:
        raise LimitExceeded(f"{execution_id} called more than {FAMILY_MAX} executions")
    return (execution_id, *(row.execution_id for row in rows))
