# SPDX-License-Identifier: Apache-2.0
"""What a person may do with a parked node or item: retry, skip, settle by hand.

Rules: ST8, ST12.
"""

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.signals import ForceNode, RetryNode, SkipNode
from legato.model.values import NULL


def retry_node(d: Decision, signal: RetryNode) -> None:
    """Try again as a new attempt."""
    if _is_parked(d, signal, "RetryNode"):
        d.emit(ev.NodeUnparked(signal.node, signal.item, signal.by, signal.reason))


def skip_node(d: Decision, signal: SkipNode) -> None:
    """Skip the node; a skipped item is null."""
    if not _is_parked(d, signal, "SkipNode"):
        return
    if signal.item is None:
        d.emit(ev.NodeSkipped(signal.node, "operator", signal.by, signal.reason))
    else:
        d.emit(ev.ItemForced(signal.node, signal.item, NULL, signal.by, signal.reason))


def force_node(d: Decision, signal: ForceNode) -> None:
    """Mark as done with the given output, or as failed."""
    if not _is_parked(d, signal, "ForceNode"):
        return
    node, item = signal.node, signal.item
    said = signal.reason or "marked as failed by hand"
    if signal.outcome == "failed":
        if item is None:
            d.emit(ev.NodeFailed(node, _forced(said), by=signal.by))
        else:
            message = f"{said} ({signal.by})" if signal.by else said
            d.emit(ev.ItemFailed(node, item, 0, _forced(message)))
    elif item is None:
        d.emit(ev.NodeCompleted(node, signal.output, by=signal.by, reason=signal.reason))
    else:
        d.emit(ev.ItemForced(node, item, signal.output, signal.by, signal.reason))


def _forced(message: str) -> ev.NodeError:
    return ev.NodeError("forced", message, retryable=False)


def _is_parked(d: Decision, signal: RetryNode | SkipNode | ForceNode, name: str) -> bool:
    """Tell whether the node (or item) is parked; else refuse the signal."""
    index = d.find(signal.node)
    node = None if index is None else d.state.nodes[index]
    items = None if node is None else node.items
    if signal.item is None:
        if node is not None and node.status == "needs_attention":
            return True
    elif items is not None and signal.item in items.parked:
        return True
    place = signal.node if signal.item is None else f"{signal.node}[{signal.item}]"
    reason = f"{place} does not need attention"
    if signal.item is None and items is not None and items.parked:
        reason = f"name the item: of {signal.node}, {min(items.parked)} needs attention"
    d.reject(name, "illegal_state", reason, signal.by)
    return False
