# SPDX-License-Identifier: Apache-2.0

import pytest

from legato.cli.board import FINISHED_KEPT, LINES_KEPT
from legato.model.frames import ItemCounters
from tests.unit.cli.frames import CHILD, ROOT, boards, execution, frame, line, node


def test_a_frame_applied_twice_changes_nothing() -> None:
    """The second time there is no change to tell [VW1]."""
    seen = boards(frame(0, 2, node("a")))
    again = frame(0, 2, node("a"))
    assert seen.apply(again) is None
    assert seen.root.seq == 2
    assert seen.root.counts["running"] == 1


def test_an_older_frame_does_not_turn_time_back() -> None:
    """A frame that ends before what is known is passed over [VW1]."""
    seen = boards(frame(0, 5, node("a", "completed")))
    assert seen.apply(frame(0, 2, node("a", "running"))) is None
    assert seen.root.nodes["a"].status == "completed"  # type: ignore[index]


def test_a_gap_is_not_guessed_over() -> None:
    """A frame that begins after what is known needs a snapshot first [VW4]."""
    seen = boards(frame(0, 2, node("a")))
    with pytest.raises(ValueError, match="from 7"):
        seen.apply(frame(7, 9, node("a", "completed")))
    seen.apply(frame(0, 9, node("a", "completed")))
    assert seen.root.seq == 9


def test_counters_follow_the_nodes() -> None:
    """A node is counted once, under its present status."""
    seen = boards(
        frame(0, 1, node("a"), node("b", "waiting")),
        frame(1, 2, node("a", "completed")),
        frame(2, 3, node("b", "failed")),
    )
    counts = seen.root.counts
    assert {name: count for name, count in counts.items() if count} == {"completed": 1, "failed": 1}
    assert list(seen.root.active) == []
    assert list(seen.root.finished) == ["a", "b"]


def test_what_is_kept_is_bounded() -> None:
    """A thousand finished nodes and lines keep the last few."""
    seen = boards(frame(0, 1, *(node(f"n{each}", "completed") for each in range(1000))))
    for number in range(1000):
        seen.add_line(line("a", str(number)))
    assert len(seen.root.finished) == FINISHED_KEPT
    assert len(seen.last_lines[ROOT, "a"]) == LINES_KEPT  # type: ignore[index]


def test_a_child_belongs_to_the_picture_until_it_ends() -> None:
    """Frames of a called execution are taken in by its parent, those of strangers are not."""
    child = execution(execution_id=CHILD, parent=ROOT)
    seen = boards(frame(0, 1, node("call", "waiting", wait="child", child=CHILD)))
    stranger = execution(execution_id=CHILD, parent="somebody else")
    assert not seen.belongs(frame(0, 1, of=stranger))
    assert seen.belongs(frame(0, 1, of=child))
    seen.apply(frame(0, 1, node("inner"), of=child))
    assert CHILD in seen.by_id
    ended = execution("completed", execution_id=CHILD, parent=ROOT)
    changes = seen.apply(frame(1, 2, node("inner", "completed"), of=ended))
    assert changes is not None
    assert CHILD not in seen.by_id


def test_an_approval_in_a_child_is_offered() -> None:
    """Whoever waits for an answer is found at any depth."""
    child = execution("waiting", execution_id=CHILD, parent=ROOT)
    seen = boards(
        frame(0, 1, node("call", "waiting", wait="child", child=CHILD)),
        frame(0, 1, node("ask", "waiting", wait="approval"), of=child),
    )
    assert [(each, found.node_id) for each, found in seen.waiting_for_answers()] == [(CHILD, "ask")]


def test_a_run_is_stuck_when_everything_left_is_parked() -> None:
    """Nothing but a person can move it, however deep the parked node is [ST10]."""
    parked = node("send", "needs_attention", message="outcome_unknown")
    assert boards(frame(0, 1, parked, of=execution("needs_attention"))).is_stuck
    child = execution("needs_attention", execution_id=CHILD, parent=ROOT)
    call = node("call", "waiting", wait="child", child=CHILD)
    assert boards(frame(0, 1, call), frame(0, 1, parked, of=child)).is_stuck


def test_a_run_is_not_stuck_while_something_else_moves() -> None:
    """A running node, a timer or a person may still change it [ST9]."""
    parked = node("send", "needs_attention", message="outcome_unknown")
    about = execution("needs_attention")
    for other in (
        node("b", "running"),
        node("b", "retrying", retry_at=5),
        node("b", "waiting", wait="delay"),
        node("b", "waiting", wait="approval"),
    ):
        assert not boards(frame(0, 1, parked, other, of=about)).is_stuck
    assert not boards(frame(0, 1, node("b"), of=execution())).is_stuck
    assert not boards(frame(0, 1, parked, of=execution("cancelled"))).is_stuck


def test_a_list_with_a_parked_item_needs_a_person() -> None:
    """A foreach node that goes on with other items is named all the same [GR17]."""
    items = ItemCounters(total=3, running=1, needs_attention=1)
    seen = boards(frame(0, 1, node("each", "running", items=items)))
    assert [found.node_id for _, found in seen.parked()] == ["each"]
    assert not seen.is_stuck


def test_progress_is_kept_between_nothing_and_all() -> None:
    """What a node says of itself is clamped; a completed node has none [ND4]."""
    seen = boards(frame(0, 1, node("a")))
    seen.add_line(line("a", "", progress=7.5))
    assert seen.progress == {(ROOT, "a"): 1.0}
    seen.apply(frame(1, 2, node("a", "completed")))
    assert seen.progress == {}
