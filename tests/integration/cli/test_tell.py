# SPDX-License-Identifier: Apache-2.0
"""What is told to a run of another process: pause, signals, answers to forms, also far below."""

import json
import signal

import pytest

from tests.integration.cli.site import Process, Site, completed
from tests.integration.cli.workflows import (
    ASK,
    ASKING,
    BREAKS,
    BROKEN,
    FORM,
    GATE,
    NESTED,
    SIGNALS,
)


def waiting(site: Site, text: str, node: str) -> tuple[Process, str]:
    """Start a run and wait until a node of it waits."""
    process = site.start("run", site.write(text), "--json")
    execution_id: str = process.until_node(node, "waiting")["execution_id"]
    return process, execution_id


def test_a_paused_run_starts_nothing_new(site: Site) -> None:
    """What runs finishes; a resume goes on; both with a name in the log [CL20, AT20]."""
    opened = site.folder / "opened"
    process = site.start("run", site.write(GATE), "--input", f"file={opened}", "--json")
    execution_id = process.until_node("gate", "running")["execution_id"]
    paused = site.ok("executions", "pause", execution_id, "--reason", "lunch", "--json").value
    assert (paused["taken"], paused["status"]) == (True, "paused")
    opened.touch()
    process.until_node("gate", "completed")
    assert site.show(execution_id)["status"] == "paused"
    assert "resume" in site.ok("executions", "show", execution_id).out
    watcher = site.start("executions", "resume", execution_id, "--json")
    assert process.finish().code == 0
    assert watcher.finish().code == 0
    events = site.events(execution_id)
    (wish,) = [each for each in events if each["type"] == "ExecutionPaused"]
    assert (wish["reason"], bool(wish["by"])) == ("lunch", True)
    assert completed(events) == ["first", "gate", "last"]
    late = site.run("executions", "pause", execution_id)
    assert (late.code, "has ended already" in late.err) == (3, True)


def test_signals_reach_who_waits_for_them(site: Site) -> None:
    """By name and correlation, with their data; one that comes early is kept
    [CL24, ND71, EN16].
    """
    process, execution_id = waiting(site, SIGNALS, "paid")
    site.ok("executions", "signal", execution_id, "go", "--data", '{"n": 1}')
    other = site.ok("executions", "signal", execution_id, "order-paid", "--correlation", "1")
    assert "is waiting" in other.out
    site.ok(
        "executions", "signal", execution_id, "order-paid", "--correlation", "4711",
        "--data", '"by card"',
    )  # fmt: skip
    assert process.finish().values[-1]["outputs"] == {"paid": "by card", "go": {"n": 1}}
    kept = [each for each in site.events(execution_id) if each["type"] == "SignalReceived"]
    assert [each["name"] for each in kept] == ["go", "order-paid#1"]


def test_what_no_signal_can_be_is_refused_at_the_door(site: Site) -> None:
    """A bad name, data that is no JSON or too large [CL24, CL1]."""
    process, execution_id = waiting(site, SIGNALS, "paid")
    for arguments, said in (
        (("a#b",), "no name of a signal"),
        (("go", "--data", "{"), "not valid JSON"),
        (("go", "--data", json.dumps("x" * 70_000)), "limit"),
        (("go", "--correlation", ""), "--correlation"),
    ):
        result = site.run("executions", "signal", execution_id, *arguments)
        assert (result.code in {2, 3}, said in result.err) == (True, True), result
    assert not [each for each in site.events(execution_id) if each["type"] == "SignalReceived"]
    process.send(signal.SIGINT)
    assert process.finish().code == 130


def test_a_form_is_filled_in_from_another_process(site: Site) -> None:
    """By JSON or field by field; what does not fit is said by its place, and the form waits on
    [CL25, ND73, ND74].
    """
    process, execution_id = waiting(site, FORM, "budget")
    shown = site.ok("executions", "show", execution_id)
    assert f"legato executions answer {execution_id} budget" in shown.out
    assert "budget asks: Which budget?" in shown.out
    for arguments, said in (
        (("--data", '{"amount": 0}'), "amount: 0 is less than the minimum of 1"),
        (("--data", '{"amonut": 1}'), "did you mean amount?"),
        (("--data", "[1]"), "object of its fields"),
        (("--field", "amount=many"), "amount must be integer"),
        (("--field", "amount"), "expected NAME=VALUE"),
        ((), "amount (integer)"),
    ):
        result = site.run("executions", "answer", execution_id, "budget", *arguments)
        assert (result.code, said in result.err) == (2, True), result
    assert site.run("executions", "approve", execution_id).code == 2
    site.ok("executions", "answer", execution_id, "--field", "amount=5", "--comment", "ok")
    outputs = process.finish().values[-1]["outputs"]
    assert outputs == {"data": {"amount": 5, "note": "none"}, "approved": True}
    assert [each for each in site.events(execution_id) if each["type"] == "SignalRejected"] == []
    late = site.run("executions", "answer", execution_id, "budget", "--data", "{}")
    assert (late.code, "answered already" in late.err) == (3, True)


def test_a_form_can_be_declined_and_an_approval_is_no_form(site: Site) -> None:
    """With the command that fits [CL25, ND74]."""
    process, execution_id = waiting(site, FORM, "budget")
    site.ok("executions", "reject", execution_id, "--comment", "not now")
    assert process.finish().values[-1]["outputs"] == {"data": None, "approved": False}
    process, execution_id = waiting(site, ASK, "ask")
    wrong = site.run("executions", "answer", execution_id, "--data", "{}")
    assert (wrong.code, f"approve {execution_id} ask" in wrong.err) == (3, True)
    process.send(signal.SIGINT)
    assert process.finish().code == 130


def test_a_question_far_below_is_seen_and_answered_at_the_root(any_site: Site) -> None:
    """An approval in a called workflow inside of a loop, round by round
    [CL26, GR23, GR26, ND27].
    """
    any_site.write(ASKING, "asking.yaml")
    process = any_site.start("run", any_site.write(NESTED), "--json")
    root = process.until_node("again", "waiting")["execution_id"]
    process.until_node("ask", "waiting")
    shown = any_site.show(root)
    (question,) = shown["questions"]
    assert (question["node"], question["config"]["message"]) == ("ask", "Good enough?")
    (called,) = shown["called"]
    assert (called["workflow"], called["node"], called["iteration"], called["status"]) == (
        "asking", "again", 1, "waiting",
    )  # fmt: skip
    text = any_site.ok("executions", "show", root).out
    assert f"legato executions approve {question['execution_id']} ask" in text
    assert "ask of asking asks: Good enough?" in text
    any_site.ok("executions", "reject", root)
    second = process.until_node("ask", "waiting")["execution_id"]
    assert second != question["execution_id"]
    any_site.ok("executions", "approve", root, "ask")
    result = process.finish()
    assert result.values[-1]["outputs"] == {"by": {"approved": True}}
    assert [each["status"] for each in any_site.show(root)["called"]] == ["completed"] * 2


def test_an_error_far_below_is_told_at_the_root(site: Site) -> None:
    """The called workflow's words arrive, and it is listed as failed [CL26, GR19]."""
    site.write(BREAKS, "breaks.yaml")
    result = site.run("run", site.write(BROKEN), "--json")
    assert result.code == 1
    root = result.values[0]["execution_id"]
    assert "divide by zero" in result.values[-1]["error"]["message"].replace("division", "divide")
    (called,) = site.show(root)["called"]
    assert (called["node"], called["status"]) == ("call", "failed")
    assert called["execution_id"] in site.ok("executions", "show", root).out


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_is_asked(site: Site, verb: str) -> None:
    """Where nothing waits there is nothing to answer [CL26, CL1]."""
    opened = site.folder / "opened"
    process = site.start("run", site.write(GATE), "--input", f"file={opened}", "--json")
    execution_id = process.until_node("gate", "running")["execution_id"]
    result = site.run("executions", verb, execution_id)
    assert (result.code, "waiting for an answer: none" in result.err) == (2, True)
    opened.touch()
    assert process.finish().code == 0
