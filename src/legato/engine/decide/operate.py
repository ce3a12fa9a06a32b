# SPDX-License-Identifier: Apache-2.0
"""What a person may do with a parked node or item: retry, skip, settle by hand."""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.signals import ForceNode, RetryNode, SkipNode
from legato.model.values import NULL


def retry_node(d: Decision, signal: RetryNode) -> None:
    """Try again as a new attempt."""
    if _parked(d, signal, "RetryNode") is not None:
        d.emit(ev.NodeUnparked(signal.node, signal.item, signal.by, signal.reason))


def skip_node(d: Decision, signal: SkipNode) -> None:
    """Skip the node; a skipped item is null."""
    if _parked(d, signal, "SkipNode") is None:
        return
    if signal.item is None:
        d.emit(ev.NodeSkipped(signal.node, "operator", signal.by, signal.reason))
    else:
        d.emit(ev.ItemForced(signal.node, signal.item, NULL, signal.by, signal.reason))


def force_node(d: Decision, signal: ForceNode) -> None:
    """Mark as done with the given output, or as failed."""
    if _parked(d, signal, "ForceNode") is None:
        return
    error = ev.NodeError("forced", signal.reason or "marked as failed by hand", retryable=False)
    if signal.item is not None:
        if signal.outcome == "completed":
            d.emit(
                ev.ItemForced(signal.node, signal.item, signal.output, signal.by, signal.reason)
            )
        else:
            d.emit(ev.ItemFailed(signal.node, signal.item, 0, error))
    elif signal.outcome == "completed":
        d.emit(
            ev.NodeCompleted(signal.node, signal.output, by=signal.by, reason=signal.reason)
        )
    else:
        d.emit(ev.NodeFailed(signal.node, error, by=signal.by))


def _parked(d: Decision, signal: RetryNode | SkipNode | ForceNode, name: str) -> int | None:
    """Return the index if the node (or item) is parked; else refuse the signal."""
    index = d.find(signal.node)
    if index is not None:
        node = d.state.nodes[index]
        if signal.item is None and node.status == "needs_attention":
            return index
        if signal.item is not None and node.items and signal.item in node.items.parked:
            return index
    place = signal.node if signal.item is None else f"{signal.node}[{signal.item}]"
    d.reject(name, "illegal_state", f"{place} does not need attention", signal.by)
    return None
