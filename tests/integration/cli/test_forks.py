# SPDX-License-Identifier: Apache-2.0
"""Retry, fork and compare on each database, with programs that leave traces outside."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.cli.site import Line, Site, completed
from tests.integration.cli.workflows import ASK, GATE, HELLO, LEDGER


def run_ledger(site: Site) -> tuple[str, Path]:
    """Run the workflow that leaves traces; its last item fails."""
    ledger = site.folder / "traces"
    result = site.run("run", site.write(LEDGER), "--input", f"ledger={ledger}", "--json")
    assert result.code == 1, result
    return result.values[0]["execution_id"], ledger


def traces(ledger: Path) -> Counter[str]:
    """Return how often each program did its work."""
    return Counter(ledger.read_text().splitlines())


def ids(lines: list[Line]) -> tuple[str, list[str]]:
    """Return the id and the kept nodes that a start says."""
    return lines[0]["execution_id"], lines[0]["reused"]


def payloads(site: Site, execution_id: str) -> dict[str, Any]:
    """Return the payloads that an export of the execution holds."""
    exported = site.ok("executions", "export", execution_id, "--json").value
    return dict(exported["payloads"])


def test_a_retry_keeps_what_completed(any_site: Site) -> None:
    """Nodes and items; only the rest is done again, in a new execution [CL21, ST7, GR27]."""
    source, ledger = run_ledger(any_site)
    Path(f"{ledger}.ok").touch()
    result = any_site.ok("executions", "retry", source, "--json")
    fork, reused = ids(result.values)
    assert fork != source
    assert set(reused) == {"draft", "large"}
    assert result.values[-1]["outputs"] == {"sent": "first text\n", "size": 100_000}
    assert traces(ledger) == {"draft": 1, "each a": 1, "each b": 1, "each c": 2}
    events = any_site.events(fork)
    assert (events[0]["type"], events[0]["forked_from"]["execution_id"]) == (
        "ExecutionStarted", source,
    )  # fmt: skip
    assert {each["node"] for each in events if each["type"] == "NodeReused"} == set(reused)
    assert any_site.show(source)["status"] == "failed"


def test_a_retry_has_the_payloads_of_its_source(any_site: Site) -> None:
    """They are its own from the moment on at which it exists [CL23, LG16]."""
    source, ledger = run_ledger(any_site)
    Path(f"{ledger}.ok").touch()
    fork, _ = ids(any_site.ok("executions", "retry", source, "--json").values)
    kept = payloads(any_site, source)
    assert len(kept) == 1
    assert next(iter(kept.values()))["json"]["stdout"] == "x" * 100_000
    assert kept.items() <= payloads(any_site, fork).items()


def test_what_cannot_be_retried_says_why(site: Site) -> None:
    """It has not ended, or nothing is left to do [CL21, CL1]."""
    done = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    refused = site.run("executions", "retry", done)
    assert (refused.code, "nothing to do again" in refused.err) == (3, True)
    process = site.start("run", site.write(ASK), "--json")
    waiting = process.until_node("ask", "waiting")["execution_id"]
    refused = site.run("executions", "retry", waiting)
    assert (refused.code, "has not ended" in refused.err) == (3, True)
    site.ok("executions", "cancel", waiting)
    assert process.finish().code == 130


def test_a_fork_runs_from_a_node(any_site: Site) -> None:
    """With another input; everything before is kept; compare marks where they part
    [CL22, CL27, GR28].
    """
    first, ledger = run_ledger(any_site)
    Path(f"{ledger}.ok").touch()
    source, _ = ids(any_site.ok("executions", "retry", first, "--json").values)
    result = any_site.ok(
        "executions", "fork", source, "--from", "send", "--input", "word=second", "--json"
    )
    fork, reused = ids(result.values)
    assert set(reused) == {"draft", "large", "each"}
    assert result.values[-1]["outputs"]["sent"] == "second text\n"
    assert traces(ledger)["draft"] == 1
    found = any_site.ok("executions", "compare", source, fork, "--json").value
    assert (found["first_difference"], found["same_inputs"], found["same_version"]) == (
        "send", False, True,
    )  # fmt: skip
    sides = {each["node"]: each for each in found["nodes"]}
    assert sides["draft"]["differs"] == []
    assert sides["send"]["differs"] == ["input", "output"]
    assert sides["send"]["other"]["took_ms"] >= 0
    text = any_site.ok("executions", "compare", source, fork).out
    assert "they part at send" in text
    assert "their inputs differ" in text
    assert "no node differs" in any_site.ok("executions", "compare", fork, fork).out


def test_a_fork_takes_a_given_output(site: Site) -> None:
    """Its node does not run, is marked as edited with who did it, and what needs it runs
    [CL22, GR27].
    """
    source = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    result = site.ok("executions", "fork", source, "--output", 'greet="good day"', "--json")
    fork, _ = ids(result.values)
    assert result.values[-1]["outputs"] == {"greeting": "good day", "again": [2, 4, 6]}
    (edited,) = [each for each in site.events(fork) if each.get("edited")]
    assert (edited["type"], edited["node"], bool(edited["by"])) == ("NodeReused", "greet", True)


def test_an_answer_is_asked_for_again_after_an_edit(site: Site) -> None:
    """What was approved is not what would be done [CL22, GR30]."""
    process = site.start("run", site.write(ASK), "--json")
    source = process.until_node("ask", "waiting")["execution_id"]
    site.ok("executions", "approve", source)
    assert process.finish().code == 0
    again = site.start("executions", "fork", source, "--output", "count=7", "--json")
    fork = again.until_node("ask", "waiting")["execution_id"]
    assert "Send it to 7 people?" in site.ok("executions", "show", fork).out
    site.ok("executions", "reject", fork)
    assert again.finish().values[-1]["outputs"]["approved"] is False
    kept = site.ok("executions", "fork", source, "--from", "send", "--json")
    assert kept.values[-1]["outputs"]["approved"] is True
    wrong = site.run("executions", "fork", source, "--output", 'ask={"approved": true}')
    assert (wrong.code, "answered by a person" in wrong.err) == (2, True)


def test_a_fork_onto_another_version(site: Site) -> None:
    """By file or by number; kept nodes must be the same there [CL22, GR29]."""
    source = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    other = site.write(HELLO.replace("item * inputs.times", "item * 10"), "other.yaml")
    done = site.ok("executions", "fork", source, "--from", "again", "--file", other, "--json")
    assert done.values[-1]["outputs"]["again"] == [10, 20, 30]
    site.ok("workflows", "apply", other)
    done = site.ok("executions", "fork", source, "--from", "again", "--version", "1", "--json")
    assert done.values[-1]["outputs"]["again"] == [10, 20, 30]
    changed = site.write(HELLO.replace("'hello '", "'hi '"), "changed.yaml")
    refused = site.run("executions", "fork", source, "--from", "again", "--file", changed)
    assert (refused.code, "greet is not the same" in refused.err) == (2, True)
    for wrong in (("--version", "9"), ("--version", "1", "--file", str(other))):
        assert site.run("executions", "fork", source, "--from", "again", *wrong).code == 2


def test_a_fork_that_means_nothing_is_refused(site: Site) -> None:
    """By name, before anything starts [CL22, CL1]."""
    source = site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"]
    for arguments, said in (
        ((), "--from NODE"),
        (("--from", "nobody"), "no node nobody"),
        (("--output", "greet"), "expected NODE=JSON"),
        (("--output", "greet={"), "not valid JSON"),
        (("--output", "greet=1", "--output", "greet=2"), "given twice"),
        (("--from", "greet", "--input", "times=many"), "times"),
        (("--from", "greet", "--input", "tims=1"), "tims"),
        (("--from", "greet", "--detach", "--allow-program", "git"), "--detach"),
    ):
        result = site.run("executions", "fork", source, *arguments)
        assert (result.code, said in result.err) == (2, True), result
    assert len(site.ok("executions", "list", "--json").values) == 1


def test_a_detached_fork_goes_on_by_itself(any_site: Site) -> None:
    """An engine runs it; it has the payloads while it is still queued [CL22, CL23, OW9]."""
    source, ledger = run_ledger(any_site)
    Path(f"{ledger}.ok").touch()
    accepted = any_site.ok("executions", "retry", source, "--detach", "--json").value
    assert (accepted["type"], accepted["forked_from"]) == ("accepted", source)
    ended = any_site.ok("executions", "watch", accepted["execution_id"], "--json").values[-1]
    assert ended["outputs"]["size"] == 100_000
    assert payloads(any_site, source).items() <= payloads(any_site, ended["execution_id"]).items()
    assert traces(ledger)["draft"] == 1


def test_a_fork_survives_a_kill(any_site: Site) -> None:
    """Killed in the middle of its first run and resumed: kept nodes stay kept, each of the others
    completes once [CL22, EN17, ST6].
    """
    opened = any_site.folder / "opened"
    opened.touch()
    done = any_site.ok("run", any_site.write(GATE), "--input", f"file={opened}", "--json")
    source = done.values[0]["execution_id"]
    closed = any_site.folder / "closed"
    process = any_site.start(
        "executions", "fork", source, "--from", "gate", "--input", f"file={closed}", "--json"
    )
    fork = process.until_node("gate", "running")["execution_id"]
    process.kill()
    closed.touch()
    resumed = any_site.ok("executions", "resume", fork, "--json")
    assert resumed.values[-1]["outputs"] == {"last": 2}
    events = any_site.events(fork)
    assert completed(events) == ["gate", "last"]
    assert [each["node"] for each in events if each["type"] == "NodeReused"] == ["first"]
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
