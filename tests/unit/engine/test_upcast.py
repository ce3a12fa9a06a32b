# SPDX-License-Identifier: Apache-2.0
"""Reading stored events: this release's shapes, old shapes, and what must be refused."""

from typing import Any

import msgspec
import pytest

from legato.engine import upcast
from legato.engine.upcast import read_event
from legato.errors import Conflict
from legato.model import events as ev
from legato.model.ids import NodeId


def test_an_event_of_this_release_is_read_as_it_was_written() -> None:
    """Encoding, decoding and lifting change nothing [LG18]."""
    event = ev.NodeSkipped(NodeId("a"), "when", by="ann")
    assert read_event(ev.encode_event(event)) == event


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"NodeTeleported","node":"a"}',
        b'{"node":"a"}',
        b'{"type":"NodeSkipped"}',
        b'{"type":"NodeSkipped","node":7,"cause":"x"}',
        b'{"type":"NodeSkipped","node":"a","cause":"x","v":2}',
        b'{"type":"NodeSkipped","node":"a","cause":"x","v":0}',
        b"[]",
        b"null",
        b"{",
        b"",
        b"\xff",
    ],
)
@pytest.mark.parametrize("has_lifts", [False, True])
def test_an_unknown_event_version_or_damage_is_refused(
    body: bytes, has_lifts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to do, and nothing is guessed [LG19, LG28]."""
    if has_lifts:
        monkeypatch.setitem(upcast.LIFTS, ("NodeFailed", 1), lambda old: old)
    with pytest.raises(Conflict, match="cannot be read") as caught:
        read_event(body)
    assert "newer Legato" in str(caught.value)


def test_a_new_optional_field_of_a_newer_program_needs_nothing() -> None:
    """Shapes only grow: an unknown field with the known version is passed over [LG18]."""
    body = b'{"type":"NodeSkipped","node":"a","cause":"x","colour":"red"}'
    assert read_event(body) == ev.NodeSkipped(NodeId("a"), "x")


def test_old_shapes_are_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 becomes 2 becomes 3; other events stay as they are [LG18]."""

    def rename(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "cause": old["why"]}

    def shout(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "cause": old["cause"].upper()}

    monkeypatch.setitem(upcast.LIFTS, ("NodeSkipped", 1), rename)
    monkeypatch.setitem(upcast.LIFTS, ("NodeSkipped", 2), shout)
    first = read_event(b'{"type":"NodeSkipped","node":"a","why":"x"}')
    second = read_event(b'{"type":"NodeSkipped","node":"a","cause":"x","v":2}')
    assert first == second == ev.NodeSkipped(NodeId("a"), "X", v=3)
    assert read_event(ev.encode_event(first)) == first
    other = ev.ExecutionResumed("ann")
    assert read_event(ev.encode_event(other)) == other
    with pytest.raises(Conflict, match="version 4"):
        read_event(msgspec.json.encode(msgspec.structs.replace(first, v=4)))
