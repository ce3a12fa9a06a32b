# SPDX-License-Identifier: Apache-2.0
"""A person answers an approval or form; both answers complete the node.

What a person fills in is checked against the form's fields here too: whichever door it came
through, and whatever that door believed. A wrong answer is refused and does not end the wait.

Rules: EN15, ND27, ND73, ND74.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from legato.engine.decide.decision import Decision
from legato.engine.state import NodeState
from legato.errors import InvalidInput
from legato.model import events as ev
from legato.model.forms import check_answer
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import AnswerApproval
from legato.model.values import decode, inline, load

_REASON_CHARS_MAX: Final = 1_000
"""A refusal is an event: a wrong answer must not fill the log with itself."""


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
    output = b""
    if signal.payload.is_inline and signal.payload.size <= INLINE_BYTES_MAX:
        try:
            data = _filled_in(node, signal)
        except InvalidInput as error:
            reason = f"{signal.node}: {error}".replace("\n", "; ")[:_REASON_CHARS_MAX]
            d.reject("AnswerApproval", "invalid_answer", reason, signal.by)
            return
        output = _output(d, signal, data)
    if not 0 < len(output) <= INLINE_BYTES_MAX:
        reason = f"an answer may have {INLINE_BYTES_MAX} bytes"
        d.reject("AnswerApproval", "limit_exceeded", reason, signal.by)
        return
    d.emit(ev.NodeCompleted(signal.node, inline(output), by=signal.by))


def _output(d: Decision, signal: AnswerApproval, data: Any) -> bytes:
    at = datetime.fromtimestamp(d.now / 1000, UTC).isoformat(timespec="milliseconds")
    return msgspec.json.encode(
        {
            "approved": signal.approved,
            "by": signal.by,
            "at": at,
            "comment": signal.comment,
            "data": data,
        }
    )


def _filled_in(node: NodeState, signal: AnswerApproval) -> Any:
    """Return what was filled in; a form that was declined has nothing.

    Raises:
        InvalidInput: It does not fit the form's fields.
    """
    if node.wait != "form":
        return signal.payload.json
    if not signal.approved:
        return None
    config = load(node.wait_config.json)
    return check_answer(config, decode(bytes(signal.payload.json), what="the answer"))
