# SPDX-License-Identifier: Apache-2.0
"""A run of a part of a workflow: what it is about runs, the rest is left out at once."""

from legato.model import events as ev
from legato.model.ids import NodeId
from legato.model.signals import Reuse
from tests.support.build import node, val, workflow
from tests.support.drive import Drive, kinds


def _part(*names: str, alone: str | None = None) -> ev.Part:
    one = None if alone is None else NodeId(alone)
    return ev.Part(tuple(NodeId(name) for name in names), one)


def _pin(name: str, value: object) -> Reuse:
    return Reuse(NodeId(name), val(value), "pin", by="ann")


def test_what_the_run_is_not_about_is_skipped_in_the_turn_that_starts_it() -> None:
    """With the cause `left_out`, and the outputs of the workflow are not asked for [XW2]."""
    flow = workflow(
        node("a"), node("b", "a"), node("c", "b"), node("d"), outputs={"x": "${{ nodes.c.output }}"}
    )
    drive = Drive(flow, {(None, "outputs"): {"x": 1}})
    events = drive.start(part=_part("a", "b"))
    assert kinds(events) == ["ExecutionStarted", "NodeSkipped", "NodeSkipped", "AttemptStarted"]
    assert [(each.node, each.cause) for each in drive.events(ev.NodeSkipped)] == [
        ("c", "left_out"), ("d", "left_out"),
    ]  # fmt: skip
    assert drive.run_out() == "completed"
    assert drive.status("a", "b", "c", "d") == ["completed", "completed", "skipped", "skipped"]
    assert not [each for each in drive.asked if each.what == "outputs"]


def test_a_pinned_node_has_its_pin_and_what_it_needs_is_left_out() -> None:
    """The run begins at the pin [XW2]."""
    drive = Drive(workflow(node("a"), node("b", "a"), node("c", "b"), node("d", "c")))
    events = drive.start(part=_part("c"), reused=(_pin("b", {"x": 1}),))
    assert kinds(events) == [
        "ExecutionStarted", "NodeReused", "NodeSkipped", "NodeSkipped", "AttemptStarted",
    ]  # fmt: skip
    assert drive.only(ev.NodeReused).source == "pin"
    assert drive.output("b") == {"x": 1}
    assert drive.run_out() == "completed"


def test_the_one_node_of_a_run_runs_whatever_became_of_those_it_needs() -> None:
    """Its `when` still counts [XW3]."""
    flow = workflow(node("a"), node("b", "a"), node("c", "b", "a"), node("d", "c"))
    drive = Drive(flow)
    events = drive.start(part=_part("c", alone="c"), reused=(_pin("b", 1),))
    assert kinds(events)[-1] == "AttemptStarted"
    assert drive.status("a", "b", "c", "d") == ["skipped", "completed", "running", "skipped"]
    drive = Drive(workflow(node("a"), node("b", "a", when="no")), {("b", "when"): False})
    drive.start(part=_part("b", alone="b"))
    assert (drive.reached, drive.status("b")) == ("completed", "skipped")


def test_without_the_node_that_handles_it_a_failure_fails_the_run() -> None:
    """It was left out, and handles nothing [XW2]."""
    drive = Drive(workflow(node("a", on_error="mend"), node("mend", "a!")))
    drive.start(part=_part("a"))
    drive.fail("a")
    assert drive.reached == "failed"
