# SPDX-License-Identifier: Apache-2.0
"""data.csv: reading and writing."""

from typing import Any

import pytest

from legato.nodes import data_csv
from tests.unit.nodes.world import World


@pytest.mark.parametrize(
    ("config", "columns", "rows"),
    [
        ({"text": "a,b\r\n1,x\n2,y"}, ["a", "b"], [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]),
        ({"text": "a;b\n1;2\n", "delimiter": ";"}, ["a", "b"], [{"a": "1", "b": "2"}]),
        ({"text": 'a\n"x\ny ""z"""\n'}, ["a"], [{"a": 'x\ny "z"'}]),
        ({"text": "a\n\n1\n\n"}, ["a"], [{"a": "1"}]),
        ({"text": ""}, [], []),
        ({"text": "\ufeffa\n1"}, ["a"], [{"a": "1"}]),
        ({"text": "a,,c\n1,2,3"}, ["a", "column_2", "c"], [{"a": "1", "column_2": "2", "c": "3"}]),
        ({"text": "1,2\n", "header": False}, ["column_1", "column_2"],
         [{"column_1": "1", "column_2": "2"}]),
        ({"text": "1,2\n", "header": False, "columns": ["x", "y"]}, ["x", "y"],
         [{"x": "1", "y": "2"}]),
        ({"text": "a\nx\0y"}, ["a"], [{"a": "x\ufffdy"}]),
        ({"text": "a\n\u2028x\x0b"}, ["a"], [{"a": "\u2028x\x0b"}]),
    ],
)  # fmt: skip
async def test_a_table_becomes_rows_by_column(
    world: World, config: Any, columns: list[str], rows: list[Any]
) -> None:
    """Delimiters, quotes, headers and line ends are understood [ND64]."""
    output = await world.output(data_csv.run, config)
    assert (output["columns"], output["rows"]) == (columns, rows)
    assert output["count"] == len(rows)


async def test_numbers_are_read_as_json_would_write_them(world: World) -> None:
    """What is no plain number stays text; nothing is lost [ND64]."""
    cells = ["12", "-1.5", "1e3", "0", "007", "+5", "1,5", "", " 1", "1e999", "9223372036854775808",
             "NaN", "0x10", "1_000", "٣"]  # fmt: skip
    text = "n\n" + "".join(f'"{cell}"\n' for cell in cells)
    output = await world.output(data_csv.run, {"text": text, "types": "numbers"})
    assert [row["n"] for row in output["rows"]] == [12, -1.5, 1000.0, 0, *cells[4:]]


@pytest.mark.parametrize(
    ("config", "kind", "says"),
    [
        ({"text": "a,b\n1,2\n3\n"}, "invalid_data", "line 3: expected 2 cells (a, b), got 1"),
        ({"text": "a,a\n"}, "invalid_data", "'a' is there twice (columns 1 and 2)"),
        ({"text": 'a\n"open\n1\n'}, "invalid_data", "begins on line 2: unexpected end"),
        ({"text": "a\n" + "1\n" * 11, "max_rows": 10}, "too_large", "more than 10 rows"),
        ({"text": "a\n" + "x" * 200_000}, "invalid_data", "field larger than field limit"),
        ({"text": 'a\n"x" y\n'}, "invalid_data", "line 2"),
        ({}, "invalid_config", "exactly one of"),
        ({"text": "a", "rows": []}, "invalid_config", "exactly one of"),
        ({"rows": [{"a": 1}], "columns": ["a", "a"]}, "invalid_config", "named twice"),
        ({"text": 5}, "invalid_config", "with.text"),
        ({"text": "a", "delimiter": "ab"}, "invalid_config", "with.delimiter"),
    ],
)
async def test_what_is_no_table_is_named(world: World, config: Any, kind: str, says: str) -> None:
    """The failure tells the line and what was expected [ND64]."""
    error = await world.error(data_csv.run, config)
    assert error.kind == kind
    assert says in error.message
    assert error.may_have_happened is False


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"rows": [{"a": 1, "b": "x"}, {"b": None, "c": True}]}, "a,b,c\r\n1,x,\r\n,,true\r\n"),
        ({"rows": [{"a": 1, "b": 2}], "columns": ["b", "a"]}, "b,a\r\n2,1\r\n"),
        ({"rows": [[1, 2]], "header": False}, "1,2\r\n"),
        ({"rows": [{"a": 'x"y', "b": "1;2", "c": " s"}]}, 'a,b,c\r\n"x""y","1;2"," s"\r\n'),
        ({"rows": [{"a": {"k": [1]}}]}, 'a\r\n"{""k"":[1]}"\r\n'),
        ({"rows": []}, ""),
        ({"rows": [{"a": -1.5}, {"a": "-1.5"}]}, "a\r\n-1.5\r\n-1.5\r\n"),
    ],
)
async def test_rows_become_a_table(world: World, config: Any, text: str) -> None:
    """Columns in their order, quotes where they are needed [ND64]."""
    assert (await world.output(data_csv.run, config))["text"] == text


@pytest.mark.parametrize("to", ["text", "blob"])
async def test_what_is_written_is_read_again(world: World, to: str) -> None:
    """Rows survive the way out and back, by text or by payload [ND64]."""
    rows = [{"name": 'Ä, "b"\n;|\t', "n": "3"}, {"name": "", "n": "'"}, {"name": " x ", "n": "a\r"}]
    output = await world.output(data_csv.run, {"rows": rows, "to": to})
    given = {to: output[to]} if to == "text" else {"blob": output["blob"]}
    assert (await world.output(data_csv.run, given))["rows"] == rows


async def test_a_payload_is_read_in_its_encoding(world: World) -> None:
    """Bytes that do not fit are named with the place [ND64]."""
    ref = await world.blobs.put(None, "a\nä".encode("cp1252"))  # type: ignore[arg-type]
    blob = {"hash": ref.hash, "size": ref.size}
    error = await world.error(data_csv.run, {"blob": blob})
    assert (error.kind, error.message) == (
        "invalid_data", "it is no utf-8: byte 2 does not fit; name its `encoding`",
    )  # fmt: skip
    output = await world.output(data_csv.run, {"blob": blob, "encoding": "cp1252"})
    assert output["rows"] == [{"a": "ä"}]


async def test_rows_that_do_not_fit_the_columns_are_named(world: World) -> None:
    """An unknown column and a short list fail before anything is written [ND64]."""
    for rows, says in (([{"a": 1, "z": 2}], "rows[0] has 'z'"), ([[1]], "rows[0]: expected 2")):
        config = {"rows": rows, "columns": ["a", "b"]}
        error = await world.error(data_csv.run, config)
        assert (error.kind, says in error.message) == ("invalid_data", True)
