# SPDX-License-Identifier: Apache-2.0
"""sql.query on real databases: what all three do alike."""

import asyncio
import json
import threading
from typing import Any

import pytest

from legato.model.signals import ReportFailure
from legato.nodes import sql, sql_rows
from legato.nodes.sql_sqlite import SqliteSession
from tests.integration.nodes.databases import Desk
from tests.unit.nodes.world import request


@pytest.fixture(autouse=True)
def shop(desk: Desk) -> None:
    """A table with three rows."""
    desk.database.run(
        "CREATE TABLE goods (id int PRIMARY KEY, name varchar(100), price numeric(8,2))",
        "INSERT INTO goods VALUES (1, 'tea', 2.50), (2, 'it''s', 3), (3, NULL, NULL)",
    )


def names(desk: Desk) -> list[Any]:
    return [row[0] for row in desk.database.run("SELECT name FROM goods ORDER BY id")]


async def test_a_query_returns_columns_and_rows(desk: Desk) -> None:
    """Rows are objects by column name, values plain [ND30, ND35]."""
    output = await desk.output("SELECT id, name FROM goods ORDER BY id")
    assert output == {
        "columns": ["id", "name"],
        "rows": [{"id": 1, "name": "tea"}, {"id": 2, "name": "it's"}, {"id": 3, "name": None}],
        "row_count": 3,
        "truncated": False,
        "changed": None,
        "blob": None,
    }


@pytest.mark.parametrize(
    ("value", "found"),
    [("tea", [1]), ("it's", [2]), ("' OR 1=1 --", []), ("'; DROP TABLE goods; --", []),
     ("tea\\", []), ("\\' OR 1=1 #", []), (":name", []), ("$1", []), ("%s", []), ("", [])],
)  # fmt: skip
async def test_a_parameter_is_data(desk: Desk, value: str, found: list[int]) -> None:
    """`' OR 1=1 --` as a value finds nothing, and nothing else happens [ND31]."""
    query = "SELECT id FROM goods WHERE name = :name /* :other */ AND ':third' <> '' -- :fourth"
    rows = await desk.rows(query, params={"name": value})
    assert [row["id"] for row in rows] == found
    assert len(names(desk)) == 3


async def test_parameters_of_every_type_are_bound(desk: Desk) -> None:
    """Texts, numbers, booleans and null; one name may stand in several places [ND31]."""
    query = """
        SELECT CAST(:t AS char(9)) AS t, id AS i FROM goods
        WHERE id = :i AND price < :f AND (name = :n OR CAST(:n AS char(9)) IS NULL)
        AND (:yes OR id = 7)
    """
    params = {"t": "text", "i": 1.0, "f": 2.75, "n": None, "yes": True}
    assert [row["i"] for row in await desk.rows(query, params=params)] == [1]
    assert [row["i"] for row in await desk.rows(query, params={**params, "n": "coffee"})] == []


@pytest.mark.parametrize(
    ("limit", "count", "truncated"), [(1, 1, True), (2, 2, True), (3, 3, False), (9, 3, False)]
)
async def test_more_rows_than_allowed_are_cut_off_and_it_says_so(
    desk: Desk, limit: int, count: int, truncated: bool
) -> None:
    """`truncated` tells exactly whether there was more [ND36]."""
    output = await desk.output("SELECT id FROM goods", max_rows=limit)
    assert (len(output["rows"]), output["row_count"], output["truncated"]) == (
        count, count, truncated,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("jsonl", '{"id":1,"name":"tea"}\n{"id":2,"name":"it\'s"}\n{"id":3,"name":null}\n'),
        ("csv", "id,name\r\n1,tea\r\n2,it's\r\n3,\r\n"),
    ],
)
async def test_rows_go_into_a_blob(desk: Desk, form: str, text: str) -> None:
    """As JSON lines or CSV with a header; the output holds the reference [ND36]."""
    query = "SELECT id, name FROM goods ORDER BY id"
    output = await desk.output(query, into="blob", format=form)
    blob = output["blob"]
    assert desk.world.blobs.payloads[blob["hash"]].decode() == text
    assert (output["rows"], output["row_count"], blob["name"]) == ([], 3, f"step_one.{form}")


async def test_many_rows_go_through_in_pieces(desk: Desk) -> None:
    """Every row arrives once and in order, whatever the size of the pieces [ND36]."""
    values = ", ".join(
        f"({number}, '{'x' * (number % 97)}', {number})" for number in range(4, 3000)
    )
    desk.database.run(f"INSERT INTO goods VALUES {values}")
    query = "SELECT id, name FROM goods WHERE id > 3 ORDER BY id"
    output = await desk.output(query, into="blob", max_rows=2_000)
    lines = desk.world.blobs.payloads[output["blob"]["hash"]].splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(4, 2004))
    assert json.loads(lines[90]) == {"id": 94, "name": "x" * 94}
    assert output["truncated"] is True


async def test_columns_with_the_same_name_are_refused_by_name(desk: Desk) -> None:
    """One of them would be lost without a word [ND35]."""
    error = await desk.error("SELECT a.id, b.id, 1 AS x FROM goods AS a, goods AS b")
    assert (error.kind, "'id'" in error.message, "AS" in error.message) == (
        "invalid_query", True, True,
    )  # fmt: skip


async def test_rows_that_are_too_large_for_an_output_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says where they fit [ND36]."""
    monkeypatch.setattr(sql, "INLINE_BYTES_MAX", 20)
    error = await desk.error("SELECT id FROM goods")
    assert (error.kind, "into: blob" in error.message) == ("result_too_large", True)
    output = await desk.output("SELECT id FROM goods", into="blob")
    assert output["row_count"] == 3


async def test_a_value_that_is_too_large_is_refused_by_column(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cell has a bound of its own [ND36]."""
    monkeypatch.setattr(sql_rows, "CELL_BYTES_MAX", 1_000)
    query = "SELECT concat(name, :long) AS wide FROM goods WHERE id = 1"
    if desk.database.kind != "mysql":
        query = query.replace("concat(name, :long)", "name || :long")
    error = await desk.error(query, params={"long": "ü" * 600})
    assert (error.kind, "'wide'" in error.message) == ("result_too_large", True)


async def test_the_database_says_what_is_wrong(desk: Desk) -> None:
    """Kind `sql.error` with its own words; nothing has happened [ND38]."""
    error = await desk.error("SELECT nope FROM goods")
    assert (error.kind, error.may_have_happened, error.retryable) == ("sql.error", False, False)
    assert "nope" in error.message


async def test_a_statement_that_takes_too_long_is_stopped_on_the_server(desk: Desk) -> None:
    """Kind `timeout`; the server does not go on with it [ND37]."""
    error = await desk.error(desk.database.make_endless(), timeout_s=0.3)
    assert (error.kind, error.may_have_happened) == ("timeout", False)
    assert not desk.database.is_busy()


async def test_a_cancelled_statement_is_stopped_on_the_server(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the grace of 2 s, and nothing of it is left running [ND37]."""
    begun = threading.Event()
    patiently = SqliteSession._patiently

    def begin(*given: Any) -> Any:
        begun.set()
        return patiently(*given)

    monkeypatch.setattr(SqliteSession, "_patiently", begin)
    endless = desk.database.make_endless()
    desk.world.types[sql.query.info.uses] = sql.query
    runner = desk.world.runner()
    asked = request(sql.query, desk.config(endless), effect="pure")
    task = asyncio.ensure_future(runner.run(asked))
    while desk.database.kind != "sqlite" and not await asyncio.to_thread(desk.database.is_busy):
        assert not task.done()
    if desk.database.kind == "sqlite":
        await asyncio.to_thread(begun.wait, 20)
    runner.stop(asked.key)
    report = await asyncio.wait_for(task, 4)
    assert isinstance(report, ReportFailure) is False
    assert not getattr(report, "outcome_unknown", False), "it was left behind, not stopped"
    assert not desk.database.is_busy()


async def test_no_thread_and_no_connection_is_left(desk: Desk) -> None:
    """After success, failure and time-out alike nothing stays open [ND37]."""
    await desk.rows("SELECT id FROM goods", max_rows=1)
    await desk.error("SELECT nope FROM goods")
    await desk.error(desk.database.make_endless(), timeout_s=0.2)
    for each in threading.enumerate():
        if each.name.startswith("legato-sql"):
            await asyncio.to_thread(each.join, 5)
            assert not each.is_alive()
    counts = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
        "AND id <> connection_id()",
    }
    if desk.database.kind in counts:
        for _ in range(500):
            if desk.database.run(counts[desk.database.kind])[0][0] == 0:
                break
        assert desk.database.run(counts[desk.database.kind])[0][0] == 0


async def test_a_write_is_kept_and_counted(desk: Desk) -> None:
    """INSERT, UPDATE and DELETE with `write: true` in node and grant [ND38]."""
    desk.grant(write=True)
    insert = "INSERT INTO goods (id, name) VALUES (:id, :name)"
    params = {"id": 9, "name": "'); DROP TABLE goods; --"}
    assert (await desk.output(insert, params=params, write=True))["changed"] == 1
    assert names(desk)[-1] == params["name"]
    update = "UPDATE goods SET name = :name WHERE id < 3"
    assert (await desk.output(update, params={"name": "x"}, write=True))["changed"] == 2
    delete = "DELETE FROM goods WHERE id = :id"
    assert (await desk.output(delete, params={"id": 9}, write=True))["changed"] == 1
    assert names(desk) == ["x", "x", None]


async def test_what_a_write_returns_is_read_whole_and_kept(desk: Desk) -> None:
    """RETURNING gives rows; those beyond `max_rows` are written all the same [ND38]."""
    desk.grant(write=True)
    query = (
        "INSERT INTO goods (id, name) SELECT id + 10, name FROM goods WHERE id > :id RETURNING id"
    )
    output = await desk.output(query, params={"id": 0}, write=True, max_rows=1)
    assert (output["changed"], output["row_count"], output["truncated"]) == (3, 1, True)
    assert len(names(desk)) == 6


async def test_a_write_that_fails_leaves_nothing_and_says_so(desk: Desk) -> None:
    """One transaction: a refused statement did certainly not happen [ND38]."""
    desk.grant(write=True)
    query = "INSERT INTO goods (id, name) SELECT 12 - id, 'new' FROM goods UNION SELECT 1, 'old'"
    error = await desk.error(query, write=True)
    assert (error.kind, error.may_have_happened) == ("sql.error", False)
    assert names(desk) == ["tea", "it's", None]


async def test_a_write_that_takes_too_long_leaves_nothing_and_says_so(desk: Desk) -> None:
    """Stopped before its commit it did certainly not happen [ND37, ND38]."""
    desk.grant(write=True)
    endless = desk.database.make_endless()
    into = endless.replace("WITH ", "INSERT INTO goods (id) WITH ", 1)
    if desk.database.kind == "mysql":
        into = f"INSERT INTO goods (id) {endless}"
    error = await desk.error(into, write=True, timeout_s=0.3)
    assert (error.kind, error.may_have_happened) == ("timeout", False)
    assert len(names(desk)) == 3


async def test_a_write_whose_result_is_refused_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is the last thing that happens [ND38]."""
    desk.grant(write=True)
    monkeypatch.setattr(sql, "INLINE_BYTES_MAX", 5)
    query = "INSERT INTO goods (id, name) VALUES (8, 'long') RETURNING name"
    error = await desk.error(query, write=True)
    assert (error.kind, error.may_have_happened) == ("result_too_large", False)
    assert len(names(desk)) == 3


async def test_a_grant_for_reading_is_none_for_writing(desk: Desk) -> None:
    """The refusal says which line to add [ND38]."""
    error = await desk.error("DELETE FROM goods", write=True)
    assert (error.kind, error.may_have_happened) == ("not_granted", False)
    assert "[grants.sql.connections.db] write = true" in error.message
    desk.grant(write=True)
    error = await desk.error("DELETE FROM goods")
    assert (error.kind, "write: true" in error.message) == ("invalid_query", True)
    assert len(names(desk)) == 3


async def test_explain_shows_the_plan(desk: Desk) -> None:
    """EXPLAIN of a query is a query [ND32]."""
    assert await desk.rows("EXPLAIN SELECT id FROM goods WHERE id = :id", params={"id": 1})


async def test_many_statements_at_once_wait_for_their_turn(desk: Desk) -> None:
    """A foreach does not use up the connections of the database [ND36]."""
    query = "SELECT id FROM goods WHERE id = :id"
    runs = [desk.rows(query, params={"id": number % 3 + 1}) for number in range(24)]
    assert [rows[0]["id"] for rows in await asyncio.gather(*runs)] == [
        number % 3 + 1 for number in range(24)
    ]
