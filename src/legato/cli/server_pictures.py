# SPDX-License-Identifier: Apache-2.0
"""What a server says of executions, as the values that commands show: rows, frames, log lines.

Rules: CC30.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from legato.client.generated import models
from legato.model.frames import (
    ExecutionFrame,
    ExecutionStatus,
    Frame,
    ItemCounters,
    NodeFrame,
    NodeStatus,
)
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, VersionHash
from legato.ports.attempt_logs import LogLine
from legato.ports.executions import ExecutionRow


def ms(text: str) -> int:
    """Return a time of an answer in ms since 1970."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def ms_or_none(text: str | None) -> int | None:
    """Return a time that may be missing."""
    return None if text is None else ms(text)


def row_of(found: models.ExecutionItem | models.ExecutionDetail) -> ExecutionRow:
    """Return an execution as a row of a list."""
    error = found.error
    waits = ", ".join(f"{each.node}: {each.waits_for}" for each in found.waiting_for)
    return ExecutionRow(
        execution_id=ExecutionId(found.id),
        workspace=LOCAL_WORKSPACE,
        workflow=found.workflow_slug,
        version=VersionHash(found.version_hash),
        status=cast("ExecutionStatus", found.status),
        head_seq=found.head_seq,
        nodes_done=found.nodes_done,
        nodes_total=found.nodes_total,
        created_at=ms(found.created_at),
        started_at=ms_or_none(found.started_at),
        ended_at=ms_or_none(found.completed_at),
        error=error if error is None or isinstance(error, str) else error.message,
        waiting_for=waits or None,
        parent=None if found.parent is None else ExecutionId(found.parent),
        forked_from=None if found.forked_from is None else ExecutionId(found.forked_from),
        trigger=found.trigger.kind,
        workflow_id=found.workflow_id,
        number=found.version,
        is_test=found.is_test,
    )


def frame_of(found: models.ExecutionDetail, nodes: models.NodesView) -> Frame:
    """Return an execution and all its nodes as one frame from the beginning."""
    error = found.error
    whole = ExecutionFrame(
        execution_id=ExecutionId(found.id),
        workflow=found.workflow_slug,
        status=cast("ExecutionStatus", found.status),
        total_phases=len(nodes.nodes),
        completed_phases=found.nodes_done,
        started_at=ms_or_none(found.started_at),
        completed_at=ms_or_none(found.completed_at),
        error=None if error is None else error.message,
        error_node=None if error is None or error.node is None else NodeId(error.node),
    )
    sets = tuple(_node(each, len(nodes.nodes)) for each in nodes.nodes)
    seq = min(found.head_seq, nodes.seq)
    return Frame(ExecutionId(found.id), epoch=0, from_seq=0, to_seq=seq, sets=(whole, *sets))


def _node(found: models.NodeView, count: int) -> NodeFrame:
    items = found.items
    error = found.error
    return NodeFrame(
        node_id=NodeId(found.node),
        status=cast("NodeStatus", found.status),
        phase_number=found.phase_number,
        total_phases=count,
        title=found.title,
        attempt=found.attempt,
        started_at=ms_or_none(found.started_at),
        completed_at=ms_or_none(found.completed_at),
        retry_at=ms_or_none(found.retry_at),
        wait=found.wait,
        wait_until=ms_or_none(found.wait_until),
        message=found.park,
        error=None if error is None else error.message,
        error_kind=None if error is None else error.kind,
        cause=found.cause,
        reused=found.reused,
        outcome_unknown=found.outcome_unknown,
        items=None
        if items is None
        else ItemCounters(
            total=items.total,
            running=items.running,
            completed=items.completed,
            failed=items.failed,
            retrying=items.retrying,
            needs_attention=items.needs_attention,
        ),
        output_size=found.output_size,
    )


def lines_of(execution_id: str, found: Sequence[models.LineView]) -> list[LogLine]:
    """Return what attempts said."""
    return [
        LogLine(
            execution_id=ExecutionId(execution_id),
            node=NodeId(each.node),
            item=-1 if each.item is None else each.item,
            attempt=each.attempt,
            offset=each.offset,
            at=ms(each.at),
            level=each.level,
            text=each.text,
            progress=each.progress,
        )
        for each in found
    ]
