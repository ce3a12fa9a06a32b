# SPDX-License-Identifier: Apache-2.0
"""Rows as text: values, sizes and pieces."""

import json
import math
import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from legato.nodes import sql_rows
from legato.nodes.sql_rows import check_names, chunk_of, header, rows_of, writer
from legato.ports.node import NodeFailure


@pytest.mark.parametrize(
    ("value", "back"),
    [(None, None), (True, True), (5, 5), (2**63 - 1, 2**63 - 1), (2**64, str(2**64)),
     (-(2**70), str(-(2**70))), (1.5, 1.5), ("ü\n", "ü\n"), (Decimal("1.10"), "1.10"),
     (Decimal("1E+3"), "1E+3"), (Decimal("1E+400"), "1E+400"),
     (date(2026, 2, 3), "2026-02-03"), (time(4, 5), "04:05:00"),
     (datetime(2026, 2, 3, 4, 5), "2026-02-03T04:05:00"),  # noqa: DTZ001 - a column has no zone
     (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"), (b"\x00\xff", "AP8="),
     ([1, None, [b"x"]], [1, None, ["eA=="]]), ((1, "a"), [1, "a"])],
)  # fmt: skip
def test_a_value_becomes_a_plain_one(value: Any, back: Any) -> None:
    """The same in a JSON line, and in CSV where text has no other form [ND35]."""
    line = writer(["v"], "jsonl")([[value]])
    assert rows_of(line) == [{"v": back}]
    cell = writer(["v", "w"], "csv")([[value, 1]]).decode()
    as_text = "" if back is None else back if isinstance(back, str) else json.dumps(back)
    quoted = any(sign in as_text for sign in '",\n')
    escaped = as_text.replace('"', '""')
    plain = as_text.replace(" ", "") if isinstance(back, list) else as_text
    expected = f'"{escaped}"' if quoted else as_text
    if isinstance(back, list):
        expected = '"' + plain.replace('"', '""') + '"'
    assert cell == f"{expected},1\r\n"


@pytest.mark.parametrize(
    ("value", "says"),
    [(math.nan, "nan"), (-math.inf, "inf"), (Decimal("NaN"), "NaN"), (Decimal("sNaN"), "sNaN"),
     ([1.0, math.nan], "nan"), ("a\0b", "NUL"), (object(), "object"), ({1}, "set")],
)  # fmt: skip
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_has_no_plain_form_is_refused_by_column(value: Any, says: str, form: Any) -> None:
    """Also beside a null, which looks the same in JSON [ND35]."""
    with pytest.raises(NodeFailure, match=f"'v' .*{says}") as raised:
        writer(["u", "v"], form)([[None, "null"], [None, value]])
    assert raised.value.error.kind == "invalid_value"


def test_names_are_different() -> None:
    """Those that are not are named [ND35]."""
    check_names(["a", "A", "b"])
    with pytest.raises(NodeFailure, match="'a', 'b'"):
        check_names(["b", "a", "c", "a", "b"])


def test_a_cell_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes; a row of many small ones may be larger [ND36]."""
    monkeypatch.setattr(sql_rows, "CELL_BYTES_MAX", 100)
    for form in ("jsonl", "csv"):
        write = writer(["a", "b"], form)
        assert len(write([["x" * 100, "y" * 100]])) > 200
        for large in ("x" * 101, "ü" * 51, b"x" * 80, ["x" * 99]):
            with pytest.raises(NodeFailure, match="'b' is larger than 100 bytes"):
                write([["x", "y"], ["x", large]])


def test_rows_are_cut_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """By size and by count; `has_more` is exact where the count ends [ND36]."""
    monkeypatch.setattr(sql_rows, "CHUNK_BYTES", 20)
    write = writer(["n"], "jsonl")
    rows = iter([[number] for number in range(7)])
    first = chunk_of(rows, write, 100, 1)
    assert (first.count, first.has_more) == (3, True)
    second = chunk_of(rows, write, 2, 1)
    assert (second.count, second.has_more) == (2, True)
    assert chunk_of(iter([[1], [2]]), write, 2).has_more is False
    assert chunk_of(iter([]), write, 2).data == b""


def test_csv_has_a_header_and_json_lines_none() -> None:
    """Names are quoted like any other text [ND36]."""
    assert header(["a", 'b"c', "d,e"], "csv") == b'a,"b""c","d,e"\r\n'
    assert header(["a"], "jsonl") == b""
    assert rows_of(b"") == []


TEXTS = [
    "},{",
    '},{"',
    '"},{"',
    '},{"k":',
    '\\"},{"k":',
    '\\\\"},{\\"k":',
    "}\n{",
    "null",
    "],[",
    "",
]


@pytest.mark.parametrize("name", ["k", "", 'q"', "\\", "},{", '},{"k":'])
def test_a_line_ends_where_a_row_ends_and_nowhere_else(name: str) -> None:
    """Whatever the texts and the names hold [ND36]."""
    rows = [[one, two, [one, two]] for one in TEXTS for two in TEXTS]
    data = writer([name, "w", "l"], "jsonl")(rows)
    lines = data.split(b"\n")
    assert lines.pop() == b""
    assert [list(json.loads(line).values()) for line in lines] == rows
