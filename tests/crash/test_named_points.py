# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point, on both databases; then everything that was promised must hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from legato.crashpoints import POINTS, VARIABLE
from tests.crash.cells import CELLS, RESTORING, SERVING, Cell, play
from tests.crash.ledger import Ledger
from tests.crash.site import ROOT

_CALL = re.compile(r'crash_point\(\s*"([^"]+)"')


@pytest.mark.linux
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_crash_at_a_named_point_loses_and_repeats_nothing(
    cell: Cell, database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """After a crash at this point all ends as if there had been none [EN1, EN13, ST3, ST5, ST6].

    The ledger outside and the log agree: what was in flight is made again under its key or parked
    for a person, finished steps are not repeated, logs have no gap, nothing accepted is missing.
    """
    each, problems = play(cell, tmp_path, ledger, database)
    assert problems == [], each.site.said()


def test_every_named_point_has_a_cell_and_every_call_a_name() -> None:
    """What the code calls is in the list, and every point of the list is crashed at."""
    assert {cell.point for cell in CELLS} | {*SERVING, *RESTORING} == set(POINTS)
    called: set[str] = set()
    for file in (ROOT / "src" / "legato").rglob("*.py"):
        called |= set(_CALL.findall(file.read_text(encoding="utf-8")))
    assert called
    assert called <= set(POINTS)


def test_an_unknown_point_is_refused_at_the_start() -> None:
    """A misspelt point would crash nothing and prove nothing."""
    result = subprocess.run(
        [sys.executable, "-m", "legato.cli", "version"],
        env={VARIABLE: "no.such_point"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode != 0
    assert "no.such_point" in result.stderr
