# SPDX-License-Identifier: Apache-2.0
"""Wishes and reports from outside: imperative, may be refused, at least once.

Reports of the owner's own process enter a turn from memory; all others go through the inbox with
a dedupe key. `decide` has one small function per kind.

Rules: AT, ST, GR.
"""

from typing import Final, Literal

import msgspec

from legato.model.events import ExecutionStarted, FinalStatus, LostCause, NodeError
from legato.model.ids import EngineId, ExecutionId, NodeId
from legato.model.values import NULL, BlobRef, Value


class Signal(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", kw_only=True):
    """Base of all signals. `wish` names the one wish of a person that it is; reports have none."""

    wish: str = ""


class StartExecution(Signal, frozen=True, omit_defaults=True, tag="StartExecution"):
    """Begin. `started` is the fact to record; `reused` are results kept by a fork or retry.

    With a `refusal` it begins only to end failed: what it was given does not fit.
    """

    started: ExecutionStarted
    reused: "tuple[Reuse, ...]" = ()
    refusal: NodeError | None = None


class Reuse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A result that a fork or retry keeps: of a whole node, or of some items."""

    node: NodeId
    output: Value = NULL
    source: Literal["fork", "retry", "pin"] = "fork"
    edited: bool = False
    by: str = ""
    case: str | None = None
    errors: Value | None = None
    items: tuple[int, ...] = ()
    outputs: tuple[Value, ...] = ()
    list_hash: str = ""


class AdoptExecution(Signal, frozen=True, omit_defaults=True, tag="AdoptExecution"):
    """Settle what is owed: the owner of the running attempts is gone."""

    engine: EngineId
    fence: int
    cause: LostCause = "engine_died"


class RestoreExecution(Signal, frozen=True, omit_defaults=True, tag="RestoreExecution"):
    """The same owner folded the log again: ask again what only its memory knew."""


class ReportSuccess(Signal, frozen=True, omit_defaults=True, tag="ReportSuccess"):
    """An attempt returned its output, checked and within limits.

    `blobs` are the payloads that it stored: they are kept as long as the execution is.
    """

    node: NodeId
    attempt: int
    output: Value
    item: int | None = None
    blobs: tuple[BlobRef, ...] = ()


class ReportFailure(Signal, frozen=True, omit_defaults=True, tag="ReportFailure"):
    """An attempt failed."""

    node: NodeId
    attempt: int
    error: NodeError
    item: int | None = None


class ReportCancelled(Signal, frozen=True, omit_defaults=True, tag="ReportCancelled"):
    """An attempt that was asked to stop has stopped (or was given up after the grace)."""

    node: NodeId
    attempt: int
    item: int | None = None
    outcome_unknown: bool = False


class ReportLost(Signal, frozen=True, omit_defaults=True, tag="ReportLost"):
    """An attempt's process or worker died without an answer."""

    node: NodeId
    attempt: int
    cause: LostCause
    item: int | None = None


class ReportEvaluated(Signal, frozen=True, omit_defaults=True, tag="ReportEvaluated"):
    """An `Evaluate` effect was carried out. Exactly one of `value` and `error` is set.

    `what`, `item` and `iteration` repeat the effect's. For `foreach`, `count` is the list's
    length and `hash` its hash; for `config`, `hash` is the hash of the evaluated `with` block.
    For `when` and `until` the value is `true` or `false`.
    """

    node: NodeId | None
    what: "EvaluateWhat"
    value: Value | None = None
    error: NodeError | None = None
    item: int | None = None
    hash: str = ""
    count: int = 0
    iteration: int = 0


class ReportChild(Signal, frozen=True, omit_defaults=True, tag="ReportChild"):
    """A child execution ended."""

    node: NodeId
    child: ExecutionId
    status: FinalStatus
    output: Value = NULL
    error: NodeError | None = None
    iteration: int = 1
    item: int | None = None


class FireTimers(Signal, frozen=True, omit_defaults=True, tag="FireTimers"):
    """Time has passed: act on every timer that is due at the turn's `now`."""


class CancelExecution(Signal, frozen=True, omit_defaults=True, tag="CancelExecution"):
    """Stop: nothing new starts, running attempts are told to stop."""

    by: str = ""
    reason: str = ""
    status: Literal["cancelled", "timed_out"] = "cancelled"


class PauseExecution(Signal, frozen=True, omit_defaults=True, tag="PauseExecution"):
    """Start nothing new until resumed."""

    by: str = ""
    reason: str = ""


class ResumeExecution(Signal, frozen=True, omit_defaults=True, tag="ResumeExecution"):
    """End a pause."""

    by: str = ""


class AnswerApproval(Signal, frozen=True, omit_defaults=True, tag="AnswerApproval"):
    """Approve or reject a waiting approval, or answer a form with `payload`."""

    node: NodeId
    approved: bool
    by: str = ""
    comment: str = ""
    payload: Value = NULL
    item: int | None = None


class DeliverSignal(Signal, frozen=True, omit_defaults=True, tag="DeliverSignal"):
    """Hand a named signal to a `wait.signal` node, now or when it begins to wait.

    With `correlation` only to a node that waits for the same one.
    """

    name: str
    payload: Value = NULL
    by: str = ""
    correlation: str = ""


class RetryNode(Signal, frozen=True, omit_defaults=True, tag="RetryNode"):
    """Try a parked node (or item) again."""

    node: NodeId
    by: str = ""
    reason: str = ""
    item: int | None = None


class SkipNode(Signal, frozen=True, omit_defaults=True, tag="SkipNode"):
    """Treat a parked node as skipped (a parked item as null)."""

    node: NodeId
    by: str = ""
    reason: str = ""
    item: int | None = None


class ForceNode(Signal, frozen=True, omit_defaults=True, tag="ForceNode"):
    """Settle a parked node (or item) by hand: completed with `output`, or failed."""

    node: NodeId
    outcome: Literal["completed", "failed"]
    output: Value = NULL
    by: str = ""
    reason: str = ""
    item: int | None = None


class RefuseSignal(Signal, frozen=True, omit_defaults=True, tag="RefuseSignal"):
    """Record that a signal could not be considered: it was unreadable, or a rule broke on it."""

    signal: str
    reason: str


EvaluateWhat = Literal["when", "foreach", "config", "input", "until", "outputs", "collect"]

AnyWish = (
    CancelExecution
    | PauseExecution
    | ResumeExecution
    | AnswerApproval
    | DeliverSignal
    | RetryNode
    | SkipNode
    | ForceNode
)
"""What people ask for."""

AnySignal = (
    StartExecution
    | AdoptExecution
    | RestoreExecution
    | ReportSuccess
    | ReportFailure
    | ReportCancelled
    | ReportLost
    | ReportEvaluated
    | ReportChild
    | FireTimers
    | CancelExecution
    | PauseExecution
    | ResumeExecution
    | AnswerApproval
    | DeliverSignal
    | RetryNode
    | SkipNode
    | ForceNode
    | RefuseSignal
)

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[AnySignal]] = msgspec.json.Decoder(AnySignal)


def encode_signal(signal: AnySignal) -> bytes:
    """Return the inbox body of a signal."""
    return _encoder.encode(signal)


def decode_signal(body: bytes) -> AnySignal:
    """Read an inbox body.

    Raises:
        msgspec.ValidationError: The body is no known signal.
    """
    return _decoder.decode(body)
