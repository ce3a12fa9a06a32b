# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.errors import InvalidInput
from legato.model.durations import DURATION_MS_MAX, format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "duration_ms"),
    [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("2d", 172_800_000),
        ("1.5s", 1_500), ("1m1s500ms", 61_500), (30, 30_000), ("3660d", DURATION_MS_MAX),
    ],
)  # fmt: skip
def test_a_duration_is_numbers_with_units_or_seconds(written: str | int, duration_ms: int) -> None:
    """Units stand in falling order; a bare number is seconds [DO25]."""
    assert parse_duration(written) == duration_ms


@pytest.mark.parametrize(
    "written",
    ["", "30", "30x", "m", "-3s", "1m1h", "1h1h", "1e3s", "0s", "0ms", 0, -1, "3661d", 10**12,
     "9" * 200 + "s"],
)  # fmt: skip
def test_anything_else_is_refused(written: str | int) -> None:
    """A duration is positive, bounded and written plainly [DO25]."""
    with pytest.raises(InvalidInput):
        parse_duration(written)


@given(st.integers(min_value=1, max_value=DURATION_MS_MAX))
def test_a_duration_that_is_written_out_reads_the_same(duration_ms: int) -> None:
    """Writing and reading a duration changes nothing [DO25]."""
    assert parse_duration(format_duration(duration_ms)) == duration_ms


def test_nothing_is_written_as_zero_seconds() -> None:
    """A duration of nothing has a written form too."""
    assert format_duration(0) == "0s"
