# SPDX-License-Identifier: Apache-2.0
"""sql.query when the database is gone, hangs, lies, or refuses at the last moment."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from legato.nodes import sql, sql_mysql, sql_sqlite
from legato.ports.grants import Grants, SqlConnection
from tests.integration.nodes.databases import Desk
from tests.unit.nodes.world import World

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[int]:
    """A server that speaks as told; gives its port."""
    writers: list[asyncio.StreamWriter] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    listening = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in writers:
            writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    await reader.read(-1)


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def grant(world: World, url: str, **rights: Any) -> None:
    world.grants = Grants(connections={"db": SqlConnection(url=url, **rights)})


ASK = {"connection": "db", "query": "SELECT 1"}


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("talk", [garbage, gone])
async def test_a_server_that_is_none_is_a_failed_connection(
    world: World, scheme: str, talk: Talk
) -> None:
    """Garbage and a closed door are named as such; nothing happened [ND38]."""
    async with server(talk) as port:
        grant(world, f"{scheme}://legato@127.0.0.1:{port}/db", write=True)
        error = await world.error(sql.query, ASK)
    assert (error.kind, error.may_have_happened) == ("connection", False)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_server_that_never_answers_does_not_hold_the_node(
    world: World, scheme: str
) -> None:
    """The time of the statement counts from the connection on [ND37]."""
    async with server(silent) as port:
        grant(world, f"{scheme}://legato@127.0.0.1:{port}/db")
        error = await world.error(sql.query, {**ASK, "timeout_s": 0.3})
    assert (error.kind in {"timeout", "connection"}, error.may_have_happened) == (True, False)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_refused_connection_did_not_happen(world: World, scheme: str) -> None:
    """A target that is not there [ND38]."""
    async with server(gone) as port:
        pass
    grant(world, f"{scheme}://legato@127.0.0.1:{port}/db")
    error = await world.error(sql.query, ASK)
    assert (error.kind, error.may_have_happened, error.retryable) == ("connection", False, True)


@pytest.mark.parametrize("name", ["postgres_server", "mysql_server"])
async def test_a_database_that_is_not_there_is_not_worth_a_retry(
    world: World, name: str, request: pytest.FixtureRequest
) -> None:
    """The server's own words say what is missing [ND38]."""
    url = request.getfixturevalue(name).rpartition("/")[0]
    grant(world, f"{url}/no_such_database")
    error = await world.error(sql.query, ASK)
    assert (error.kind, error.retryable) == ("connection", False)
    assert "no_such_database" in error.message


async def test_tls_is_verified_where_the_url_says_so(world: World, postgres_server: str) -> None:
    """A server without a certificate that holds gets nothing [ND30]."""
    grant(world, f"{postgres_server}?sslmode=verify-full")
    error = await world.error(sql.query, ASK)
    assert (error.kind, error.may_have_happened) == ("connection", False)


async def test_unknown_options_of_a_url_are_named(world: World, postgres_server: str) -> None:
    """An option that is not understood is not passed over [ND30]."""
    grant(world, f"{postgres_server}?options=-csearch_path%3Devil")
    error = await world.error(sql.query, ASK)
    assert (error.kind, "options" in error.message) == ("connection", True)


# --- at the last moment ---------------------------------------------------------------------------

INSERT: dict[str, Any] = {
    "query": "INSERT INTO goods (id) VALUES (:id)",
    "params": {"id": 7},
    "write": True,
}


async def test_a_commit_that_postgres_refuses_did_not_happen(pg: Desk) -> None:
    """A constraint that is checked at the commit takes all back [ND38]."""
    pg.database.run(
        "CREATE TABLE owners (id int PRIMARY KEY)",
        "CREATE TABLE goods (id int REFERENCES owners DEFERRABLE INITIALLY DEFERRED)",
    )
    pg.grant(write=True)
    error = await pg.error(**INSERT)
    assert (error.kind, error.may_have_happened) == ("sql.error", False)
    assert pg.database.run("SELECT id FROM goods") == []


async def test_a_commit_that_sqlite_refuses_did_not_happen(lite: Desk) -> None:
    """A constraint that is checked at the commit takes all back [ND38]."""
    lite.database.run(
        "CREATE TABLE owners (id int PRIMARY KEY)",
        "CREATE TABLE goods (id int REFERENCES owners DEFERRABLE INITIALLY DEFERRED)",
    )
    lite.grant(write=True)
    error = await lite.error(**INSERT)
    assert (error.kind, error.may_have_happened) == ("sql.error", False)
    assert lite.database.run("SELECT id FROM goods") == []


async def test_a_connection_lost_at_the_commit_leaves_a_doubt(
    pg: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether the commit arrived [ND38]."""
    pg.database.run("CREATE TABLE goods (id int)")
    pg.grant(write=True)
    execute = asyncpg.Connection.execute

    async def lose(self: Any, text: str, *rest: Any) -> Any:
        answer = await execute(self, text, *rest)
        if text == "COMMIT":
            raise ConnectionResetError("lost")
        return answer

    monkeypatch.setattr(asyncpg.Connection, "execute", lose)
    error = await pg.error(**INSERT)
    assert (error.kind, error.may_have_happened) == ("connection", True)


async def test_a_connection_lost_at_the_commit_of_mysql_leaves_a_doubt(
    my: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether the commit arrived [ND38]."""
    my.database.run("CREATE TABLE goods (id int)")
    my.grant(write=True)

    def lose(self: Any) -> None:
        sql_mysql._hang_up(self)
        self.query("COMMIT")

    monkeypatch.setattr(sql_mysql._Connection, "commit", lose)
    error = await my.error(**INSERT)
    assert (error.kind, error.may_have_happened) == ("connection", True)


async def test_a_table_without_transactions_keeps_part_of_a_failed_write(my: Desk) -> None:
    """The server says that it could not take it back, and so does the node [ND38]."""
    my.database.run("CREATE TABLE goods (id int PRIMARY KEY) ENGINE=MyISAM")
    my.grant(write=True)
    error = await my.error("INSERT INTO goods (id) VALUES (1), (2), (1)", write=True)
    kept = len(my.database.run("SELECT id FROM goods"))
    assert (error.kind, error.may_have_happened, kept > 0) == ("sql.error", True, True)


async def test_a_locked_database_is_waited_for_and_then_named(
    lite: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else writes: kind `sql.error`, worth a retry, nothing happened [ND37, ND38]."""
    monkeypatch.setattr(sql_sqlite, "LOCK_S", 0.0)
    monkeypatch.setattr(sql_sqlite, "BUSY_S", 0.01)
    lite.database.run("CREATE TABLE goods (id int)")
    lite.grant(write=True)
    other = sqlite3.connect(Path(lite.database.url.removeprefix("sqlite:///")))
    other.isolation_level = None
    other.execute("BEGIN EXCLUSIVE")
    error = await lite.error(**INSERT)
    assert (error.kind, error.may_have_happened, error.retryable) == ("sql.error", False, True)
    other.close()
    assert (await lite.output(**INSERT))["changed"] == 1


async def test_a_lock_that_is_given_back_in_time_is_waited_for(
    lite: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement goes on by itself [ND37]."""
    lite.database.run("CREATE TABLE goods (id int)")
    lite.grant(write=True)
    other = sqlite3.connect(
        lite.database.url.removeprefix("sqlite:///"), check_same_thread=False, isolation_level=None
    )
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sql_sqlite, "BUSY_S", 0.01)
    code = sql_sqlite._code

    def give_back(error: sqlite3.Error) -> int:
        other.rollback()
        return code(error)

    monkeypatch.setattr(sql_sqlite, "_code", give_back)
    assert (await lite.output(**INSERT))["changed"] == 1
    other.close()
