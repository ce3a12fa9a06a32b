# SPDX-License-Identifier: Apache-2.0
"""What somebody may do with an execution now: by its state, and by role or key.

Advice for who shows it: the log decides. Rules: XR22.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from legato.auth.roles import may
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.ports.accounts import Principal
from legato.ports.executions import RESTORED, ExecutionRow


class AllowedAction(BaseModel):
    """One action; `reason` says why it is not allowed."""

    action: str
    allowed: bool
    reason: str | None


VERBS: Final = {
    "cancel": "cancel", "pause": "pause", "resume": "resume", "retry": "retry", "fork": "fork",
    "signal": "signal", "approve": "approve", "retry_node": "retry_node",
    "skip_node": "skip_node", "force_node": "force_node", "compare": "compare",
    "export": "export", "purge": "purge",
}  # fmt: skip
"""Action to the verb of the table of rights."""
NOT_YOURS: Final = "Your role or key does not allow this."
_ENDED: Final = "It has ended."
_NOT_ENDED: Final = "It has not ended."
_NOT_BEGUN: Final = "It has not begun."
_NOBODY_ASKED: Final = "No answer is waited for."
_NOT_PARKED: Final = "No node needs attention."


def allowed_actions(principal: Principal, row: ExecutionRow) -> list[dict[str, Any]]:
    """Return each action with whether it is allowed; those of the past are empty."""
    reasons = dict(_reasons(row))
    return [
        {"action": action, "allowed": reason is None, "reason": reason}
        for action, verb in VERBS.items()
        for reason in (_reason(principal, verb, reasons.get(action)),)
    ]


def _reason(principal: Principal, verb: str, by_state: str | None) -> str | None:
    return by_state if may(principal, "execution", verb) else NOT_YOURS


def _reasons(row: ExecutionRow) -> Iterator[tuple[str, str | None]]:
    status: ExecutionStatus = row.status
    waits = row.waiting_for or ""
    if status in FINAL_EXECUTION:
        for action in ("cancel", "pause", "resume", "signal", "approve"):
            yield action, _ENDED
        for action in ("retry_node", "skip_node", "force_node"):
            yield action, _ENDED
        if status == "completed" and row.error is None:
            yield "retry", "It completed: fork it from a node instead."
        return
    yield "retry", _NOT_ENDED
    yield "purge", _NOT_ENDED
    if row.head_seq == 0:
        yield "fork", _NOT_BEGUN
    if status == "paused" or waits.startswith(RESTORED):
        yield "pause", "It is paused."
    else:
        yield "resume", "It is not paused."
    if ": approval" not in waits and ": form" not in waits:
        yield "approve", _NOBODY_ASKED
    if "needs attention" not in waits:
        for action in ("retry_node", "skip_node", "force_node"):
            yield action, _NOT_PARKED
