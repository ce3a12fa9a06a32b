# SPDX-License-Identifier: Apache-2.0
"""Several processes on one home: at once, stopped in time, stopped too long, killed by a node."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.crash.ledger import Ledger
from tests.crash.records import Execution
from tests.crash.site import KILLED
from tests.crash.trial import NEEDS_ATTENTION, OK, Trial, trial

GATE_ITEMS = 8
SEGFAULT = -signal.SIGSEGV
DRAIN_S = 1.0
CALM_S = "15"
"""Lease where nobody dies: a busy machine must not make a living engine look dead."""

pytestmark = [pytest.mark.linux, pytest.mark.timeout(180)]


def _started(execution: Execution, node: str) -> list[dict[str, Any]]:
    """Return the starts of a node's attempts."""
    return [
        each
        for each in execution.events
        if each["type"] == "AttemptStarted" and each["node"] == node
    ]


def test_two_runs_on_one_new_home_both_end(database: str, tmp_path: Path, ledger: Ledger) -> None:
    """Two that start together on an empty home make it once and both end [LG21, OW9]."""
    with trial(tmp_path, ledger, database, LEGATO_ENGINE__LEASE_S=CALM_S) as each:
        each.wanted = 2
        processes = [each.site.run(), each.site.run()]
        threads = [threading.Thread(target=each.attend, args=(one,)) for one in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert each.codes == [OK, OK], each.site.said()
        assert each.problems(each.site.records()) == []


def test_resuming_what_another_process_runs_only_watches(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """`executions resume` of a living execution starts nothing of it again [OW1, OW10]."""
    gate = tmp_path.name
    with trial(tmp_path, ledger, database, items=GATE_ITEMS, LEGATO_ENGINE__LEASE_S=CALM_S) as each:
        first = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        (execution,) = each.site.records().roots
        second = each.site.resume(execution.execution_id)
        second.await_said("runs it; watching")
        ledger.release(gate)
        assert [each.attend(first), each.attend(second)] == [OK, OK]
        records = each.site.records()
        assert each.problems(records) == []
        assert len(_started(records.roots[0], "gate")) == 1


def test_a_run_that_is_told_to_stop_lets_its_attempts_finish(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """After SIGTERM what runs may finish and is not made again; nothing new starts [EN14]."""
    gate = tmp_path.name
    with trial(tmp_path, ledger, database, items=GATE_ITEMS, LEGATO_ENGINE__LEASE_S=CALM_S) as each:
        process = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        process.send(signal.SIGTERM)
        process.await_said("nothing new starts")
        ledger.release(gate)
        assert each.attend(process) == NEEDS_ATTENTION
        (stopped,) = each.site.records().roots
        assert [one["node"] for one in stopped.events if one["type"] == "NodeCompleted"] == [
            "before",
            "gate",
        ]
        assert _started(stopped, "once") == []
        records = each.to_the_end()
        assert each.problems(records) == []
        assert len(_started(records.roots[0], "gate")) == 1


@pytest.mark.parametrize("is_engine", [False, True], ids=["run", "engine"])
def test_a_drain_ends_in_time_although_a_node_does_not(
    database: str, tmp_path: Path, ledger: Ledger, is_engine: bool
) -> None:
    """One told to stop is gone after its drain time; the node is made again [EN14, AT5]."""
    gate = tmp_path.name
    with trial(
        tmp_path, ledger, database, items=GATE_ITEMS, LEGATO_ENGINE__DRAIN_S=str(DRAIN_S)
    ) as each:
        process = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        if is_engine:
            process.kill()
            each.attend(process)
            process = each.restart("engine")
            ledger.await_held(gate, 2)
        process.send(signal.SIGTERM)
        code = each.attend(process)
        assert code == (OK if is_engine else NEEDS_ATTENTION)
        (stopped,) = each.site.records().roots
        assert not stopped.is_final
        ledger.release(gate)
        records = each.to_the_end()
        assert each.problems(records) == []
        attempts = [each["attempt"] for each in _started(records.roots[0], "gate")]
        assert attempts == ([1, 2, 3] if is_engine else [1, 2])


def test_an_engine_that_comes_back_from_the_dead_changes_nothing(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """Woken after its lease was over it appends nothing to what is another's [OW1, OW4, OW8]."""
    gate = tmp_path.name
    with trial(tmp_path, ledger, database, items=GATE_ITEMS) as each:
        zombie = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        zombie.send(signal.SIGSTOP)
        successor = each.site.engine()
        ledger.await_held(gate, 2)
        zombie.send(signal.SIGCONT)
        ledger.release(gate)
        codes = [each.attend(zombie), each.attend(successor)]
        records = each.site.records()
        assert each.problems(records) == [], codes
        assert codes == [OK, OK], each.site.said()
        assert records.roots[0].fence > 1


def test_several_engines_share_the_work_and_one_of_them_dies(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """Three engines take over what dead ones left, each execution once [OW14, OW1, AT4]."""
    with trial(tmp_path, ledger, database) as each:
        each.wanted = 4
        for _ in range(each.wanted):
            assert each.site.run(crash="turn.before_effects:2").finish() == KILLED
        mortal = each.site.engine(crash="attempt.before_report:8")
        others = [each.site.engine(), each.site.engine()]
        with each.person.watching():
            codes = [process.finish() for process in (mortal, *others)]
        records = each.site.records()
        assert each.problems(records) == [], codes
        assert codes[0] in {KILLED, OK}
        assert codes[1:] == [OK, OK], each.site.said()


def _attend_until(each: Trial, statuses: dict[str, str]) -> list[int]:
    """Start engines until these workflows are in these states; return how the engines ended."""
    codes: list[int] = []
    while statuses != {one.workflow: one.status for one in each.site.records().roots}:
        assert len(codes) < 10, each.site.said()
        process = each.site.engine()
        with each.person.watching():
            codes.append(process.finish())
    return codes


def test_a_node_that_kills_its_engine_is_isolated_then_parked_and_others_go_on(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """Two engine deaths: a process of its own; three deaths of that: parked [AT14, AT15, AT16]."""
    with trial(tmp_path, ledger, database) as each:
        other = each.site.run(crash="attempt.before_report:1")
        assert other.finish() == KILLED
        poison = each.site.run("crash-poison")
        assert poison.finish() == SEGFAULT
        each.person.leaves = frozenset({"crash-poison"})
        codes = _attend_until(each, {"crash-main": "completed", "crash-poison": "needs_attention"})
        assert codes[0] == SEGFAULT, each.site.said()
        assert set(codes[1:]) == {OK}, each.site.said()
        records = each.site.records()
        by_name = {one.workflow: one for one in records.roots}
        starts = _started(by_name["crash-poison"], "poison")
        assert [one.get("isolated", False) for one in starts] == [False, False, True, True, True]
        (parked,) = (e for e in by_name["crash-poison"].events if e["type"] == "NodeParked")
        assert parked["reason"] == "poison"
        effects = ledger.effects([by_name["crash-poison"].execution_id])
        assert [one.attempt for one in effects] == [1, 2, 3, 4, 5]
