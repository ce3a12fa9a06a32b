# SPDX-License-Identifier: Apache-2.0
"""What somebody would try who may write a query, or a value that comes into one."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from legato.nodes import sql
from legato.nodes.sql_guard import Dialect, Rules, Statement, check
from legato.ports.grants import Grants, SqlConnection
from legato.ports.node import NodeFailure
from tests.integration.nodes.databases import ENDLESS, Desk
from tests.unit.nodes.world import CANARY, World

EVERYWHERE = [
    "", ";", "-- nothing", "/* nothing */",
    "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE goods", "EXPLAIN SELECT 1; DROP TABLE t",
    "SELECT 1 -- ;\n; DELETE FROM goods", "SELECT 1 /* a */ ; DELETE FROM goods",
    "DROP TABLE goods", "CREATE TABLE x (a int)", "CREATE TABLE x AS SELECT 1",
    "ALTER TABLE goods ADD x int", "TRUNCATE TABLE goods", "BEGIN", "COMMIT", "ROLLBACK",
    "SAVEPOINT s", "SELECT 1 INTO x", "SELECT * FROM goods FOR UPDATE",
    "WITH gone AS (DELETE FROM goods RETURNING *) SELECT * FROM gone",
    "WITH x AS (SELECT 1) DELETE FROM goods", "(DELETE FROM goods)",
    "EXPLAIN ANALYZE DELETE FROM goods", "EXPLAIN DELETE FROM goods", "EXPLAIN EXPLAIN SELECT 1",
    "EXPLAIN CREATE TABLE x (a int)", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p",
    "CALL p()", "DO SLEEP(1)", "SET x = 1", "SHOW TABLES", "USE other", "GRANT ALL ON goods TO x",
    "SELECT sleep(1)", "SELECT pg_sleep(1)", "SELECT PG_SLEEP(1)", 'SELECT "pg_sleep"(1)',
    "SELECT pg_sleep /* */ (1)", "SELECT pg_sleep\n(1)", 'SELECT "pg_catalog"."pg_sleep"(1)',
    "SELECT pg_catalog . pg_sleep ( 1 )", "SELECT evil.lower('x')", "SELECT a.b.lower('x')",
    "SELECT * FROM pg_read_file('/etc/passwd')", "SELECT (SELECT load_file('/etc/passwd'))",
    "SELECT load_extension('x')", "SELECT 1 WHERE 1 IN (SELECT pg_sleep(1))",
    "SELECT 1 ORDER BY pg_sleep(1)", "SELECT 1 LIMIT pg_sleep(1)", "VALUES (pg_sleep(1))",
    "SELECT 1 UNION SELECT pg_sleep(1)", "SELECT CASE WHEN pg_sleep(1) IS NULL THEN 1 END",
    "WITH pg_sleep(a) AS (SELECT 1) SELECT pg_sleep(9) FROM pg_sleep",
    "SELECT * FROM goods AS pg_sleep(a), pg_sleep(9)", "SELECT \N{KELVIN SIGN}oalesce(1)",
    "SELECT \0 1", "SELECT 'a", 'SELECT "a', "SELECT (1", "SELECT " + "(" * 400 + "1" + ")" * 400,
    "SELECT " + "NOT " * 5_000 + "1", "SELECT ?", "SELECT $1", "SELECT @x", "SELECT 1 \\g",
    "SELECT N'x'", "SELECT :x(1)",
]  # fmt: skip

OF_SQLITE = [
    "ATTACH '/etc/passwd' AS x", "DETACH x", "PRAGMA writable_schema = 1", "VACUUM INTO '/tmp/x'",
    "VACUUM", "REINDEX", "ANALYZE", "SELECT * FROM pragma_database_list('x')", "SELECT edit('x')",
    "SELECT readfile('/etc/passwd')", "SELECT writefile('/tmp/x', 'x')",
    "SELECT fts3_tokenizer('x')",
    "SELECT [load_extension]('x')", "SELECT `load_extension`('x')", "SELECT ?1", "SELECT $x",
    "CREATE TRIGGER x AFTER INSERT ON goods BEGIN SELECT 1; END", "REPLACE INTO goods VALUES (1)",
]  # fmt: skip

OF_POSTGRES = [
    "COPY goods TO PROGRAM 'id'", "COPY goods FROM '/etc/passwd'", "COPY (SELECT 1) TO STDOUT",
    "SELECT pg_ls_dir('/')", "SELECT lo_import('/etc/passwd')", "SELECT lo_export(1, '/tmp/x')",
    "SELECT dblink('host=evil', 'SELECT 1')", "SELECT set_config('a.b', 'c', false)",
    "SELECT current_setting('data_directory')", "SELECT pg_terminate_backend(1)",
    "SELECT pg_advisory_lock(1)", "SELECT pg_notify('a', 'b')", "SELECT nextval('s')",
    "SELECT query_to_xml('DELETE FROM goods', true, true, '')", "SELECT ts_stat('SELECT 1')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT 1')", "SELECT pg_reload_conf()",
    "SELECT 1 OPERATOR(pg_catalog.+) 1", "SELECT ('x').pg_sleep", "SELECT (goods).f FROM goods",
    "SELECT * FROM ROWS FROM (pg_sleep(1)) AS x", "SELECT U&\"pg\\005fsleep\"(1)", "SELECT U&'x'",
    "SELECT E'\\'; DELETE FROM goods; --'", "SELECT $$x$$", "SELECT $a$x$a$", "LISTEN x",
    "NOTIFY x, 'y'", "LOCK TABLE goods", "DISCARD ALL", "RESET ALL", "SET ROLE postgres",
    "SET TRANSACTION READ WRITE", "DECLARE c CURSOR FOR SELECT 1", "FETCH c", "TABLE goods",
    "DO $$ BEGIN END $$", "SELECT * FROM goods FOR NO KEY UPDATE", "EXPLAIN (ANALYZE) SELECT 1",
    "EXPLAIN (FORMAT JSON, ANALYZE) SELECT 1", "EXPLAIN VERBOSE DELETE FROM goods",
    "REFRESH MATERIALIZED VIEW x", "SECURITY LABEL ON TABLE goods IS 'x'", "CHECKPOINT",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z", "ALTER SYSTEM SET x = 1",
]  # fmt: skip

OF_MYSQL = [
    "SELECT 'x' INTO OUTFILE '/tmp/x'", "SELECT 'x' INTO DUMPFILE '/tmp/x'", "SELECT 1 INTO @x",
    "SELECT /*!50000 SLEEP(1) */ 1", "SELECT /*M! SLEEP(1) */ 1", "SELECT /*!SLEEP*/(1)",
    "SELECT /*+ SET_VAR(sql_mode='') */ 1", "SELECT `sleep`(1)", "SELECT BENCHMARK(9, 1)",
    "SELECT GET_LOCK('x', 1)", "SELECT @x := 1", "SELECT @@datadir",
    "LOAD DATA INFILE 'x' INTO TABLE y",
    "HANDLER goods OPEN", "KILL 1", "PREPARE p FROM 'SELECT 1'", "EXECUTE IMMEDIATE 'SELECT 1'",
    "SELECT 1 LOCK IN SHARE MODE", "SELECT _sjis'x'", "SELECT * FROM goods PROCEDURE ANALYSE()",
    "SELECT '\\\\'; SELECT sleep(1) -- '", "ANALYZE SELECT 1", "DESCRIBE goods", "FLUSH TABLES",
    "EXPLAIN FOR CONNECTION 1", "SELECT {d '2026-01-01'}", "REPLACE INTO goods VALUES (1)",
    "SELECT extractvalue('x', 'y')", "SELECT sys_exec('id')", "INSTALL PLUGIN x SONAME 'y'",
    "BEGIN NOT ATOMIC SELECT 1; END",
]  # fmt: skip

ATTACKS: list[tuple[Dialect, str]] = [
    *[(dialect, each) for dialect in ("sqlite", "postgres", "mysql") for each in EVERYWHERE],
    *[("sqlite", each) for each in OF_SQLITE],
    *[("postgres", each) for each in OF_POSTGRES],
    *[("mysql", each) for each in OF_MYSQL],
]


def outcome(query: str, dialect: Dialect, *, write: bool = False) -> Statement | NodeFailure:
    try:
        return check(query, Rules(dialect=dialect, connection="db", write=write))
    except NodeFailure as failure:
        return failure


@pytest.mark.parametrize(("dialect", "query"), ATTACKS)
def test_what_is_no_harmless_query_is_not_sent(dialect: Dialect, query: str) -> None:
    """Whatever the database would make of it, it never sees it [ND32]."""
    found = outcome(query, dialect)
    assert isinstance(found, NodeFailure)
    assert (found.error.kind, found.error.may_have_happened) == ("invalid_query", False)


@pytest.mark.parametrize(
    ("dialect", "query", "sent"),
    [
        # PostgreSQL's comments nest, the others' do not; each is read as its server reads it.
        ("postgres", "SELECT /* a /* b */ ; DELETE FROM goods -- */ 1", " SELECT 1"),
        ("mysql", "SELECT 1--1", " SELECT 1 - - 1"),
        ("mysql", "SELECT 1 # ; DROP TABLE goods", " SELECT 1"),
        ("sqlite", "SELECT 1;; -- ; DROP TABLE goods", " SELECT 1"),
        ("postgres", "SELECT 1-/**/-1", " SELECT 1 - - 1"),
        (
            "postgres",
            "SELECT ';' AS \"--\", '/*' , ' :x '",
            " SELECT ';' AS \"--\" , '/*' , ' :x '",
        ),
        ("mysql", "SELECT 'a\\'; -- ' , count(*)", " SELECT 'a\\'; -- ' , count( * )"),
        ("postgres", "explain\n(format json) select 1", "explain (format json)  select 1"),
    ],
)
def test_what_is_sent_is_what_was_read(dialect: Dialect, query: str, sent: str) -> None:
    """The words that were checked, and no comment between them [ND33]."""
    found = outcome(query, dialect)
    assert isinstance(found, Statement)
    assert found.text(str) == sent


@pytest.mark.parametrize(("dialect", "query"), ATTACKS)
def test_the_right_to_write_opens_nothing_else(dialect: Dialect, query: str) -> None:
    """With `write: true` only INSERT, UPDATE, DELETE and MERGE are added [ND32, ND38]."""
    found = outcome(query, dialect, write=True)
    if isinstance(found, Statement):
        assert found.writes is ("DELETE FROM goods" in query)
        assert ";" not in "".join(found.pieces)


@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM :t", "SELECT goods.:c FROM goods", "SELECT id AS :c FROM goods",
     "SELECT id FROM goods ORDER BY :c", "SELECT id FROM goods ORDER BY :c DESC",
     "SELECT count(*) FROM goods GROUP BY :c", "SELECT id FROM goods AS :c",
     "SELECT id COLLATE :c FROM goods", "SELECT id FROM goods JOIN other USING (:c)",
     "WITH :c AS (SELECT 1) SELECT 1", "INSERT INTO :t VALUES (1)",
     "INSERT INTO goods (:c) VALUES (1)",
     "UPDATE goods SET :c = 1", "UPDATE :t SET id = 1", "DELETE FROM :t", "SELECT :f(1)",
     "SELECT id FROM goods WHERE :t.id = 1", "SELECT sum(id) OVER (PARTITION BY :c) FROM goods"],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
def test_a_parameter_is_never_a_name(dialect: Dialect, query: str) -> None:
    """A table, a column or an order cannot come in as data [ND31]."""
    found = outcome(query, dialect, write=True)
    assert isinstance(found, NodeFailure)
    assert found.error.kind == "invalid_query"
    assert "parameter" in found.error.message or "cannot be" in found.error.message


async def test_a_parameter_in_the_place_of_a_name_is_refused_by_name(desk: Desk) -> None:
    """The message says that a parameter is a value, and what to do [ND31]."""
    error = await desk.error("SELECT id FROM goods ORDER BY :column", params={"column": "id"})
    assert (error.kind, error.retryable) == ("invalid_query", False)
    assert ":column" in error.message and "write the name into the query" in error.message


async def test_an_attack_does_not_reach_the_database(desk: Desk) -> None:
    """The table is there afterwards, as it was [ND32]."""
    desk.database.run("CREATE TABLE goods (id int)", "INSERT INTO goods VALUES (1)")
    desk.grant(write=True)
    for each in EVERYWHERE:
        if "DELETE" not in each:
            await desk.world.run(sql.query, desk.config(each, write=True))
            continue
        await desk.world.run(sql.query, desk.config(each))
    assert desk.database.run("SELECT id FROM goods") == [(1,)]


# --- the second wall: what the text does not show ------------------------------------------------


async def test_a_view_that_writes_is_stopped_by_postgres(pg: Desk) -> None:
    """A function behind a view cannot write in a read-only transaction [ND34]."""
    pg.database.run(
        "CREATE TABLE log (a int)",
        "CREATE SEQUENCE s",
        "CREATE FUNCTION note() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO log VALUES (1); RETURN 1; END $$",
        "CREATE FUNCTION open_up() RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO log VALUES (2); "
        "RETURN 1; END $$",
        "CREATE VIEW sly AS SELECT note() AS a",
        "CREATE VIEW slier AS SELECT open_up() AS a",
        "CREATE VIEW counting AS SELECT nextval('s') AS a",
    )
    for view in ("sly", "slier", "counting"):
        error = await pg.error(f"SELECT a FROM {view}")
        assert (error.kind, error.may_have_happened) == ("sql.error", False)
    assert pg.database.run("SELECT count(*) FROM log") == [(0,)]
    assert "read-only" in (await pg.error("SELECT a FROM sly")).message


async def test_a_view_that_writes_is_stopped_by_mysql(my: Desk) -> None:
    """A function behind a view cannot write in a read-only transaction [ND34]."""
    my.database.run(
        "CREATE TABLE log (a int)",
        "CREATE FUNCTION note() RETURNS int NOT DETERMINISTIC MODIFIES SQL DATA "
        "BEGIN INSERT INTO log VALUES (1); RETURN 1; END",
        "CREATE VIEW sly AS SELECT note() AS a",
    )
    error = await my.error("SELECT a FROM sly")
    assert (error.kind, "1792" in error.message) == ("sql.error", True)
    assert my.database.run("SELECT count(*) FROM log") == [(0,)]


@pytest.mark.parametrize(
    "view", ["load_extension('x')", "fts3_tokenizer('x')", "(SELECT 1 FROM pragma_database_list)"]
)
async def test_a_view_that_calls_what_is_refused_is_stopped_by_sqlite(
    lite: Desk, view: str
) -> None:
    """The list of functions holds for views too [ND34]."""
    lite.database.run(f"CREATE VIEW sly AS SELECT {view} AS a")
    error = await lite.error("SELECT a FROM sly")
    assert error.kind == "sql.error"
    for query in ("SELECT * FROM pragma_database_list", "SELECT * FROM sqlite_dbpage"):
        assert (await lite.error(query)).kind == "sql.error"


async def test_sqlite_refuses_what_gets_past_the_first_wall(
    lite: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Writes, PRAGMA, ATTACH and transactions are refused by the connection itself [ND34]."""
    lite.database.run("CREATE TABLE goods (id int)")
    other = tmp_path / "other.db"
    for text in ("INSERT INTO goods VALUES (1)", "PRAGMA query_only = OFF", "DROP TABLE goods",
                 f"ATTACH '{other}' AS o", f"VACUUM INTO '{other}'", "BEGIN", "CREATE TABLE x (a)",
                 "SELECT load_extension('x')"):  # fmt: skip
        monkeypatch.setattr("legato.nodes.sql_guard.check", lambda *_, t=text: Statement((t,), ()))
        error = await lite.error("SELECT 1")
        assert (error.kind, other.exists()) == ("sql.error", False), text
    assert lite.database.run("SELECT count(*) FROM goods") == [(0,)]


@pytest.mark.parametrize("text", ["INSERT INTO goods VALUES (1)", "CREATE TABLE x (a int)"])
async def test_servers_refuse_what_gets_past_the_first_wall(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A write in a read-only transaction is refused, and so are two statements [ND34]."""
    desk.database.run("CREATE TABLE goods (id int)")
    for each in (text, f"SELECT 1; {text}"):
        monkeypatch.setattr("legato.nodes.sql_guard.check", lambda *_, t=each: Statement((t,), ()))
        error = await desk.error("SELECT 1")
        assert error.kind == "sql.error"
    assert desk.database.run("SELECT count(*) FROM goods") == [(0,)]


async def test_a_huge_recursion_ends_with_the_time(lite: Desk) -> None:
    """A statement that multiplies rows is stopped [ND37]."""
    error = await lite.error(ENDLESS, timeout_s=0.2)
    assert error.kind == "timeout"


@pytest.mark.parametrize(
    "query",
    ["SELECT zeroblob(1000000000)", "SELECT hex(zeroblob(3000000))",
     "SELECT replace(hex(zeroblob(1000)), '0', hex(zeroblob(9999)))"],
)  # fmt: skip
async def test_a_value_of_sqlite_cannot_fill_the_memory(lite: Desk, query: str) -> None:
    """SQLite runs inside the engine, so it is bounded itself [ND36]."""
    assert (await lite.error(query)).kind == "result_too_large"


@pytest.mark.parametrize(
    "query",
    ["SELECT repeat('x', 200000000) AS x FROM generate_series(1, 100)",
     "SELECT CASE WHEN n > 2000 THEN repeat('x', 3000000) END FROM generate_series(1, 9000) n"],
)  # fmt: skip
async def test_rows_of_postgres_cannot_fill_the_memory(pg: Desk, query: str) -> None:
    """What the server sends for a few rows is bounded while it comes in [ND36]."""
    error = await pg.error(query, into="blob")
    assert error.kind == "result_too_large"


# --- Legato's own -------------------------------------------------------------------------------


def at(world: World, path: Path, **rights: Any) -> None:
    connection = SqlConnection(url=f"sqlite:///{path}", **rights)
    world.grants = Grants(connections={"db": connection})


async def refused(world: World) -> str:
    said = ""
    for write in (False, True):
        config = {"connection": "db", "query": "SELECT name FROM sqlite_master", "write": write}
        error = await world.error(sql.query, config)
        assert (error.kind, error.may_have_happened, error.retryable) == (
            "connection",
            False,
            False,
        )
        said = error.message
    return said


async def test_legatos_own_database_is_out_of_reach(world: World, tmp_path: Path) -> None:
    """Neither the file, nor one beside it, nor under another name [ND39]."""
    home = tmp_path / "home"
    (home / "deep" / "er").mkdir(parents=True)
    for path in (home / "legato.db", home / "other.db", home / "deep" / "er" / "x.db"):
        sqlite3.connect(path).executescript("CREATE TABLE events (a)").close()
        at(world, path, write=True)
        assert "Legato's own" in await refused(world)
    moved = tmp_path / "moved.db"
    tables = ("events", "inbox", "engines", "node_steps", "attempt_logs")
    script = ";".join(f"CREATE TABLE {each} (a)" for each in tables)
    sqlite3.connect(moved).executescript(script).close()
    at(world, moved, write=True)
    assert "Legato's own" in await refused(world)


async def test_legatos_own_database_on_a_server_is_out_of_reach(pg: Desk) -> None:
    """It is known by its tables [ND39]."""
    for each in ("events", "inbox", "engines", "node_steps", "attempt_logs"):
        pg.database.run(f"CREATE TABLE {each} (a int)")
    error = await pg.error("SELECT 1")
    assert (error.kind, "Legato's own" in error.message) == ("connection", True)


async def test_links_and_what_is_no_file_are_refused(world: World, tmp_path: Path) -> None:
    """A name must be the file itself and its only name [ND39]."""
    real = tmp_path / "real.db"
    sqlite3.connect(real).executescript("CREATE TABLE t (a)").close()
    (tmp_path / "soft.db").symlink_to(real)
    os.mkfifo(tmp_path / "fifo")
    for name in ("soft.db", "fifo", ".", "missing.db", "real.db/x", "real.db\0"):
        at(world, tmp_path / name, write=True)
        await refused(world)
    os.link(real, tmp_path / "hard.db")
    for name in ("hard.db", "real.db"):
        at(world, tmp_path / name, write=True)
        assert "second name" in await refused(world)
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 40, b"SQL"])
async def test_a_file_that_is_no_database_is_refused(
    world: World, tmp_path: Path, content: bytes
) -> None:
    """And left as it was [ND39]."""
    path = tmp_path / "x.db"
    path.write_bytes(content)
    at(world, path, write=True)
    await refused(world)
    assert path.read_bytes() == content


async def test_a_path_cannot_add_options(world: World, tmp_path: Path) -> None:
    """`?mode=rwc` and `#` in a name are a name [ND34, ND39]."""
    path = tmp_path / "a?mode=rwc&immutable=1#b%41.db"
    sqlite3.connect(path).executescript("CREATE TABLE t (a)").close()
    at(world, path, write=True)
    output = await world.output(
        sql.query, {"connection": "db", "query": "SELECT name FROM sqlite_master"}
    )
    assert output["rows"] == [{"name": "t"}]
    path.unlink()
    await refused(world)
    assert os.listdir(tmp_path) == []


# --- secrets and the environment ----------------------------------------------------------------


async def test_a_password_is_a_secret_and_stays_one(world: World, postgres_server: str) -> None:
    """It is resolved by name and seen in no message, whatever goes wrong [ND10]."""
    role = postgres_server.replace("postgresql://postgres@", "postgresql://nobody_at_all@", 1)
    for url in (role, "postgresql://x@127.0.0.1:1/x", "mysql://x@127.0.0.1:1/x",
                "postgresql://x@127.0.0.1:5432/x?sslmode=maybe"):  # fmt: skip
        connection = SqlConnection(url=url, password="token")
        world.grants = Grants(connections={"db": connection})
        report = await world.run(sql.query, {"connection": "db", "query": "SELECT 1"})
        assert "connection 'db'" in (said := await world.everything_said(report))
        assert CANARY not in said
    assert world.secrets.asked == ["token"] * 4


async def test_the_environment_of_the_engine_is_not_used(
    world: World, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No password, host or option of the engine's own environment goes anywhere [ND30]."""
    for name, value in {"PGPASSWORD": CANARY, "PGHOST": "203.0.113.1", "PGSSLMODE": "verify-full",
                        "PGDATABASE": "nope", "PGOPTIONS": "-c nope=1", "PGUSER": "nope",
                        "PGSERVICE": "nope"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    world.grants = Grants(connections={"db": SqlConnection(url=postgres_server)})
    query = "SELECT current_user AS u"
    output = await world.output(sql.query, {"connection": "db", "query": query})
    assert output["rows"] == [{"u": "postgres"}]
