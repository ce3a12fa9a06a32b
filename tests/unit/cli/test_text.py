# SPDX-License-Identifier: Apache-2.0

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.cli.text import (
    COLOURS,
    ICONS,
    Style,
    cells,
    duration,
    fit,
    local_time,
    plural,
    pretty_json,
    pretty_text,
    size,
    table,
    word,
)
from legato.model.instants import iso

HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0.00 s"), (0, "0.00 s"), (120, "0.12 s"), (4_100, "4.1 s"), (61_000, "1m 1s"),
        (3_700_000, "1h 1m"), (90_061_000, "1d 1h"),
    ],
)  # fmt: skip
def test_durations_are_short(ms: int, text: str) -> None:
    """Two units at most, as a person would say it."""
    assert duration(ms) == text


def test_times_are_iso_with_an_offset_or_null() -> None:
    """What programs read is never a bare number or a local time [VW9]."""
    assert iso(None) is None
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20.123+00:00"
    assert local_time(None) == "-"


def test_every_status_has_a_sign_and_a_colour() -> None:
    """None is left to a KeyError in the middle of a run."""
    assert set(ICONS) == set(COLOURS)
    for unicode, plain in ICONS.values():
        assert len(unicode) == len(plain) == 1
        assert plain.isascii()
    assert word("needs_attention") == "needs attention"


@given(st.text(max_size=80), st.integers(1, 40))
def test_a_text_fits_into_its_columns(text: str, width: int) -> None:
    """Cut by columns, not by characters."""
    assert cells(fit(text, width)) <= max(width, 1)


@given(st.lists(st.lists(st.text(max_size=12), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_table_is_aligned_and_harmless(rows: list[list[str]]) -> None:
    """No cell can break a line or steer the terminal [CL9]."""
    lines = table(rows)
    assert len(lines) == len(rows)
    assert not any(HIDDEN.search(line) for line in lines)


def test_colours_are_left_out_where_there_are_none() -> None:
    """The word stays when the colour goes."""
    assert Style(is_coloured=False).status("failed") == "✗ failed"
    assert Style(is_coloured=True).status("failed") == "\x1b[31m✗ failed\x1b[0m"
    assert Style(is_unicode=False).status("completed") == "+ completed"
    assert Style(is_coloured=True).dim("") == ""


def test_small_json_stays_in_one_line_and_large_json_is_cut() -> None:
    """What is cut says how much, and where to see it."""
    assert pretty_json({"a": [1, 2]}, lines_max=5, more="x") == ['{"a": [1, 2]}']
    lines = pretty_json(list(range(200)), lines_max=5, more="legato show")
    assert len(lines) == 6
    assert lines[-1] == "… 197 more lines: legato show"
    assert not any(HIDDEN.search(line) for line in pretty_json("\x9b2J", lines_max=1, more=""))


def test_long_text_is_cut_by_lines_and_columns() -> None:
    """A report of many lines shows its beginning."""
    lines = pretty_text("a" * 500 + "\nb\nc\n", lines_max=2, more="elsewhere", width=10)
    assert lines == ["aaaaaaaaa…", "b", "… 1 more lines: elsewhere"]


def test_sizes_and_counts_read_well() -> None:
    """Units and plurals."""
    assert (size(1023), size(2048), size(3 * 1024 * 1024)) == ("1023 B", "2.0 KiB", "3.0 MiB")
    assert (plural(1, "node"), plural(2, "node")) == ("1 node", "2 nodes")
