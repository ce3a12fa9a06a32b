# SPDX-License-Identifier: Apache-2.0

import re

from legato.cli.text import Style, cells
from legato.cli.tree import Room, Tree, counters, reason
from legato.model.frames import ItemCounters
from tests.unit.cli.frames import CHILD, ROOT, boards, execution, frame, line, node

ROOM = Room(width=100, height=30, now_ms=4_000)


def test_the_tree_shows_status_attempts_progress_time_and_last_line() -> None:
    """Everything that a person wants to know of a node stands in its line [CL2]."""
    seen = boards(
        frame(
            0,
            1,
            node("fetch", "running", attempt=2, started_at=1_000),
            node("done", "completed", phase_number=2, started_at=0, completed_at=120),
            node("each", "running", phase_number=3, items=ItemCounters(total=40, completed=10)),
        )
    )
    seen.add_line(line("fetch", "page 3 of 7", progress=0.5))
    text = Tree(seen, Style()).lines(ROOM)
    assert text == [
        f"demo  {ROOT}  ● running  0/3 nodes  4.0 s",
        "├─ ● fetch  running  attempt 2  ━━━━━━━━┄┄┄┄┄┄┄┄ 50%  3.0 s",
        "│    page 3 of 7",
        "├─ ✓ done   completed  0.12 s",
        "└─ ● each   running  10/40 items  ━━━━┄┄┄┄┄┄┄┄┄┄┄┄ 25%",
    ]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """Signs and guides fall back; the words stay [CL2]."""
    seen = boards(frame(0, 1, node("a", "completed"), of=execution(total=1)))
    text = "\n".join(Tree(seen, Style(is_unicode=False)).lines(ROOM))
    assert text.isascii()
    assert "`- + a  completed" in text


def test_a_thousand_nodes_stay_calm() -> None:
    """Only what moves, what ended last and counters are shown, within the terminal [CL2]."""
    done = [node(f"n{each}", "completed", phase_number=each + 1) for each in range(900)]
    busy = [node(f"m{each}", "running", phase_number=901 + each) for each in range(90)]
    seen = boards(frame(0, 1, *done, *busy, of=execution(total=1_000, done=900)))
    for each in busy:
        seen.add_line(line(each.node_id, f"line of {each.node_id}"))
    text = Tree(seen, Style()).lines(ROOM)
    assert len(text) <= ROOM.height
    assert text[-1] == "└─ 90 running, 900 completed, 10 pending"
    assert sum("m" in each and "running" in each for each in text) >= 5
    assert sum("completed" in each for each in text[1:-1]) == 4


def test_what_needs_a_person_comes_first() -> None:
    """Of many active nodes the stuck ones are never cut off."""
    busy = [node(f"m{each}", "running") for each in range(500)]
    stuck = node("stuck", "needs_attention", message="poison")
    seen = boards(frame(0, 1, *busy, stuck, of=execution(total=2_000)))
    assert "stuck" in Tree(seen, Style()).lines(ROOM)[1]


def test_a_called_execution_stands_under_its_node() -> None:
    """Its header and what moves in it are indented below [CL2]."""
    child = execution(execution_id=CHILD, parent=ROOT, total=5, done=2)
    seen = boards(
        frame(0, 1, node("call", "waiting", wait="child", child=CHILD), of=execution(total=1)),
        frame(0, 1, node("inner", "running"), of=child),
    )
    text = Tree(seen, Style()).lines(ROOM)
    assert text[1] == "└─ ◔ call  waiting  for the workflow it called"
    assert text[2].startswith(f"     demo  {CHILD}  ● running  2/5 nodes")
    assert text[3] == "     └─ ● inner  running"


def test_no_line_is_wider_than_the_terminal() -> None:
    """Names and messages of any width are cut, wide characters count twice [CL2]."""
    seen = boards(frame(0, 1, node("a", "failed", error="漢字" * 300, error_kind="error")))
    for text in Tree(seen, Style()).lines(Room(width=60, height=20, now_ms=0)):
        assert cells(text) <= 60


def test_nothing_that_is_shown_can_steer_the_terminal() -> None:
    """Escape sequences in messages and log lines are written out [CL9]."""
    evil = "\x1b]0;owned\x07\x1b[2J\u202eabc\r\nnext"
    seen = boards(frame(0, 1, node("a", "retrying", retry_at=9_000, error=evil)))
    seen.add_line(line("a", evil))
    text = "\n".join(Tree(seen, Style(is_coloured=True)).lines(ROOM))
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", without_colours)
    assert r"\x1b]0;owned\x07" in text


def test_a_lost_execution_is_not_shown_as_running() -> None:
    """Its last status is a memory [VW10]."""
    seen = boards(frame(0, 1, node("a")))
    header = Tree(seen, Style()).header(seen.root, 0, absence="owner lost")
    assert "owner lost (was running)" in "".join(text for text, _ in header)


def test_reasons_say_what_a_status_does_not() -> None:
    """Why a node waits, is parked, failed or was left out, in a few words."""
    assert reason(node("a", "waiting", wait="approval"), 0) == "for an answer"
    assert reason(node("a", "needs_attention", message="poison"), 0).startswith("it killed")
    assert reason(node("a", "failed", error="no", error_kind="exit.1"), 0) == "exit.1: no"
    assert reason(node("a", "skipped", cause="when"), 0) == "its `when` is false"
    assert reason(node("a", "skipped", cause="log"), 0) == "because of log"
    assert (
        reason(node("a", "retrying", retry_at=3_500, error="503"), 1_000) == "again in 2.5 s  503"
    )
    assert reason(node("a", "cancelled", outcome_unknown=True), 0) == "its outcome is unknown"
    assert reason(node("a", "completed", reused=True), 0) == "kept from an earlier execution"
    assert reason(node("a"), 0) == ""


def test_counters_name_what_has_not_begun() -> None:
    """Pending nodes are not told one by one, only counted."""
    assert counters(boards(frame(0, 1, node("a"))).root) == "1 running, 2 pending"
    ended = boards(frame(0, 1, node("a", "failed"), of=execution("failed")))
    assert counters(ended.root) == "1 failed"
