# SPDX-License-Identifier: Apache-2.0
"""What a watcher may see: absolute values over a range of seqs.

A frame covers (from_seq, to_seq] and holds all its sets; applying it twice changes nothing.
Client rule: to_seq ≤ mine -> nothing new; from_seq ≤ mine -> apply, mine = to_seq; else subscribe
again.

Rules: VW.
"""

from typing import Literal, get_args

import msgspec

from legato.model.ids import ExecutionId, NodeId

NodeStatus = Literal[
    "pending", "running", "waiting", "retrying", "needs_attention",
    "completed", "failed", "skipped", "cancelled",
]  # fmt: skip
ExecutionStatus = Literal[
    "queued", "running", "waiting", "paused", "needs_attention",
    "completed", "failed", "cancelled", "timed_out",
]  # fmt: skip

FINAL_EXECUTION = frozenset({"completed", "failed", "cancelled", "timed_out"})
OPEN_EXECUTION = frozenset(get_args(ExecutionStatus)) - FINAL_EXECUTION
FINAL_NODE = frozenset({"completed", "failed", "skipped", "cancelled"})


class ItemCounters(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a foreach node is. Items themselves are fetched by page."""

    total: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    retrying: int = 0
    needs_attention: int = 0


class NodeFrame(
    msgspec.Struct, frozen=True, omit_defaults=True, tag="node", tag_field="set", kw_only=True
):
    """The whole visible state of one node. Times are ms since the Unix epoch."""

    node_id: NodeId
    status: NodeStatus
    phase_number: int
    total_phases: int
    title: str
    attempt: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    retry_at: int | None = None
    wait: str | None = None
    wait_until: int | None = None
    message: str | None = None
    error: str | None = None
    error_kind: str | None = None
    cause: str | None = None
    reused: bool = False
    outcome_unknown: bool = False
    items: ItemCounters | None = None
    child: ExecutionId | None = None
    output_size: int | None = None


class ExecutionFrame(
    msgspec.Struct, frozen=True, omit_defaults=True, tag="execution", tag_field="set", kw_only=True
):
    """The whole visible state of the execution itself, without its nodes."""

    execution_id: ExecutionId
    workflow: str
    status: ExecutionStatus
    total_phases: int
    completed_phases: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    error: str | None = None
    error_node: NodeId | None = None
    parent: ExecutionId | None = None
    forked_from: ExecutionId | None = None


AnySet = NodeFrame | ExecutionFrame


class Frame(msgspec.Struct, frozen=True):
    """All that changed for a watcher in (from_seq, to_seq]. `epoch` names the store's history."""

    execution_id: ExecutionId
    epoch: int
    from_seq: int
    to_seq: int
    sets: tuple[AnySet, ...]
