# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, read-only or damaged, a clock that jumps: a clear error or a pause."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import rooms
from tests.crash.disk_full import REFUSED
from tests.crash.ledger import Ledger
from tests.crash.site import ROOT
from tests.crash.test_processes import CALM_S, GATE_ITEMS
from tests.crash.trial import NEEDS_ATTENTION, OK, Trial, trial

SMALL_BYTES = 16_000_000
HOUR_S = 3_600
BLOCK_BYTES = 4_096
RUN_FAILED = 1
DAMAGES = 3

pytestmark = [pytest.mark.linux, pytest.mark.timeout(180)]


def _room(*arguments: object) -> tuple[str, ...]:
    """Return what starts a command in a room, or skip loudly if this machine has none."""
    prefix = (sys.executable, "-m", "tests.crash.rooms", *map(str, arguments), "--")
    tried = subprocess.run(
        [*prefix, sys.executable, "-c", ""], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tried.returncode == rooms.CANNOT:
        pytest.skip(f"SKIP {tried.stderr.strip()}")
    assert tried.returncode == 0, tried.stderr
    return prefix


def _refused(each: Trial, *arguments: str, word: str) -> None:
    """See a command refuse in one clear line that holds the word."""
    process = each.site.start(*arguments)
    code = process.finish()
    assert code == REFUSED, (code, process.said)
    assert word in process.said, process.said
    assert "Traceback" not in process.said


def test_a_full_disk_pauses_and_loses_nothing(tmp_path: Path) -> None:
    """Work goes on by itself when there is room again; a start is refused clearly [LG6, LG27]."""
    home = tmp_path / "site" / "home"
    home.mkdir(parents=True)
    done = subprocess.run(
        [*_room("small", home, SMALL_BYTES), sys.executable, "-m", "tests.crash.disk_full",
         str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["plain", "frozen"])
def test_a_read_only_home_is_refused_clearly(tmp_path: Path, ledger: Ledger, kind: str) -> None:
    """By modes or by mount: one clear line, nothing changed, and later all is there [LG27]."""
    with trial(tmp_path, ledger) as each:
        command = each.site.command
        each.begin()
        each.person.leave()
        before = each.site.records()
        (execution,) = before.roots
        each.site.command = (
            *_room(kind, *([each.site.home] if kind == "frozen" else [])),
            *command,
        )
        _set_modes(each.site.home, folder=0o500, file=0o400)
        try:
            _refused(each, "run", str(ROOT / "tests/crash/workflows/crash-poison.yaml"),
                     "--input", "ledger=/nowhere", word="cannot write")  # fmt: skip
            _refused(each, "executions", "resume", execution.execution_id, word="cannot write")
        finally:
            _set_modes(each.site.home, folder=0o700, file=0o600)
        each.site.command = command
        assert each.problems(each.site.records()) == []


def test_a_new_home_where_nothing_may_be_written_is_refused_clearly(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Where the home cannot even be made, the folder is named [LG27, CL10]."""
    with trial(tmp_path, ledger) as each:
        each.site.command = (*_room("plain"), *each.site.command)
        each.site.home.rmdir()
        tmp_path.chmod(0o500)
        try:
            _refused(each, "executions", "list", word=str(each.site.home))
        finally:
            tmp_path.chmod(0o700)


def _set_modes(home: Path, *, folder: int, file: int) -> None:
    for each in (*home.rglob("*"), home):
        each.chmod(folder if each.is_dir() else file)


def _scribble(file: Path, chance: random.Random) -> None:
    """Write noise over one block anywhere behind the header."""
    size = file.stat().st_size
    with file.open("r+b") as data:
        data.seek(chance.randrange(1, size // BLOCK_BYTES) * BLOCK_BYTES)
        data.write(chance.randbytes(BLOCK_BYTES))


def _cut(file: Path, chance: random.Random) -> None:
    """Lose the file's end."""
    size = file.stat().st_size
    with file.open("r+b") as data:
        data.truncate(chance.randrange(BLOCK_BYTES, size - BLOCK_BYTES))


def _behead(file: Path, chance: random.Random) -> None:
    """Lose the header."""
    with file.open("r+b") as data:
        data.write(chance.randbytes(100))


@pytest.mark.parametrize("damage", [_scribble, _cut, _behead])
def test_a_damaged_database_is_named_and_never_read_wrongly(
    tmp_path: Path, ledger: Ledger, damage: Callable[[Path, random.Random], None]
) -> None:
    """Every command on a damaged file refuses and says why [LG28]."""
    chance = random.Random(28)
    with trial(tmp_path, ledger) as each:
        each.begin()
        each.person.leave()  # the last one out moves the write-ahead log into the file
        (execution,) = each.site.records().roots
        database = each.site.home / "legato.db"
        assert list(each.site.home.glob("legato.db-*")) == []
        whole = tmp_path / "whole.db"
        shutil.copyfile(database, whole)
        for _ in range(DAMAGES):
            shutil.copyfile(whole, database)
            damage(database, chance)
            _refused(each, "executions", "show", execution.execution_id, word="damaged")
        shutil.copyfile(whole, database)
        assert each.problems(each.site.records()) == []


def test_a_damaged_blob_is_named_and_not_used(tmp_path: Path, ledger: Ledger) -> None:
    """A large output that has changed on disk stops what reads it, and is named [LG15, LG28]."""
    with trial(tmp_path, ledger) as each:
        each.begin(crash="evaluation.before_report")
        blobs = [one for one in (each.site.home / "blobs").rglob("*") if one.is_file()]
        assert blobs
        for blob in blobs:
            blob.chmod(0o600)
            blob.write_bytes(blob.read_bytes().replace(b"x", b"y", 1))
        assert each.restart().finish() == RUN_FAILED
        (execution,) = each.site.records().roots
        assert execution.status == "failed"
        assert "damaged" in json.dumps(execution.events)


@pytest.mark.parametrize("jumps", [(HOUR_S, 0), (-HOUR_S, 0), (HOUR_S, -HOUR_S)], ids=str)
def test_a_clock_that_jumps_an_hour_neither_loses_nor_repeats(
    database: str, tmp_path: Path, ledger: Ledger, jumps: tuple[int, int]
) -> None:
    """The wall clock jumps under a living engine, then under its successor [OW15, OW1]."""
    gate = tmp_path.name
    offset = tmp_path / "offset"
    offset.write_text("0", encoding="ascii")
    with trial(tmp_path, ledger, database, items=GATE_ITEMS, LEGATO_ENGINE__LEASE_S=CALM_S) as each:
        each.site.command = (sys.executable, "-m", "tests.crash.jumping_clock", str(offset))
        first = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        offset.write_text(str(jumps[0]), encoding="ascii")
        (execution,) = each.site.records().roots
        # Whoever looks now must still find the owner alive.
        watcher = each.site.resume(execution.execution_id)
        watcher.await_said("runs it; watching")
        ledger.release(gate)
        offset.write_text(str(jumps[1]), encoding="ascii")
        codes = [each.attend(first), each.attend(watcher)]
        records = each.to_the_end()
        assert each.problems(records) == [], codes
        assert codes[0] in {OK, NEEDS_ATTENTION}
        assert records.roots[0].fence == 1
