# SPDX-License-Identifier: Apache-2.0
"""A person answers an approval or form; both answers complete the node.

Rules: EN15, ND27.
"""

from datetime import UTC, datetime

import msgspec

from legato.engine.decide.decision import Decision
from legato.model import events as ev
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import AnswerApproval
from legato.model.values import inline


def answer(d: Decision, signal: AnswerApproval) -> None:
    """Complete the waiting node with {approved, by, at, comment, data}."""
    index = d.find(signal.node)
    node = None if index is None else d.state.nodes[index]
    if node is None or node.status != "waiting" or node.wait not in {"approval", "form"}:
        decided = node is not None and node.is_final
        code = "already_decided" if decided else "illegal_state"
        reason = f"{signal.node} is not waiting for an answer"
        d.reject("AnswerApproval", code, reason, signal.by)
        return
    output = msgspec.json.encode(
        {
            "approved": signal.approved,
            "by": signal.by,
            "at": datetime.fromtimestamp(d.now / 1000, UTC).isoformat(timespec="milliseconds"),
            "comment": signal.comment,
            "data": signal.payload.json,
        }
    )
    if not signal.payload.is_inline or len(output) > INLINE_BYTES_MAX:
        reason = f"an answer may have {INLINE_BYTES_MAX} bytes"
        d.reject("AnswerApproval", "limit_exceeded", reason, signal.by)
        return
    d.emit(ev.NodeCompleted(signal.node, inline(output), by=signal.by))
