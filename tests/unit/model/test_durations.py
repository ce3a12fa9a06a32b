# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them."""

import pytest

from legato.errors import InvalidInput
from legato.model.durations import DURATION_MS_MAX, format_duration, parse_duration


@pytest.mark.parametrize("text", ["500ms", "30s", "1h30m", "2d", "1d2h3m4s5ms", "59m59s999ms"])
def test_a_duration_is_written_as_it_was_read(text: str) -> None:
    """Reading and writing a duration give the same text [DO25]."""
    assert format_duration(parse_duration(text)) == text


def test_durations_are_bounded() -> None:
    """Ten years is the longest duration; zero and less are none [DO25]."""
    assert parse_duration("3660d") == DURATION_MS_MAX
    assert parse_duration(90) == 90_000
    for value in ("3660d1ms", "0ms", 0, -1, "", "5", "0.0001s"):
        with pytest.raises(InvalidInput):
            parse_duration(value)


def test_writing_any_duration() -> None:
    """Zero and negative durations are written, too."""
    assert format_duration(0) == "0s"
    assert format_duration(-1_500) == "-1s500ms"
