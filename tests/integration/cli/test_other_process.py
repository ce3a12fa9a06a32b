# SPDX-License-Identifier: Apache-2.0

import signal

from tests.integration.cli.site import Process, Site, completed, milliseconds, wait_for_end
from tests.integration.cli.workflows import ASK, GATE, HELLO, SLOW


def start_ask(site: Site) -> tuple[Process, str]:
    """Start a run that waits for an answer."""
    process = site.start("run", site.write(ASK), "--json")
    execution_id: str = process.until_node("ask", "waiting")["execution_id"]
    return process, execution_id


def test_an_approval_is_answered_from_another_process(site: Site) -> None:
    """What is asked is shown; the answer reaches the run at once, with name and comment
    [CL6, ND27, EN15].
    """
    process, execution_id = start_ask(site)
    shown = site.ok("executions", "show", execution_id[:20]).out
    assert "ask asks: Send it to 5 people?" in shown
    assert f"legato executions approve {execution_id} ask" in shown
    answer = site.ok("executions", "approve", execution_id, "--comment", "fine", "--json").value
    assert answer["taken"] is True
    result = process.finish()
    assert result.code == 0, result
    assert result.values[-1]["outputs"] == {"approved": True, "comment": "fine"}
    late = site.run("executions", "approve", execution_id, "ask")
    assert (late.code, "answered already" in late.err) == (3, True)


def test_a_rejection_is_an_answer_too(site: Site) -> None:
    """What depends on it is skipped and the run completes [CL6, GR6]."""
    process, execution_id = start_ask(site)
    site.ok("executions", "reject", execution_id, "ask")
    assert process.finish().values[-1]["outputs"]["approved"] is False
    states = {each["node_id"]: each["status"] for each in site.show(execution_id)["nodes"]}
    assert states == {"count": "completed", "ask": "completed", "send": "skipped"}


def test_a_node_that_does_not_wait_is_not_answered(site: Site) -> None:
    """Refused by name, before anything is sent [CL1, CL6]."""
    process, execution_id = start_ask(site)
    wrong = site.run("executions", "approve", execution_id, "count")
    assert (wrong.code, "does not wait for an answer" in wrong.err) == (3, True)
    unknown = site.run("executions", "approve", execution_id, "akk")
    assert (unknown.code, "there is no node akk" in unknown.err) == (2, True)
    process.send(signal.SIGINT)
    assert process.finish().code == 130


def test_a_cancel_from_another_process_stops_the_work(site: Site) -> None:
    """Within 2 s of the wish, with who and why in the log [CL6, EN12]."""
    process = site.start("run", site.write(SLOW), "--json")
    execution_id = process.until_node("nap", "running")["execution_id"]
    answer = site.ok("executions", "cancel", execution_id, "--reason", "typo", "--json").value
    assert (answer["taken"], answer["status"]) == (True, "cancelled")
    assert process.finish().code == 130
    events = site.events(execution_id)
    (wish,) = [each for each in events if each["type"] == "CancelRequested"]
    assert wish["reason"] == "typo"
    assert milliseconds(wish["at"], events[-1]["at"]) <= 2_000
    again = site.run("executions", "cancel", execution_id)
    assert (again.code, "has ended already" in again.err) == (3, True)


def test_an_answer_without_an_engine_is_kept_and_said_so(site: Site) -> None:
    """It takes effect when somebody runs the execution [CL6, OW10]."""
    process, execution_id = start_ask(site)
    process.kill()
    stored = site.ok("executions", "approve", execution_id, "ask", "--json").value
    assert (stored["taken"], stored["looked_after"]) == (False, False)
    cancelled = site.ok("executions", "list").out
    assert "owner lost" in cancelled
    resumed = site.ok("executions", "resume", execution_id, "--json")
    assert resumed.values[-1]["outputs"]["approved"] is True
    assert completed(site.events(execution_id)) == ["count", "ask", "send"]


def test_a_watcher_elsewhere_sees_the_same_run(site: Site) -> None:
    """Frames without a gap from the first event on, log lines, the end and its code
    [CL6, VW4, LG7].
    """
    file = site.folder / "open"
    process = site.start("run", site.write(GATE), "--input", f"file={file}", "--json")
    execution_id = process.until_node("gate", "running")["execution_id"]
    watcher = site.start("executions", "watch", execution_id, "--json")
    watcher.until_node("gate", "running")
    file.touch()
    seen, run = watcher.finish(), process.finish()
    assert (seen.code, run.code) == (0, 0)
    assert seen.values[-1] == run.values[-1]
    nodes = {each["node_id"] for line in seen.values for each in line.get("sets", ())[1:]}
    assert nodes == {"first", "gate", "last"}


def test_resume_takes_over_when_the_owner_dies(site: Site) -> None:
    """While somebody runs it, resume watches; when nobody does, it goes on here [OW10]."""
    file = site.folder / "open"
    owner = site.start("run", site.write(GATE), "--input", f"file={file}", "--json")
    execution_id = owner.until_node("gate", "running")["execution_id"]
    heir = site.start("executions", "resume", execution_id, "--json")
    heir.until_node("gate", "running")
    owner.kill()
    file.touch()
    result = heir.finish()
    assert result.code == 0, result
    assert "taking over" in result.err
    assert completed(site.events(execution_id)) == ["first", "gate", "last"]


def test_a_detached_run_is_durable_and_goes_on_by_itself(site: Site) -> None:
    """Its id at once; an engine in the background ends with the work [OW9, EN1, CL6]."""
    result = site.ok("run", site.write(HELLO), "--detach", "--json")
    accepted = result.value
    assert accepted["type"] == "accepted"
    execution_id = accepted["execution_id"]
    watched = site.ok("executions", "watch", execution_id, "--json")
    assert watched.values[-1]["outputs"]["greeting"] == "hello world"
    assert wait_for_end(accepted["engine_pid"])
    events = site.events(execution_id)
    assert [each["type"] for each in events].count("ExecutionAdopted") == 0
    assert completed(events) == ["greet", "again"]


def test_a_detached_run_uses_the_engine_that_is_there(site: Site) -> None:
    """No second engine is started [OW9, OW14]."""
    engine = site.start("engine", "--json")
    engine.until_value(lambda line: line["type"] == "ready")
    accepted = site.ok("run", site.write(HELLO), "--detach", "--json").value
    assert accepted["engine_pid"] == engine.pid
    ended = site.ok("executions", "watch", accepted["execution_id"], "--json").values[-1]
    assert ended["status"] == "completed"
    engine.send(signal.SIGTERM)
    assert engine.finish().code == 0


def test_a_grant_for_one_process_cannot_be_detached(site: Site) -> None:
    """The engine in the background would not have it [CL1]."""
    result = site.run("run", site.write(SLOW), "--detach", "--allow-program", "sleep")
    assert (result.code, "--detach" in result.err) == (2, True)


def test_lists_can_be_filtered_searched_and_paged(site: Site) -> None:
    """By status, workflow, words and page; ids by their beginning [CL6, LG25]."""
    hello = site.write(HELLO)
    ids = [
        site.ok("run", hello, "--input", f"who={who}", "--json").values[0]["execution_id"]
        for who in ("alpha", "beta", "gamma")
    ]
    process, waiting = start_ask(site)

    def listed(*options: str) -> list[str]:
        values = site.ok("executions", "list", "--json", *options).values
        return [each["execution_id"] for each in values]

    assert listed() == [waiting, *reversed(ids)]
    assert listed("--status", "waiting") == [waiting]
    assert listed("--status", "completed", "--status", "waiting", "--workflow", "ask") == [waiting]
    assert listed("--search", "beta") == [ids[1]]
    assert listed("--limit", "2") == [waiting, ids[2]]
    assert listed("--limit", "2", "--before", ids[2]) == [ids[1], ids[0]]
    assert site.show(ids[0][:18])["inputs"] == {"who": "alpha", "times": 2}
    text = site.ok("executions", "list", "--limit", "1")
    assert "ask: approval" in text.out
    assert f"--before {waiting}" in text.err
    process.send(signal.SIGINT)
    process.finish()


def test_an_id_that_names_nothing_or_too_much_is_refused(site: Site) -> None:
    """Exit 2, and where the ids are [CL1, CL10]."""
    hello = site.write(HELLO)
    for _ in range(2):
        site.ok("run", hello)
    for wrong, said in (
        ("ffff-none", "there is no execution"),
        ("0", "at least 4 characters"),
        ("01a2", "several"),
    ):
        result = site.run("executions", "show", wrong)
        assert result.code == 2
        assert said in result.err or "there is no execution" in result.err


def test_the_log_is_printed_in_order(site: Site) -> None:
    """Gapless seq, with time, type and summary; `--after` leaves the beginning out [CL6, LG1]."""
    execution_id = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    text = site.ok("executions", "events", execution_id).out.splitlines()
    assert [int(line.split()[0]) for line in text] == list(range(1, len(text) + 1))
    assert "ExecutionStarted" in text[0]
    assert "ExecutionEnded" in text[-1]
    rest = site.ok("executions", "events", execution_id, "--after", "3", "--json").values
    assert [each["seq"] for each in rest] == list(range(4, len(text) + 1))
