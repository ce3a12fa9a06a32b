# SPDX-License-Identifier: Apache-2.0
"""One execution in the memory of its owner: state, mailbox, places, decoded values.

Rules: OW, EN.
"""

from typing import Any, Final

import msgspec

from legato.engine.state import ExecutionState
from legato.model.effects import RunAttempt
from legato.model.ids import ExecutionId, WorkspaceId
from legato.model.signals import AnySignal
from legato.ports.log import NewExecution
from legato.runtime.attempt.request import AttemptKey
from legato.runtime.plan import Plan
from legato.runtime.slots import HeldSlots

_INBOX_SEEN_MAX: Final = 20_000
"""Twice what an inbox may hold unconsumed."""


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A signal in the mailbox; `inbox_id` is 0 if it came from memory."""

    signal: AnySignal
    inbox_id: int = 0


class Active:
    """An owned execution. Discarded (never repaired) when a commit fails or ownership is lost."""

    __slots__ = (
        "armed",
        "committing",
        "execution_id",
        "fence",
        "gone",
        "idle_since",
        "inbox_seen",
        "inputs",
        "is_wanted",
        "lists",
        "mailbox",
        "new",
        "one_by_one",
        "plan",
        "running",
        "slots",
        "state",
        "tasks",
        "trigger",
        "unborn",
        "unissued",
        "values",
        "workspace",
    )

    def __init__(
        self,
        execution_id: ExecutionId,
        workspace: WorkspaceId,
        plan: Plan,
        fence: int,
        slots: HeldSlots,
    ) -> None:
        """Begin with an empty state; the caller folds the log into it."""
        self.execution_id = execution_id
        self.workspace = workspace
        self.plan = plan
        self.fence = fence
        self.slots = slots
        self.state = ExecutionState(execution_id, plan.graph)
        self.mailbox: list[Letter] = []
        self.inbox_seen: dict[int, None] = {}
        self.new: NewExecution | None = None
        self.committing = False
        self.is_wanted = False
        self.armed: int | None = None
        self.gone = False
        self.one_by_one = False
        self.running: set[AttemptKey] = set()
        self.tasks: set[Any] = set()
        # What a commit of unknown outcome has started, or not:
        self.unissued: dict[AttemptKey, RunAttempt] = {}
        self.unborn: dict[ExecutionId, None] = {}
        self.idle_since: float | None = None
        self.inputs: Any = None
        self.trigger: Any = None
        self.values: dict[int, Any] = {}
        self.lists: dict[int, list[Any]] = {}

    def has_seen(self, inbox_id: int) -> bool:
        """Tell whether this inbox row was posted before, and remember it; the memory is bounded.

        Rows are read again until their consumption is committed, so a row may come twice.
        """
        if inbox_id in self.inbox_seen:
            return True
        self.inbox_seen[inbox_id] = None
        if len(self.inbox_seen) > _INBOX_SEEN_MAX:
            del self.inbox_seen[next(iter(self.inbox_seen))]
        return False
