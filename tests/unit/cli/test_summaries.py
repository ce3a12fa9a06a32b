# SPDX-License-Identifier: Apache-2.0

from typing import Any, get_args

import msgspec
import pytest

from legato.cli.summaries import summary
from legato.model import events as ev
from legato.model.ids import EngineId, ExecutionId, NodeId, VersionHash, WorkspaceId
from legato.model.values import BlobRef, Value, inline
from legato.runtime.wire import event_json

A = NodeId("a")
CHILD = ExecutionId("child")
ERROR = ev.NodeError("http.503", "no answer")

SAID: list[tuple[ev.AnyEvent, str]] = [
    (
        ev.ExecutionStarted(
            workspace=WorkspaceId("local"), workflow="demo", version=VersionHash("f" * 64),
            inputs=inline(b'{"x":1}'), by="ada",
        ),
        'demo  version ffffffffffff  inputs {"x":1}  by ada',
    ),
    (ev.ExecutionAdopted(EngineId("e2"), 4), "by e2  fence 4  because engine died"),
    (ev.CancelRequested(by="ada", reason="typo"), "cancelled  by ada  (typo)"),
    (ev.ExecutionPaused(by="ada"), "by ada"),
    (ev.ExecutionResumed(by="ada"), "by ada"),
    (ev.ExecutionEnded("completed", inline(b"[1]")), "completed  outputs [1]"),
    (ev.ExecutionEnded("failed", error=ERROR, node=A), "failed  a  http.503: no answer"),
    (ev.SignalReceived("go", inline(b"1"), "ada"), "go  1  by ada"),
    (
        ev.SignalRejected("AnswerApproval", "already_decided", "late", "ada"),
        "AnswerApproval  already_decided: late  by ada",
    ),
    (ev.AttemptStarted(A, 3, "h", isolated=True), "a  attempt 3  in a process of its own"),
    (
        ev.AttemptFailed(A, 1, ERROR, 0),
        "a  attempt 1  http.503: no answer  again at 1970-01-01T00:00:00.000+00:00",
    ),
    (ev.AttemptLost(A, 1, "engine_died"), "a  attempt 1  engine died"),
    (ev.NodeWaiting(A, "delay", 1_000), "a  for delay  until 1970-01-01T00:00:01.000+00:00"),
    (ev.NodeCompleted(A, inline(b'"x"'), 2, case="hot"), 'a  attempt 2  case hot  "x"'),
    (ev.NodeFailed(A, ERROR, 2), "a  attempt 2  http.503: no answer"),
    (ev.NodeSkipped(A, "log"), "a  because of log"),
    (ev.NodeCancelled(A, outcome_unknown=True), "a  its outcome is unknown"),
    (ev.NodeParked(A, "poison", item=3), "a[3]  poison"),
    (ev.NodeUnparked(A, by="ada", reason="sure"), "a  by ada  (sure)"),
    (ev.NodeReused(A, inline(b"1"), edited=True), "a  from a fork  edited  1"),
    (ev.ItemsPlanned(A, 5, "h"), "a  5 items"),
    (ev.ItemsStarted(A, (0, 1, 2, 7), (1, 1, 1, 1), ("", "", "", "")), "a  items 0-2, 7"),
    (ev.ItemsEnded(A, (4,), (inline(b"1"),)), "a  items 4"),
    (ev.ItemFailed(A, 3, 2, ERROR), "a[3]  attempt 2  http.503: no answer"),
    (ev.ItemsLost(A, (1, 2), "engine_died"), "a  items 1-2  engine died"),
    (ev.ItemsReused(A, "h", (1,), (inline(b"1"),)), "a  items 1"),
    (ev.ItemForced(A, 2, inline(b"null"), by="ada"), "a[2]  null  by ada"),
    (ev.ChildStarted(A, CHILD, 2), "a  child  iteration 2"),
    (ev.ChildEnded(A, CHILD, "completed", inline(b"1")), "a  child  completed  1"),
    (
        ev.ChildEnded(A, CHILD, "failed", error=ERROR, item=1),
        "a[1]  child  failed  http.503: no answer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("event", "said"), SAID, ids=lambda each: type(each).__name__)
def test_each_event_is_one_line(event: ev.AnyEvent, said: str) -> None:
    """What a person reads of it in `executions events` [CL6]."""
    assert summary(event) == said


def test_every_kind_of_event_is_among_them() -> None:
    """A new event cannot be forgotten [CL6]."""
    assert {type(event) for event, _ in SAID} == set(get_args(ev.AnyEvent))


def test_long_values_are_cut_and_large_ones_named() -> None:
    """A log stays readable whatever a node returned."""
    assert "(1.0 KiB)" in summary(ev.NodeCompleted(A, inline(b'"' + b"x" * 1022 + b'"')))
    blob = Value(ref=BlobRef("ab" * 32, 2048))
    assert summary(ev.NodeCompleted(A, blob)) == "a  2.0 KiB in blob abababababab"
    many = ev.ItemsEnded(A, tuple(range(0, 40, 2)), ())
    assert summary(many) == "a  items 0, 2, 4, 6, 8, 10, …"


def test_an_unknown_struct_is_shown_by_its_fields() -> None:
    """Better than nothing."""

    class Odd(msgspec.Struct):
        x: int = 5

    odd: Any = Odd()
    assert summary(odd) == '{"x":5}'


def test_an_event_as_json_has_its_place_and_times_as_text() -> None:
    """seq, ISO time, type, then what is stored [CL3, VW9]."""
    found = event_json(ev.Recorded(7, 1_000, ev.AttemptFailed(A, 1, ERROR, 2_000)))
    assert list(found)[:3] == ["seq", "at", "type"]
    assert found["at"] == "1970-01-01T00:00:01.000+00:00"
    assert found["retry_at"] == "1970-01-01T00:00:02.000+00:00"
    assert found["error"]["kind"] == "http.503"
