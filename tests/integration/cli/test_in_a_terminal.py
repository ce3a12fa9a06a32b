# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator

import pytest

from tests.integration.cli.pseudo_terminal import CTRL_C, Person
from tests.integration.cli.site import Site, completed, wait_for_end
from tests.integration.cli.workflows import ASK, FAIL, FORM, GATE, HELLO, SLOW

pytestmark = pytest.mark.linux

Start = Callable[..., Person]


@pytest.fixture
def start(site: Site) -> Iterator[Start]:
    """Start commands in terminals; what a failed test left is killed."""
    people: list[Person] = []

    def begin(*arguments: object) -> Person:
        people.append(Person(site, *arguments))
        return people[-1]

    yield begin
    for each in people:
        each.kill()


def newest(site: Site) -> str:
    """Return the id of the newest execution."""
    found: str = site.ok("executions", "list", "--json").values[0]["execution_id"]
    return found


def test_the_live_tree_shows_every_node(site: Site, start: Start) -> None:
    """Signs, words and counters, redrawn in place, and the outputs below [CL2]."""
    result = start("run", site.write(HELLO)).finish()
    assert result.code == 0
    assert "├─ ✓ greet  completed" in result.out
    assert "└─ ✓ again  completed  3/3 items" in result.out
    assert 'greeting: "hello world"' in result.out


def test_the_last_line_of_a_node_is_shown_harmless(site: Site, start: Start) -> None:
    """A program's escape sequences do not reach the terminal [CL2, CL9]."""
    person = start("run", site.write(FAIL))
    result = person.finish()
    assert result.code == 1
    assert "on \\x1b[2J the way" in result.out
    assert b"\x1b[2J" not in person._seen


def test_an_approval_is_answered_by_a_key(site: Site, start: Start) -> None:
    """The question stands under the tree; a approves [CL2, ND27]."""
    person = start("run", site.write(ASK))
    person.sees("Send it to 5 people?").sees("a approve").presses("a")
    assert person.finish().code == 0
    assert completed(site.events(newest(site))) == ["count", "ask", "send"]


DETAILS = """\
legato: 1
name: details
nodes:
  ask:
    uses: human.approval
    with: {message: Move them?, details: "a.txt -> old\\nb.txt -> new"}
"""


def test_a_person_sees_the_details_before_they_decide(site: Site, start: Start) -> None:
    """Above the question, beside the commands that answer it, and in `show` [CL4, CL6]."""
    person = start("run", site.write(DETAILS)).sees("a.txt -> old").sees("b.txt -> new")
    person.sees("Move them?").presses("r").finish()
    process = site.start("run", site.write(DETAILS))
    process.until(lambda line: line == "  b.txt -> new")
    execution_id = newest(site)
    shown = site.ok("executions", "show", execution_id).out
    assert "ask asks: Move them?\n  a.txt -> old\n  b.txt -> new\n" in shown
    site.ok("executions", "approve", execution_id)
    assert process.finish().code == 0


def test_an_approval_can_be_skipped_and_answered_elsewhere(site: Site, start: Start) -> None:
    """The question goes away, the run waits on [CL2, CL6]."""
    person = start("run", site.write(ASK))
    person.sees("s skip for now").presses("s").sees("skipped; answer later")
    site.ok("executions", "reject", newest(site))
    assert person.finish().code == 0


def test_a_form_is_filled_in_field_by_field(site: Site, start: Start) -> None:
    """What cannot be read is asked again, and so is everything if it does not fit; the run says
    which command asks [CL25, ND73].
    """
    run = start("run", site.write(FORM))
    run.sees("legato executions answer").sees("budget")
    person = start("executions", "answer", newest(site))
    person.sees("Which budget?").sees("amount (integer)").presses("many\n")
    person.sees("must be integer").sees("amount (integer)").presses("0\n")
    person.sees("note (string, default none)").presses("\n").sees("less than the minimum")
    person.sees("amount (integer)").presses("12\n").sees("note (string").presses("trip\n")
    assert person.finish().code == 0
    assert run.finish().code == 0
    assert site.show(newest(site))["outputs"]["data"] == {"amount": 12, "note": "trip"}


def test_a_form_can_be_given_up(site: Site, start: Start) -> None:
    """Ctrl-C answers nothing; the form waits on [CL25, CL1]."""
    run = start("run", site.write(FORM)).sees("legato executions answer")
    person = start("executions", "answer", newest(site)).sees("amount (integer)").presses(CTRL_C)
    assert person.finish().code == 130
    assert site.show(newest(site))["status"] == "waiting"
    site.ok("executions", "reject", newest(site))
    assert run.finish().code == 0


def test_ctrl_c_asks_and_c_cancels(site: Site, start: Start) -> None:
    """Going on is one of the answers; the second question cancels, exit 130 [CL1, CL4]."""
    person = start("run", site.write(SLOW)).sees("nap    running")
    person.presses(CTRL_C).sees("c cancel it").presses("g").sees("going on")
    person.presses(CTRL_C).sees("c cancel it").presses("c")
    result = person.finish()
    assert result.code == 130
    assert "⊘ cancelled" in result.out


def test_ctrl_c_twice_cancels_at_once(site: Site, start: Start) -> None:
    """Nobody has to read the question [CL1, CL4]."""
    person = start("run", site.write(SLOW)).sees("nap    running")
    person.presses(CTRL_C).sees("c cancel it").presses(CTRL_C)
    assert person.finish().code == 130


def test_ctrl_c_can_detach(site: Site, start: Start) -> None:
    """The run goes on in the background, each node completes once [CL4, OW9, ST6]."""
    file = site.folder / "open"
    person = start("run", site.write(GATE), "--input", f"file={file}").sees("gate   running")
    person.presses(CTRL_C).sees("d detach").presses("d").sees("detaching")
    file.touch()
    result = person.finish()
    assert result.code == 0
    execution_id = newest(site)
    assert f"legato executions watch {execution_id}" in result.out
    shown = site.show(execution_id)
    assert site.ok("executions", "watch", execution_id, "--json").values[-1]["exit_code"] == 0
    if shown["owned_by"] is not None:
        assert wait_for_end(shown["owned_by"]["pid"])
    events = site.events(execution_id)
    assert completed(events) == ["first", "gate", "last"]
    assert not [each for each in events if each["type"] == "AttemptLost"]


def test_closing_the_terminal_leaves_the_run_resumable(site: Site, start: Start) -> None:
    """As SIGTERM does: nothing is lost with the window [EN14, OW10]."""
    file = site.folder / "open"
    person = start("run", site.write(GATE), "--input", f"file={file}").sees("gate   running")
    file.touch()
    assert person.closes_the_terminal() in {0, 4}
    execution_id = newest(site)
    if site.show(execution_id)["status"] != "completed":
        site.ok("executions", "resume", execution_id)
    assert completed(site.events(execution_id)) == ["first", "gate", "last"]


def test_a_missing_grant_is_asked_for_once(site: Site, start: Start) -> None:
    """Yes writes it beside what the settings hold; the next run asks nothing [CL1, ND13]."""
    settings = site.home / "legato.toml"
    settings.write_text("# my settings\n[limits]\nmax_nodes = 50\n", encoding="utf-8")
    file = site.write(FAIL)
    no = start("run", file).sees("This workflow runs: sh. Allow it on this machine?")
    assert no.presses("\n").finish().code == 3
    assert "sh" not in settings.read_text(encoding="utf-8")
    yes = start("run", file).sees("Allow it on this machine?").presses("y\n")
    assert yes.finish().code == 1
    assert settings.read_text(encoding="utf-8").startswith("# my settings\n[limits]")
    assert 'programs = ["sh"]' in settings.read_text(encoding="utf-8")
    assert "Allow it" not in start("run", file).finish().out


def test_ctrl_c_at_the_question_for_a_grant_allows_nothing(site: Site, start: Start) -> None:
    """Once is enough; nothing ran [CL1, CL4]."""
    settings = site.home / "legato.toml"
    settings.unlink()
    person = start("run", site.write(FAIL)).sees("Allow it on this machine?").presses(CTRL_C)
    assert person.finish().code == 130
    assert not settings.exists()
    assert site.ok("executions", "list", "--json").values == []


def test_the_terminal_is_put_back_after_a_question(site: Site, start: Start) -> None:
    """Keys are echoed and read by line again, the cursor is visible [CL4]."""
    import termios

    person = start("run", site.write(ASK))
    before = termios.tcgetattr(person._ours)
    person.sees("a approve")
    during = termios.tcgetattr(person._ours)
    assert not during[3] & (termios.ICANON | termios.ECHO)
    person.presses("r").sees("completed in")
    after = termios.tcgetattr(person._ours)
    assert after[3] == before[3]
    person.finish()
    assert person._seen.rfind(b"\x1b[?25h") > person._seen.rfind(b"\x1b[?25l")


def test_watch_shows_the_same_tree(site: Site, start: Start) -> None:
    """Ctrl-C only stops watching [CL4, CL6]."""
    file = site.folder / "open"
    process = site.start("run", site.write(GATE), "--input", f"file={file}", "--json")
    execution_id = process.until_node("gate", "running")["execution_id"]
    person = start("executions", "watch", execution_id).sees("● gate   running")
    assert person.presses(CTRL_C).sees("stopped watching").finish().code == 0
    file.touch()
    assert process.finish().code == 0
