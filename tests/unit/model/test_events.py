# SPDX-License-Identifier: Apache-2.0
"""Events and signals as rows: every kind survives encoding, nothing else is read."""

from typing import Any, get_args

import msgspec
import pytest

from legato.model import events as ev
from legato.model import signals as sig
from legato.model.ids import EngineId, ExecutionId, NodeId, VersionHash, WorkspaceId
from legato.model.values import BlobRef, Value
from tests.support.build import val

A = NodeId("a")
CHILD = ExecutionId("child-1")
FAR = Value(ref=BlobRef("f" * 64, 70_000))
ERROR = ev.NodeError(
    "http.503", "busy", may_have_happened=False, at_least_ms=5, details=val({"a": 1})
)
STARTED = ev.ExecutionStarted(
    workspace=WorkspaceId("w"),
    workflow="flow",
    version=VersionHash("0" * 64),
    inputs=val({"x": [1, None]}),
    trigger=msgspec.Raw(b'{"kind":"manual"}'),
    by="ann",
    at=7,
    pins={"sub": VersionHash("1" * 64)},
    parent=ev.Source(CHILD, A, 3, 2),
    root=CHILD,
    depth=2,
    forked_from=ev.Source(CHILD, seq=9),
    flags=("a",),
    part=ev.Part((A,), A),
    trigger_data=FAR,
)
EVENTS: list[ev.AnyEvent] = [
    STARTED,
    ev.ExecutionAdopted(EngineId("e"), 4, "drained"),
    ev.CancelRequested("ann", "why", "timed_out"),
    ev.ExecutionPaused("ann", "why"),
    ev.ExecutionResumed("ann"),
    ev.ExecutionEnded("failed", val(1), ERROR, A),
    ev.SignalReceived("go", FAR, "ann"),
    ev.SignalRejected("CancelExecution", "illegal_state", "why", "ann"),
    ev.AttemptStarted(A, 2, "hash", isolated=True),
    ev.AttemptFailed(A, 2, ERROR, 99),
    ev.AttemptLost(A, 2, "engine_died", 98),
    ev.NodeWaiting(A, "delay", 97, val({"for": "1s"}), expires=True),
    ev.NodeCompleted(A, FAR, 2, "case", "ann", "why", val([{"index": 1}]), "go"),
    ev.NodeFailed(A, ERROR, 2, "ann", outcome_unknown=True),
    ev.NodeSkipped(A, "when", "ann", "why"),
    ev.NodeCancelled(A, 2, outcome_unknown=True),
    ev.NodeParked(A, "poison", 2, 5, ERROR),
    ev.NodeUnparked(A, 5, "ann", "why"),
    ev.NodeReused(A, val("x"), "pin", True, "ann", "case", val([])),
    ev.ItemsPlanned(A, 3, "hash"),
    ev.ItemsStarted(A, (0, 2), (1, 4), ("h", "i"), isolated=True),
    ev.ItemsEnded(A, (0, 2), (val(1), FAR)),
    ev.ItemFailed(A, 2, 4, ERROR, 96),
    ev.ItemsLost(A, (0, 2), "worker_died", 95),
    ev.ItemsReused(A, "hash", (1,), (val(None),)),
    ev.ItemForced(A, 2, val("x"), "ann", "why"),
    ev.ChildStarted(A, CHILD, 2, 5, 94),
    ev.ChildEnded(A, CHILD, "timed_out", val(1), ERROR, 2, 5),
]
SIGNALS: list[sig.AnySignal] = [
    sig.StartExecution(
        STARTED, (sig.Reuse(A, val(1), "retry", True, "ann", "c", FAR, (1,), (FAR,)),)
    ),
    sig.AdoptExecution(EngineId("e"), 4, "drained"),
    sig.RestoreExecution(),
    sig.ReportSuccess(A, 2, FAR, 5),
    sig.ReportFailure(A, 2, ERROR, 5),
    sig.ReportCancelled(A, 2, 5, outcome_unknown=True),
    sig.ReportLost(A, 2, "process_died", 5),
    sig.ReportEvaluated(A, "until", val(True), ERROR, 5, "hash", 3, 2),
    sig.ReportChild(A, CHILD, "failed", val(1), ERROR, 2, 5),
    sig.FireTimers(),
    sig.CancelExecution("ann", "why", "timed_out"),
    sig.PauseExecution("ann", "why"),
    sig.ResumeExecution("ann"),
    sig.AnswerApproval(A, True, "ann", "fine", val({"x": 1}), 5),
    sig.DeliverSignal("go", FAR, "ann"),
    sig.RetryNode(A, "ann", "why", 5),
    sig.SkipNode(A, "ann", "why", 5),
    sig.ForceNode(A, "completed", val(1), "ann", "why", 5),
    sig.RefuseSignal("x", "why"),
]


def test_the_samples_name_every_kind_once() -> None:
    """Each event and each signal has its own tag [LG18]."""
    assert [type(event) for event in EVENTS] == list(get_args(ev.AnyEvent))
    assert [type(signal) for signal in SIGNALS] == list(get_args(sig.AnySignal))


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: type(each).__name__)
def test_an_event_with_every_field_set_survives_its_row(event: ev.AnyEvent) -> None:
    """Encoding and decoding is the identity; the tag is the type's name [LG18]."""
    body = ev.encode_event(event)
    assert ev.decode_event(body) == event
    assert msgspec.json.decode(body)["type"] == type(event).__name__
    every = {"v", "wish"}
    own = [name for name in event.__struct_fields__ if name not in every]
    assert [name for name in own if not _is_set(event, name)] == []
    wished = msgspec.structs.replace(event, wish="w1")
    assert ev.decode_event(ev.encode_event(wished)) == wished


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda each: type(each).__name__)
def test_a_signal_with_every_field_set_survives_the_inbox(signal: sig.AnySignal) -> None:
    """Encoding and decoding is the identity [LG18]."""
    for each in (signal, msgspec.structs.replace(signal, wish="w1")):
        assert sig.decode_signal(sig.encode_signal(each)) == each


def _is_set(event: ev.AnyEvent, name: str) -> bool:
    defaults: dict[str, Any] = {
        field.name: field.default for field in msgspec.structs.fields(type(event))
    }
    return bool(getattr(event, name) != defaults[name])


@pytest.mark.parametrize(
    "body", [b"{}", b'{"type":"Nothing"}', b"[]", b"{", b'{"type":"NodeSkipped"}']
)
def test_what_is_no_event_or_signal_is_not_read(body: bytes) -> None:
    """A body is of a known kind and complete, or it is refused [LG19]."""
    with pytest.raises(msgspec.DecodeError):
        ev.decode_event(body)
    with pytest.raises(msgspec.DecodeError):
        sig.decode_signal(body)


def test_defaults_take_no_room_in_a_row() -> None:
    """The log holds small events [LG15]."""
    assert ev.encode_event(ev.AttemptStarted(A, 1, "h")) == (
        b'{"type":"AttemptStarted","node":"a","attempt":1,"input_hash":"h"}'
    )
    assert ev.encode_event(ev.ExecutionResumed()) == b'{"type":"ExecutionResumed"}'


def test_events_cannot_be_edited() -> None:
    """A fact is a frozen value [LG2]."""
    with pytest.raises(AttributeError):
        EVENTS[0].by = "eve"  # type: ignore[union-attr, misc]
