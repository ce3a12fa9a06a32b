# SPDX-License-Identifier: Apache-2.0

import errno
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from legato.errors import Conflict, NotFound, Unavailable
from legato.practice import ledger as module
from legato.practice.ledger import FILE, Ledger


@contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """Open a ledger whose clock counts."""
    ticks = itertools.count(1_000)
    ledger = Ledger(folder, lambda: next(ticks))
    try:
        yield ledger
    finally:
        ledger.close()


def test_rows_are_numbered_and_stay(tmp_path: Path) -> None:
    """Also over a new start; folder and file are their owner's alone [PR5, PR6]."""
    folder = tmp_path / "practice"
    with opened(folder) as ledger:
        first = ledger.append("received", key="ä:b:0", path="/sort")
        assert first == {"row": 1, "at_ms": 1000, "event": "received", "key": "ä:b:0",
                         "path": "/sort"}  # fmt: skip
        ledger.append("done", key="ä:b:0", answer={"text": "line\nline"})
    assert [(folder / each).stat().st_mode & 0o777 for each in (".", FILE)] == [0o700, 0o600]
    before = (folder / FILE).read_bytes()
    with opened(folder) as ledger:
        assert ledger.count == 2
        assert ledger.read(2)["answer"] == {"text": "line\nline"}
        assert ledger.append("handed_over")["row"] == 3
        assert [each["row"] for each in ledger.rows(after=1)] == [2, 3]
        with pytest.raises(NotFound):
            ledger.read(4)
    assert (folder / FILE).read_bytes().startswith(before)


def test_a_row_is_flushed_before_it_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fsync has seen the whole row when `append` returns [PR5]."""
    with opened(tmp_path) as ledger:
        flushed: list[bytes] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            flushed.append((tmp_path / FILE).read_bytes())

        monkeypatch.setattr(os, "fsync", fsync)
        row = ledger.append("done", key="k")
        assert [json.loads(each) for each in flushed] == [row]


@pytest.mark.parametrize("size", [1, 20, -1])
def test_a_torn_last_line_is_no_row(tmp_path: Path, size: int) -> None:
    """What a killed process left is ignored, and does not join the next row [PR6]."""
    with opened(tmp_path) as ledger:
        ledger.append("received", key="a")
        ledger.append("done", key="a")
    file = tmp_path / FILE
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:size])
    with opened(tmp_path) as ledger:
        assert ledger.count == 1
        ledger.append("done", key="b")
    with opened(tmp_path) as ledger:
        assert [each["key"] for each in ledger.rows()] == ["a", "b"]


@pytest.mark.parametrize(
    "line", [b"\0\0\0\n", b"[]\n", b'{"row":7,"event":"done"}\n', b'{"row":1}\n']
)
def test_damage_that_is_not_at_the_end_is_refused(tmp_path: Path, line: bytes) -> None:
    """The line is named, and the file stays as it is [PR6]."""
    with opened(tmp_path) as ledger:
        ledger.append("received", key="a")
    file = tmp_path / FILE
    damaged = line + file.read_bytes()
    file.write_bytes(damaged)
    with pytest.raises(Unavailable, match="line 1 is damaged"):
        Ledger(tmp_path, int)
    assert file.read_bytes() == damaged


def test_one_process_at_a_time_holds_a_ledger(tmp_path: Path) -> None:
    """The second is refused until the first lets go [PR9]."""
    with opened(tmp_path), pytest.raises(Conflict, match="another process"):
        Ledger(tmp_path, int)
    with opened(tmp_path) as ledger:
        assert ledger.count == 0


def test_a_link_or_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    """And where nobody may write [PR6]."""
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="cannot open"):
        Ledger(tmp_path, int)
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot open"):
        Ledger(tmp_path / "file", int)


def test_a_row_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle of a row: the next row stands where it would have [PR5]."""
    with opened(tmp_path) as ledger:
        ledger.append("received", key="a")
        real = os.pwrite

        def full(descriptor: int, data: bytes, offset: int) -> int:
            if len(data) < 10:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, data[:-9], offset)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(Unavailable, match="No space left"):
                ledger.append("done", key="a")
        assert (tmp_path / FILE).read_bytes().count(b"\n") == ledger.count == 1
        assert ledger.append("done", key="b")["row"] == 2
    with opened(tmp_path) as ledger:
        assert [each["key"] for each in ledger.rows()] == ["a", "b"]


def test_a_ledger_that_cannot_be_mended_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a later row could join what a failed write left [PR5]."""

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with opened(tmp_path) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            patch.setattr(os, "ftruncate", broken)
            with pytest.raises(Unavailable, match="Input/output"):
                ledger.append("done", key="a")
        with pytest.raises(Unavailable, match="could not be mended"):
            ledger.append("done", key="a")


def test_a_ledger_knows_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun may still be written; a file of any size is not read [PR7]."""
    monkeypatch.setattr(module, "LEDGER_BYTES_MAX", 100)
    with opened(tmp_path) as ledger:
        before = ledger.is_full
        for _ in range(5):
            ledger.append("done", key="a")
        assert (before, ledger.is_full) == (False, True)
    with pytest.raises(Unavailable, match="larger than a ledger can be"):
        Ledger(tmp_path, int)
