# SPDX-License-Identifier: Apache-2.0
"""sql.query on real databases: what each type of each of them becomes."""

from typing import Any

import pytest

from tests.integration.nodes.databases import Desk


async def test_types_of_sqlite(lite: Desk) -> None:
    """Bytes are base64, integers of 64 bits stay numbers [ND35]."""
    query = """
        SELECT 1 AS i, 9223372036854775807 AS big, 1.5 AS f, 'ü' AS t, x'00ff' AS b, NULL AS n,
               date('2026-02-03') AS d, json_array(1, 'a') AS j
    """
    assert await lite.rows(query) == [
        {"i": 1, "big": 2**63 - 1, "f": 1.5, "t": "ü", "b": "AP8=", "n": None, "d": "2026-02-03",
         "j": '[1,"a"]'}
    ]  # fmt: skip


async def test_types_of_postgres(pg: Desk) -> None:
    """Numeric, dates, UUID, interval and addresses are text, arrays are lists [ND35]."""
    query = """
        SELECT 1::int2 AS i, 9223372036854775807 AS big, 1.5::float8 AS f, 12.340::numeric AS n,
               '\\x00ff'::bytea AS b, '2026-02-03'::date AS d, '04:05:06'::time AS t,
               '2026-02-03 04:05:06.5+02'::timestamptz AS tz, '2026-02-03 04:05'::timestamp AS ts,
               '01990000-0000-7000-8000-000000000001'::uuid AS u, '1 month 2 days'::interval AS v,
               '10.0.0.1/32'::inet AS a, array[1, NULL] AS l, '{"k": [1]}'::jsonb AS j, true AS y,
               row(1, 'a') AS r
    """
    assert await pg.rows(query) == [
        {"i": 1, "big": 2**63 - 1, "f": 1.5, "n": "12.340", "b": "AP8=", "d": "2026-02-03",
         "t": "04:05:06", "tz": "2026-02-03T02:05:06.500000+00:00", "ts": "2026-02-03T04:05:00",
         "u": "01990000-0000-7000-8000-000000000001", "v": "1 mon 2 days", "a": "10.0.0.1",
         "l": [1, None], "j": '{"k": [1]}', "y": True, "r": [1, "a"]}
    ]  # fmt: skip


async def test_types_of_mysql(my: Desk) -> None:
    """Decimals, dates and unsigned integers beyond 64 bits are text [ND35]."""
    my.database.run(
        "CREATE TABLE v (i tinyint, big bigint unsigned, small bigint unsigned, f double, "
        "n decimal(8,3), b varbinary(9), d date, t time, ts datetime(1), y year, bits bit(9), "
        "j json)",
        "INSERT INTO v VALUES (1, 18446744073709551615, 7, 1.5, 12.34, x'00ff', '2026-02-03', "
        "'04:05:06', '2026-02-03 04:05:06.5', 2026, b'100000001', '[1]')",
    )
    assert await my.rows("SELECT * FROM v") == [
        {"i": 1, "big": "18446744073709551615", "small": 7, "f": 1.5, "n": "12.340", "b": "AP8=",
         "d": "2026-02-03", "t": "04:05:06", "ts": "2026-02-03T04:05:06.5", "y": 2026, "bits": 257,
         "j": "[1]"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "says"),
    [("SELECT 'NaN'::float8 AS bad", "nan"), ("SELECT '-Infinity'::float4 AS bad", "inf"),
     ("SELECT 'NaN'::numeric AS bad", "NaN"), ("SELECT array[1, 'NaN'::float8] AS bad", "nan"),
     ("SELECT int4range(1, 2) AS bad", "Range"), ("SELECT B'101' AS bad", "BitString")],
)  # fmt: skip
async def test_what_json_does_not_have_is_refused_by_column(
    pg: Desk, query: str, says: str
) -> None:
    """NaN, infinities and types without a plain form; the message says what to do [ND35]."""
    for config in ({}, {"into": "blob"}, {"into": "blob", "format": "csv"}):
        error = await pg.error(query, **config)
        assert (error.kind, "'bad'" in error.message, says in error.message) == (
            "invalid_value", True, True,
        )  # fmt: skip


@pytest.mark.parametrize("query", ["SELECT 9e999 AS bad", "SELECT char(97, 0, 98) AS bad"])
async def test_infinity_and_nul_of_sqlite_are_refused_by_column(lite: Desk, query: str) -> None:
    """They would become null or break what reads the output [ND35]."""
    error = await lite.error(query)
    assert (error.kind, "'bad'" in error.message) == ("invalid_value", True)


@pytest.mark.parametrize(
    ("kind", "value", "back"),
    [("int8", 5, 5), ("int8", 5.0, 5), ("numeric", "1.10", "1.10"), ("float8", 2, 2.0),
     ("bool", False, False), ("date", "2026-02-03", "2026-02-03"), ("bytea", "AP8=", "AP8="),
     ("timestamptz", "2026-02-03T04:05:06+00:00", "2026-02-03T04:05:06+00:00"),
     ("time", "04:05:06", "04:05:06"), ("interval", "1 month", "1 mon"), ("jsonb", "[1]", "[1]"),
     ("uuid", "01990000-0000-7000-8000-000000000001", "01990000-0000-7000-8000-000000000001"),
     ("text", "x", "x"), ("int4", None, None)],
)  # fmt: skip
async def test_parameters_of_postgres_have_its_types(
    pg: Desk, kind: str, value: Any, back: Any
) -> None:
    """A JSON value becomes what the server expects [ND31]."""
    rows = await pg.rows(f"SELECT CAST(:v AS {kind}) AS v", params={"v": value})
    assert rows == [{"v": back}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int8", "5"), ("int8", 1.5), ("int8", True), ("text", 5), ("date", "yesterday"),
     ("bool", 1), ("uuid", "x"), ("bytea", "!"), ("float8", "1"), ("numeric", "many")],
)  # fmt: skip
async def test_a_parameter_of_another_type_is_refused_by_name(
    pg: Desk, kind: str, value: Any
) -> None:
    """The message names the parameter, what was expected and what to write [ND31]."""
    error = await pg.error(f"SELECT CAST(:v AS {kind}) AS v", params={"v": value})
    assert error.kind == "invalid_query"
    assert ":v" in error.message and kind in error.message and "CAST(:v AS" in error.message


async def test_full_text_search_works_in_a_guarded_connection(lite: Desk) -> None:
    """What SQLite's own modules ask of their tables is allowed [ND34]."""
    lite.database.run(
        "CREATE VIRTUAL TABLE notes USING fts5(body)",
        "INSERT INTO notes VALUES ('green tea')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)",
        "INSERT INTO boxes VALUES (1, 2, 3)",
    )
    lite.grant(write=True)
    assert await lite.rows("SELECT id FROM boxes WHERE low > 1") == [{"id": 1}]
    insert = "INSERT INTO notes VALUES (:text)"
    assert (await lite.output(insert, params={"text": "coffee"}, write=True))["changed"] == 1
    query = "SELECT snippet(notes, 0, '[', ']', '', 5) AS hit FROM notes WHERE notes MATCH :q"
    assert await lite.rows(query, params={"q": "tea"}) == [{"hit": "green [tea]"}]


async def test_a_database_in_wal_mode_is_read(lite: Desk) -> None:
    """The usual mode of a database that somebody else writes to [ND34]."""
    lite.database.run("PRAGMA journal_mode=WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    assert await lite.rows("SELECT a FROM t") == [{"a": 1}]
