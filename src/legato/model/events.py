# SPDX-License-Identifier: Apache-2.0
"""Facts in an execution's log: past tense, never refused, never edited.

Each event is a small msgspec struct; its JSON (with the tag `type`) is one row
`(execution_id, seq, at_ms, body)`. Times inside events are integer milliseconds since the Unix
epoch, chosen by the turn that emitted the event; `evolve` never computes them. Shapes only grow:
a new optional field needs nothing, a changed meaning needs a higher `v` and a lift in
`legato.engine.upcast`. Secrets never enter an event.

Rules: ST, AT, GR, LG.
"""

from typing import Final, Literal

import msgspec

from legato.model.ids import EngineId, ExecutionId, NodeId, VersionHash, WorkspaceId
from legato.model.values import NULL, Value

FinalStatus = Literal["completed", "failed", "cancelled", "timed_out"]
LostCause = Literal["engine_died", "process_died", "worker_died", "drained", "restored"]
ParkReason = Literal["outcome_unknown", "poison", "attempts_lost", "restored"]
UNKNOWN_PARKS: Final[frozenset[str]] = frozenset({"outcome_unknown", "restored"})
"""Why a node is parked of which nobody knows whether it did its work."""
WaitKind = Literal["delay", "approval", "form", "signal", "child"]


class NodeError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a node, item or execution failed.

    `kind` is matched by `retry.on`: `timeout`, `http.503`, `network`, `exit.1`,
    `expression_error`, `invalid_output`, `error`… `may_have_happened` is false only when the
    effect certainly did not happen (connection refused, 429, program not started). `at_least_ms`
    is the pause that the other side asked for (Retry-After).
    """

    kind: str
    message: str
    may_have_happened: bool = True
    retryable: bool = True
    at_least_ms: int = 0
    details: Value | None = None


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """The parent of a child execution, or what a fork was made from."""

    execution_id: ExecutionId
    node: NodeId | None = None
    item: int | None = None
    iteration: int = 1
    seq: int = 0


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """The nodes that a run is about; all others are left out, and so are the workflow's outputs.

    `alone` is the one node that runs whatever became of those it needs.
    """

    nodes: tuple[NodeId, ...]
    alone: NodeId | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", kw_only=True):
    """Base of all events. `v` is the version of the shape; an unknown one is refused.

    `wish` is that of the signal which this event says was taken or refused.
    """

    v: int = 1
    wish: str = ""


# --- the execution -----------------------------------------------------------------------------


class ExecutionStarted(
    Event, frozen=True, omit_defaults=True, tag="ExecutionStarted", kw_only=True
):
    """The execution exists; the version it runs is pinned by hash for ever.

    `pins` maps every workflow name that may be called, at any depth, to the version hash that
    stands for it. `flags` are the engine's policy flags this log was begun with. `part` is what a
    run of a part of the workflow is about; without it the whole runs. Where what expressions read
    as `trigger` is large, `trigger` has its kind and names alone, and `trigger_data` all of it.
    """

    workspace: WorkspaceId
    workflow: str
    version: VersionHash
    inputs: Value = NULL
    trigger: msgspec.Raw = msgspec.Raw(b"{}")
    by: str = ""
    at: int = 0
    pins: dict[str, VersionHash] = {}
    parent: Source | None = None
    root: ExecutionId | None = None
    depth: int = 0
    forked_from: Source | None = None
    flags: tuple[str, ...] = ()
    part: Part | None = None
    trigger_data: Value = NULL


class ExecutionAdopted(Event, frozen=True, omit_defaults=True, tag="ExecutionAdopted"):
    """An engine took the execution over after its owner died or let go while work was in flight.

    With the cause `restored` the store is a copy of an older state: nothing goes on, not even a
    timer, until a person resumes it.
    """

    engine: EngineId
    fence: int
    cause: LostCause = "engine_died"


class CancelRequested(Event, frozen=True, omit_defaults=True, tag="CancelRequested"):
    """A person, a parent or a deadline wants the execution to end; nothing new starts."""

    by: str = ""
    reason: str = ""
    status: Literal["cancelled", "timed_out"] = "cancelled"


class ExecutionPaused(Event, frozen=True, omit_defaults=True, tag="ExecutionPaused"):
    """Nothing new starts until resumed; running attempts finish, timers go on."""

    by: str = ""
    reason: str = ""


class ExecutionResumed(Event, frozen=True, omit_defaults=True, tag="ExecutionResumed"):
    """The pause is over."""

    by: str = ""


class ExecutionEnded(Event, frozen=True, omit_defaults=True, tag="ExecutionEnded"):
    """The one immutable end. Nothing is appended after it."""

    status: FinalStatus
    outputs: Value = NULL
    error: NodeError | None = None
    node: NodeId | None = None


class SignalReceived(Event, frozen=True, omit_defaults=True, tag="SignalReceived"):
    """An outside signal arrived; kept until a node waits for its name."""

    name: str
    payload: Value = NULL
    by: str = ""


class SignalRejected(Event, frozen=True, omit_defaults=True, tag="SignalRejected"):
    """A signal was refused, and why. Duplicates and late results add none."""

    signal: str
    code: str
    reason: str
    by: str = ""


# --- attempts ----------------------------------------------------------------------------------


class AttemptStarted(Event, frozen=True, omit_defaults=True, tag="AttemptStarted"):
    """The start commit of one attempt. Its number is never issued again.

    `isolated`: it runs in a process of its own because earlier ones took their engine along.
    """

    node: NodeId
    attempt: int
    input_hash: str
    isolated: bool = False


class AttemptFailed(Event, frozen=True, omit_defaults=True, tag="AttemptFailed"):
    """The node said no and will be tried again at `retry_at` (ms)."""

    node: NodeId
    attempt: int
    error: NodeError
    retry_at: int


class AttemptLost(Event, frozen=True, omit_defaults=True, tag="AttemptLost"):
    """Worker or engine died; the outcome is not known. Counts against no retry budget.

    Without `retry_at` a `NodeParked` follows in the same turn: only a person may try it again.
    """

    node: NodeId
    attempt: int
    cause: LostCause
    retry_at: int | None = None


# --- nodes -------------------------------------------------------------------------------------


class NodeWaiting(Event, frozen=True, omit_defaults=True, tag="NodeWaiting"):
    """The node waits for time, a person, a signal or a child; it holds no slot.

    `until` is the end of the wait in ms: for `delay` its success, else its time-out. `expires` is
    set on a delay whose time-out comes first. `config` is what a person sees (message, fields) or
    the signal's name.
    """

    node: NodeId
    kind: WaitKind
    until: int | None = None
    config: Value = NULL
    expires: bool = False


class NodeCompleted(Event, frozen=True, omit_defaults=True, tag="NodeCompleted"):
    """The one fact that says a node completed. `case` is the branch a switch chose.

    `errors` lists {index, error} of a foreach node whose failed items were allowed. `consumed` is
    the name of the kept signal that a `wait.signal` node took.

    `by` and `reason` are set when a person forced it or answered it.
    """

    node: NodeId
    output: Value = NULL
    attempt: int = 0
    case: str | None = None
    by: str = ""
    reason: str = ""
    errors: Value | None = None
    consumed: str | None = None


class NodeFailed(Event, frozen=True, omit_defaults=True, tag="NodeFailed"):
    """The node failed for good; its `on_error` rule decides what that means.

    `outcome_unknown`: it ended while the execution was stopping, and nobody knows what it did.
    """

    node: NodeId
    error: NodeError
    attempt: int = 0
    by: str = ""
    outcome_unknown: bool = False


class NodeSkipped(Event, frozen=True, omit_defaults=True, tag="NodeSkipped"):
    """The node never runs. `cause` names the node or rule that led to it."""

    node: NodeId
    cause: str
    by: str = ""
    reason: str = ""


class NodeCancelled(Event, frozen=True, omit_defaults=True, tag="NodeCancelled"):
    """The node was cancelled while it ran or waited."""

    node: NodeId
    attempt: int = 0
    outcome_unknown: bool = False


class NodeParked(Event, frozen=True, omit_defaults=True, tag="NodeParked"):
    """The node (or one item) needs a person: nobody knows whether its effect happened."""

    node: NodeId
    reason: ParkReason
    attempt: int = 0
    item: int | None = None
    error: NodeError | None = None


class NodeUnparked(Event, frozen=True, omit_defaults=True, tag="NodeUnparked"):
    """A person asked for the parked node or item to be tried again."""

    node: NodeId
    item: int | None = None
    by: str = ""
    reason: str = ""


class NodeReused(Event, frozen=True, omit_defaults=True, tag="NodeReused"):
    """The node's result was taken from another execution or a pin; counts as completed."""

    node: NodeId
    output: Value = NULL
    source: Literal["fork", "retry", "pin"] = "fork"
    edited: bool = False
    by: str = ""
    case: str | None = None
    errors: Value | None = None


# --- foreach -----------------------------------------------------------------------------------


class ItemsPlanned(Event, frozen=True, omit_defaults=True, tag="ItemsPlanned"):
    """The list of a foreach node is known. It is read again through its hash when needed."""

    node: NodeId
    count: int
    list_hash: str


class ItemsStarted(Event, frozen=True, omit_defaults=True, tag="ItemsStarted"):
    """Start commit of one attempt for each of these items (parallel tuples)."""

    node: NodeId
    items: tuple[int, ...]
    attempts: tuple[int, ...]
    input_hashes: tuple[str, ...]
    isolated: bool = False


class ItemsEnded(Event, frozen=True, omit_defaults=True, tag="ItemsEnded"):
    """These items completed; `outputs` are in the same order."""

    node: NodeId
    items: tuple[int, ...]
    outputs: tuple[Value, ...]


class ItemFailed(Event, frozen=True, omit_defaults=True, tag="ItemFailed"):
    """One item's attempt failed; with `retry_at` it is tried again, without it is exhausted."""

    node: NodeId
    item: int
    attempt: int
    error: NodeError
    retry_at: int | None = None


class ItemsLost(Event, frozen=True, omit_defaults=True, tag="ItemsLost"):
    """The attempts of these items were lost with their worker or engine.

    They are tried again at `retry_at`, but for those that a `NodeParked` of the same turn names.
    """

    node: NodeId
    items: tuple[int, ...]
    cause: LostCause
    retry_at: int = 0


class ItemsReused(Event, frozen=True, omit_defaults=True, tag="ItemsReused"):
    """Results of these items were taken from another execution.

    They count once the list is planned, and only if its hash is still `list_hash`.
    """

    node: NodeId
    list_hash: str
    items: tuple[int, ...]
    outputs: tuple[Value, ...]


class ItemForced(Event, frozen=True, omit_defaults=True, tag="ItemForced"):
    """A person settled one parked item as completed (with `output`) or skipped (null)."""

    node: NodeId
    item: int
    output: Value = NULL
    by: str = ""
    reason: str = ""


# --- children ----------------------------------------------------------------------------------


class ChildStarted(Event, frozen=True, omit_defaults=True, tag="ChildStarted"):
    """A child execution was created in the same transaction.

    `until` is when the call (a loop with all its iterations) times out, in ms; it is set with the
    first iteration.
    """

    node: NodeId
    child: ExecutionId
    iteration: int = 1
    item: int | None = None
    until: int | None = None


class ChildEnded(Event, frozen=True, omit_defaults=True, tag="ChildEnded"):
    """A child execution reached its end."""

    node: NodeId
    child: ExecutionId
    status: FinalStatus
    output: Value = NULL
    error: NodeError | None = None
    iteration: int = 1
    item: int | None = None


AnyEvent = (
    ExecutionStarted
    | ExecutionAdopted
    | CancelRequested
    | ExecutionPaused
    | ExecutionResumed
    | ExecutionEnded
    | SignalReceived
    | SignalRejected
    | AttemptStarted
    | AttemptFailed
    | AttemptLost
    | NodeWaiting
    | NodeCompleted
    | NodeFailed
    | NodeSkipped
    | NodeCancelled
    | NodeParked
    | NodeUnparked
    | NodeReused
    | ItemsPlanned
    | ItemsStarted
    | ItemsEnded
    | ItemFailed
    | ItemsLost
    | ItemsReused
    | ItemForced
    | ChildStarted
    | ChildEnded
)


class Recorded(msgspec.Struct, frozen=True):
    """An event at its place in a log: `seq` from 1 without gaps, `at` in ms."""

    seq: int
    at: int
    event: AnyEvent


_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)


def encode_event(event: AnyEvent) -> bytes:
    """Return the row body of an event."""
    return _encoder.encode(event)


def decode_event(body: bytes) -> AnyEvent:
    """Read a row body of the current shape.

    Raises:
        msgspec.ValidationError: Unknown event or shape; `legato.engine.upcast` handles that.
    """
    return _decoder.decode(body)
