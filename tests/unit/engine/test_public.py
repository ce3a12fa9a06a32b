# SPDX-License-Identifier: Apache-2.0
"""The public form of events: a promise to clients, kept by a file that changes only on purpose."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec

from legato.engine.public import public_event
from legato.model import events
from legato.model.events import AnyEvent, NodeError, Recorded
from legato.model.ids import ExecutionId
from legato.model.values import BlobRef, Value, inline

GOLDEN = Path(__file__).with_name("public_events.json")
SECRET = "inside-only"
_VALUES: dict[str, Any] = {
    "status": "completed", "signal": "AnswerApproval", "kind": "approval", "reason": "poison",
    "cause": "engine_died", "source": "fork", "retry_at": 1_800_000_001_000, "until": None,
    "items": (4, 2, 3, 7), "outputs": (inline(b"1"),) * 4, "attempts": (1,) * 4,
    "input_hashes": (SECRET,) * 4, "count": 9, "attempt": 2, "seq": 3, "fence": 77,
    "engine": SECRET, "input_hash": SECRET, "list_hash": SECRET, "iteration": 2,
}  # fmt: skip


def sample(kind: type[AnyEvent]) -> AnyEvent:
    """Return an event of a type with something in each field."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        text = str(field.type)
        if field.name in {"v", "at", "pins", "flags", "trigger", "depth"}:
            continue
        if "NodeError" in text:
            given[field.name] = NodeError("http.503", "no", details=inline(b'"inside-only"'))
        elif field.name == "outputs" and kind is events.ExecutionEnded:
            given[field.name] = Value(ref=BlobRef("a" * 64, 70_000))
        elif "Value" in text and "tuple" not in text:
            given[field.name] = inline(b'"inside-only"')
        elif "Source" in text:
            given[field.name] = events.Source(ExecutionId("other"), seq=3)
        elif field.name == "reason" and kind is not events.NodeParked:
            given[field.name] = "because"
        elif field.name == "item":
            given[field.name] = 5
        elif field.name in _VALUES:
            given[field.name] = _VALUES[field.name]
        elif "bool" in text:
            given[field.name] = True
        else:
            given[field.name] = field.name
    return kind(**given)


def shown(kind: type[AnyEvent], seq: int) -> dict[str, Any]:
    """Return the public form of the sample as JSON."""
    found: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(public_event(Recorded(seq, 1_800_000_000_123, sample(kind))))
    )
    return found


def test_the_public_form_of_every_event_is_what_the_file_says() -> None:
    """Fields are added on purpose, and never taken away [XR30]."""
    found = [shown(kind, seq) for seq, kind in enumerate(get_args(AnyEvent), 1)]
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_values_hashes_and_owners_stay_inside() -> None:
    """Neither what nodes took and gave, nor what the engine knows of itself [XR31]."""
    text = GOLDEN.read_text(encoding="utf-8")
    assert SECRET not in text
    assert '"fence"' not in text and '"engine"' not in text


def test_what_has_no_public_form_still_has_its_place() -> None:
    """One event for each seq: one that this program does not show is `internal` [XR30]."""

    class Unknown(events.Event, frozen=True, tag="Unknown"):
        node: str = "a"
        secret: str = SECRET

    made = public_event(Recorded(7, 1_800_000_000_000, Unknown()))  # type: ignore[arg-type]
    assert (made.seq, made.type, made.node, made.data) == (7, "internal", None, {})
