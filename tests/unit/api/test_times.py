# SPDX-License-Identifier: Apache-2.0
"""Times on the wire."""

import pytest

from legato.api.times import parse_time, time_or_none, time_text

DAY = "2026-11-30T"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        (f"{DAY}10:00:00Z", 1_796_032_800_000),
        (f"{DAY}12:30:00+02:30", 1_796_032_800_000),
        (f"{DAY}10:00:00.1z", 1_796_032_800_100),
        (f"{DAY}10:00:00.123456789Z", 1_796_032_800_123),
        ("1969-12-31t23:59:59.9994-00:00", -1),
        ("0001-01-01T00:00:00+10:00", -62_135_632_800_000),
    ],
)
def test_a_time_with_an_offset_is_taken(text: str, ms: int) -> None:
    """In ms, what is smaller is left out; it is told in UTC [ID55]."""
    assert parse_time(text) == ms


def test_times_are_told_in_utc() -> None:
    """With ms and an offset, and back [ID55]."""
    assert time_text(1_796_032_800_001) == f"{DAY}10:00:00.001+00:00"
    assert parse_time(time_text(1_796_032_800_001)) == 1_796_032_800_001
    assert time_or_none(None) is None
    assert time_or_none(0) == "1970-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-30", f"{DAY}10:00:00", f"{DAY}10:00Z", f"{DAY}10:00:00 Z", f" {DAY}10:00:00Z",
        f"{DAY}10:00:00.Z", f"{DAY}24:00:01Z", f"{DAY}10:60:00Z", "2026-02-30T10:00:00Z",
        f"{DAY}10:00:00+24:00", f"{DAY}10:00:00+0200", "1796032800", "1796032800000",
        "20261130T100000Z", "2026-W48-1T10:00:00Z", f"{DAY}10:00:00\u0661Z",
        "\u0662026-11-30T10:00:00Z", f"{DAY}10:00:00Z\n", "0000-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_anything_else_is_no_time(text: str) -> None:
    """A date alone, a time without offset, a number, what is in no calendar [ID55]."""
    assert parse_time(text) is None
