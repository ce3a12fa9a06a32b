# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from legato.cli.board import Boards
from legato.cli.ending import EXIT_OF_STATUS, advice, report_ending, report_parked
from legato.engine.evolve import evolve
from legato.engine.state import ExecutionState
from legato.model import events as ev
from legato.model.frames import FINAL_EXECUTION, ItemCounters
from legato.model.graph import Graph
from legato.model.ids import NodeId, VersionHash, WorkspaceId
from legato.model.values import inline
from legato.model.workflow import NodeSpec, Workflow
from legato.ports.executions import ExecutionRow
from legato.runtime.history import History
from tests.unit.cli.frames import ROOT, Screen, boards, execution, frame, line, node

FILE = Path("/home/ada/.legato/legato.toml")
STORES: Any = SimpleNamespace(blobs=None)  # small values are never fetched


def history(*events: ev.AnyEvent) -> History:
    """Return an execution with one node `a` to which this happened, a second each."""
    workflow = Workflow(name="demo", nodes=(NodeSpec(id=NodeId("a"), uses="data.transform"),))
    state = ExecutionState(ROOT, Graph(workflow))
    started = ev.ExecutionStarted(
        workspace=WorkspaceId("local"), workflow="demo", version=VersionHash("f" * 64), at=0
    )
    for seq, event in enumerate((started, *events)):
        evolve(state, event, seq * 1_000)
    row = ExecutionRow(
        execution_id=ROOT, workspace=WorkspaceId("local"), workflow="demo",
        version=VersionHash("f" * 64), status=state.status, head_seq=state.seq, nodes_done=0,
        nodes_total=1, created_at=0,
    )  # fmt: skip
    return History(row, state, [])


def test_every_end_has_an_exit_code() -> None:
    """0, 1 or 130 for what is final, 4 for what waits for a person [CL1]."""
    assert set(EXIT_OF_STATUS) == {*FINAL_EXECUTION, "needs_attention"}
    assert EXIT_OF_STATUS["timed_out"] == 1
    assert EXIT_OF_STATUS["cancelled"] == 130


async def test_a_completed_run_shows_its_outputs() -> None:
    """Short values in one line, texts as they are, and how to look again [CL1, CL2]."""
    screen = Screen()
    outputs = inline(b'{"n":3,"report":"# Title\\n\\nbody\\u001b[2J\\n"}')
    found = history(
        ev.AttemptStarted(NodeId("a"), 1, "h"),
        ev.NodeCompleted(NodeId("a"), inline(b"3")),
        ev.ExecutionEnded("completed", outputs),
    )
    assert await report_ending(screen.terminal, STORES, found, None, FILE) == 0
    assert screen.out.splitlines() == [
        "✓ completed in 3.0 s",
        "outputs:",
        "  n: 3",
        "  report:",
        "    # Title",
        "    ",
        "    body\\x1b[2J",
        f"look again: legato executions show {ROOT}",
    ]


async def test_a_failed_run_shows_node_attempt_error_last_lines_and_what_to_do() -> None:
    """Everything to go on from, in the order one needs it [CL1, CL2, CL10]."""
    screen = Screen()
    error = ev.NodeError("timeout", "the attempt took longer than its timeout of 1000 ms")
    found = history(
        ev.AttemptStarted(NodeId("a"), 2, "h"),
        ev.NodeFailed(NodeId("a"), error, 2),
        ev.ExecutionEnded("failed", error=error, node=NodeId("a")),
    )
    seen = Boards(ROOT)
    seen.add_line(line("a", "asking the server"))
    assert await report_ending(screen.terminal, STORES, found, seen, FILE) == 1
    assert screen.out.splitlines() == [
        "✗ failed in 3.0 s",
        "a (attempt 2): timeout: the attempt took longer than its timeout of 1000 ms",
        "  | asking the server",
        "Give the node a a longer `timeout`, or find out what it waited for.",
        f"look again: legato executions show {ROOT}",
    ]


async def test_a_cancelled_run_names_what_is_unknown() -> None:
    """A cancelled effect may have happened; the person is told where to look [AT13, CL1]."""
    screen = Screen()
    found = history(
        ev.AttemptStarted(NodeId("a"), 1, "h"),
        ev.CancelRequested(),
        ev.NodeCancelled(NodeId("a"), 1, outcome_unknown=True),
        ev.ExecutionEnded("cancelled"),
    )
    assert await report_ending(screen.terminal, STORES, found, None, FILE) == 130
    assert "the outcome is unknown of: a" in screen.out


async def test_in_json_mode_the_end_is_one_value() -> None:
    """With outputs, error and exit code [CL3]."""
    screen = Screen(as_json=True)
    found = history(
        ev.AttemptStarted(NodeId("a"), 1, "h"),
        ev.NodeCompleted(NodeId("a"), inline(b"3")),
        ev.ExecutionEnded("completed", inline(b'{"n":3}')),
    )
    assert await report_ending(screen.terminal, STORES, found, None, FILE) == 0
    (value,) = screen.values
    assert value["type"] == "ended"
    assert (value["status"], value["outputs"], value["exit_code"]) == ("completed", {"n": 3}, 0)


def test_a_parked_run_names_each_way_out() -> None:
    """Again, without, or by hand; for items the item too; exit 4 [CL1, ST12]."""
    screen = Screen()
    parked = node("send", "needs_attention", message="outcome_unknown", error="timed out")
    items = node("each", "needs_attention", items=ItemCounters(total=9, needs_attention=2))
    seen = boards(frame(0, 1, parked, items, of=execution("needs_attention")))
    assert report_parked(screen.terminal, seen) == 4
    for verb in ("retry-node", "skip-node", "force-node"):
        assert f"legato executions {verb} {ROOT} send" in screen.out
        assert f"legato executions {verb} {ROOT} each --item N" in screen.out
    assert "nobody knows whether its effect happened" in screen.out
    assert "2 items need attention" in screen.out
    assert f"legato executions resume {ROOT}" in screen.out


def test_a_parked_run_is_one_json_value() -> None:
    """Node by node with the reason [CL1, CL3]."""
    screen = Screen(as_json=True)
    parked = node("send", "needs_attention", message="outcome_unknown")
    seen = boards(frame(0, 1, parked, of=execution("needs_attention")))
    assert report_parked(screen.terminal, seen) == 4
    (value,) = screen.values
    assert (value["type"], value["exit_code"]) == ("needs_attention", 4)
    assert value["nodes"] == [{"execution_id": ROOT, "node": "send", "reason": "outcome_unknown"}]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("expression_error", "Correct the expression"),
        ("http.503", "retry"),
        ("network", "retry"),
        ("output_too_large", "return less"),
    ],
)
def test_usual_failures_come_with_advice(kind: str, said: str) -> None:
    """What a person can do about it [CL10]."""
    assert said in "\n".join(advice(ev.NodeError(kind, "x"), "a", FILE))


def test_an_unusual_failure_gets_no_guess() -> None:
    """Nothing is better than something wrong."""
    assert advice(ev.NodeError("exit.1", "x"), "a", FILE) == []
