# SPDX-License-Identifier: Apache-2.0
"""Checksums of turns."""

import pytest

from legato.adapters.sql.checksum import Damaged, check_log, turn_checksum
from legato.ports.log import LogRow

TURNS = [(1_000, (b"a", b"b")), (2_000, (b"c",)), (3_000, (b"d", b"e", b"f"))]


def log() -> tuple[list[LogRow], list[int | None]]:
    """Return the rows of three turns, and their checksums."""
    rows: list[LogRow] = []
    checksums: list[int | None] = []
    for at, bodies in TURNS:
        checksum = turn_checksum("x", len(rows), at, bodies)
        rows += [LogRow(seq, at, body) for seq, body in enumerate(bodies, len(rows) + 1)]
        checksums += [None] * (len(bodies) - 1) + [checksum]
    return rows, checksums


def test_a_log_as_it_was_written_passes() -> None:
    """Whole, in parts that begin with a turn, and cut anywhere at its end [LG28]."""
    rows, checksums = log()
    assert check_log("x", 0, [], [])
    for begin in (0, 2, 3):
        for end in range(begin, 7):
            assert check_log("x", begin, rows[begin:end], checksums[begin:end])


@pytest.mark.parametrize("begin", [1, 4, 5])
def test_a_part_that_begins_inside_a_turn_cannot_be_judged(begin: int) -> None:
    """The caller has to ask for the turn's beginning [LG28]."""
    rows, checksums = log()
    assert not check_log("x", begin, rows[begin:], checksums[begin:])


@pytest.mark.parametrize(
    ("place", "row"),
    [
        (0, LogRow(1, 1_000, b"A")),
        (1, LogRow(2, 1_000, b"bb")),
        (2, LogRow(3, 2_001, b"c")),
        (5, LogRow(6, 3_000, b"")),
    ],
)
def test_a_changed_row_is_damage(place: int, row: LogRow) -> None:
    """Body and time are covered, in every turn [LG28]."""
    rows, checksums = log()
    rows[place] = row
    with pytest.raises(Damaged, match="changed"):
        check_log("x", 0, rows, checksums)


def test_events_of_another_place_are_damage() -> None:
    """A turn belongs to one execution and one seq [LG28]."""
    rows, checksums = log()
    with pytest.raises(Damaged):
        check_log("y", 0, rows, checksums)
    moved = [LogRow(row.seq - 2, row.at, row.body) for row in rows[2:]]
    with pytest.raises(Damaged):
        check_log("x", 0, moved, checksums[2:])


def test_a_changed_first_turn_of_a_part_is_damage_if_it_is_whole() -> None:
    """Whoever asked from the turn's beginning gets a verdict [LG28]."""
    rows, checksums = log()
    part = [LogRow(3, 2_000, b"C"), *rows[3:]]
    assert not check_log("x", 2, part, checksums[2:])
    with pytest.raises(Damaged):
        check_log("x", 2, part, checksums[2:], is_whole=True)


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_a_gap_is_damage(missing: int) -> None:
    """Seqs follow each other [LG1, LG28]."""
    rows, checksums = log()
    del rows[missing], checksums[missing]
    with pytest.raises(Damaged, match="should be"):
        check_log("x", 0, rows, checksums)
