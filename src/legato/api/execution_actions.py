# SPDX-License-Identifier: Apache-2.0
"""What somebody may do with an execution now: by its state, and by role or key.

Advice for who shows it: the log decides. Rules: XR22.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson
from pydantic import BaseModel

from legato.auth.roles import has_shown_one, may
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.ports.accounts import Principal
from legato.ports.executions import ExecutionRow


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
KEPT_MAX: Final = 4_096
ATTENTION: Final = "needs attention"
_TOLD: Final = ("cancel", "pause", "resume", "signal", "approve")
_ON_NODES: Final = ("retry_node", "skip_node", "force_node")
NOT_YOURS: Final = "Your role or key does not allow this."
_ENDED: Final = "It has ended."
_NOT_ENDED: Final = "It has not ended."
_NOT_BEGUN: Final = "It has not begun."
_NOBODY_ASKED: Final = "No answer is waited for."
_NOT_PARKED: Final = "No node needs attention."


def allowed_actions(principal: Principal, row: ExecutionRow) -> orjson.Fragment:
    """Return each action with whether it is allowed, as JSON.

    There are few kinds of who asks and few of states: what was made for one is kept.
    """
    mine = (
        principal.role,
        None if principal.key is None else principal.scopes,
        principal.user.is_disabled,
        has_shown_one(principal),
    )
    waits = row.waiting_for or ""
    state = (
        row.status,
        row.head_seq == 0,
        row.error is None,
        ": approval" in waits or ": form" in waits,
        ATTENTION in waits,
    )
    found = _kept.get((mine, state))
    if found is None:
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        reasons = dict(_reasons(*state))
        made = [
            {"action": action, "allowed": reason is None, "reason": reason}
            for action, verb in VERBS.items()
            for reason in (_reason(principal, verb, reasons.get(action)),)
        ]
        found = _kept[mine, state] = orjson.Fragment(orjson.dumps(made))
    return found


_kept: Final[dict[object, orjson.Fragment]] = {}


def _reason(principal: Principal, verb: str, by_state: str | None) -> str | None:
    return by_state if may(principal, "execution", verb) else NOT_YOURS


def _reasons(
    status: ExecutionStatus,
    is_fresh: bool,  # noqa: FBT001 - a state, as `allowed_actions` makes it
    is_good: bool,  # noqa: FBT001
    is_asking: bool,  # noqa: FBT001
    is_parked: bool,  # noqa: FBT001
) -> Iterator[tuple[str, str]]:
    """Yield what is not allowed in a state, and why."""
    if status in FINAL_EXECUTION:
        for action in (*_TOLD, *_ON_NODES):
            yield action, _ENDED
        if status == "completed" and is_good:
            yield "retry", "It completed: fork it from a node instead."
        return
    yield "retry", _NOT_ENDED
    yield "purge", _NOT_ENDED
    if is_fresh:
        yield "fork", _NOT_BEGUN
    if status == "paused":
        yield "pause", "It is paused."
    else:
        yield "resume", "It is not paused."
    if not is_asking:
        yield "approve", _NOBODY_ASKED
    if not is_parked:
        for action in _ON_NODES:
            yield action, _NOT_PARKED
