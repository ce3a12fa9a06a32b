# SPDX-License-Identifier: Apache-2.0

import os
import signal
from pathlib import Path

import pytest

from tests.integration.cli.site import Process, Site, completed, milliseconds, wait_for_end
from tests.integration.cli.workflows import GATE, SLOW

pytestmark = pytest.mark.linux

SECONDS = f"61.{os.getpid()}"
"""How long the programs of these tests sleep: told from those of tests that run beside them."""
OWN_SLOW = SLOW.replace('"61"', f'"{SECONDS}"')


def programs(argument: str) -> list[int]:
    """Return the processes of this machine that have this argument."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if argument.encode() in words and b"legato.cli" not in words:
            found.append(int(entry.name))
    return found


def start_gate(site: Site) -> tuple[Process, str, Path]:
    """Start a run whose node `gate` runs until the returned file is made."""
    file = site.folder / "open"
    process = site.start("run", site.write(GATE), "--input", f"file={file}", "--json")
    execution_id: str = process.until_node("gate", "running")["execution_id"]
    return process, execution_id, file


def test_an_interrupt_cancels_where_nobody_can_be_asked(site: Site) -> None:
    """SIGINT without a terminal: cancelled in 2 s, exit 130, no program left [CL1, CL4, EN12]."""
    process = site.start("run", site.write(OWN_SLOW), "--json")
    execution_id = process.until_node("nap", "running")["execution_id"]
    process.send(signal.SIGINT)
    result = process.finish()
    assert result.code == 130, result
    events = site.events(execution_id)
    (wish,) = [each for each in events if each["type"] == "CancelRequested"]
    assert events[-1]["type"] == "ExecutionEnded"
    assert events[-1]["status"] == "cancelled"
    assert milliseconds(wish["at"], events[-1]["at"]) <= 2_000
    assert programs(SECONDS) == []


def test_terminate_stops_and_leaves_the_run_resumable(site: Site) -> None:
    """The running attempt finishes, nothing new starts; resume ends it, each node once
    [EN14, OW10, ST6, CL1].
    """
    process, execution_id, file = start_gate(site)
    process.send(signal.SIGTERM)
    file.touch()
    result = process.finish()
    assert result.code == 4, result
    assert "stopping" in result.err
    stopped = {"type": "stopped", "execution_id": execution_id, "exit_code": 4}
    assert result.values[-1] == stopped
    assert completed(site.events(execution_id)) == ["first", "gate"]
    (row,) = site.ok("executions", "list", "--json").values
    assert (row["stopped"], row["owner_lost"]) == (True, False)
    resumed = site.ok("executions", "resume", execution_id, "--json")
    assert resumed.values[-1]["outputs"] == {"last": 2}
    events = site.events(execution_id)
    assert completed(events) == ["first", "gate", "last"]
    assert not [each for each in events if each["type"] == "AttemptLost"]


def test_a_killed_run_goes_on_where_it_was(site: Site) -> None:
    """After kill -9 its programs are gone, it is shown as lost, and resume makes only the attempt
    in flight again [AT5, ST6, OW3, OW7, OW10, VW10].
    """
    process, execution_id, file = start_gate(site)
    started_programs = programs(str(file))
    process.kill()
    assert all(wait_for_end(each) for each in started_programs)
    (row,) = site.ok("executions", "list", "--json").values
    assert (row["status"], row["owner_lost"]) == ("running", True)
    assert "owner lost" in site.ok("executions", "list").out
    shown = site.ok("executions", "show", execution_id).out
    assert "owner lost (was running)" in shown
    assert f"legato executions resume {execution_id}" in shown
    file.touch()
    resumed = site.ok("executions", "resume", execution_id, "--json")
    assert resumed.values[-1]["status"] == "completed"
    events = site.events(execution_id)
    assert completed(events) == ["first", "gate", "last"]
    started = [each["node"] for each in events if each["type"] == "AttemptStarted"]
    assert started == ["first", "gate", "gate", "last"]
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))


def test_an_engine_takes_over_what_a_dead_run_left(site: Site) -> None:
    """By itself, at once; then it drains on SIGTERM with exit 0 [OW3, EN14, EN17]."""
    process, execution_id, file = start_gate(site)
    process.kill()
    file.touch()
    engine = site.start("engine", "--json")
    ready = engine.until_value(lambda line: line["type"] == "ready")
    assert ready["pid"] == engine.pid
    assert site.ok("executions", "watch", execution_id, "--json").values[-1]["type"] == "ended"
    engine.send(signal.SIGTERM)
    result = engine.finish()
    assert result.code == 0, result
    assert completed(site.events(execution_id)) == ["first", "gate", "last"]


def test_an_engine_ends_when_nothing_is_left(site: Site) -> None:
    """`--until-idle` on an idle home says ready and ends with 0 [CL6]."""
    result = site.run("engine", "--until-idle", "--json")
    assert (result.code, result.values[0]["type"]) == (0, "ready")


def test_a_draining_engine_lets_its_attempt_finish(site: Site) -> None:
    """SIGTERM in the middle of an attempt: it is recorded, its dependents wait [EN14]."""
    process, execution_id, file = start_gate(site)
    process.kill()
    engine = site.start("engine", "--json")
    watcher = site.start("executions", "watch", execution_id, "--json")
    watcher.until_value(
        lambda line: any(
            (each.get("node_id"), each["status"], each.get("attempt")) == ("gate", "running", 2)
            for each in line.get("sets", ())
        )
    )
    engine.send(signal.SIGTERM)
    engine.until_value(lambda line: line["type"] == "stopping")
    file.touch()
    assert engine.finish().code == 0
    assert completed(site.events(execution_id)) == ["first", "gate"]
    watcher.until_value(lambda line: line["type"] == "owner_lost")
    watcher.send(signal.SIGINT)
    assert watcher.finish().code == 0


def test_a_second_interrupt_leaves_at_once(site: Site) -> None:
    """Whoever does not want to wait for the cancel gets out [CL4]."""
    process = site.start("run", site.write(OWN_SLOW), "--json")
    process.until_node("nap", "running")
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGINT)
    assert process.finish().code == 130
    assert programs(SECONDS) == []


def test_resume_wants_the_grants_of_what_is_left(site: Site) -> None:
    """Refused before it takes over: a run does not fail half way for want of a flag
    [CL1, ND13, OW10].
    """
    process, execution_id, file = start_gate(site)
    process.kill()
    site.grant("git")
    refused = site.run("executions", "resume", execution_id)
    assert refused.code == 3
    assert "--allow-program sh" in refused.err
    assert site.show(execution_id)["owner_lost"] is True
    file.touch()
    resumed = site.ok("executions", "resume", execution_id, "--allow-program", "sh", "--json")
    assert resumed.values[-1]["status"] == "completed"
