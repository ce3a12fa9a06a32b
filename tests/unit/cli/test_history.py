# SPDX-License-Identifier: Apache-2.0

import pytest

from legato.cli.history import ownership_text
from legato.model.frames import ExecutionStatus
from legato.model.ids import EngineId, VersionHash, WorkspaceId
from legato.ports.executions import ExecutionRow
from legato.ports.owners import EngineRow
from legato.runtime.history import owner_among
from tests.unit.cli.frames import ROOT


def row(status: ExecutionStatus, owner: str | None = None) -> ExecutionRow:
    """Return an execution's row."""
    return ExecutionRow(
        execution_id=ROOT, workspace=WorkspaceId("local"), workflow="demo",
        version=VersionHash("v"), status=status, head_seq=1, nodes_done=0, nodes_total=1,
        created_at=0, owner=EngineId(owner) if owner else None,
    )  # fmt: skip


def engine(name: str, *, adopts: bool = False) -> EngineRow:
    """Return a live engine."""
    return EngineRow(EngineId(name), "host", 42, 5_000, adopts)


def test_a_live_owner_is_named() -> None:
    """By process and host [VW10]."""
    found = owner_among([engine("e1")], row("running", "e1"))
    assert not found.is_lost
    assert ownership_text(found) == "process 42 on host runs this execution"


@pytest.mark.parametrize("status", ["running", "waiting", "queued", "needs_attention"])
def test_an_execution_of_a_dead_engine_is_lost(status: ExecutionStatus) -> None:
    """Its owner is named in the row and does not live [VW10]."""
    found = owner_among([engine("other")], row(status, "dead"))
    assert found.is_lost
    assert found.is_unattended
    assert ownership_text(found).startswith("owner lost")


def test_an_execution_that_was_let_go_is_never_called_lost() -> None:
    """It waits without an owner; only somebody has to be there for it [VW10, OW13]."""
    found = owner_among([], row("waiting"))
    assert not found.is_lost
    assert found.is_unattended
    assert "no engine is there" in ownership_text(found)


def test_work_in_flight_without_an_owner_is_lost() -> None:
    """Nobody shows running for a run that nobody owns [VW10]."""
    assert owner_among([], row("running", "dead")).absence == "owner lost"
    found = owner_among([], row("running"))
    assert (found.is_lost, found.absence) == (False, "stopped")
    assert ownership_text(found) == "stopped: nobody runs this execution now"


def test_an_engine_that_adopts_looks_after_everything() -> None:
    """What it does not own it will take [VW10]."""
    found = owner_among([engine("e1", adopts=True)], row("running", "dead"))
    assert not found.is_lost
    assert not found.is_unattended
    assert ownership_text(found) == "an engine looks after this execution"


def test_what_has_ended_needs_nobody() -> None:
    """Neither lost nor unattended [VW10]."""
    found = owner_among([], row("completed", "dead"))
    assert not found.is_lost
    assert not found.is_unattended
