# SPDX-License-Identifier: Apache-2.0
"""Programs that nodes started, when their engine dies, and when somebody else's does."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.ledger import Ledger
from tests.crash.site import KILLED
from tests.crash.trial import OK, Trial, trial

pytestmark = [pytest.mark.linux, pytest.mark.timeout(180)]


@contextmanager
def _site(folder: Path, ledger: Ledger, url: str) -> Iterator[tuple[Trial, Path]]:
    """Make a trial whose programs may read one named pipe."""
    area = folder / "area"
    area.mkdir()
    pipe = area / "pipe"
    os.mkfifo(pipe)
    with trial(
        folder,
        ledger,
        url,
        LEGATO_GRANTS__FILES__ROOTS=str(area),
        LEGATO_GRANTS__SHELL__PROGRAMS="cat",
    ) as each:
        yield each, pipe


def _await_reader(pipe: Path) -> int:
    """Wait until a program reads the pipe; return the end to write into."""
    return os.open(pipe, os.O_WRONLY)


def _await_no_reader(end: int) -> None:
    """Wait until the program that reads the pipe is gone."""
    poll = select.poll()
    poll.register(end, 0)
    assert poll.poll(30_000) == [(end, select.POLLERR)]
    os.close(end)


def test_a_program_dies_with_its_engine_and_is_made_again(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """A killed engine takes its programs along; the next attempt starts anew [OW7, AT5]."""
    with _site(tmp_path, ledger, database) as (each, pipe):
        process = each.site.run("crash-program", pipe=str(pipe))
        end = _await_reader(pipe)
        process.kill()
        assert each.attend(process) == KILLED
        _await_no_reader(end)
        process = each.restart()
        end = _await_reader(pipe)
        os.write(end, b"go")
        os.close(end)
        assert each.attend(process) == OK
        (execution,) = each.site.records().roots
        assert execution.outputs == {"items": "go"}
        starts = [one for one in execution.events if one["type"] == "AttemptStarted"]
        assert [(one["node"], one["attempt"]) for one in starts] == [
            ("program", 1),
            ("program", 2),
            ("last", 1),
        ]


def test_adopting_a_dead_engines_work_leaves_the_programs_of_the_living_alone(
    database: str, tmp_path: Path, ledger: Ledger
) -> None:
    """Only what a dead engine left running is ended [OW7, OW9]."""
    with _site(tmp_path, ledger, database) as (each, pipe):
        living = each.site.run("crash-program", pipe=str(pipe))
        end = _await_reader(pipe)
        dead = each.site.run(crash="attempt.before_report:2")
        assert dead.finish() == KILLED
        (orphan,) = (one for one in each.site.records().roots if one.workflow == "crash-main")
        assert each.attend(each.site.resume(orphan.execution_id)) == OK
        os.write(end, b"go")
        os.close(end)
        assert each.attend(living) == OK, each.site.said()
        (program,) = (one for one in each.site.records().roots if one.workflow == "crash-program")
        starts = [one for one in program.events if one["type"] == "AttemptStarted"]
        assert [(one["node"], one["attempt"]) for one in starts] == [("program", 1), ("last", 1)]
