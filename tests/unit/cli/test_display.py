# SPDX-License-Identifier: Apache-2.0

from legato.cli.board import Boards
from legato.cli.display import JsonLines, PlainLines, choose_display
from legato.cli.feed import Feed
from legato.model.frames import Frame, ItemCounters
from tests.unit.cli.frames import CHILD, ROOT, Screen, StillClock, execution, frame, line, node


def feed(screen: Screen, clock: StillClock | None = None) -> Feed:
    """Return a feed onto a screen."""
    seen = Boards(ROOT)
    return Feed(seen, choose_display(screen.terminal, seen, clock or StillClock()))


def test_the_display_fits_what_stdout_is() -> None:
    """JSON lines where they are wanted, plain lines where there is no terminal [CL2, CL3]."""
    assert isinstance(feed(Screen(as_json=True)).display, JsonLines)
    assert isinstance(feed(Screen()).display, PlainLines)


def test_plain_lines_tell_each_step_once() -> None:
    """Status and attempts are news; what was said already is not [CL2]."""
    screen, clock = Screen(), StillClock()
    to = feed(screen, clock)
    to.frame(frame(0, 0, node("a", "pending")))
    to.frame(frame(0, 1, node("a", "running", attempt=1, started_at=0)))
    to.frame(frame(0, 1, node("a", "running", attempt=1, started_at=0)))
    to.frame(frame(1, 2, node("a", "retrying", attempt=1, retry_at=900, error="503")))
    clock.now = 1_250
    to.frame(frame(2, 3, node("a", "completed", attempt=2, started_at=0, completed_at=1_250)))
    assert screen.out.splitlines() == [
        "    0.00 s  a                 running",
        "    0.00 s  a                 retrying  503",
        "    1.25 s  a                 completed  attempt 2  (1.2 s)",
    ]


def test_plain_lines_repeat_what_a_node_says() -> None:
    """Lines of single nodes always, lines of items only if something is wrong."""
    screen = Screen()
    to = feed(screen)
    to.line(line("a", "hello\x1b[2J"))
    to.line(line("a", "a piece of a stream", level="delta"))
    to.line(line("each", "item says", item=3))
    to.line(line("each", "item warns", item=4, level="warning"))
    assert screen.out.splitlines() == [
        "    0.00 s  a | hello\\x1b[2J",
        "    0.00 s  each[4] | item warns",
    ]


def test_plain_lines_count_large_workflows() -> None:
    """Hundreds of nodes are counted now and then; failures are always told [CL2]."""
    screen, clock = Screen(), StillClock()
    to = feed(screen, clock)
    many = [node(f"n{each}", "completed") for each in range(400)]
    to.frame(frame(0, 1, *many, of=execution(total=500)))
    clock.now = 1_500
    to.frame(frame(1, 2, node("bad", "failed", error="no", error_kind="exit.1")))
    assert screen.out.splitlines() == [
        "    1.50 s  bad               failed  exit.1: no",
        "    1.50 s  400 completed, 1 failed",
    ]


def test_plain_lines_count_items() -> None:
    """A list of many items shows how far it is once per second [CL2]."""
    screen, clock = Screen(), StillClock()
    to = feed(screen, clock)
    for seq, at in ((1, 0), (2, 400), (3, 1_100), (4, 1_200)):
        clock.now = at
        items = ItemCounters(total=9, running=1, completed=seq)
        to.frame(frame(seq - 1, seq, node("each", "running", items=items)))
    assert screen.out.splitlines() == [
        "    0.00 s  each              running  1/9 items",
        "    1.10 s  each 3/9 items",
    ]


def test_steps_of_a_called_execution_say_where_they_are() -> None:
    """Two nodes of the same name can be told apart."""
    screen = Screen()
    to = feed(screen)
    to.frame(frame(0, 1, node("call", "waiting", wait="child", child=CHILD)))
    child = execution(execution_id=CHILD, parent=ROOT)
    to.frame(frame(0, 1, node("inner", "running"), of=child))
    assert screen.out.splitlines()[1].endswith(f"inner             running  [in {CHILD}]")


def test_json_lines_are_frames_and_log_lines() -> None:
    """Every field is there, times are text, and every frame is told once [CL3, VW9]."""
    screen = Screen(as_json=True)
    to = feed(screen)
    first = frame(0, 1, node("a", "running", started_at=1_000, items=ItemCounters(total=2)))
    to.frame(first)
    to.frame(first)
    to.line(line("a", "hello"))
    shown, said = screen.values
    assert (shown["type"], shown["from_seq"], shown["to_seq"]) == ("frame", 0, 1)
    about, seen = shown["sets"]
    assert (about["set"], about["status"], about["error"]) == ("execution", "running", None)
    assert seen["started_at"] == "1970-01-01T00:00:01.000+00:00"
    assert seen["items"]["needs_attention"] == 0
    assert (said["type"], said["text"], said["item"]) == ("log", "hello", None)


def test_frames_of_other_executions_are_passed_over() -> None:
    """The bus of a process may carry more than this tree."""
    screen = Screen(as_json=True)
    to = feed(screen)
    other = execution(execution_id=CHILD)
    to.frame(Frame(CHILD, 1, 0, 1, (other,)))
    to.line(line("a", "x", execution_id=CHILD))
    assert screen.out == ""


def test_a_gap_is_noted_and_closed_by_a_snapshot() -> None:
    """Nothing is shown of a frame that does not fit [VW4]."""
    screen = Screen(as_json=True)
    to = feed(screen)
    to.frame(frame(0, 1, node("a")))
    to.frame(frame(5, 6, node("a", "completed")))
    assert to.gaps == {ROOT}
    assert len(screen.values) == 1
    to.frame(frame(0, 6, node("a", "completed")))
    assert to.gaps == set()
    assert len(screen.values) == 2
