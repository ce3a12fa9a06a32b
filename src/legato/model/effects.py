# SPDX-License-Identifier: Apache-2.0
"""Instructions to the outside, issued only after the commit that owes them; at least once.

None of them is stored: the folded state is the outbox. Receivers drop duplicates by
(execution, node, item, attempt).

Rules: AT, EX, EN.
"""

import msgspec

from legato.model.events import Source
from legato.model.ids import ExecutionId, NodeId, VersionHash
from legato.model.policy import EffectClass
from legato.model.signals import EvaluateWhat
from legato.model.values import NULL, Value


class Evaluate(msgspec.Struct, frozen=True):
    """Evaluate templates of a node (or the workflow's outputs, node None); see `EvaluateWhat`.

    `collect` gathers a finished foreach node's outputs into one list. `iteration` and `previous`
    belong to `loop.until`: `input` and `until` of that iteration, with the last output.
    """

    node: NodeId | None
    what: EvaluateWhat
    item: int | None = None
    iteration: int = 0
    previous: Value = NULL


class RunAttempt(msgspec.Struct, frozen=True):
    """Run one attempt here. Its AttemptStarted (or ItemsStarted) is committed."""

    node: NodeId
    attempt: int
    item: int | None = None
    effect: EffectClass = "non_idempotent"
    timeout_ms: int | None = None
    isolated: bool = False
    config: Value = NULL
    pool: str = "default"


class StopAttempt(msgspec.Struct, frozen=True):
    """Tell a running attempt to stop; kill it after the grace."""

    node: NodeId
    attempt: int
    item: int | None = None


class StartChild(msgspec.Struct, frozen=True):
    """Create a child execution in the same transaction as the event that says so."""

    child: ExecutionId
    workflow: str
    version: VersionHash
    input: Value
    parent: Source
    root: ExecutionId
    depth: int
    pins: dict[str, VersionHash]
    by: str = ""


class SignalExecution(msgspec.Struct, frozen=True):
    """Put a signal into another execution's inbox, in the same transaction."""

    execution_id: ExecutionId
    signal: msgspec.Struct
    dedupe_key: str


AnyEffect = Evaluate | RunAttempt | StopAttempt | StartChild | SignalExecution
