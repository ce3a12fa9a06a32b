# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up under a running execution, and one that is full at the start.

    python -m tests.crash.disk_full FOLDER

Runs inside a room (`tests.crash.rooms small FOLDER/site/home BYTES -- …`). Prints what went wrong
and exits with 1, or exits with 0.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.crash.ledger import Ledger, running_ledger
from tests.crash.test_processes import GATE_ITEMS
from tests.crash.trial import OK, Trial, trial

REFUSED: Final = 3
FULL: Final = "is full"
_CHUNKS: Final = (64 * 1024, 4 * 1024, 512)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free on the folder's disk while the block lasts."""
    filler = folder / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in _CHUNKS:
            with contextlib.suppress(OSError):
                while True:
                    os.write(handle, b"x" * size)
        try:
            os.write(handle, b"x")
        except OSError as error:
            assert error.errno == errno.ENOSPC
        yield
    finally:
        os.close(handle)
        filler.unlink()


def fill_up_while_it_runs(each: Trial, ledger: Ledger) -> None:
    """A commit that finds no room pauses the execution; it goes on when there is room again."""
    process = each.site.run("crash-gate", gate="full")
    ledger.await_held("full")
    with filled(each.site.home):
        ledger.release("full")
        process.await_said(FULL)
    code = each.attend(process)
    assert code == OK, (code, each.site.said())
    problems = each.problems(each.site.records())
    assert problems == [], problems


def start_on_a_full_disk(each: Trial) -> None:
    """A start that cannot be kept is refused in one clear line, and harms nothing."""
    with filled(each.site.home):
        process = each.site.run("crash-main")
        code = process.finish()
        assert (code, "full" in process.said) == (REFUSED, True), (code, process.said)
        assert "Traceback" not in process.said, process.said
    records = each.site.records()
    assert (len(records.roots), records.damage) == (1, ""), records


def main(folder: Path) -> int:
    """Run both; the home is the small disk."""
    with (
        running_ledger(folder) as ledger,
        trial(folder / "site", ledger, items=GATE_ITEMS) as each,
    ):
        fill_up_while_it_runs(each, ledger)
        start_on_a_full_disk(each)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
