# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point, on both databases; then everything that was promised must hold."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from legato.crashpoints import POINTS, VARIABLE
from tests.crash.cells import CELLS, EARLIER, Cell
from tests.crash.ledger import Ledger
from tests.crash.site import KILLED, ROOT
from tests.crash.trial import Trial, needs_person, trial

_CALL = re.compile(r'crash_point\(\s*"([^"]+)"')


@pytest.mark.linux
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_crash_at_a_named_point_loses_and_repeats_nothing(
    cell: Cell, database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """After a crash at this point all ends as if there had been none [EN1, EN13, ST3, ST5, ST6].

    The ledger and the log agree: attempts in flight are lost and made again under their key or
    parked for a person [AT3, AT4, AT5, AT6, AT7], finished steps are not repeated, logs have no
    gap, nothing that was accepted is missing.
    """
    with trial(tmp_path, ledger, database) as each:
        _crash(each, cell)
        assert each.kills == (1 if cell.where in {"run", "drain", "sender"} else 2), each.codes
        records = each.to_the_end("engine" if cell.where == "engine" else "resume")
        assert each.problems(records) == [], each.site.said()


def _crash(each: Trial, cell: Cell) -> None:
    """Let the armed process meet its end."""
    if cell.where == "run":
        each.begin(crash=cell.order)
    elif cell.where == "sender":
        _crash_sender(each, cell)
    elif cell.where == "drain":
        process = each.site.run(crash=cell.order)
        each.attend(process, lambda line: _stop_at_question(process.send, line))
    else:
        each.begin(crash=EARLIER)
        each.again(cell.where, crash=cell.order)


def _stop_at_question(send: Any, line: dict[str, Any]) -> None:
    if needs_person(line):
        send(signal.SIGTERM)


def _crash_sender(each: Trial, cell: Cell) -> None:
    """Approve by a command that dies, beside the living run; then by one that does not."""
    codes: list[int] = []

    def approve(line: dict[str, Any]) -> None:
        if not codes and needs_person(line):
            sender = each.site.start(
                "executions", "approve", line["execution_id"], "ask", crash=cell.order
            )
            codes.append(sender.finish())
            each.person.look()

    process = each.site.run()
    for line in process:
        approve(line)
        if codes:
            break
    each.kills += codes == [KILLED]
    each.attend(process)


def test_every_named_point_has_a_cell_and_every_call_a_name() -> None:
    """What the code calls is in the list, and every point of the list is crashed at."""
    assert {cell.point for cell in CELLS} == set(POINTS)
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
