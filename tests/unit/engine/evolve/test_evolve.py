# SPDX-License-Identifier: Apache-2.0
"""`evolve` and `fold`: total over the known events, strict about everything else."""

from typing import get_args

import pytest

from legato.engine.evolve import RULES, evolve, fold
from legato.engine.state import EXECUTION, ExecutionState
from legato.errors import Internal
from legato.model import events as ev
from legato.model.graph import Graph
from legato.model.ids import NodeId
from tests.support.build import EXECUTION_ID, START_MS, node, started, val, workflow
from tests.support.drive import Drive

FLOW = workflow(node("a"), node("b", "a", foreach="x"), node("fix", "a!"))


def _fresh() -> ExecutionState:
    return ExecutionState(EXECUTION_ID, Graph(FLOW))


def test_every_event_has_one_rule() -> None:
    """No event of this release is unknown to the fold [EN3]."""
    assert set(RULES) == set(get_args(ev.AnyEvent))


def test_an_unknown_event_stops_the_fold() -> None:
    """It is never guessed at, and nothing is counted [LG19]."""
    state = _fresh()
    with pytest.raises(Internal, match="no rule for the event str"):
        evolve(state, "surprise", 1)  # type: ignore[arg-type]
    assert state.seq == 0


@pytest.mark.parametrize("seq", [0, 2, 3])
def test_a_gap_or_a_double_stops_the_fold(seq: int) -> None:
    """Seq is 1, 2, 3 without a gap [LG1]."""
    with pytest.raises(Internal, match=f"event {seq} where 1 was expected"):
        fold(_fresh(), [ev.Recorded(seq, START_MS, started(FLOW))])


def test_the_touched_node_is_told() -> None:
    """So that the view knows what to show anew [VW2]."""
    state = _fresh()
    assert evolve(state, started(FLOW), START_MS) == EXECUTION
    assert evolve(state, ev.AttemptStarted(NodeId("a"), 1, "h"), START_MS) == 0
    assert evolve(state, ev.SignalRejected("x", "y", "z"), START_MS) == EXECUTION
    assert evolve(state, ev.NodeCompleted(NodeId("a")), START_MS) == 0
    assert evolve(state, ev.ItemsPlanned(NodeId("b"), 2, "l"), START_MS) == 1


def test_items_before_their_list_break_the_fold() -> None:
    """A history that says so is damaged [LG28]."""
    state = _fresh()
    evolve(state, started(FLOW), START_MS)
    with pytest.raises(Internal, match="b has no items yet"):
        evolve(state, ev.ItemsEnded(NodeId("b"), (0,), (val(1),)), START_MS)


def test_an_event_is_never_changed_by_the_fold() -> None:
    """Folding the same history twice gives the same state [EN3, LG2]."""
    from tests.support.compare import facts

    drive = Drive(
        workflow(node("a", retry=2), node("b", "a", foreach="x")), {("b", "foreach"): [1]}
    )
    drive.start()
    drive.fail("a")
    drive.advance(100)
    drive.run_out()
    before = [ev.encode_event(each.event) for each in drive.log]
    assert facts(drive.folded()) == facts(drive.folded())
    assert [ev.encode_event(each.event) for each in drive.log] == before


def test_a_failure_handled_by_a_name_that_is_no_node_does_not_break_the_fold() -> None:
    """Validation refuses such a file; an old log must still fold [EN3]."""
    drive = Drive(workflow(node("a", on_error="gone")))
    drive.start()
    drive.fail("a")
    assert drive.status("a") == "failed"


def test_a_node_may_be_parked_without_an_error() -> None:
    """After a restore nobody knows of one: the last stays [EN3]."""
    state = _fresh()
    evolve(state, started(FLOW), START_MS)
    evolve(state, ev.NodeParked(NodeId("a"), "restored"), START_MS)
    assert (state.nodes[0].status, state.nodes[0].error) == ("needs_attention", None)
